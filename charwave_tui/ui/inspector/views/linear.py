"""View of a Linear: densities of weights and gradients, the matrix as an image, norms and singular values."""

from __future__ import annotations

import math
from dataclasses import replace
from enum import IntEnum

from charwave_tui.core.protocol.layer_insights import InsightQuery, LinearInsight
from charwave_tui.ui.drawing.block_graphics import AXIS_LINES, draw_density, shades_note
from charwave_tui.ui.drawing.canvas import crop_line
from charwave_tui.ui.drawing.styled_text import GAP, Span, StyledLine, fit_groups, side_by_side
from charwave_tui.ui.inspector.pictures.unit_image import FRAME, GUTTER
from charwave_tui.ui.inspector.pictures.weight_heatmap import Heatmap, draw_heatmap, heatmap_legend, heatmap_readout
from charwave_tui.ui.inspector.views.base import CursorAxes, LayerView, ViewData
from charwave_tui.ui.inspector.views.diagnostics import (
    TABLE_COLUMNS,
    Diagnostic,
    beside_table,
    diagnostics_line,
    is_wide_layout,
)
from charwave_tui.ui.inspector.views.weight_matrix import (
    LINEAR_STD_TEXT,
    draw_norms,
    input_source_text,
    matmul_text,
    matrix_cursor,
    output_text,
    spectrum_diagnostics,
    weight_diagnostics,
)
from charwave_tui.ui.state.inspector_state import ViewCursor
from charwave_tui.ui.terminal.glyphs import GLYPHS, with_local_glyphs

MIN_DENSITY_HEIGHT = 17  # lines below which there is no density beside the image
CURSOR_STEPS = {"h": (0, -1), "l": (0, 1), "k": (-1, 0), "j": (1, 0)}  # rows, columns


Tab = IntEnum("Tab", "WEIGHTS MATRIX NORMS", start=0)


class LinearView(LayerView):
    """View of a Linear layer."""

    tabs = tuple(tab.name.lower() for tab in Tab)
    insight_type = LinearInsight

    def cursor_axes(self, tab: int) -> CursorAxes:
        return CursorAxes("column", "row")

    def query(self, cursor: ViewCursor, width: int, height: int) -> InsightQuery:
        _, image_height = _line_counts(cursor.tab, width, height)
        rows, columns = 2 * max(image_height - FRAME, 0), max(width - GUTTER, 1)
        singular = cursor.tab == Tab.NORMS
        return InsightQuery(cursor.layer, rows=rows, columns=columns if rows else 0, singular_values=singular)

    def diagnostics(self, data: ViewData[LinearInsight]) -> tuple[Diagnostic, ...]:
        diagnostics = _weight_diagnostics(data)
        return (*diagnostics, *spectrum_diagnostics(data.insight)) if data.cursor.tab == Tab.NORMS else diagnostics

    def move_cursor(self, data: ViewData[LinearInsight], key: str) -> ViewCursor | None:
        insight, cursor = data.insight, data.cursor
        if key not in CURSOR_STEPS:
            return None
        row, column = matrix_cursor(data)
        if cursor.tab == Tab.NORMS:  # in a profile several rows may share a column of the screen
            block_rows, block_columns = -(-insight.fan_in // 128), -(-insight.fan_out // 128)
        else:
            block_rows, block_columns = _heatmap(insight).block
        down, right = CURSOR_STEPS[key]
        row, column = (row // block_rows + down) * block_rows, (column // block_columns + right) * block_columns
        return replace(
            cursor, example=min(max(row, 0), insight.fan_in - 1), unit=min(max(column, 0), insight.fan_out - 1)
        )

    def render(self, data: ViewData[LinearInsight], width: int, height: int) -> tuple[StyledLine, ...]:
        insight = data.insight
        matmul = fit_groups(matmul_text(data), width)
        diagnostics = _weight_diagnostics(data)
        bar_rows, image_height = _line_counts(data.cursor.tab, width, height)
        lines: tuple[StyledLine, ...]
        match data.cursor.tab:
            case Tab.NORMS:
                lines = (matmul, *draw_norms(data, width, height - 1))
            case Tab.WEIGHTS if is_wide_layout(width, height):
                statistics = _wide_statistics(insight, diagnostics, width, bar_rows)
                lines = (matmul, (), *statistics, (), *_matrix_image(data, width, image_height))
            case _:
                densities = _narrow_densities(insight, width, bar_rows) if bar_rows else ()
                image = _matrix_image(data, width, image_height)
                lines = (matmul, diagnostics_line(diagnostics, width), *densities, *image)
        return tuple(crop_line(line, width) for line in lines)[: max(height, 0)]


def _line_counts(tab: int, width: int, height: int) -> tuple[int, int]:
    if tab == Tab.MATRIX:
        return 0, max(height - 4, 0)
    if tab == Tab.NORMS:
        return 0, 0
    if is_wide_layout(width, height):
        bar_rows = min(8 + max(height - 36, 0) // 4, 14)
        return bar_rows, height - bar_rows - AXIS_LINES - 6
    bar_rows = 0 if height < MIN_DENSITY_HEIGHT else 3 + (height - MIN_DENSITY_HEIGHT) // 3
    return bar_rows, max(height - (bar_rows + AXIS_LINES + 3 if bar_rows else 0) - 4, 0)


def _weight_diagnostics(data: ViewData[LinearInsight]) -> tuple[Diagnostic, ...]:
    insight = data.insight
    return weight_diagnostics(data.stats, max(insight.fan_in, 1) ** -0.5, LINEAR_STD_TEXT, insight.weight.mean)


def _heatmap(insight: LinearInsight) -> Heatmap:
    return Heatmap(insight.fan_in, insight.fan_out, insight.heatmap)


def _wide_statistics(
    insight: LinearInsight, diagnostics: tuple[Diagnostic, ...], width: int, bar_rows: int
) -> tuple[StyledLine, ...]:
    density_width, height = (width - TABLE_COLUMNS - 2 * GAP) // 2, bar_rows + 1 + AXIS_LINES
    densities = _densities(insight, density_width, bar_rows)
    return beside_table(reversed(diagnostics), diagnostics, densities, [density_width] * 2, height)


def _narrow_densities(insight: LinearInsight, width: int, bar_rows: int) -> tuple[StyledLine, ...]:
    density_width = (width - GAP) // 2
    densities = _densities(insight, density_width, bar_rows)
    return ((), *side_by_side(densities, (density_width, density_width), bar_rows + 1 + AXIS_LINES), ())


def _densities(
    insight: LinearInsight, width: int, bar_rows: int
) -> tuple[tuple[StyledLine, ...], tuple[StyledLine, ...]]:
    return (
        draw_density([(Span("weight density"),)], insight.weight, width, bar_rows),
        draw_density([(Span("gradient density"),), (Span("dL/dw", "muted"),)], insight.gradient, width, bar_rows),
    )


def _matrix_image(data: ViewData[LinearInsight], width: int, height: int) -> tuple[StyledLine, ...]:
    insight, (row, column) = data.insight, matrix_cursor(data)
    heatmap = _heatmap(insight)
    title: StyledLine = (Span("matrix"), Span("   rows: inputs, columns: outputs", "muted"))
    groups = [title, *heatmap_legend(heatmap)]
    if heatmap.block != (1, 1):
        block_rows, block_columns = heatmap.block
        text = f"a cell is the largest of {block_rows} × {block_columns} weights"
        groups.append((Span(with_local_glyphs(text), "muted"),))
    heading = fit_groups((*groups, *shades_note()), width)
    if not math.isfinite(insight.weight.mean):
        heading = (*heading, Span(f"   {GLYPHS.cross} not finite", "error"))
    source = input_source_text(data.layers, data.cursor.layer, insight.fan_in, row)
    readout = heatmap_readout(heatmap, (row, column), source, output_text(data, column))
    return (heading, *draw_heatmap(heatmap, (row, column), width, height), fit_groups(readout, width))
