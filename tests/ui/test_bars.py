"""Bars of eighths and lines of progress."""

import math

import pytest

from charwave_tui.ui import bars
from charwave_tui.ui.glyphs import ASCII


@pytest.mark.parametrize(
    ("share", "drawn"),
    [(0.0, ""), (0.01, ""), (1 / 32, "▏"), (0.155, "▋"), (0.25, "█"), (0.41, "█▋"), (1.0, "████"), (7.0, "████")],
)
def test_a_bar_of_four_columns_is_drawn_to_the_nearest_eighth(share, drawn):
    assert bars.eighths(share, 4) == drawn


def test_nan_and_less_than_nothing_draw_no_bar():
    assert bars.eighths(math.nan, 4) == bars.eighths(-1.0, 4) == ""


def test_where_there_is_ascii_alone_a_bar_is_made_of_hashes(monkeypatch):
    monkeypatch.setattr(bars, "GLYPHS", ASCII)
    assert bars.eighths(0.5, 4) == "##"
    assert bars.progress(0.5, 4) == ("==", "--")


def test_progress_fills_its_last_column_only_when_all_is_done():
    assert bars.progress(0.999, 8) == ("━" * 7, "─")
    assert bars.progress(1.0, 8) == ("━" * 8, "")
    assert bars.progress(1.5, 8) == ("━" * 8, "")
