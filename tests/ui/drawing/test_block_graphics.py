"""Histograms in eighth blocks and images in half blocks."""

from __future__ import annotations

import math

import pytest

from charwave_tui.core.protocol.layer_insights import Histogram
from charwave_tui.ui.drawing import block_graphics
from charwave_tui.ui.drawing.styled_text import Span, cell_width
from charwave_tui.ui.drawing.theme import to_plain_text
from charwave_tui.ui.terminal.glyphs import ASCII

EVEN = Histogram(-1.0, 1.0, (0.5,) * 40, 0.0, 0.58)


def test_density_scaled_to_largest_bin_with_extremes_in_warning():
    low = Histogram(-1.0, 1.0, (1.0, 0.5, 0.25, 0.0), 0.0, 1.0)
    lines = block_graphics.draw_histogram(low, 4, 2, warning_limit=0.97)
    assert [to_plain_text(line) for line in lines[:3]] == ["█   ", "██▄ ", "└─┴┘"]
    assert [piece.role for piece in lines[1]] == ["warning", "muted", "warning"]


@pytest.mark.parametrize("width", [1, 2, 3, 7, 40, 77])
def test_every_line_has_requested_width_and_area_is_kept(width):
    lines = block_graphics.draw_histogram(EVEN, width, 5)
    assert {cell_width(line) for line in lines[:6]} == {width}
    spread = block_graphics.resample((0.0, 1.0, 3.0), width)
    assert sum(spread) / width == pytest.approx(4 / 3)


def test_axis_labels_minimum_zero_and_maximum():
    marks, labels = (to_plain_text(line) for line in block_graphics.draw_axis(-1.5e-3, 1.5e-3, 41))
    assert (marks[0], marks[20], marks[40]) == ("└", "┴", "┘")
    assert labels == "−1.5e−3" + " " * 13 + "0" + " " * 13 + "+1.5e−3"
    assert to_plain_text(block_graphics.draw_axis(2.0, 3.0, 20)[0]) == "└" + "─" * 18 + "┘"


def test_all_nonfinite_shows_text_in_same_line_count():
    spoilt = Histogram(0.0, 0.0, (), math.nan, math.nan)
    lines = block_graphics.draw_histogram(spoilt, 30, 4)
    assert len(lines) == 4 + block_graphics.AXIS_LINES
    assert lines[0] == (Span("no finite value", "error"),)


def test_image_has_two_rows_per_line_and_one_column_per_unit():
    upper, lower = ["bright", "", "muted", ""], ["bright", "warning", "", ""]
    (line,) = block_graphics.half_block_image([upper, lower])
    assert line == (
        Span("█", "bright", background="raised"),
        Span("▄", "warning", background="raised"),
        Span("▀", "muted", background="raised"),
        Span(" ", background="raised"),
    )
    assert len(block_graphics.half_block_image([upper, lower, upper])) == 2
    assert block_graphics.half_block_image([["muted"], ["bright"]]) == ((Span("▀", "muted", background="bright"),),)


def test_ascii_image_shows_stronger_row_and_legend_says_so(monkeypatch):
    assert block_graphics.shades_note() == ()
    monkeypatch.setattr(block_graphics, "GLYPHS", ASCII)
    monkeypatch.setattr(block_graphics, "GLYPHS", ASCII)
    assert to_plain_text(block_graphics.half_block_image([["muted", ""], ["bright", ""]])[0]) == "# "
    assert block_graphics.legend_swatch("warning").text == "!"
    (note,) = block_graphics.shades_note()
    assert to_plain_text(note) == "a character shows the larger of two rows"
    drawn = [
        to_plain_text(line)
        for line in block_graphics.draw_histogram(Histogram(0.0, 1.0, (1.0, 0.6, 0.2), 0.5, 0.2), 3, 1)
    ]
    assert drawn[:2] == ["##.", "+-+"]


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
