"""The marks, and what stands for them where there is ASCII alone."""

from __future__ import annotations

from dataclasses import fields

import pytest
from rich.cells import cell_len

from charwave_tui.ui.terminal import glyphs
from charwave_tui.ui.terminal.glyphs import ASCII, CONSOLE, FULL, translation_table, with_local_glyphs


def marks(chosen):
    return {field.name: getattr(chosen, field.name) for field in fields(chosen)}


def test_every_glyph_is_one_column_wide():
    assert {name for name, mark in marks(FULL).items() if cell_len(mark) != 1} == set()


def test_fallback_glyphs_are_ascii():
    assert all(mark.isascii() and mark.isprintable() for mark in marks(ASCII).values())


@pytest.mark.parametrize(
    ("one", "other"),
    [("live", "rebuild"), ("running", "ready"), ("new", "corpus"), ("right_so", "wrong"), ("to", "times")],
)
@pytest.mark.parametrize("chosen", [FULL, CONSOLE, ASCII])
def test_distinct_glyphs_look_distinct(chosen, one, other):
    assert getattr(chosen, one) != getattr(chosen, other)


def test_glyph_placeholders_in_texts_use_process_glyphs(monkeypatch):
    assert with_local_glyphs("[B,4,48] @ [48,128] → 4×128, σ² ✓") == "[B,4,48] @ [48,128] → 4×128, σ² ✓"
    monkeypatch.setattr(glyphs, "GLYPHS", ASCII)
    monkeypatch.setattr(glyphs, "PLAIN", translation_table(ASCII))
    assert with_local_glyphs("[B,4,48] @ [48,128] → 4×128, σ² ✓") == "[B,4,48] @ [48,128] -> 4x128, s^2 ok"


def test_console_glyphs_limited_to_its_fonts():
    # both code page 437, as in the kernel's own font, and the usual fonts of 256 characters have these
    fonts = set("•·→←↑↓≈─│┌┐└┘├┤┬┴┼█░▒■▲▼")
    assert {mark for mark in "".join(marks(CONSOLE).values()) if not mark.isascii()} <= fonts
