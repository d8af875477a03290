"""The parts of a chart on a canvas: background, axes, curves and their labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from charwave_tui.core.metrics import LossPoint, TrainingHistory
from charwave_tui.ui.charts.axes import LABEL_WIDTH, Axes, Polyline, cell_index, loss_ticks, step_ticks, to_columns
from charwave_tui.ui.charts.rasterize import Dots, rasterize
from charwave_tui.ui.drawing.canvas import Canvas
from charwave_tui.ui.drawing.number_format import format_loss
from charwave_tui.ui.state.run_state import LossCurveState
from charwave_tui.ui.terminal.glyphs import Glyphs


class CurveLines(NamedTuple):
    """The losses of a run by dot column."""

    train: Polyline
    val: Polyline
    val_unseen: Polyline = ()


def reference_losses(curve: LossCurveState) -> dict[str, tuple[float, str]]:
    """Return the constant losses to compare with: loss and role by name."""
    references = {
        f"ln {curve.vocab_size}": (curve.uniform_loss, "muted"),
        "published": (curve.published, "reference"),
    }
    return {name: (loss, role) for name, (loss, role) in references.items() if loss is not None and math.isfinite(loss)}


def last_step(curve: LossCurveState) -> int:
    """Return the last step that the chart must show: without a point yet, that of the ghost or of the run."""
    steps = [point.step for point in curve.points[-1:]] + [
        evaluation.step for evaluation in curve.history.evaluations[-1:]
    ]
    if curve.diverged_at is not None:
        steps.append(curve.diverged_at)
    if not steps and curve.ghost:
        return max((point.step for point in curve.ghost.history.points[-1:]), default=curve.max_steps)
    return max(steps, default=curve.max_steps)


def make_curve_lines(points: Iterable[LossPoint], history: TrainingHistory, steps: float, columns: int) -> CurveLines:
    train = to_columns(((point.step, point.mean) for point in points), steps, columns)
    val, unseen = (to_columns(losses, steps, columns) for losses in (history.val_losses(), history.val_unseen_losses()))
    return CurveLines(train, val, unseen)


GUTTER_WIDTH = 17  # columns at the right for the curves' names and last values, one of them blank
MARGIN_WIDTH = LABEL_WIDTH + 1  # columns at the left for the labels of the y axis


@dataclass(frozen=True, slots=True)
class PlotArea:
    """The layout of a chart of `width` by `height` cells; the field is the part within the axes, in cells."""

    width: int
    height: int
    glyphs: Glyphs

    @property
    def left(self) -> int:
        return MARGIN_WIDTH if self.width >= 24 else 0

    @property
    def gutter(self) -> int:
        return GUTTER_WIDTH if self.width >= 44 else 0

    @property
    def top(self) -> int:
        return 1 if self.height >= 6 else 0

    @property
    def columns(self) -> int:
        return self.width - self.left - self.gutter

    @property
    def rows(self) -> int:
        return self.height - self.top - (2 if self.height >= 5 else 0)

    @property
    def dots(self) -> tuple[int, int]:
        across, up = (2, 4) if self.glyphs.has_braille else (1, 1)
        return self.columns * across, self.rows * up

    @property
    def dot_styles(self) -> tuple[str, str]:
        return ("thin", "thick") if self.glyphs.has_braille else (".", "o")

    @property
    def has_room(self) -> bool:
        return self.columns >= 4 and self.rows >= 2

    def row(self, axes: Axes, loss: float) -> int:
        """Return the row of the canvas for a loss; outside the field where the loss is outside the axes."""
        return self.top + self.rows - 1 - cell_index(axes.y_position(loss), self.dots[1]) * self.rows // self.dots[1]

    def column(self, axes: Axes, step: float) -> int:
        return self.left + cell_index(axes.x_position(step), self.dots[0]) * self.columns // self.dots[0]

    def to_dots(self, axes: Axes, line: Polyline) -> Dots:
        """Return a curve as dots, broken where it has no finite loss and clamped just outside the field.

        A single point is two dots wide, so that it can be seen.
        """
        up = self.dots[1]
        stretches: list[list[tuple[int, int]]] = [[]]
        for column, loss in line:
            if loss is None:
                stretches.append([])
            else:
                height = cell_index(min(max(axes.y_position(loss), -1.0), 2.0), up)
                stretches[-1].append((column, min(max(height, -4), up + 3)))
        for stretch in stretches:
            if len(stretch) == 1:
                stretch.append((stretch[0][0] ^ 1, stretch[0][1]))
        return tuple(tuple(stretch) for stretch in stretches if stretch)


@dataclass(frozen=True, slots=True)
class CurveLabel:
    """The label of a curve in the gutter: its name and last loss, or `text` in place of the loss, in a role."""

    name: str
    loss: float
    role: str
    bold: bool = False
    text: str = ""


def draw_background(plot: PlotArea, axes: Axes, curve: LossCurveState, ghost: CurveLines) -> Canvas:
    """Draw what changes only with the axes: ticks, grid, references, marks and the ghost curve."""
    canvas = Canvas(plot.width, plot.height)
    draw_axes(canvas, plot, axes)
    outside = []
    for name, (loss, role) in reference_losses(curve).items():
        height = axes.y_position(loss)
        if 0 <= height <= 1:
            canvas.write(plot.row(axes, loss), plot.left, plot.glyphs.dashed * plot.columns, role)
        else:
            arrow = plot.glyphs.up if height > 1 else plot.glyphs.down
            outside.append((plot.left, f"{arrow} {name} = {format_loss(loss)}", role))
    marks = list(_marks(plot, axes, curve))
    for column, _, role in marks:
        canvas.overlay(plot.top, column, [plot.glyphs.vertical] * plot.rows, role)
    for line, role in ((ghost.val, "line"), (ghost.train, "muted")):
        rows = rasterize(plot.to_dots(axes, line), plot.columns, plot.rows, plot.dot_styles[0])
        canvas.overlay(plot.top, plot.left, rows, role)
    if plot.top:
        _write_notes(canvas, plot, [*marks[:1], *outside, *marks[1:]])
    return canvas


def draw_curves(canvas: Canvas, plot: PlotArea, axes: Axes, curve: LossCurveState, lines: CurveLines) -> None:
    """Draw what changes as the run trains: the train curve, the val curves with their diamonds, and the gutter."""
    thin, thick = plot.dot_styles
    for line, role, dot_style in (
        (lines.train, "train", thick),
        (lines.val_unseen, "warning", thin),
        (lines.val, "val", thin),
    ):
        canvas.overlay(
            plot.top, plot.left, rasterize(plot.to_dots(axes, line), plot.columns, plot.rows, dot_style), role
        )
    for losses, glyph, role in (
        (curve.history.val_unseen_losses(), plot.glyphs.unseen, "warning"),
        (curve.history.val_losses(), plot.glyphs.val, "val"),
    ):
        for step, loss in losses:
            if math.isfinite(loss) and 0 <= axes.y_position(loss) <= 1 and step <= axes.steps:
                canvas.write(plot.row(axes, loss), plot.column(axes, step), glyph, role)
    if plot.gutter:
        labels = _labels(curve, axes, plot.glyphs)[: plot.rows]
        write_gutter(canvas, plot, axes, sorted(labels, key=lambda label: -label.loss))


def space_labels(preferred_rows: Sequence[int], rows: int) -> list[int]:
    """Return distinct rows in 0 ... `rows` - 1, in order, near the at most `rows` preferred ones."""
    placed: list[int] = []
    for row in preferred_rows:
        placed.append(max(min(max(row, 0), rows - 1), placed[-1] + 1 if placed else 0))
    limit = rows - 1
    for i in reversed(range(len(placed))):
        placed[i] = min(placed[i], limit)
        limit = placed[i] - 1
    return placed


def draw_axes(canvas: Canvas, plot: PlotArea, axes: Axes) -> None:
    dotted = "".join(plot.glyphs.dot if column % 4 == 0 else " " for column in range(plot.columns))
    for tick in loss_ticks(axes, plot.rows):
        canvas.overlay(plot.top + tick.cell, plot.left, [dotted], "grid")
        if plot.left:
            canvas.write(plot.top + tick.cell, 0, f"{tick.label:>{LABEL_WIDTH}}", "muted")
    if plot.top + plot.rows == plot.height:
        return
    line = plot.top + plot.rows
    canvas.write(line, plot.left, plot.glyphs.line * plot.columns, "line")
    ticks = step_ticks(axes, plot.columns)
    for tick in ticks:
        mark = plot.glyphs.corner if tick.cell == 0 else plot.glyphs.tick
        canvas.write(line, plot.left + tick.cell, plot.glyphs.end if tick.cell == plot.columns - 1 else mark, "line")
        start = plot.left + tick.cell - (len(tick.label) // 2 if tick.cell else 0)
        text = f"{tick.label} steps" if tick is ticks[-1] else tick.label
        fits = start + len(text) <= plot.width
        canvas.write(line + 1, min(start, plot.width - len(tick.label)), text if fits else tick.label, "muted")


def _marks(plot: PlotArea, axes: Axes, curve: LossCurveState) -> Iterator[tuple[int, str, str]]:
    """Yield the marks as column, text and role: the divergence first, then the edits from the newest on."""
    if curve.diverged_at is not None:
        yield plot.column(axes, curve.diverged_at), f"{plot.glyphs.cross} diverged", "error"
    for mark in reversed(curve.history.marks):
        if mark.step <= axes.steps and not mark.quiet:
            text = mark.text.replace("→", plot.glyphs.arrow)
            yield plot.column(axes, mark.step), f"{plot.glyphs.marker} {text}", "accent"


def _write_notes(canvas: Canvas, plot: PlotArea, notes: Iterable[tuple[int, str, str]]) -> None:
    """Write notes in the row above the field: right of their column, else left of it, else their sign alone."""
    occupied: list[tuple[int, int]] = []
    for column, text, role in notes:
        sign, _, words = text.partition(" ")
        mirrored = f"{words} {sign}"
        for start, note in ((column, text), (column - len(mirrored) + 1, mirrored), (column, sign)):
            end = start + len(note)
            is_inside = plot.left <= start and end <= plot.width
            if is_inside and all(end < first or last < start for first, last in occupied):
                canvas.write(0, start, note, role)
                occupied.append((start, end))
                break


def _labels(curve: LossCurveState, axes: Axes, glyphs: Glyphs) -> list[CurveLabel]:
    """Return the labels of the curves, the most important first."""
    train = (point.mean for point in reversed(curve.points))
    val = (loss for _, loss in reversed(curve.history.val_losses()))
    labels = [CurveLabel("train", loss, "train", True) for loss in _first_finite(train)]
    labels += [CurveLabel(f"{glyphs.val} val", loss, "val", True) for loss in _first_finite(val)]
    unseen = (loss for _, loss in reversed(curve.history.val_unseen_losses()))
    labels += [CurveLabel(f"{glyphs.unseen} unseen", loss, "warning", True) for loss in _first_finite(unseen)]
    labels += [
        CurveLabel(name, loss, role)
        for name, (loss, role) in reference_losses(curve).items()
        if 0 <= axes.y_position(loss) <= 1
    ]
    if curve.ghost:
        ghost = (point.mean for point in reversed(curve.ghost.history.points) if point.step <= axes.steps)
        labels += [CurveLabel(curve.ghost.name, loss, "muted") for loss in _first_finite(ghost)]
    return labels


def _first_finite(losses: Iterable[float]) -> Iterator[float]:
    return islice(filter(math.isfinite, losses), 1)


def write_gutter(canvas: Canvas, plot: PlotArea, axes: Axes, labels: Sequence[CurveLabel]) -> None:
    """Write the labels, sorted by falling loss, right of the field at the height of their losses."""
    start = plot.left + plot.columns + 1
    rows = space_labels([plot.row(axes, label.loss) - plot.top for label in labels], plot.rows)
    for label, row in zip(labels, rows, strict=True):
        value = label.text or format_loss(label.loss)
        canvas.write(plot.top + row, start, f"{label.name:.{max(GUTTER_WIDTH - 2 - len(value), 0)}}", label.role)
        style = f"bold {label.role}" if label.bold else label.role
        canvas.write(plot.top + row, start + GUTTER_WIDTH - 1 - len(value), value, style)
