"""The fallback for characters that the terminal lacks: one a column, and only characters that it has."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from charwave_tui.ui.terminal import glyphs
from charwave_tui.ui.terminal.capabilities import CharacterSet
from charwave_tui.ui.terminal.glyphs import (
    ASCII,
    CONSOLE,
    FULL,
    character_fallback,
    translation_table,
    with_local_glyphs,
)

FRAME = "╭─ 1 Loss ─╮│┊└┴┘▁▄█▌▏⠁⣿●◆→…"


@pytest.mark.parametrize(
    ("characters", "expected"),
    [
        (CharacterSet.ASCII, "+- 1 Loss -+||+++.+#+..o@%>."),
        (CharacterSet.CONSOLE, "┌─ 1 Loss ─┐││└┴┘░▒█▒░.o@■→."),
    ],
)
def test_frames_blocks_dots_and_marks_have_ascii_fallbacks(characters: CharacterSet, expected: str) -> None:
    spelt = character_fallback(characters)
    assert spelt is not None
    assert "".join(map(spelt.replace, FRAME)) == expected


@given(st.characters() | st.sampled_from(["", "e\u0301", "日", "👩\u200d🚀"]))
def test_every_column_is_one_available_character(column: str) -> None:
    plain, console = character_fallback(CharacterSet.ASCII), character_fallback(CharacterSet.CONSOLE)
    assert plain is not None
    assert console is not None
    assert len(plain.replace(column)) == 1
    assert plain.replace(column).isascii()
    assert len(console.replace(column)) == 1


def test_other_letters_are_question_marks_except_on_console() -> None:
    plain, console = character_fallback(CharacterSet.ASCII), character_fallback(CharacterSet.CONSOLE)
    assert plain is not None
    assert console is not None
    letters = ["é", "Ж", "e\u0301", "日", ""]
    assert "".join(map(plain.replace, letters)) == "?????"
    assert "".join(map(console.replace, letters)) == "éЖé??"


def test_full_character_set_is_unchanged() -> None:
    assert character_fallback(CharacterSet.ALL) is None


def glyphs_of(chosen):
    return {field.name: getattr(chosen, field.name) for field in fields(chosen)}


def test_every_glyph_is_one_column_wide():
    assert {name for name, mark in glyphs_of(FULL).items() if cell_len(mark) != 1} == set()


def test_fallback_glyphs_are_ascii():
    assert all(mark.isascii() and mark.isprintable() for mark in glyphs_of(ASCII).values())


@pytest.mark.parametrize(
    ("first", "second"),
    [("live", "rebuild"), ("running", "ready"), ("new", "corpus"), ("check", "cross"), ("arrow", "times")],
)
@pytest.mark.parametrize("chosen", [FULL, CONSOLE, ASCII])
def test_distinct_glyphs_look_distinct(chosen, first, second):
    assert getattr(chosen, first) != getattr(chosen, second)


def test_glyph_placeholders_in_texts_use_process_glyphs(monkeypatch):
    assert with_local_glyphs("[B,4,48] @ [48,128] → 4×128, σ² ✓") == "[B,4,48] @ [48,128] → 4×128, σ² ✓"
    monkeypatch.setattr(glyphs, "GLYPHS", ASCII)
    monkeypatch.setattr(glyphs, "LOCAL_GLYPHS", translation_table(ASCII))
    assert with_local_glyphs("[B,4,48] @ [48,128] → 4×128, σ² ✓") == "[B,4,48] @ [48,128] -> 4x128, s^2 ok"


def test_console_glyphs_limited_to_its_fonts():
    # both code page 437, as in the kernel's own font, and the usual fonts of 256 characters have these
    fonts = set("•·→←↑↓≈─│┌┐└┘├┤┬┴┼█░▒■▲▼")
    assert {mark for mark in "".join(glyphs_of(CONSOLE).values()) if not mark.isascii()} <= fonts


def test_braille_replaced_by_blocks_of_quarters_and_nothing_else() -> None:
    fallback = character_fallback(CharacterSet.BLOCKS)
    assert fallback is not None
    assert "".join(map(fallback.replace, "⠀⠁⡀⠈⢀⡇⣿⠛⣤⢸")) == " ▘▖▝▗▌█▀▄▐"
    assert "".join(map(fallback.replace, "─▁é山")) == "─▁é山"
