"""A matrix as a picture: the size of each number as a shade, its sign and value under the cursor."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

from charwave_tui.core.protocol.float_matrix import FloatMatrix
from charwave_tui.ui.drawing.block_graphics import half_block_image, legend_swatch, supports_shades
from charwave_tui.ui.drawing.styled_text import Span, StyledLine
from charwave_tui.ui.terminal.glyphs import GLYPHS

GUTTER = 7
"""Columns left of the picture: numbers of rows, and the cursor's mark."""


FRAME = 2
"""Lines around the picture: the cursor's mark above, numbers of columns below."""


RAMP: tuple[tuple[float, str], ...] = ((0.2, "grid"), (0.4, "line"), (0.65, "muted"), (0.85, "bright"))
"""The inks from which share of the largest size on; what is smaller shows the ground."""


LARGEST_CELL = 6
"""How many columns wide, and half rows high, a single number is drawn at most."""


EVERY_ROW, EVERY_COLUMN = 8, 16
"""Half rows, and columns, between two numbers at the edges, at least."""


@dataclass(frozen=True, slots=True)
class Heatmap:
    """A matrix of `rows` × `columns` as a grid of blocks of equal size, the largest number of each."""

    rows: int
    columns: int
    grid: FloatMatrix

    @property
    def block(self) -> tuple[int, int]:
        """Rows and columns of the matrix in a block; the last ones may have fewer."""
        return -(-self.rows // max(self.grid.rows, 1)), -(-self.columns // max(self.grid.columns, 1))

    def cell(self, row: int, column: int) -> tuple[int, int]:
        """The block that a number of the matrix is in."""
        tall, wide = self.block
        return min(row // tall, self.grid.rows - 1), min(column // wide, self.grid.columns - 1)

    def span(self, cell: int, along: int) -> str:
        """The rows (`along` 0) or columns (1) of a block: `12` or `12 to 14`."""
        size, total = self.block[along], (self.rows, self.columns)[along]
        first, last = cell * size, min((cell + 1) * size, total) - 1
        return f"{first:,}" if first == last else f"{first:,} to {last:,}"

    @property
    def bounds(self) -> tuple[float, float]:
        """The sizes that the shades begin and end at: from 0 where no number is left out, else from the smallest."""
        low, high = _extremes(self.grid)
        return 0.0 if self.block == (1, 1) else low, high


@lru_cache(maxsize=2)
def _extremes(grid: FloatMatrix) -> tuple[float, float]:
    """The smallest and the largest size of what is finite; 0 and 0 where nothing is."""
    sizes = [abs(value) for value in grid.flat() if math.isfinite(value)]
    return (min(sizes), max(sizes)) if sizes else (0.0, 0.0)


def draw_heatmap(heat: Heatmap, cursor: tuple[int, int], width: int, height: int) -> tuple[StyledLine, ...]:
    """The matrix in at most `height` lines, with the cursor's marks at a row and column, and numbers at the edges.

    What was asked for when there was more room is cut off.
    """
    grid, (tall, wide) = heat.grid, heat.block
    if not grid.rows or not grid.columns or height <= FRAME or width <= GUTTER:
        return ()
    across = min(max((width - GUTTER) // grid.columns, 1), LARGEST_CELL)
    down = min(max(2 * (height - FRAME) // grid.rows, 1), LARGEST_CELL)
    shades = _shades(heat, (across, down), (width - GUTTER, 2 * (height - FRAME)), supports_shades())
    line, column = heat.cell(*cursor)
    here = (line * down + (down - 1) // 2) // 2
    above = (Span(" " * (GUTTER + column * across + (across - 1) // 2) + GLYPHS.marker, "accent"),)
    numbers = {row * down // 2: f"{row * tall:,}" for row in range(0, grid.rows, -(-EVERY_ROW // down))}
    body = (
        (
            Span(f"{numbers.get(at, ''):>{GUTTER - 2}} ", "muted"),
            Span(GLYPHS.cursor if at == here else " ", "accent"),
            *shade,
        )
        for at, shade in enumerate(shades)
    )
    return (above, *body, (Span(" " * GUTTER + _column_numbers(grid.columns, across, wide), "muted"),))


@lru_cache(maxsize=2)
def _shades(heat: Heatmap, each: tuple[int, int], most: tuple[int, int], blocks: bool) -> tuple[StyledLine, ...]:
    """The picture, a number `each` so many columns and rows; the same again costs nothing as the cursor moves on."""
    (across, down), (columns, rows) = each, most
    lines = [[role for role in row for _ in range(across)][:columns] for row in _roles(heat) for _ in range(down)]
    return half_block_image(lines[:rows])


def legend(heat: Heatmap) -> tuple[StyledLine, ...]:
    """Which sizes the shades stand for, each a group that may be left out."""
    low, high = heat.bounds
    if not high:
        return ()
    groups = [
        (Span(f"{'|w| ' * (place == 0)}> {low + share * (high - low):.2g} ", "muted"), legend_swatch(role))
        for place, (share, role) in enumerate(reversed(RAMP))
    ]
    return tuple(groups)


def _roles(heat: Heatmap) -> list[list[str]]:
    """The ink of each block; that of the ground for all where there is nothing but zeros."""
    low, high = heat.bounds
    ends = [low + share * (high - low) for share, _ in RAMP] if high > 0 else [math.inf]
    inks = ("", *(ink for _, ink in RAMP))
    return [
        [inks[bisect_right(ends, abs(value))] if math.isfinite(value) else "error" for value in heat.grid.row(row)]
        for row in range(heat.grid.rows)
    ]


def _column_numbers(count: int, across: int, wide: int) -> str:
    text = ""
    for column in range(0, count, -(-EVERY_COLUMN // across)):
        number = f"{column * wide:,}"
        if column * across + len(number) <= count * across:
            text = text.ljust(column * across) + number
    return text


def heatmap_readout(heat: Heatmap, cursor: tuple[int, int], source: str, target: str) -> tuple[StyledLine, ...]:
    """What stands under the cursor, in groups of which the last may be left out.

    `source` is what the row stands for, `target` what the column does.
    """
    row, column = heat.cell(*cursor)
    value = heat.grid.at(row, column) if heat.grid.rows and heat.grid.columns else math.nan
    groups: list[StyledLine] = [
        (Span("row ", "muted"), Span(f"{heat.span(row, 0):>3}", "accent", True)),
        (Span("column ", "muted"), Span(f"{heat.span(column, 1):>3}", "accent", True)),
        (Span("w " if heat.block == (1, 1) else "largest w ", "muted"), _value(value)),
    ]
    for name, meant in (("from ", source), ("to ", target)):
        if meant:
            groups.append((Span(name, "muted"), Span(meant)))
    return tuple(groups)


def _value(value: float) -> Span:
    if not math.isfinite(value):
        return Span("nan" if math.isnan(value) else "inf", "error", True)
    text = f"{value:+.4f}" if 1e-3 <= abs(value) < 1_000 or not value else f"{value:+.2e}"
    return Span(text.replace("-", GLYPHS.minus), "bright", True)
