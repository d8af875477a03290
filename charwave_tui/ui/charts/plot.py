"""Background, curves, labels on a canvas."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from charwave_tui.core.metrics import LossPoint, TrainingHistory
from charwave_tui.ui.charts.axes import LABEL, Axes, Polyline, cell, loss_ticks, step_ticks, to_columns
from charwave_tui.ui.drawing.canvas import Canvas
from charwave_tui.ui.drawing.number_format import format_loss
from charwave_tui.ui.state.run_state import LossCurveState
from charwave_tui.ui.terminal.glyphs import Glyphs


class CurveLines(NamedTuple):
    """The lines of a run cut to the dot columns of a plot."""

    train: Polyline
    val: Polyline


def reference_losses(curve: LossCurveState) -> dict[str, tuple[float, str]]:
    """The constant losses to compare with: name, loss and ink."""
    known = {f"ln {curve.vocab_size}": (curve.knowing_nothing, "muted"), "published": (curve.published, "reference")}
    return {name: (loss, ink) for name, (loss, ink) in known.items() if loss is not None and math.isfinite(loss)}


def furthest(curve: LossCurveState) -> int:
    """The last step that the chart has to hold; without a point yet, that of the ghost or the whole run."""
    steps = [point.step for point in curve.points[-1:]] + [item.step for item in curve.history.evaluations[-1:]]
    if curve.diverged_at is not None:
        steps.append(curve.diverged_at)
    if not steps and curve.ghost:
        return max((point.step for point in curve.ghost.history.points[-1:]), default=curve.max_steps)
    return max(steps, default=curve.max_steps)


def make_curve_lines(points: Iterable[LossPoint], history: TrainingHistory, steps: float, columns: int) -> CurveLines:
    """The lines through a run's training points and through the val losses of its history."""
    train = to_columns(((point.step, point.mean) for point in points), steps, columns)
    return CurveLines(train, to_columns(history.val_losses(), steps, columns))


GUTTER = 17
"""Columns at the right for the curves' names and last values, one of them blank."""


MARGIN = LABEL + 1
"""Columns at the left for the labels of the y axis, the last of them blank."""


Dots = tuple[tuple[tuple[int, int], ...], ...]
"""Unbroken stretches of a line, each a row of (dot column from the left, dot row from the bottom)."""


Raster = Callable[[Dots, int, int, str], tuple[str, ...]]
"""Draws dots into so many columns and rows of cells with a pen: `thin` or `thick` braille, or the character itself."""


@dataclass(frozen=True, slots=True)
class PlotArea:
    """Where everything stands on a sheet of `width` by `height` cells, in the marks of `glyphs`."""

    width: int
    height: int
    glyphs: Glyphs

    @property
    def left(self) -> int:
        """The first column of the field in which the curves are."""
        return MARGIN if self.width >= 24 else 0

    @property
    def gutter(self) -> int:
        """The columns to the right of the field."""
        return GUTTER if self.width >= 44 else 0

    @property
    def top(self) -> int:
        """The first row of the field, below the row of marks."""
        return 1 if self.height >= 6 else 0

    @property
    def columns(self) -> int:
        """The width of the field in cells."""
        return self.width - self.left - self.gutter

    @property
    def rows(self) -> int:
        """The height of the field in cells, the x axis and its labels being below it."""
        return self.height - self.top - (2 if self.height >= 5 else 0)

    @property
    def dots(self) -> tuple[int, int]:
        """The dots that a line can be made of, across and up."""
        across, up = (2, 4) if self.glyphs.fine else (1, 1)
        return self.columns * across, self.rows * up

    @property
    def pens(self) -> tuple[str, str]:
        """What draws a line, and the line that matters most."""
        return ("thin", "thick") if self.glyphs.fine else (".", "o")

    @property
    def drawable(self) -> bool:
        """Whether there is room for a curve."""
        return self.columns >= 4 and self.rows >= 2

    def row(self, scale: Axes, loss: float) -> int:
        """The row of the sheet that a loss falls into; off the scale where it is beyond the field."""
        return self.top + self.rows - 1 - cell(scale.height(loss), self.dots[1]) * self.rows // self.dots[1]

    def column(self, scale: Axes, step: float) -> int:
        """The column of the sheet that a step falls into."""
        return self.left + cell(scale.along(step), self.dots[0]) * self.columns // self.dots[0]

    def to_dots(self, scale: Axes, line: Polyline) -> Dots:
        """A course as dots, broken where it has no finite loss; off the scale it stops just outside the field.

        A point alone is drawn two dots wide, so that it can be seen.
        """
        up = self.dots[1]
        stretches: list[list[tuple[int, int]]] = [[]]
        for column, loss in line:
            if loss is None:
                stretches.append([])
            else:
                height = cell(min(max(scale.height(loss), -1.0), 2.0), up)
                stretches[-1].append((column, min(max(height, -4), up + 3)))
        for stretch in stretches:
            if len(stretch) == 1:
                stretch.append((stretch[0][0] ^ 1, stretch[0][1]))
        return tuple(tuple(stretch) for stretch in stretches if stretch)


@dataclass(frozen=True, slots=True)
class CurveLabel:
    """What the gutter says at the end of a curve: a name, its last loss, and how they are inked.

    `figure` is written in place of the loss where that is another figure.
    """

    name: str
    loss: float
    ink: str
    bold: bool = False
    figure: str = ""


def draw_background(plot: PlotArea, scale: Axes, curve: LossCurveState, ghost: CurveLines, raster: Raster) -> Canvas:
    """All that stays as long as the axes do: ticks, grid, references, marks and the earlier run."""
    sheet = Canvas(plot.width, plot.height)
    draw_axes(sheet, plot, scale)
    beyond = []
    for name, (loss, ink) in reference_losses(curve).items():
        height = scale.height(loss)
        if 0 <= height <= 1:
            sheet.write(plot.row(scale, loss), plot.left, plot.glyphs.dashed * plot.columns, ink)
        else:
            arrow = plot.glyphs.up if height > 1 else plot.glyphs.down
            beyond.append((plot.left, f"{arrow} {name} = {format_loss(loss)}", ink))
    marks = list(_marks(plot, scale, curve))
    for column, _, ink in marks:
        sheet.overlay(plot.top, column, [plot.glyphs.upright] * plot.rows, ink)
    for line, ink in ((ghost.val, "line"), (ghost.train, "muted")):
        sheet.overlay(
            plot.top, plot.left, raster(plot.to_dots(scale, line), plot.columns, plot.rows, plot.pens[0]), ink
        )
    if plot.top:
        _write_notes(sheet, plot, [*marks[:1], *beyond, *marks[1:]])
    return sheet


def draw_curves(
    sheet: Canvas, plot: PlotArea, scale: Axes, curve: LossCurveState, now: CurveLines, raster: Raster
) -> None:
    """Put what moves on the ground: train, val with its diamonds, and the gutter."""
    thin, thick = plot.pens
    for line, ink, pen in ((now.train, "train", thick), (now.val, "val", thin)):
        sheet.overlay(plot.top, plot.left, raster(plot.to_dots(scale, line), plot.columns, plot.rows, pen), ink)
    for step, loss in curve.history.val_losses():
        if math.isfinite(loss) and 0 <= scale.height(loss) <= 1 and step <= scale.steps:
            sheet.write(plot.row(scale, loss), plot.column(scale, step), plot.glyphs.val, "val")
    if plot.gutter:
        ends = _ends(curve, scale, plot.glyphs)[: plot.rows]
        write_gutter(sheet, plot, scale, sorted(ends, key=lambda end: -end.loss))


def space_labels(wanted: Sequence[int], rows: int) -> list[int]:
    """Rows for at most `rows` names that would like to stand in `wanted`, in that order: inside, and none shared."""
    placed: list[int] = []
    for row in wanted:
        placed.append(max(min(max(row, 0), rows - 1), placed[-1] + 1 if placed else 0))
    limit = rows - 1
    for i in reversed(range(len(placed))):
        placed[i] = min(placed[i], limit)
        limit = placed[i] - 1
    return placed


def draw_axes(sheet: Canvas, plot: PlotArea, scale: Axes) -> None:
    """Put down the ticks of both axes, their labels, and the grid."""
    dotted = "".join(plot.glyphs.dot if column % 4 == 0 else " " for column in range(plot.columns))
    for tick in loss_ticks(scale, plot.rows):
        sheet.overlay(plot.top + tick.cell, plot.left, [dotted], "grid")
        if plot.left:
            sheet.write(plot.top + tick.cell, 0, f"{tick.label:>{LABEL}}", "muted")
    if plot.top + plot.rows == plot.height:
        return
    line = plot.top + plot.rows
    sheet.write(line, plot.left, plot.glyphs.line * plot.columns, "line")
    ticks = step_ticks(scale, plot.columns)
    for tick in ticks:
        mark = plot.glyphs.corner if tick.cell == 0 else plot.glyphs.tick
        sheet.write(line, plot.left + tick.cell, plot.glyphs.end if tick.cell == plot.columns - 1 else mark, "line")
        start = plot.left + tick.cell - (len(tick.label) // 2 if tick.cell else 0)
        text = f"{tick.label} steps" if tick is ticks[-1] else tick.label
        fits = start + len(text) <= plot.width
        sheet.write(line + 1, min(start, plot.width - len(tick.label)), text if fits else tick.label, "muted")


def _marks(plot: PlotArea, scale: Axes, curve: LossCurveState) -> Iterator[tuple[int, str, str]]:
    """What happened and where, as column, text and ink: the end in NaN first, then the newest edit."""
    if curve.diverged_at is not None:
        yield plot.column(scale, curve.diverged_at), f"{plot.glyphs.wrong} NaN", "error"
    for mark in reversed(curve.history.marks):
        if mark.step <= scale.steps and not mark.quiet:
            text = mark.text.replace("→", plot.glyphs.to)
            yield plot.column(scale, mark.step), f"{plot.glyphs.choices} {text}", "accent"


def _write_notes(sheet: Canvas, plot: PlotArea, notes: Iterable[tuple[int, str, str]]) -> None:
    """Texts in the row of marks, right of their column, else left of it, else their first sign alone."""
    taken: list[tuple[int, int]] = []
    for column, text, ink in notes:
        sign, _, words = text.partition(" ")
        mirrored = f"{words} {sign}"
        choices = ((column, text), (column - len(mirrored) + 1, mirrored), (column, sign))
        for start, written in choices:
            end = start + len(written)
            inside = plot.left <= start and end <= plot.width
            if inside and all(end < first or last < start for first, last in taken):
                sheet.write(0, start, written, ink)
                taken.append((start, end))
                break


def _ends(curve: LossCurveState, scale: Axes, glyphs: Glyphs) -> list[CurveLabel]:
    """What there is to name, most wanted first."""
    trained = (point.mean for point in reversed(curve.points))
    measured = (loss for _, loss in reversed(curve.history.val_losses()))
    ends = [CurveLabel("train", loss, "train", True) for loss in _first(trained)]
    ends += [CurveLabel(f"{glyphs.val} val", loss, "val", True) for loss in _first(measured)]
    ends += [
        CurveLabel(name, loss, ink)
        for name, (loss, ink) in reference_losses(curve).items()
        if 0 <= scale.height(loss) <= 1
    ]
    if curve.ghost:
        earlier = (point.mean for point in reversed(curve.ghost.history.points) if point.step <= scale.steps)
        ends += [CurveLabel(curve.ghost.name, loss, "muted") for loss in _first(earlier)]
    return ends


def _first(newest_first: Iterable[float]) -> Iterator[float]:
    """The first finite loss, if there is one."""
    return islice(filter(math.isfinite, newest_first), 1)


def write_gutter(sheet: Canvas, plot: PlotArea, scale: Axes, ends: Sequence[CurveLabel]) -> None:
    """Name the curves in the gutter at their last losses, which fall from one end to the next."""
    start = plot.left + plot.columns + 1
    for end, row in zip(
        ends, space_labels([plot.row(scale, end.loss) - plot.top for end in ends], plot.rows), strict=True
    ):
        value = end.figure or format_loss(end.loss)
        sheet.write(plot.top + row, start, f"{end.name:.{max(GUTTER - 2 - len(value), 0)}}", end.ink)
        ink = f"bold {end.ink}" if end.bold else end.ink
        sheet.write(plot.top + row, start + GUTTER - 1 - len(value), value, ink)
