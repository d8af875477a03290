"""The update ratios view: a line for each matrix, the target at −3, gaps, in any space."""

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
from charwave_tui.ui.inspector.views.update_ratios import UpdateRatiosView, ratio_axes, ratio_lines
from charwave_tui.ui.terminal.glyphs import Glyphs


def rendered(ratios, width=120, height=30, layer=6):
    data = replace(view_data(OutputInsight(None), layer, CONFIG), update_ratios=ratios)
    return UpdateRatiosView().render(data, width, height)


def test_current_layer_line_bright_and_each_matrix_labelled_at_end():
    lines = rendered(update_ratios_reported())
    texts = [to_plain_text(line) for line in lines]
    labels = [line[-16:].split() for line in texts if "128" in line[-16:] or "Embedding" in line or "target" in line]
    assert [label[0] for label in labels] == ["1", "3", "target", "7", "11", "14"]
    bright = {span.text for line in lines for span in line if span.role == "bright" and "→" in span.text}
    assert {text.split()[0] for text in bright} == {"7"}
    assert any("╌" in span.text and span.role == "reference" for line in lines for span in line)
    assert any(line.lstrip().startswith("−3") for line in texts)


def test_nan_is_gap_in_line():
    ratios = update_ratios_reported((6,), 100, spoilt=True)
    line = ratio_lines(ratios, ratio_axes(ratios), 100)[6]
    finite = [column for column, ratio in line if ratio is not None]
    assert max(finite) == 50
    assert all(ratio is None for column, ratio in line if column > 50)
    ratios = UpdateRatiosReported((0, 10, 20), (6,), FloatMatrix.from_values(1, (-3.0, math.nan, -3.0)))
    axes = ratio_axes(ratios)
    dots = PlotArea(100, 30, Glyphs()).to_dots(axes, ratio_lines(ratios, axes, 100)[6])
    assert [len(stretch) for stretch in dots] == [2, 2]


@pytest.mark.parametrize(
    ("last", "steps"), [(0, 20), (20, 20), (21, 50), (51, 100), (101, 200), (200_000, 200_000), (200_001, 500_000)]
)
def test_step_axis_grows_in_round_numbers(last, steps):
    ratios = UpdateRatiosReported((last,), (2,), FloatMatrix.from_values(1, [-3.0]))
    assert ratio_axes(ratios).steps == steps


def test_ratio_axis_includes_minus_three_and_ends_at_data():
    def span(*values):
        axes = ratio_axes(UpdateRatiosReported((1, 2), (2,), FloatMatrix.from_values(1, values)))
        return axes.low, axes.high

    assert span(-3.0, -3.0) == (-4, -2)
    assert span(-1.4, -5.1) == (-6, -1)
    assert span(-math.inf, -30.0) == (-8, -2)
    assert span(7.0, math.nan) == (-4, 2)


def test_without_ratios_text_says_what_to_press():
    assert "Waiting" in to_plain_text(rendered(None)[2])
    texts = [to_plain_text(line) for line in rendered(UpdateRatiosReported((), (), EMPTY_MATRIX))]
    assert texts[2:] == ["No step has been measured yet.", ". takes one step, space continues training."]
    texts = [to_plain_text(line) for line in rendered(UpdateRatiosReported((), (), EMPTY_MATRIX), 36)]
    assert texts[3:] == [". takes one step, ", "space continues training."]


def test_without_chart_space_ratios_are_listed():
    texts = [to_plain_text(line) for line in rendered(update_ratios_reported(), 20, 2)]
    assert texts[1].startswith("1 Embedding")


@settings(max_examples=12, deadline=None)
@given(
    st.integers(1, 196),
    st.integers(0, 46),
    st.lists(st.floats(width=32), min_size=1, max_size=9),
    st.sampled_from([(), (2,), (0, 2, 99)]),
)
def test_update_ratios_fit_any_space(width, height, values, layers):
    rows = len(values) // len(layers) if layers else 0
    grid = FloatMatrix.from_values(len(layers), values[: rows * len(layers)])
    ratios = UpdateRatiosReported(tuple(range(rows)), layers, grid)
    assert fits_space(rendered(ratios, width, height, 2), width, height)
