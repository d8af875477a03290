"""Densities in eighth blocks and pictures in half blocks."""

import math

import pytest

from charwave_tui.core.insights import Histogram
from charwave_tui.ui.glyphs import ASCII
from charwave_tui.ui.insight import histogram, shades
from charwave_tui.ui.pieces import Piece, columns
from charwave_tui.ui.written import plain

EVEN = Histogram(-1.0, 1.0, (0.5,) * 40, 0.0, 0.58)


def test_density_scaled_to_largest_bin_with_extremes_in_warning():
    low = Histogram(-1.0, 1.0, (1.0, 0.5, 0.25, 0.0), 0.0, 1.0)
    lines = histogram.drawn(low, 4, 2, worry=0.97)
    assert [plain(line) for line in lines[:3]] == ["█   ", "██▄ ", "└─┴┘"]
    assert [piece.role for piece in lines[1]] == ["warning", "muted", "warning"]


@pytest.mark.parametrize("width", [1, 2, 3, 7, 40, 77])
def test_every_line_has_requested_width_and_area_is_kept(width):
    lines = histogram.drawn(EVEN, width, 5)
    assert {columns(line) for line in lines[:6]} == {width}
    spread = histogram.stretched((0.0, 1.0, 3.0), width)
    assert sum(spread) / width == pytest.approx(4 / 3)


def test_axis_labels_minimum_zero_and_maximum():
    marks, labels = (plain(line) for line in histogram.axis(-1.5e-3, 1.5e-3, 41))
    assert (marks[0], marks[20], marks[40]) == ("└", "┴", "┘")
    assert labels == "−1.5e−3" + " " * 13 + "0" + " " * 13 + "+1.5e−3"
    assert plain(histogram.axis(2.0, 3.0, 20)[0]) == "└" + "─" * 18 + "┘"


def test_all_nonfinite_shows_text_in_same_line_count():
    spoilt = Histogram(0.0, 0.0, (), math.nan, math.nan)
    lines = histogram.drawn(spoilt, 30, 4)
    assert len(lines) == 4 + histogram.AXIS
    assert lines[0] == (Piece("no finite number", "error"),)


def test_image_has_two_rows_per_line_and_one_column_per_unit():
    upper, lower = ["bright", "", "muted", ""], ["bright", "warning", "", ""]
    (line,) = shades.picture([upper, lower])
    assert line == (
        Piece("█", "bright", ground="raised"),
        Piece("▄", "warning", ground="raised"),
        Piece("▀", "muted", ground="raised"),
        Piece(" ", ground="raised"),
    )
    assert len(shades.picture([upper, lower, upper])) == 2
    assert shades.picture([["muted"], ["bright"]]) == ((Piece("▀", "muted", ground="bright"),),)


def test_ascii_image_shows_stronger_row_and_legend_says_so(monkeypatch):
    assert shades.merged() == ()
    monkeypatch.setattr(shades, "GLYPHS", ASCII)
    monkeypatch.setattr(histogram, "GLYPHS", ASCII)
    assert plain(shades.picture([["muted", ""], ["bright", ""]])[0]) == "# "
    assert shades.swatch("warning").text == "!"
    assert [plain(group) for group in shades.merged()] == ["a mark is the stronger of two rows"]
    drawn = [plain(line) for line in histogram.drawn(Histogram(0.0, 1.0, (1.0, 0.6, 0.2), 0.5, 0.2), 3, 1)]
    assert drawn[:2] == ["##.", "+-+"]
