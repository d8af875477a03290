"""Bars of eighths and lines of progress."""

from __future__ import annotations

import math

import pytest

from charwave_tui.ui.drawing import block_graphics
from charwave_tui.ui.terminal.glyphs import ASCII


@pytest.mark.parametrize(
    ("share", "drawn"),
    [(0.0, ""), (0.01, ""), (1 / 32, "▏"), (0.155, "▋"), (0.25, "█"), (0.41, "█▋"), (1.0, "████"), (7.0, "████")],
)
def test_bar_drawn_to_nearest_eighth_of_column(share, drawn):
    assert block_graphics.horizontal_bar(share, 4) == drawn


def test_nan_and_negative_draw_no_bar():
    assert block_graphics.horizontal_bar(math.nan, 4) == block_graphics.horizontal_bar(-1.0, 4) == ""


def test_ascii_bar_made_of_hashes(monkeypatch):
    monkeypatch.setattr(block_graphics, "GLYPHS", ASCII)
    assert block_graphics.horizontal_bar(0.5, 4) == "##"
    assert block_graphics.progress_bar(0.5, 4) == ("==", "--")


def test_progress_fills_last_column_only_when_complete():
    assert block_graphics.progress_bar(0.999, 8) == ("━" * 7, "─")
    assert block_graphics.progress_bar(1.0, 8) == ("━" * 8, "")
    assert block_graphics.progress_bar(1.5, 8) == ("━" * 8, "")
