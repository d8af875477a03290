"""Bars of eighths and lines of progress."""

import math

import pytest

from charwave_tui.ui import bars
from charwave_tui.ui.glyphs import ASCII


@pytest.mark.parametrize(
    ("share", "drawn"),
    [(0.0, ""), (0.01, ""), (1 / 32, "▏"), (0.155, "▋"), (0.25, "█"), (0.41, "█▋"), (1.0, "████"), (7.0, "████")],
)
def test_bar_drawn_to_nearest_eighth_of_column(share, drawn):
    assert bars.eighths(share, 4) == drawn


def test_nan_and_negative_draw_no_bar():
    assert bars.eighths(math.nan, 4) == bars.eighths(-1.0, 4) == ""


def test_ascii_bar_made_of_hashes(monkeypatch):
    monkeypatch.setattr(bars, "GLYPHS", ASCII)
    assert bars.eighths(0.5, 4) == "##"
    assert bars.progress(0.5, 4) == ("==", "--")


def test_progress_fills_last_column_only_when_complete():
    assert bars.progress(0.999, 8) == ("━" * 7, "─")
    assert bars.progress(1.0, 8) == ("━" * 8, "")
    assert bars.progress(1.5, 8) == ("━" * 8, "")
