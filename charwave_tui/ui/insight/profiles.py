"""Norms of rows and columns, and singular values, as profiles in eighth blocks over a numbered edge."""

from __future__ import annotations

import math
from collections.abc import Sequence

from charwave_tui.ui import numbers
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.insight.histogram import bars
from charwave_tui.ui.pieces import Line, Piece

EVERY = 16
"""Columns between two numbers at the edge, at least."""


def profile(values: Sequence[float], width: int, rows: int, cursor: int | None = None) -> tuple[Line, ...]:
    """Bars from 0 to the largest of `values` in `rows` lines, and the numbers under them.

    One that is not finite is a whole column in error; with a `cursor` a line above has its mark.
    """
    if not values or width < 1 or rows < 1:
        return ()
    shown = resized(values, width)
    most = max((value for value in shown if math.isfinite(value)), default=0.0) or 1.0
    shares = [value / most if math.isfinite(value) else 1.0 for value in shown]
    roles = ["muted" if math.isfinite(value) else "error" for value in shown]
    above: tuple[Line, ...] = ()
    if cursor is not None:
        at = (2 * min(cursor, len(values) - 1) + 1) * width // (2 * len(values))
        above = ((Piece(" " * at + GLYPHS.choices, "accent"),),)
    return (*above, *bars(shares, rows, roles), (Piece(_edge(len(values), width), "muted"),))


def resized(values: Sequence[float], width: int) -> list[float]:
    """The values in `width` columns: each as wide as there is room, or the largest of those that share a column.

    One that is not finite is larger than all others.
    """
    count = len(values)
    if count <= width:
        return [values[(2 * at + 1) * count // (2 * width)] for at in range(width)]
    groups = (values[at * count // width : (at + 1) * count // width] for at in range(width))
    return [max(group, key=lambda value: value if math.isfinite(value) else math.inf) for group in groups]


def told(name: str, values: Sequence[float]) -> tuple[Line, ...]:
    """A heading in groups: what the profile is of, and its smallest, mean and largest value."""
    finite = [value for value in values if math.isfinite(value)]
    groups: list[Line] = [(Piece(name),)]
    if len(finite) < len(values):
        groups.append((Piece(f"{GLYPHS.wrong} {len(values) - len(finite):,} not finite", "error"),))
    if finite:
        for label, value in (("least", min(finite)), ("mean", sum(finite) / len(finite)), ("most", max(finite))):
            groups.append((Piece(f"{label} ", "muted"), Piece(numbers.spread(value), "bright", True)))
    return tuple(groups)


def condition(values: Sequence[float]) -> float:
    """The largest singular value by the smallest; infinite where that is 0, NaN where one is not finite."""
    if not values or not all(map(math.isfinite, values)):
        return math.nan
    return max(values) / min(values) if min(values) > 0 else math.inf


def effective_rank(values: Sequence[float]) -> float:
    """How many directions a matrix really uses: exp of the entropy −Σ p ln p of the shares p = σ²/Σσ².

    After Roy and Vetterli 2007, "The effective rank", who take the shares of σ itself; those of σ² are shares of the
    squared Frobenius norm. NaN where a value is not finite or all are 0.
    """
    if not values or not all(map(math.isfinite, values)) or max(values) <= 0:
        return math.nan
    most = max(values)
    squares = [(value / most) ** 2 for value in values]  # of shares of the largest: squares of large ones are infinite
    total = sum(squares)
    return math.exp(-sum(square / total * math.log(square / total) for square in squares if square > 0))


def _edge(count: int, width: int) -> str:
    """Numbers of rows, columns or values under the columns where they begin."""
    text = ""
    every = 1 << (max(-(-EVERY * count // width), 1) - 1).bit_length()  # the next power of two
    for number in range(0, count, every):
        start = number * width // count
        label = f"{number:,}"
        if start + len(label) <= width:
            text = text.ljust(start) + label
    return text
