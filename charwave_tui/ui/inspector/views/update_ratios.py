"""View of the update ratios: log10(std(Δp) / std(p)) of every matrix over the steps, as a chart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from charwave_tui.core.metrics import LayerStats
from charwave_tui.core.protocol.events import UpdateRatiosReported
from charwave_tui.core.protocol.layer_insights import InsightQuery
from charwave_tui.ui.charts.axes import Axes, Polyline, to_columns
from charwave_tui.ui.charts.plot import CurveLabel, PlotArea, draw_axes, write_gutter
from charwave_tui.ui.charts.rasterize import rasterize
from charwave_tui.ui.drawing.canvas import Canvas, canvas_lines, crop_line
from charwave_tui.ui.drawing.number_format import format_update_ratio
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, cell_width, fit_groups, muted_lines, shorten
from charwave_tui.ui.inspector.views.base import LayerView, ViewData
from charwave_tui.ui.inspector.views.diagnostics import Diagnostic
from charwave_tui.ui.state.inspector_state import ViewCursor
from charwave_tui.ui.state.layer_health import HEALTHY
from charwave_tui.ui.terminal.glyphs import GLYPHS, with_local_glyphs

TARGET_RATIO = -3.0  # the lecture's rule of thumb: a step changes a matrix by a thousandth of its std
MIN_RATIO_RANGE = (-4, -2)  # the y axis covers at least this
MAX_RATIO_RANGE = (-8, 2)  # and at most this
LABEL_COLUMNS = 11
CHART_TEXT = (
    "A step should change a matrix by about a thousandth of its std: −3. Well above, training is unstable; well "
    "below, the matrix hardly learns. lr shifts all lines together."
)


class UpdateRatiosView(LayerView):
    """The chart with the inspected layer's line highlighted; text while there are no ratios."""

    tabs = ("updates",)

    def query(self, cursor: ViewCursor, width: int, height: int) -> InsightQuery:
        return InsightQuery(cursor.layer, rows=0, columns=0)

    def diagnostics(self, data: ViewData[object]) -> tuple[Diagnostic, ...]:
        ratio = data.stats.update_ratio
        return (Diagnostic("update", ratio, format_update_ratio(ratio), HEALTHY["update"]),)

    def render(self, data: ViewData[object], width: int, height: int) -> tuple[StyledLine, ...]:
        return tuple(crop_line(line, width) for line in _lines(data, width, height)[: max(height, 0)])


def _lines(data: ViewData[object], width: int, height: int) -> tuple[StyledLine, ...]:
    formula: StyledLine = (Span(with_local_glyphs("log10(std(Δp) / std(p))"), "muted"),)
    scope: StyledLine = (Span("of every matrix at each step", "muted"),)
    heading = fit_groups(((Span("update ratio"),), formula, scope), width)
    ratios = data.update_ratios
    if ratios is None:
        return (heading, (), (Span("Waiting for the engine's values.", "muted"),))
    if not ratios.steps or not ratios.layers:
        step_key: StyledLine = (Span(".", "accent", True), Span(" takes one step, ", "muted"))
        train_key: StyledLine = (Span("space", "accent", True), Span(" continues training.", "muted"))
        fits_one_line = cell_width(step_key) + cell_width(train_key) <= width
        keys = ((*step_key, *train_key),) if fits_one_line else (step_key, train_key)
        return (heading, (), (Span("No step has been measured yet.", "muted"),), *keys)
    text = muted_lines(with_local_glyphs(CHART_TEXT), width, 3)
    footer = ((), *text) if height >= 14 + len(text) else ()
    plot = PlotArea(width, max(height - 1 - len(footer), 0), GLYPHS)
    if not plot.has_room:
        return (heading, *_ratio_list(ratios, data))
    labels = tuple(matrix_label(data.layers, layer) for layer in ratios.layers)
    return (heading, *draw_ratios(plot, ratios, labels, data.cursor.layer), *footer)


@lru_cache(maxsize=4)  # keys are pressed more often than the engine reports
def draw_ratios(
    plot: PlotArea, ratios: UpdateRatiosReported, labels: tuple[str, ...], inspected_layer: int
) -> tuple[StyledLine, ...]:
    axes = ratio_axes(ratios)
    canvas = Canvas(plot.width, plot.height)
    draw_axes(canvas, plot, axes)
    canvas.write(plot.row(axes, TARGET_RATIO), plot.left, plot.glyphs.dashed * plot.columns, "reference")
    thin, thick = plot.dot_styles
    # a point for a column, not for a dot: plotext takes most of the time
    dots_per_column = plot.dots[0] // plot.columns
    lines = {
        layer: tuple((dots_per_column * column, ratio) for column, ratio in line)
        for layer, line in ratio_lines(ratios, axes, plot.columns).items()
    }
    lines |= ratio_lines(ratios, axes, plot.dots[0], inspected_layer)
    dots = {layer: plot.to_dots(axes, line) for layer, line in lines.items()}
    other_dots = tuple(
        stretch for layer, stretches in dots.items() if layer != inspected_layer for stretch in stretches
    )
    for stretches, dot_style, role in ((other_dots, thin, "muted"), (dots.get(inspected_layer, ()), thick, "bright")):
        canvas.overlay(plot.top, plot.left, rasterize(stretches, plot.columns, plot.rows, dot_style), role)
    if plot.gutter:
        curve_labels = _curve_labels(ratios, labels, inspected_layer)[: plot.rows]
        write_gutter(canvas, plot, axes, sorted(curve_labels, key=lambda label: -label.loss))
    return canvas_lines(canvas)


def ratio_axes(ratios: UpdateRatiosReported) -> Axes:
    """Return axes that hold all ratios: whole powers of ten, and steps up to 1, 2 or 5 times a power of ten."""
    finite = [ratio for row in range(ratios.ratios.rows) for ratio in ratios.ratios.row(row) if math.isfinite(ratio)]
    low = max(math.floor(min((*finite, MIN_RATIO_RANGE[0]))), MAX_RATIO_RANGE[0])
    high = min(math.ceil(max((*finite, MIN_RATIO_RANGE[1]))), MAX_RATIO_RANGE[1])
    steps, factors = 20.0, (2.5, 2.0, 2.0)
    while steps < max(ratios.steps):
        steps *= factors[0]
        factors = (*factors[1:], factors[0])
    return Axes(steps, low, high, log=False)


def ratio_lines(
    ratios: UpdateRatiosReported, axes: Axes, columns: int, only_layer: int | None = None
) -> dict[int, Polyline]:
    """Return the line of each matrix by its layer's index, reduced to one point for each column; NaN is a gap."""
    rows = [ratios.ratios.row(row) for row in range(min(ratios.ratios.rows, len(ratios.steps)))]
    return {
        layer: to_columns(
            ((step, row[index]) for step, row in zip(ratios.steps, rows, strict=False)), axes.steps, columns
        )
        for index, layer in enumerate(ratios.layers[: ratios.ratios.columns])
        if only_layer in (None, layer)
    }


def matrix_label(layers: Sequence[LayerStats], index: int) -> str:
    layer = layers[index] if 0 <= index < len(layers) else None
    sizes = with_local_glyphs(layer.detail or layer.name) if layer else ""
    return shorten(f"{index + 1} {sizes}".rstrip(), LABEL_COLUMNS)


def _curve_labels(ratios: UpdateRatiosReported, labels: tuple[str, ...], inspected_layer: int) -> list[CurveLabel]:
    curve_labels = [CurveLabel("target", TARGET_RATIO, "reference", text=format_update_ratio(TARGET_RATIO))]
    for label, (layer, ratio) in zip(labels, _last_ratios(ratios).items(), strict=False):
        if math.isfinite(ratio):
            is_inspected = layer == inspected_layer
            role = "bright" if is_inspected else "muted"
            curve_label = CurveLabel(label, ratio, role, is_inspected, format_update_ratio(ratio))
            curve_labels.insert(0 if is_inspected else len(curve_labels), curve_label)
    return curve_labels


def _last_ratios(ratios: UpdateRatiosReported) -> dict[int, float]:
    """Return the last finite ratio of each matrix by its layer's index; NaN if there is none."""
    last = dict.fromkeys(ratios.layers, math.nan)
    for row in range(ratios.ratios.rows):
        for layer, ratio in zip(ratios.layers, ratios.ratios.row(row), strict=False):
            if math.isfinite(ratio):
                last[layer] = ratio
    return last


def _ratio_list(ratios: UpdateRatiosReported, data: ViewData[object]) -> tuple[StyledLine, ...]:
    lines: list[StyledLine] = []
    for layer, ratio in _last_ratios(ratios).items():
        label_role, ratio_role = ("bright", "bright") if layer == data.cursor.layer else ("muted", "fg")
        label = f"{matrix_label(data.layers, layer):<{LABEL_COLUMNS + 1}}"
        lines.append((Span(label, label_role), Span(f"{format_update_ratio(ratio):>5}", ratio_role)))
    return tuple(lines)
