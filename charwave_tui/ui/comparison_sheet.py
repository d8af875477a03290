"""The curves of several runs as a sheet of cells: each in its ink and its own dashes, named where it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from charwave_tui.ui.axes import EARLY, Axes, Course, course, extent, fitting, losses
from charwave_tui.ui.canvas import Canvas
from charwave_tui.ui.comparison import DASHES, Compared
from charwave_tui.ui.plot import End, Plot, Raster, draw_axes, write_gutter

NAME = 9
"""Columns that a curve's name has in the gutter beside a loss."""


@dataclass(frozen=True, slots=True)
class Scaled:
    """Runs with a course, cut to the dot columns of a plot, and the axes that hold them."""

    among: tuple[Compared, ...]
    courses: tuple[Course, ...]
    axes: Axes


def scaled(plot: Plot, among: Sequence[Compared], log: bool, previous: Axes | None) -> Scaled | None:
    """The runs that can be drawn, on axes that stay as `previous` where they can; None where there is nothing."""
    drawn = tuple(item for item in among if item.last is not None)
    if not drawn or not plot.drawable:
        return None
    furthest = max(item.losses[-1][0] for item in drawn)
    steps = extent(furthest, max(item.row.config.max_steps for item in drawn))
    courses = tuple(course(item.losses, steps, plot.dots[0]) for item in drawn)
    values = list(chain.from_iterable(_worth_holding(line, plot.dots[0]) for line in courses))
    return Scaled(drawn, courses, fitting(values, [], steps, log, previous))


def drawn(plot: Plot, shown: Scaled, raster: Raster) -> Canvas:
    """The sheet: axes, the loss that others reported, then the curves, the one under the cursor on top and thick."""
    sheet = Canvas(plot.width, plot.height)
    draw_axes(sheet, plot, shown.axes)
    ends = [End(_name(item), item.last or 0.0, item.ink, item.here) for item in shown.among]
    published = next((item.published for item in shown.among if item.here), None)
    if published is not None and 0 <= shown.axes.height(published) <= 1:
        sheet.write(plot.row(shown.axes, published), plot.left, plot.glyphs.dashed * plot.columns, "line")
        ends.append(End("published", published, "muted"))
    for item, line in sorted(zip(shown.among, shown.courses, strict=True), key=lambda pair: pair[0].here):
        dots = plot.traced(shown.axes, line)
        rows = raster(dots, plot.columns, plot.rows, plot.pens[item.here])
        sheet.stamp(plot.top, plot.left, rows if item.here else _dashed(rows, *DASHES[item.place or 0]), item.ink)
    if plot.gutter:
        write_gutter(sheet, plot, shown.axes, sorted(ends[: plot.rows], key=lambda end: -end.loss))
    return sheet


def _worth_holding(line: Course, columns: int) -> list[float]:
    """What the y axis has to hold of a course; of one that ends early, its later half."""
    finite = [(column, loss) for column, loss in line if loss is not None]
    if finite[-1][0] < EARLY * columns:
        return [loss for _, loss in finite[len(finite) // 2 :]]
    return losses(line, columns)


def _name(item: Compared) -> str:
    return item.label if len(item.label) <= NAME else f"{item.mark} {item.row.run}"


def _dashed(rows: Sequence[str], on: int, off: int) -> list[str]:
    """A picture of a line with `off` of its columns left out after each `on`."""
    return ["".join(" " if column % (on + off) >= on else sign for column, sign in enumerate(row)) for row in rows]
