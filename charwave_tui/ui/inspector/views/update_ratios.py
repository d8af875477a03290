"""Update ratios over time: how far steps have moved each matrix, with the line at −3, as lines of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from charwave_tui.core.metrics import LayerStats
from charwave_tui.core.protocol.events import UpdateRatiosReported
from charwave_tui.core.protocol.layer_insights import InsightQuery
from charwave_tui.ui.charts.axes import Axes, Polyline, to_columns
from charwave_tui.ui.charts.loss_chart import rasterize
from charwave_tui.ui.charts.plot import CurveLabel, PlotArea, draw_axes, write_gutter
from charwave_tui.ui.drawing.canvas import Canvas, canvas_lines, crop_line
from charwave_tui.ui.drawing.number_format import format_update_ratio
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, cell_width, shorten, wrap
from charwave_tui.ui.inspector.views.base import CursorAxes, ViewData
from charwave_tui.ui.inspector.views.diagnostics import Diagnostic
from charwave_tui.ui.inspector.views.unit_image import joined
from charwave_tui.ui.state.inspector_state import ViewCursor
from charwave_tui.ui.state.layer_health import HEALTHY
from charwave_tui.ui.terminal.glyphs import GLYPHS, with_local_glyphs

TARGET_RATIO = -3.0
"""The lecture's rule of thumb: a step moves a matrix by a thousandth of its own spread."""


USUAL = (-4, -2)
"""What the y axis covers at least."""


FURTHEST = (-8, 2)
"""What it covers at most: beyond, a line leaves it."""


NAME = 11
"""Columns of a matrix's name in the gutter."""


MEANING = (
    "A step should move a matrix by about a thousandth of its own spread: −3. Lines well above it learn restlessly, "
    "lines well below hardly at all; lr moves them all together."
)
"""What the chart is to be read for."""


class UpdateRatiosView:
    """How far steps have moved each matrix, over time."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The one part."""
        return ("updates",)

    def nouns(self, part: int) -> CursorAxes:
        """There is nothing to point at."""
        return CursorAxes()

    def diagnostics(self, shown: ViewData) -> tuple[Diagnostic, ...]:
        """The layer's last ratio."""
        ratio = shown.stats.update_ratio
        return (Diagnostic("update", "update", ratio, format_update_ratio(ratio), HEALTHY["update"]),)

    def query(self, gaze: ViewCursor, width: int, height: int) -> InsightQuery:
        """Nothing of the layer itself."""
        return InsightQuery(gaze.layer, rows=0, columns=0)

    def move_cursor(self, shown: ViewData, key: str) -> ViewCursor | None:
        """There is nothing to point at."""
        return None

    def lines(self, shown: ViewData, width: int, height: int) -> tuple[StyledLine, ...]:
        """The chart, with the line of the layer at hand in bright; words where there is none yet."""
        formula: StyledLine = (Span(with_local_glyphs("log10(std(Δp) / std(p))"), "muted"),)
        heading = joined(((Span("update ratio"),), formula, (Span("of every matrix, step by step", "muted"),)), width)
        changes = shown.changes
        if changes is None:
            return _told((heading, (), (Span("Waiting for the engine's figures.", "muted"),)), width, height)
        if not changes.steps or not changes.layers:
            keys: StyledLine = (Span(".", "accent", True), Span(" takes one step, ", "muted"))
            more: StyledLine = (Span("space", "accent", True), Span(" goes on training.", "muted"))
            told: StyledLine = (Span("No step has moved anything yet.", "muted"),)
            wide = cell_width(keys) + cell_width(more) <= width
            return _told((heading, (), told, *(((*keys, *more),) if wide else (keys, more))), width, height)
        meaning = tuple((Span(line, "muted"),) for line in wrap(with_local_glyphs(MEANING), width, 3))
        below = ((), *meaning) if height >= 14 + len(meaning) else ()
        plot = PlotArea(width, max(height - 1 - len(below), 0), GLYPHS)
        if not plot.has_room:
            return _told((heading, *_figures(changes, shown)), width, height)
        names = tuple(named(shown.layers, place) for place in changes.layers)
        return _told((heading, *draw_ratios(plot, changes, names, shown.gaze.layer), *below), width, height)


@lru_cache(maxsize=4)
def draw_ratios(
    plot: PlotArea, changes: UpdateRatiosReported, names: tuple[str, ...], here: int
) -> tuple[StyledLine, ...]:
    """The chart: axes, the line at GOOD, all matrices thin and, on top of them, that of the layer `here` thick.

    The same chart again costs nothing: keys are pressed more often than the engine answers.
    """
    scale = scaled(changes)
    sheet = Canvas(plot.width, plot.height)
    draw_axes(sheet, plot, scale)
    sheet.write(plot.row(scale, TARGET_RATIO), plot.left, plot.glyphs.dashed * plot.columns, "reference")
    thin, thick = plot.pens
    coarse = ratio_lines(changes, scale, plot.columns)  # half the points: plotext's time goes into these
    wide = plot.dots[0] // plot.columns
    lines = {place: tuple((wide * column, ratio) for column, ratio in line) for place, line in coarse.items()}
    lines |= ratio_lines(changes, scale, plot.dots[0], here)
    traces = {place: plot.to_dots(scale, line) for place, line in lines.items()}
    others = tuple(stretch for place, dots in traces.items() if place != here for stretch in dots)
    for dots, pen, ink in ((others, thin, "muted"), (traces.get(here, ()), thick, "bright")):
        sheet.overlay(plot.top, plot.left, rasterize(dots, plot.columns, plot.rows, pen), ink)
    if plot.gutter:
        ends = _ends(changes, names, here)[: plot.rows]
        write_gutter(sheet, plot, scale, sorted(ends, key=lambda end: -end.loss))
    return canvas_lines(sheet)


def scaled(changes: UpdateRatiosReported) -> Axes:
    """Axes that hold all ratios: whole tens up and down, and steps that jump from 1 to 2, 5 and 10 times a power."""
    finite = [ratio for row in range(changes.ratios.rows) for ratio in changes.ratios.row(row) if math.isfinite(ratio)]
    low = max(math.floor(min((*finite, USUAL[0]))), FURTHEST[0])
    high = min(math.ceil(max((*finite, USUAL[1]))), FURTHEST[1])
    steps, factors = 20.0, (2.5, 2.0, 2.0)
    last = max(changes.steps)
    while steps < last:
        steps *= factors[0]
        factors = (*factors[1:], factors[0])
    return Axes(steps, low, high, log=False)


def ratio_lines(
    changes: UpdateRatiosReported, scale: Axes, columns: int, only: int | None = None
) -> dict[int, Polyline]:
    """The course of each matrix by its layer's place, or of one, cut to at most one point a column; NaN is a gap."""
    rows = [changes.ratios.row(row) for row in range(min(changes.ratios.rows, len(changes.steps)))]
    return {
        place: to_columns(
            ((step, row[at]) for step, row in zip(changes.steps, rows, strict=False)), scale.steps, columns
        )
        for at, place in enumerate(changes.layers[: changes.ratios.columns])
        if only in (None, place)
    }


def named(layers: Sequence[LayerStats], place: int) -> str:
    """A matrix's name in the gutter: the layer's place from 1 and its sizes."""
    layer = layers[place] if 0 <= place < len(layers) else None
    sizes = with_local_glyphs(layer.detail or layer.name) if layer else ""
    return shorten(f"{place + 1} {sizes}".rstrip(), NAME)


def _ends(changes: UpdateRatiosReported, names: tuple[str, ...], here: int) -> list[CurveLabel]:
    """What the gutter names, most wanted first: the layer at hand, the line at GOOD, and the other matrices."""
    ends = [CurveLabel("good", TARGET_RATIO, "reference", text=format_update_ratio(TARGET_RATIO))]
    for name, (place, ratio) in zip(names, _last(changes).items(), strict=False):
        if math.isfinite(ratio):
            ink = "bright" if place == here else "muted"
            end = CurveLabel(name, ratio, ink, place == here, format_update_ratio(ratio))
            ends.insert(0 if place == here else len(ends), end)
    return ends


def _last(changes: UpdateRatiosReported) -> dict[int, float]:
    """The last known ratio of each matrix, NaN where there is none."""
    found = dict.fromkeys(changes.layers, math.nan)
    for row in range(changes.ratios.rows):
        for place, ratio in zip(changes.layers, changes.ratios.row(row), strict=False):
            found[place] = ratio if math.isfinite(ratio) else found[place]
    return found


def _figures(changes: UpdateRatiosReported, shown: ViewData) -> tuple[StyledLine, ...]:
    """The last ratio of each matrix as text, where there is no room for a chart."""
    return tuple(
        (
            Span(f"{named(shown.layers, place):<{NAME + 1}}", "bright" if place == shown.gaze.layer else "muted"),
            Span(f"{format_update_ratio(ratio):>5}", "bright" if place == shown.gaze.layer else "fg"),
        )
        for place, ratio in _last(changes).items()
    )


def _told(told: tuple[StyledLine, ...], width: int, height: int) -> tuple[StyledLine, ...]:
    return tuple(crop_line(line, width) for line in told[: max(height, 0)])
