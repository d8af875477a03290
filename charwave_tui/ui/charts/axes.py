"""The axes of the loss chart: what they cover, when they jump, and where their ticks stand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from charwave_tui.ui.drawing.number_format import format_short_steps
from charwave_tui.ui.terminal.glyphs import GLYPHS

LEAST, MOST = 1e-6, 1e12
"""The losses between which the chart tells values apart, in nats; LEAST matters to the log scale alone."""


FEWEST_STEPS = 20
"""The x axis never covers less, so that single steps can be seen moving."""


EARLY = 0.05
"""The share of the x axis whose fall may leave the y axis at the top, once there is more to see."""


LABEL = 5
"""Columns that a tick of the y axis has for its label."""


Polyline = tuple[tuple[int, float | None], ...]
"""A curve cut to dot columns, from left to right: the mean loss in each, None where it has no finite one."""


@dataclass(frozen=True, slots=True)
class Axes:
    """Steps from 0 to `steps`, and losses from `low` to `high`, which are log10 of losses where `log`."""

    steps: float
    low: float
    high: float
    log: bool

    def height(self, loss: float) -> float:
        """Where a finite loss stands: 0 at the bottom, 1 at the top, less or more off the scale."""
        return (_to_scale(loss, self.log) - self.low) / (self.high - self.low)

    def along(self, step: float) -> float:
        """Where a step stands: 0 at the left end, 1 at the right."""
        return step / self.steps


@dataclass(frozen=True, slots=True)
class Tick:
    """A round value with its label and the cell where it stands: a row from the top, or a column from the left."""

    value: float
    label: str
    cell: int


def cell(share: float, cells: int) -> int:
    """The cell, or dot, of so many that a share of an axis falls into."""
    return math.floor(0.5 + share * (cells - 1))


def x_extent(step: int, max_steps: int) -> float:
    """The steps the x axis covers: all of the run, halved as long as the present step stays inside."""
    steps = float(max(max_steps, step, 1))
    while steps / 2 >= max(step, FEWEST_STEPS):
        steps /= 2
    return steps


def to_columns(points: Iterable[tuple[int, float]], steps: float, columns: int) -> Polyline:
    """Points cut to at most one a dot column; a new last point leaves all earlier columns as they were."""
    sums: dict[int, tuple[float, int]] = {}
    scale = (columns - 1) / steps
    for step, loss in points:
        column = math.floor(0.5 + step * scale)
        if not 0 <= column < columns:
            continue
        total, count = sums.get(column, (0.0, 0))
        if math.isfinite(loss):
            sums[column] = (total + min(max(loss, -MOST), MOST), count + 1)
        else:
            sums[column] = (total, count)
    return tuple((column, total / count if count else None) for column, (total, count) in sorted(sums.items()))


def losses(line: Polyline, columns: int) -> list[float]:
    """What the y axis has to hold of a course: all but the early fall, or all where there is nothing else."""
    late = [loss for column, loss in line if loss is not None and column >= EARLY * columns]
    return late or [loss for _, loss in line if loss is not None]


def fit_axes(
    values: list[float], references: list[float], steps: float, log: bool, previous: Axes | None = None
) -> Axes:
    """The axes that hold `values` and the references near them: the previous ones, unless too small or far too big."""
    seen = [_to_scale(value, log) for value in values or references or [1.0]]
    low, high = min(seen), max(seen)
    least = 0.02 if log else 0.05
    reach = max((high - low) / 4, 2 * least)
    for near in (_to_scale(value, log) for value in references):
        if min(seen) - reach <= near <= max(seen) + reach:
            low, high = min(low, near), max(high, near)
    span = max(high - low, least, max(abs(low), abs(high)) * 1e-6)
    if previous is not None and (previous.steps, previous.log) == (steps, log):
        holds = previous.low <= low and high <= previous.high
        if holds and span >= 0.4 * (previous.high - previous.low):
            return previous
    bottom = low - 0.1 * span - (span - (high - low)) / 2
    return Axes(steps, max(bottom, 0.0) if low >= 0 and not log else bottom, high + 0.07 * span, log)


def loss_ticks(axes: Axes, rows: int) -> tuple[Tick, ...]:
    """Round losses, the finest set that keeps three rows apart, from the lowest up."""
    for values in _tick_values(axes, rows):
        ticks = [Tick(value, label, rows - 1 - cell(axes.height(value), rows)) for value, label in values]
        apart = all(below.cell - above.cell >= 3 for below, above in pairwise(ticks))
        if apart and all(0 <= tick.cell < rows and len(tick.label) <= LABEL for tick in ticks):
            return tuple(ticks)
    return ()


def step_ticks(axes: Axes, columns: int, width: int = 12) -> tuple[Tick, ...]:
    """Round steps at least `width` columns apart, from 0 to the end of the axis."""
    for power in range(13):
        for factor in (1, 2, 2.5, 5):
            step = factor * 10**power
            if step == int(step) and axes.along(step) * (columns - 1) >= width:
                count = math.floor(axes.steps / step) + 1
                return tuple(
                    Tick(step * i, format_short_steps(step * i), cell(axes.along(step * i), columns))
                    for i in range(count)
                )
    return (Tick(0, "0", 0),)


def _to_scale(loss: float, log: bool) -> float:
    return math.log10(min(max(loss, LEAST), MOST)) if log else min(max(loss, -MOST), MOST)


def _tick_values(axes: Axes, rows: int) -> Iterator[list[tuple[float, str]]]:
    """Sets of round values with their labels, finer ones first."""
    if not axes.log:
        yield from _multiples(axes.low, axes.high, rows)
        return
    low, high = 10**axes.low, 10**axes.high
    decades = range(math.ceil(axes.low), math.floor(axes.high) + 1)
    if high <= 3 * low:
        yield from _multiples(low, high, rows)
    elif high <= 20 * low:
        series = [(factor, power) for power in range(decades.start - 1, decades.stop) for factor in (1, 2, 5)]
        yield [_round(*pair) for pair in series if low <= _round(*pair)[0] <= high]
    for stride in (1, 2, 3, 4, 6, 9):
        yield [_round(1, power) for power in decades if power % stride == 0]


def _multiples(low: float, high: float, rows: int) -> Iterator[list[tuple[float, str]]]:
    for power in range(-6, 13):
        for factor in (1, 2, 5):
            step = _round(factor, power)[0]
            if (high - low) / step <= rows:
                whole = range(math.ceil(low / step), math.floor(high / step) + 1)
                yield [_round(factor * n, power) for n in whole]


def _round(factor: int, power: int) -> tuple[float, str]:
    """The value factor · 10^power, and how it is written."""
    value = float(f"{factor}e{power}")
    if abs(value) >= 1e9 or 0 < abs(value) < 1e-3:
        return value, f"{value:.12g}".replace("e+", "e").replace("e0", "e").replace("e-0", "e-")
    if abs(value) >= 10_000:
        return value, format_short_steps(value)
    return value, f"{value:,.{max(-power, 0)}f}".replace("-", GLYPHS.minus)
