"""The axes of the loss chart: their limits, when these change, and their ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from charwave_tui.ui.drawing.number_format import format_short_steps
from charwave_tui.ui.terminal.glyphs import GLYPHS

MIN_LOSS, MAX_LOSS = 1e-6, 1e12  # losses (nats) are clamped to these; the lower one on the log scale alone
MIN_X_STEPS = 20  # the x axis covers at least so many, so that single steps can be seen
EARLY_FRACTION = 0.05  # fraction of the x axis whose losses may leave the y axis at the top
LABEL_WIDTH = 5  # columns of a tick label on the y axis

# a curve sampled at dot columns, from left to right: the mean loss in each, None if none is finite
Polyline = tuple[tuple[int, float | None], ...]


@dataclass(frozen=True, slots=True)
class Axes:
    """Steps from 0 to `steps`, and losses from `low` to `high`, which are log10 of losses if `log`."""

    steps: float
    low: float
    high: float
    log: bool

    def y_position(self, loss: float) -> float:
        """Return the position of a finite loss: 0 at the bottom, 1 at the top, less or more outside the axes."""
        return (_to_scale(loss, self.log) - self.low) / (self.high - self.low)

    def x_position(self, step: float) -> float:
        return step / self.steps


@dataclass(frozen=True, slots=True)
class Tick:
    """A round value with its label and its cell: a row from the top, or a column from the left."""

    value: float
    label: str
    cell: int


def cell_index(position: float, cells: int) -> int:
    """Return the cell, or dot, for a position (0 to 1) on an axis of so many cells."""
    return math.floor(0.5 + position * (cells - 1))


def x_extent(step: int, max_steps: int) -> float:
    """Return the steps the x axis covers: all of the run, halved as long as the current step stays inside."""
    steps = float(max(max_steps, step, 1))
    while steps / 2 >= max(step, MIN_X_STEPS):
        steps /= 2
    return steps


def to_columns(points: Iterable[tuple[int, float]], steps: float, columns: int) -> Polyline:
    """Average points by dot column; a new last point leaves all earlier columns unchanged."""
    sums: dict[int, tuple[float, int]] = {}
    scale = (columns - 1) / steps
    for step, loss in points:
        column = math.floor(0.5 + step * scale)
        if not 0 <= column < columns:
            continue
        total, count = sums.get(column, (0.0, 0))
        if math.isfinite(loss):
            sums[column] = (total + min(max(loss, -MAX_LOSS), MAX_LOSS), count + 1)
        else:
            sums[column] = (total, count)
    return tuple((column, total / count if count else None) for column, (total, count) in sorted(sums.items()))


def losses_to_fit(line: Polyline, columns: int) -> list[float]:
    """Return the losses of a curve that the y axis must cover: all but the early ones, if there are others."""
    late = [loss for column, loss in line if loss is not None and column >= EARLY_FRACTION * columns]
    return late or [loss for _, loss in line if loss is not None]


def fit_axes(
    values: list[float], references: list[float], steps: float, log: bool, previous: Axes | None = None
) -> Axes:
    """Return axes for `values` and the references near them: `previous`, unless too small or far too large."""
    scaled = [_to_scale(value, log) for value in values or references or [1.0]]
    low, high = min(scaled), max(scaled)
    min_span = 0.02 if log else 0.05
    margin = max((high - low) / 4, 2 * min_span)
    for reference in (_to_scale(value, log) for value in references):
        if min(scaled) - margin <= reference <= max(scaled) + margin:
            low, high = min(low, reference), max(high, reference)
    span = max(high - low, min_span, max(abs(low), abs(high)) * 1e-6)
    if previous is not None and (previous.steps, previous.log) == (steps, log):
        is_inside = previous.low <= low and high <= previous.high
        if is_inside and span >= 0.4 * (previous.high - previous.low):
            return previous
    bottom = low - 0.1 * span - (span - (high - low)) / 2
    return Axes(steps, max(bottom, 0.0) if low >= 0 and not log else bottom, high + 0.07 * span, log)


def loss_ticks(axes: Axes, rows: int) -> tuple[Tick, ...]:
    """Return the finest set of round losses at least three rows apart, from the lowest up."""
    for values in _tick_values(axes, rows):
        ticks = [Tick(value, label, rows - 1 - cell_index(axes.y_position(value), rows)) for value, label in values]
        is_spaced = all(lower.cell - upper.cell >= 3 for lower, upper in pairwise(ticks))
        if is_spaced and all(0 <= tick.cell < rows and len(tick.label) <= LABEL_WIDTH for tick in ticks):
            return tuple(ticks)
    return ()


def step_ticks(axes: Axes, columns: int, width: int = 12) -> tuple[Tick, ...]:
    """Return round steps at least `width` columns apart, from 0 to the end of the axis."""
    for power in range(13):
        for factor in (1, 2, 2.5, 5):
            step = factor * 10**power
            if step == int(step) and axes.x_position(step) * (columns - 1) >= width:
                count = math.floor(axes.steps / step) + 1
                return tuple(
                    Tick(step * i, format_short_steps(step * i), cell_index(axes.x_position(step * i), columns))
                    for i in range(count)
                )
    return (Tick(0, "0", 0),)


def _to_scale(loss: float, log: bool) -> float:
    return math.log10(min(max(loss, MIN_LOSS), MAX_LOSS)) if log else min(max(loss, -MAX_LOSS), MAX_LOSS)


def _tick_values(axes: Axes, rows: int) -> Iterator[list[tuple[float, str]]]:
    """Yield sets of round values with their labels, finer ones first."""
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
                multiples = range(math.ceil(low / step), math.floor(high / step) + 1)
                yield [_round(factor * n, power) for n in multiples]


def _round(factor: int, power: int) -> tuple[float, str]:
    """Return factor · 10^power and its label."""
    value = float(f"{factor}e{power}")
    if abs(value) >= 1e9 or 0 < abs(value) < 1e-3:
        return value, f"{value:.12g}".replace("e+", "e").replace("e0", "e").replace("e-0", "e-")
    if abs(value) >= 10_000:
        return value, format_short_steps(value)
    return value, f"{value:,.{max(-power, 0)}f}".replace("-", GLYPHS.minus)
