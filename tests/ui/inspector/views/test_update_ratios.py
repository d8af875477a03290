"""Update ratios over time as a chart: every matrix, the line at −3, gaps, and any room."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.lab_states import CONFIG
from support.layer_views import fits_space, update_ratios_reported, view_data

from charwave_tui.core.protocol.events import UpdateRatiosReported
from charwave_tui.core.protocol.float_matrix import EMPTY_MATRIX, FloatMatrix
from charwave_tui.core.protocol.layer_insights import OutputInsight
from charwave_tui.ui.charts.plot import PlotArea
from charwave_tui.ui.drawing.theme import to_plain_text
from charwave_tui.ui.inspector.views.update_ratios import UpdateRatiosView, ratio_lines, scaled
from charwave_tui.ui.terminal.glyphs import Glyphs


def rendered(told, width=120, height=30, layer=6):
    look = replace(view_data(OutputInsight(None), layer, CONFIG), changes=told)
    return UpdateRatiosView().lines(look, width, height)


def test_current_layer_line_bright_and_each_matrix_labelled_at_end():
    lines = rendered(update_ratios_reported())
    text = [to_plain_text(line) for line in lines]
    ends = [line[-16:].split() for line in text if "128" in line[-16:] or "Embedding" in line or "good" in line]
    assert [end[0] for end in ends] == ["1", "3", "good", "7", "11", "14"]
    bright = {piece.text for line in lines for piece in line if piece.role == "bright" and "→" in piece.text}
    assert {text.split()[0] for text in bright} == {"7"}
    assert any("╌" in piece.text and piece.role == "reference" for line in lines for piece in line)
    assert any(line.lstrip().startswith("−3") for line in text)


def test_nan_is_gap_in_line():
    told = update_ratios_reported((6,), 100, spoilt=True)
    line = ratio_lines(told, scaled(told), 100)[6]
    finite = [column for column, ratio in line if ratio is not None]
    assert max(finite) == 50
    assert all(ratio is None for column, ratio in line if column > 50)
    told = UpdateRatiosReported((0, 10, 20), (6,), FloatMatrix.of(1, (-3.0, math.nan, -3.0)))
    scale = scaled(told)
    dots = PlotArea(100, 30, Glyphs()).to_dots(scale, ratio_lines(told, scale, 100)[6])
    assert [len(stretch) for stretch in dots] == [2, 2]


@pytest.mark.parametrize(
    ("last", "steps"), [(0, 20), (20, 20), (21, 50), (51, 100), (101, 200), (200_000, 200_000), (200_001, 500_000)]
)
def test_step_axis_grows_in_round_numbers(last, steps):
    told = UpdateRatiosReported((last,), (2,), FloatMatrix.of(1, [-3.0]))
    assert scaled(told).steps == steps


def test_ratio_axis_includes_minus_three_and_ends_at_data():
    def span(*values):
        scale = scaled(UpdateRatiosReported((1, 2), (2,), FloatMatrix.of(1, values)))
        return scale.low, scale.high

    assert span(-3.0, -3.0) == (-4, -2)
    assert span(-1.4, -5.1) == (-6, -1)
    assert span(-math.inf, -30.0) == (-8, -2)
    assert span(7.0, math.nan) == (-4, 2)


def test_without_ratios_text_says_what_to_press():
    assert "Waiting" in to_plain_text(rendered(None)[2])
    told = [to_plain_text(line) for line in rendered(UpdateRatiosReported((), (), EMPTY_MATRIX))]
    assert told[2:] == ["No step has moved anything yet.", ". takes one step, space goes on training."]
    told = [to_plain_text(line) for line in rendered(UpdateRatiosReported((), (), EMPTY_MATRIX), 36)]
    assert told[3:] == [". takes one step, ", "space goes on training."]


def test_without_chart_space_ratios_are_listed():
    text = [to_plain_text(line) for line in rendered(update_ratios_reported(), 20, 2)]
    assert text[1].startswith("1 Embedding")


@settings(max_examples=12, deadline=None)
@given(
    st.integers(1, 196),
    st.integers(0, 46),
    st.lists(st.floats(width=32), min_size=1, max_size=9),
    st.sampled_from([(), (2,), (0, 2, 99)]),
)
def test_update_ratios_fit_any_space(width, height, values, layers):
    rows = len(values) // len(layers) if layers else 0
    grid = FloatMatrix.of(len(layers), values[: rows * len(layers)])
    told = UpdateRatiosReported(tuple(range(rows)), layers, grid)
    assert fits_space(rendered(told, width, height, 2), width, height)
