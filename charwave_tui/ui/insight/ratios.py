"""Update ratios over time: how far steps have moved each matrix, with the line at −3, as lines of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from charwave_tui.core.insights import Lens
from charwave_tui.core.inspection import ChangesReported
from charwave_tui.core.readings import LayerStats
from charwave_tui.ui import numbers
from charwave_tui.ui.axes import Axes, Course, course
from charwave_tui.ui.canvas import Canvas
from charwave_tui.ui.chart import raster
from charwave_tui.ui.glyphs import GLYPHS, plainly
from charwave_tui.ui.insight.figures import Figure
from charwave_tui.ui.insight.healthy import HEALTHY
from charwave_tui.ui.insight.shown import Gaze, Nouns, Shown
from charwave_tui.ui.insight.units import joined
from charwave_tui.ui.insight.written import cropped, sheet_lines
from charwave_tui.ui.pieces import Line, Piece, columns, shortened, wrapped
from charwave_tui.ui.plot import End, Plot, draw_axes, write_gutter

GOOD = -3.0
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


class UpdatesView:
    """How far steps have moved each matrix, over time."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The one part."""
        return ("updates",)

    def nouns(self, part: int) -> Nouns:
        """There is nothing to point at."""
        return Nouns()

    def figures(self, shown: Shown) -> tuple[Figure, ...]:
        """The layer's last ratio."""
        ratio = shown.stats.update_ratio
        return (Figure("update", "update", ratio, numbers.update(ratio), HEALTHY["update"]),)

    def lens(self, gaze: Gaze, width: int, height: int) -> Lens:
        """Nothing of the layer itself."""
        return Lens(gaze.layer, rows=0, columns=0)

    def moved(self, shown: Shown, key: str) -> Gaze | None:
        """There is nothing to point at."""
        return None

    def lines(self, shown: Shown, width: int, height: int) -> tuple[Line, ...]:
        """The chart, with the line of the layer at hand in bright; words where there is none yet."""
        formula: Line = (Piece(plainly("log10(std(Δp) / std(p))"), "muted"),)
        heading = joined(((Piece("update ratio"),), formula, (Piece("of every matrix, step by step", "muted"),)), width)
        changes = shown.changes
        if changes is None:
            return _told((heading, (), (Piece("Waiting for the engine's figures.", "muted"),)), width, height)
        if not changes.steps or not changes.layers:
            keys: Line = (Piece(".", "accent", True), Piece(" takes one step, ", "muted"))
            more: Line = (Piece("space", "accent", True), Piece(" goes on training.", "muted"))
            told: Line = (Piece("No step has moved anything yet.", "muted"),)
            wide = columns(keys) + columns(more) <= width
            return _told((heading, (), told, *(((*keys, *more),) if wide else (keys, more))), width, height)
        meaning = tuple((Piece(line, "muted"),) for line in wrapped(plainly(MEANING), width, 3))
        below = ((), *meaning) if height >= 14 + len(meaning) else ()
        plot = Plot(width, max(height - 1 - len(below), 0), GLYPHS)
        if not plot.drawable:
            return _told((heading, *_figures(changes, shown)), width, height)
        names = tuple(named(shown.layers, place) for place in changes.layers)
        return _told((heading, *drawn(plot, changes, names, shown.gaze.layer), *below), width, height)


@lru_cache(maxsize=4)
def drawn(plot: Plot, changes: ChangesReported, names: tuple[str, ...], here: int) -> tuple[Line, ...]:
    """The chart: axes, the line at GOOD, all matrices thin and, on top of them, that of the layer `here` thick.

    The same chart again costs nothing: keys are pressed more often than the engine answers.
    """
    scale = scaled(changes)
    sheet = Canvas(plot.width, plot.height)
    draw_axes(sheet, plot, scale)
    sheet.write(plot.row(scale, GOOD), plot.left, plot.glyphs.dashed * plot.columns, "reference")
    thin, thick = plot.pens
    coarse = courses(changes, scale, plot.columns)  # half the points: plotext's time goes into these
    wide = plot.dots[0] // plot.columns
    lines = {place: tuple((wide * column, ratio) for column, ratio in line) for place, line in coarse.items()}
    lines |= courses(changes, scale, plot.dots[0], here)
    traces = {place: plot.traced(scale, line) for place, line in lines.items()}
    others = tuple(stretch for place, dots in traces.items() if place != here for stretch in dots)
    for dots, pen, ink in ((others, thin, "muted"), (traces.get(here, ()), thick, "bright")):
        sheet.stamp(plot.top, plot.left, raster(dots, plot.columns, plot.rows, pen), ink)
    if plot.gutter:
        ends = _ends(changes, names, here)[: plot.rows]
        write_gutter(sheet, plot, scale, sorted(ends, key=lambda end: -end.loss))
    return sheet_lines(sheet)


def scaled(changes: ChangesReported) -> Axes:
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


def courses(changes: ChangesReported, scale: Axes, columns: int, only: int | None = None) -> dict[int, Course]:
    """The course of each matrix by its layer's place, or of one, cut to at most one point a column; NaN is a gap."""
    rows = [changes.ratios.row(row) for row in range(min(changes.ratios.rows, len(changes.steps)))]
    return {
        place: course(((step, row[at]) for step, row in zip(changes.steps, rows, strict=False)), scale.steps, columns)
        for at, place in enumerate(changes.layers[: changes.ratios.columns])
        if only in (None, place)
    }


def named(layers: Sequence[LayerStats], place: int) -> str:
    """A matrix's name in the gutter: the layer's place from 1 and its sizes."""
    layer = layers[place] if 0 <= place < len(layers) else None
    sizes = plainly(layer.detail or layer.name) if layer else ""
    return shortened(f"{place + 1} {sizes}".rstrip(), NAME)


def _ends(changes: ChangesReported, names: tuple[str, ...], here: int) -> list[End]:
    """What the gutter names, most wanted first: the layer at hand, the line at GOOD, and the other matrices."""
    ends = [End("good", GOOD, "reference", figure=numbers.update(GOOD))]
    for name, (place, ratio) in zip(names, _last(changes).items(), strict=False):
        if math.isfinite(ratio):
            ink = "bright" if place == here else "muted"
            end = End(name, ratio, ink, place == here, numbers.update(ratio))
            ends.insert(0 if place == here else len(ends), end)
    return ends


def _last(changes: ChangesReported) -> dict[int, float]:
    """The last known ratio of each matrix, NaN where there is none."""
    found = dict.fromkeys(changes.layers, math.nan)
    for row in range(changes.ratios.rows):
        for place, ratio in zip(changes.layers, changes.ratios.row(row), strict=False):
            found[place] = ratio if math.isfinite(ratio) else found[place]
    return found


def _figures(changes: ChangesReported, shown: Shown) -> tuple[Line, ...]:
    """The last ratio of each matrix as text, where there is no room for a chart."""
    return tuple(
        (
            Piece(f"{named(shown.layers, place):<{NAME + 1}}", "bright" if place == shown.gaze.layer else "muted"),
            Piece(f"{numbers.update(ratio):>5}", "bright" if place == shown.gaze.layer else "fg"),
        )
        for place, ratio in _last(changes).items()
    )


def _told(told: tuple[Line, ...], width: int, height: int) -> tuple[Line, ...]:
    return tuple(cropped(line, width) for line in told[: max(height, 0)])
