"""How numbers are spread, as a density in eighth blocks over an axis with low, zero and high."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from charwave_tui.core.insights import Histogram
from charwave_tui.ui import numbers
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.pieces import Line, Piece

HEIGHTS = " ▁▂▃▄▅▆▇█"
"""A cell filled from below by 0 to 8 eighths."""

AXIS = 2
"""Lines below the bars: the axis, and the numbers under it."""


def drawn(histogram: Histogram, width: int, rows: int, worry: float = math.inf) -> tuple[Line, ...]:
    """The density in `rows` lines of `width` columns, and AXIS lines below.

    Columns whose numbers are further from 0 than `worry`, to within a column, are in warning. Where no number is finite
    a word says so, with the same number of lines.
    """
    if not histogram.densities or width < 1:
        return (((Piece("no finite number"[:width], "error"),)), *((),) * (rows - 1 + AXIS))
    heights = stretched(histogram.densities, width)
    top = max(heights) or 1.0
    roles = ["warning" if _worrying(histogram, width, place, worry) else "muted" for place in range(width)]
    return (*bars([height / top for height in heights], rows, roles), *axis(histogram.low, histogram.high, width))


def bars(shares: Sequence[float], rows: int, roles: Sequence[str]) -> tuple[Line, ...]:
    """A bar a column in its role, in `rows` lines that a share of 1 fills."""
    fine = GLYPHS.fine
    return tuple(_row([share * rows - row for share in shares], roles, fine) for row in reversed(range(rows)))


def stretched(densities: tuple[float, ...], width: int) -> list[float]:
    """The densities in `width` columns instead of bins, each the mean over the stretch of bins that it covers."""
    bins = len(densities)
    heights = []
    for place in range(width):
        left, right = place * bins / width, (place + 1) * bins / width
        covered = range(int(left), min(math.ceil(right - 1e-9), bins))
        weights = [min(right, at + 1) - max(left, at) for at in covered]
        heights.append(sum(w * densities[at] for w, at in zip(weights, covered, strict=True)) / sum(weights))
    return heights


def axis(low: float, high: float, width: int) -> tuple[Line, ...]:
    """`└──┴──┘` from `low` to `high`, and the two numbers under it, with 0 where it lies between them."""
    if width < 3:
        return ((Piece(GLYPHS.line * width, "line"),), ())
    marks = [GLYPHS.corner, *GLYPHS.line * (width - 2), GLYPHS.end]
    zero = min(int(-low / (high - low) * width), width - 1) if low < 0 < high else 0
    if 0 < zero < width - 1:
        marks[zero] = GLYPHS.tick
    left, right = numbers.brief(low), numbers.brief(high)
    labels = [*left.ljust(width - len(right)), *right][:width]
    if zero and all(labels[at : at + 1] == [" "] for at in (zero - 1, zero, zero + 1)):
        labels[zero] = "0"
    return ((Piece("".join(marks), "line"),), (Piece("".join(labels), "muted"),))


def _worrying(histogram: Histogram, width: int, place: int, worry: float) -> bool:
    """Whether a column's middle lies beyond `worry`; the outermost ones count where their end does."""
    span = (histogram.high - histogram.low) / width
    nearest = 0.5 if 0 < place < width - 1 else 0.0 if place == 0 else 1.0
    return abs(histogram.low + (place + nearest) * span) > worry


def _row(heights: Sequence[float], roles: Sequence[str], fine: bool) -> Line:
    """One line of bars that reach so many cells above its foot."""
    cells = zip([_cell(height, fine) for height in heights], roles, strict=True)
    return tuple(Piece("".join([text for text, _ in run]), role) for role, run in groupby(cells, key=itemgetter(1)))


def _cell(height: float, fine: bool) -> str:
    if not fine:
        return GLYPHS.block if height >= 0.5 else "." if height >= 0.1 else " "
    return HEIGHTS[round(min(max(height, 0.0), 1.0) * 8)]
