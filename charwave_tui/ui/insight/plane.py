"""Characters as points on a sheet of cells: true to scale, none over another, one of them under the cursor."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import itemgetter

from rich.cells import cell_len

from charwave_tui.core.grids import Grid
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.insight.shades import GROUND
from charwave_tui.ui.insight.written import symbol
from charwave_tui.ui.pieces import Line, Piece

TALL = 2.0
"""How many times as high as wide a cell of a terminal is, about."""

ROUNDED = 2**0.25
"""Bounds are a power of this, so that the plane stays put while points move a little."""

NEARBY = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (0, 2), (0, -2), (1, 1), (-1, -1), (0, 3), (0, -3))
"""Where a character may stand that another one is in the way of: rows down, columns right, nearest first."""

Point = tuple[float, float]
"""Across and up."""


@dataclass(frozen=True, slots=True)
class Placed:
    """The row and column of each id that has a cell, and the ids that have none because others are in the way."""

    cells: dict[int, tuple[int, int]]
    hidden: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class View:
    """Where the point 0, 0 stands on a sheet, in columns and rows, and how many columns a step of 1 across takes."""

    column: float
    row: float
    columns: float

    @staticmethod
    def of(at: Iterable[Point], width: int, height: int) -> View:
        """All finite points in the middle of the sheet, as large as they fit, steps across and up alike."""
        finite = [(x, y) for x, y in at if math.isfinite(x) and math.isfinite(y)] or [(0.0, 0.0)]
        right, left = (_rounded(max(side * x for x, _ in finite)) for side in (1, -1))
        up, down = (_rounded(max(side * y for _, y in finite)) for side in (1, -1))
        spans = ((width - 3, left + right), (TALL * (height - 1), up + down))
        columns = max(min((room / span for room, span in spans if span > 0), default=1.0), 0.0)
        return View(
            (width - 1 - (right - left) * columns) / 2, (height - 1 + (up - down) * columns / TALL) / 2, columns
        )

    def cell(self, point: Point) -> tuple[int, int]:
        """The row and column of a finite point."""
        x, y = point
        return math.floor(self.row - y * self.columns / TALL + 0.5), math.floor(self.column + x * self.columns + 0.5)


def points(plane: Grid) -> list[Point]:
    """The rows of [vocabulary, 2] as points."""
    flat = plane.flat()
    return list(zip(flat[::2], flat[1::2], strict=True)) if plane.columns == 2 else []


@lru_cache(maxsize=2)
def letters(symbols: str) -> tuple[tuple[str, int], ...]:
    """What is written for each id, and how many columns it takes."""
    written = (symbol(symbols, number) for number in range(len(symbols) + 1))
    return tuple((text, cell_len(text)) for text in written)


def placed(at: Sequence[Point], symbols: str, view: View, size: tuple[int, int], first: Iterable[int]) -> Placed:
    """A cell for each finite point on a sheet of so many columns and rows; ids that come `first` find room first.

    One that another is in the way of stands beside it; where there is no room nearby either, it is hidden.
    """
    width, height = size
    taken = bytearray(max(width * height, 0))
    cells: dict[int, tuple[int, int]] = {}
    hidden: list[int] = []
    known = letters(symbols)
    for number in dict.fromkeys((*first, *range(len(at)))):
        if not 0 <= number < len(at) or not (math.isfinite(at[number][0]) and math.isfinite(at[number][1])):
            continue
        wide = known[number][1] if number < len(known) else 1
        row, column = view.cell(at[number])
        for down, right in NEARBY:
            if 0 <= row + down < height and 0 <= column + right <= width - wide:
                place = (row + down) * width + column + right
                if not any(taken[place : place + wide]):
                    taken[place : place + wide] = b"\1" * wide
                    cells[number] = (row + down, column + right)
                    break
        else:
            hidden.append(number)
    return Placed(cells, tuple(sorted(hidden)))


def drawn(
    spots: Placed, symbols: str, view: View, size: tuple[int, int], cursor: int, near: Iterable[int]
) -> tuple[Line, ...]:
    """The sheet: lines through 0, the characters in muted, those `near` the cursor in bold, its own in bright."""
    width, height = size
    row, column = view.cell((0.0, 0.0))
    across = [(GLYPHS.dashed, "line", False)] * width
    blank = [(" ", "line", False)] * width
    if 0 <= column < width:
        blank[column] = (GLYPHS.upright, "line", False)
    sheet = [(across if at == row else blank).copy() for at in range(height)]
    close, known = frozenset(near), letters(symbols)
    for number, (row, column) in spots.cells.items():
        text, wide = known[number] if number < len(known) else ("?", 1)
        ink = ("bright", True) if number == cursor else ("fg", True) if number in close else ("muted", False)
        sheet[row][column] = (text, *ink)
        for place in range(1, wide):
            sheet[row][column + place] = ("", *ink)
    row, column = spots.cells.get(cursor, (0, 0))
    if column and sheet[row][column - 1][1] == "line":
        sheet[row][column - 1] = (GLYPHS.here, "accent", False)
    return tuple(
        tuple(
            Piece("".join(text for text, _, _ in run), role, bold, GROUND)
            for (role, bold), run in groupby(cells, key=itemgetter(1, 2))
        )
        for cells in sheet
    )


def towards(at: Sequence[Point], here: int, key: str) -> int:
    """The nearest point to the left, down, up or right (`h`, `j`, `k`, `l`) of `here`, or itself where there is none.

    Those that lie more that way than aside come first.
    """
    away = {"h": (-1, 0), "l": (1, 0), "k": (0, 1), "j": (0, -1)}[key]
    x, y = at[here]
    best, found = (True, math.inf), here
    for number, (other_x, other_y) in enumerate(at):
        right, up = other_x - x, other_y - y
        along, aside = right * away[0] + up * away[1], abs(right * away[1]) + abs(up * away[0])
        if along > 0 and number != here:
            best, found = min((best, found), ((aside > along, right * right + up * up), number))
    return found


def _rounded(size: float) -> float:
    return ROUNDED ** math.ceil(math.log(size, ROUNDED) - 1e-9) if size > 0 else 0.0
