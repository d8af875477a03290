"""The Linear view: matmul shapes, image and cursor, norms and singular values, in any space."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.lab_states import CONFIG, DILATED_CONFIG
from support.layer_views import fits_space, linear_insight, view_data

from charwave_tui.core.protocol.float_matrix import FloatMatrix
from charwave_tui.core.protocol.layer_insights import InsightQuery, OutputInsight
from charwave_tui.ui.drawing.theme import to_plain_text
from charwave_tui.ui.inspector.pictures.weight_heatmap import Heatmap, draw_heatmap, heatmap_legend
from charwave_tui.ui.inspector.views.linear import LinearView
from charwave_tui.ui.inspector.views.registry import view_for_layer
from charwave_tui.ui.inspector.views.weight_matrix import (
    condition_number,
    draw_profile,
    effective_rank,
    input_source_text,
    resize_profile,
)

VIEW = LinearView()


WHOLE_MATRIX = InsightQuery(2, rows=64, columns=256)


def linear_data(layer=2, shape=(48, 128), config=CONFIG, query=WHOLE_MATRIX, value=None, singular=(), **cursor):
    insight = linear_insight(*shape, query, value, FloatMatrix.from_values(len(singular), singular))
    return view_data(insight, layer, config, **cursor)


def rendered(data, width=136, height=36):
    return [to_plain_text(line) for line in VIEW.render(data, width, height)]


@pytest.mark.parametrize(
    ("config", "layer", "shape", "matmul"),
    [
        (CONFIG, 2, (48, 128), "[B,4,48] @ [48,128] → [B,4,128]   B = 512 examples   one matrix for all 4 positions"),
        (CONFIG, 10, (256, 128), "[B,256] @ [256,128] → [B,128]   B = 512 examples"),
        (CONFIG, 13, (128, 27), "[B,128] @ [128,27] + b [27] → [B,27]   B = 512 examples"),
        (replace(CONFIG, norm="none"), 2, (48, 128), "[B,4,48] @ [48,128] + b [128] → [B,4,128]   B = 512 examples"
         "   one matrix for all 4 positions"),
    ],
)  # fmt: skip
def test_matrix_shape_shows_every_dimension_and_bias_if_any(config, layer, shape, matmul):
    assert rendered(linear_data(layer, shape, config))[0] == matmul


@pytest.mark.parametrize(
    ("config", "layer", "fan_in", "row", "text"),
    [
        (CONFIG, 2, 48, 23, "left of the pair, channel 23"),
        (CONFIG, 2, 48, 24, "right of the pair, channel 0"),
        (CONFIG, 13, 128, 5, ""),
        (replace(CONFIG, fuse=(8,)), 2, 192, 100, "5 of 8 concatenated, channel 4"),
        (DILATED_CONFIG, 11, 512, 100, "2 back, channel 100"),
        (DILATED_CONFIG, 11, 512, 300, "current position, channel 44"),
        (DILATED_CONFIG, 26, 1280, 600, "level 3 of 5, channel 88"),
    ],
)
def test_row_named_by_its_concatenated_input_and_channel(config, layer, fan_in, row, text):
    assert input_source_text(view_data(OutputInsight(None), layer, config).layers, layer, fan_in, row) == text


def test_cursor_shows_signed_value_and_output():
    data = linear_data(13, (128, 27), query=InsightQuery(13, rows=200, columns=99), tab=1, example=77, unit=5)
    value = data.insight.heatmap.at(77, 5)
    (readout,) = [line for line in rendered(data, 136, 80) if line.startswith("row")]
    assert readout == f"row  77   column   5   w {'−' if value < 0 else '+'}{abs(value):.4f}   to e"
    gated = linear_data(11, (512, 512), DILATED_CONFIG, tab=1, example=300, unit=300)
    (readout,) = [line for line in rendered(gated) if line.startswith("row")]
    assert readout.startswith("row 296 to 303   column 300 to 301   largest w ")
    assert readout.endswith("from current position, channel 44   to gate")


def test_image_brightest_at_largest_magnitude():
    grid = FloatMatrix.from_values(4, (0.0, 0.1, -0.3, 0.5, -0.7, 1.0, math.nan, -1.0))
    lines = draw_heatmap(Heatmap(2, 4, grid), (1, 0), 11, 3)
    assert to_plain_text(lines[0]) == " " * 7 + "▾"
    cells = [(span.role, span.background) for span in lines[1][2:] for _ in span.text]
    assert cells == [("muted", "raised"), ("bright", "raised"), ("grid", "error"), ("line", "bright")]
    assert next(map(to_plain_text, heatmap_legend(Heatmap(2, 4, grid)))) == "|w| > 0.85 █"


@pytest.mark.parametrize(("total", "max_rows", "block", "last"), [(10, 4, 3, "9"), (9, 5, 2, "8"), (7, 7, 1, "6")])
def test_block_shows_its_row_range(total, max_rows, block, last):
    grid = linear_insight(total, 1, InsightQuery(0, rows=max_rows, columns=1)).heatmap
    heatmap = Heatmap(total, 1, grid)
    assert heatmap.block == (block, 1)
    assert heatmap.cell(total - 1, 0) == (grid.rows - 1, 0)
    assert heatmap.span_text(grid.rows - 1, 0) == last


def test_keys_move_block_by_block_and_stop_at_edges():
    data = linear_data(2, (48, 128), query=InsightQuery(2, rows=24, columns=64))
    cursor = data.cursor
    assert [(moved.example, moved.unit) for key in "jlkh" if (moved := VIEW.move_cursor(data, key))] == [
        (2, 0), (0, 2), (0, 0), (0, 0)]  # fmt: skip
    end = VIEW.move_cursor(replace(data, cursor=replace(cursor, example=47, unit=999)), "l")
    assert (end.example, end.unit) == (46, 127)
    assert VIEW.move_cursor(data, "p") is None


def test_singular_values_requested_only_by_their_tab():
    cursor = linear_data().cursor
    queries = [VIEW.query(replace(cursor, tab=tab), 136, 36) for tab in range(3)]
    assert [query.singular_values for query in queries] == [False, False, True]
    assert queries[0].columns == queries[1].columns == 129
    assert 20 < queries[0].rows < queries[1].rows
    assert queries[2].rows == 0


def test_norms_and_singular_values_shown_with_condition_and_rank():
    lines = rendered(linear_data(tab=2, singular=(4.0, 2.0, 1.0), example=3, unit=2))
    assert any(line.startswith("row norms   row   3  1.141   min") for line in lines)
    (heading,) = [line for line in lines if line.startswith("singular")]
    # p = 16/21, 4/21, 1/21: exp(0.2072 + 0.3158 + 0.1450)
    assert heading == "singular values   condition 4.0   effective rank 2.0 of 3   largest 4.000   in descending order"


@pytest.mark.parametrize(
    ("values", "rank", "condition"),
    [((2.0,) * 5, 5.0, 1.0), ((3.0, 0.0, 0.0), 1.0, math.inf), ((4.0, 2.0, 1.0), math.exp(0.66797), 4.0),
     ((1e200, 1e200), 2.0, 1.0), ((0.0, 0.0), math.nan, math.inf), ((math.nan, 1.0), math.nan, math.nan)],
)  # fmt: skip
def test_effective_rank_is_exp_entropy_of_squared_fractions(values, rank, condition):
    assert effective_rank(values) == pytest.approx(rank, rel=1e-4, nan_ok=True)
    assert condition_number(values) == pytest.approx(condition, nan_ok=True)


def test_unavailable_or_pending_singular_values_say_so():
    assert any("too large, 4,096 × 2,048" in line for line in rendered(linear_data(shape=(4_096, 2_048), tab=2)))
    assert any("computing" in line for line in rendered(linear_data(tab=2)))


def test_profile_has_every_value_or_largest_per_column():
    assert resize_profile([1.0, 2.0], 4) == [1.0, 1.0, 2.0, 2.0]
    assert resize_profile([1.0, 9.0, 2.0, 3.0], 2) == [9.0, 3.0]
    assert resize_profile([1.0, 2.0, 3.0], 3) == [1.0, 2.0, 3.0]
    assert math.isnan(resize_profile([1.0, math.nan, 5.0, 1.0], 2)[0])
    assert [to_plain_text(line) for line in draw_profile([1.0, 0.5], 2, 1, cursor=1)] == [" ▾", "█▄", "0"]


def test_nan_named_in_heading_and_never_drawn_as_number():
    lines = VIEW.render(linear_data(value=math.nan), 136, 36)
    assert any(span.role == "error" and "not finite" in span.text for line in lines for span in line)
    assert any(to_plain_text(line).endswith("channel 0") and "nan" in to_plain_text(line) for line in lines)


def test_linear_tabs_end_with_updates_of_all_matrices():
    assert view_for_layer("Linear").tabs == ("weights", "matrix", "norms", "updates")


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([(2, (48, 128)), (13, (128, 27)), (2, (1, 1)), (2, (2_048, 3)), (13, (1, 2_001)), (6, (300, 300))]),
    st.integers(0, 3),
    st.integers(1, 196),
    st.integers(0, 46),
    st.sampled_from([None, 0.0, math.nan, math.inf, 1e30, 1e-30]),
    st.integers(-1, 3_000),
)
def test_linear_fits_any_space(matrix, tab, width, height, value, cursor):
    layer, shape = matrix
    view = view_for_layer("Linear")
    data = linear_data(
        layer, shape, value=value, singular=(value or 1.0,) * min(shape), tab=tab, example=cursor, unit=cursor
    )
    query = view.query(data.cursor, width, height)
    data = replace(data, insight=linear_insight(*shape, query, value, data.insight.singular_values))
    assert fits_space(view.render(data, width, height), width, height)
    for key in "hjkl":
        view.move_cursor(data, key)
