"""A weight matrix as an image: magnitudes as shades; sign and value under the cursor."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

from charwave_tui.core.protocol.float_matrix import FloatMatrix
from charwave_tui.ui.drawing.block_graphics import axis_labels, half_block_image, legend_swatch, supports_shades
from charwave_tui.ui.drawing.styled_text import Span, StyledLine
from charwave_tui.ui.inspector.pictures.unit_image import FRAME, GUTTER, framed_image
from charwave_tui.ui.terminal.glyphs import GLYPHS

# colour roles from which fraction of the largest magnitude on; below the first the background shows
RAMP: tuple[tuple[float, str], ...] = ((0.2, "grid"), (0.4, "line"), (0.65, "muted"), (0.85, "bright"))
MAX_CELL_SIZE = 6  # columns, and half rows, of one number
LABELLED_ROWS, LABELLED_COLUMNS = 8, 16  # half rows, and columns, between two numbers at the edges, at least


@dataclass(frozen=True, slots=True)
class Heatmap:
    """A matrix [rows, columns] as a grid of equal blocks; `grid` has the value of largest magnitude of each block."""

    rows: int
    columns: int
    grid: FloatMatrix

    @property
    def block(self) -> tuple[int, int]:
        """Rows and columns of the matrix in a block; the last blocks may have fewer."""
        return -(-self.rows // max(self.grid.rows, 1)), -(-self.columns // max(self.grid.columns, 1))

    def cell(self, row: int, column: int) -> tuple[int, int]:
        block_rows, block_columns = self.block
        return min(row // block_rows, self.grid.rows - 1), min(column // block_columns, self.grid.columns - 1)

    def span_text(self, cell: int, axis: int) -> str:
        """Return the matrix rows (`axis` 0) or columns (1) of a block: `12` or `12 to 14`."""
        size, total = self.block[axis], (self.rows, self.columns)[axis]
        first, last = cell * size, min((cell + 1) * size, total) - 1
        return f"{first:,}" if first == last else f"{first:,} to {last:,}"

    @property
    def bounds(self) -> tuple[float, float]:
        """Magnitudes between which the shades lie: from 0 if each element has a cell, else from the smallest shown."""
        low, high = _magnitude_bounds(self.grid)
        return 0.0 if self.block == (1, 1) else low, high


@lru_cache(maxsize=2)
def _magnitude_bounds(grid: FloatMatrix) -> tuple[float, float]:
    magnitudes = [abs(value) for value in grid.flat() if math.isfinite(value)]
    return (min(magnitudes), max(magnitudes)) if magnitudes else (0.0, 0.0)


def draw_heatmap(heatmap: Heatmap, cursor: tuple[int, int], width: int, height: int) -> tuple[StyledLine, ...]:
    """Render the matrix in at most `height` lines, with the cursor's marks and numbers at the edges.

    A grid that was requested for a larger size is cropped.
    """
    grid, (block_rows, block_columns) = heatmap.grid, heatmap.block
    max_columns, max_rows = width - GUTTER, 2 * (height - FRAME)  # rows are half lines
    if not grid.rows or not grid.columns or max_rows <= 0 or max_columns <= 0:
        return ()
    cell_columns = min(max(max_columns // grid.columns, 1), MAX_CELL_SIZE)
    cell_rows = min(max(max_rows // grid.rows, 1), MAX_CELL_SIZE)
    image = _image(heatmap, (cell_rows, cell_columns), (max_rows, max_columns), supports_shades())
    row, column = heatmap.cell(*cursor)
    cursor_line = (row * cell_rows + (cell_rows - 1) // 2) // 2
    labelled_rows = range(0, grid.rows, -(-LABELLED_ROWS // cell_rows))
    labels_by_line = {row * cell_rows // 2: f"{row * block_rows:,}" for row in labelled_rows}
    row_labels = [labels_by_line.get(index, "") for index in range(len(image))]
    labelled_columns = range(0, grid.columns, -(-LABELLED_COLUMNS // cell_columns))
    column_labels = axis_labels(
        ((column * cell_columns, column * block_columns) for column in labelled_columns), grid.columns * cell_columns
    )
    cursor_column = column * cell_columns + (cell_columns - 1) // 2
    return framed_image(image, row_labels, column_labels, cursor_line, cursor_column)


@lru_cache(maxsize=2)  # moving the cursor repeats the same image
def _image(
    heatmap: Heatmap, cell_size: tuple[int, int], max_size: tuple[int, int], _has_shades: bool
) -> tuple[StyledLine, ...]:
    low, high = heatmap.bounds
    thresholds = [low + fraction * (high - low) for fraction, _ in RAMP] if high > 0 else [math.inf]
    roles = ("", *(role for _, role in RAMP))
    rows: list[list[str]] = []
    for grid_row in map(heatmap.grid.row, range(heatmap.grid.rows)):
        row = [roles[bisect_right(thresholds, abs(value))] if math.isfinite(value) else "error" for value in grid_row]
        rows += [[role for role in row for _ in range(cell_size[1])][: max_size[1]]] * cell_size[0]
    return half_block_image(rows[: max_size[0]])


def heatmap_legend(heatmap: Heatmap) -> tuple[StyledLine, ...]:
    low, high = heatmap.bounds
    if not high:
        return ()
    return tuple(
        (Span(f"{'|w| ' * (index == 0)}> {low + fraction * (high - low):.2g} ", "muted"), legend_swatch(role))
        for index, (fraction, role) in enumerate(reversed(RAMP))
    )


def heatmap_readout(heatmap: Heatmap, cursor: tuple[int, int], source: str, target: str) -> tuple[StyledLine, ...]:
    """Return row, column and value under the cursor, as groups; `source` and `target` name that row and column."""
    row, column = heatmap.cell(*cursor)
    value = heatmap.grid.at(row, column) if heatmap.grid.rows and heatmap.grid.columns else math.nan
    groups: list[StyledLine] = [
        (Span("row ", "muted"), Span(f"{heatmap.span_text(row, 0):>3}", "accent", True)),
        (Span("column ", "muted"), Span(f"{heatmap.span_text(column, 1):>3}", "accent", True)),
        (Span("w " if heatmap.block == (1, 1) else "largest w ", "muted"), _value(value)),
    ]
    groups += [(Span(label, "muted"), Span(name)) for label, name in (("from ", source), ("to ", target)) if name]
    return tuple(groups)


def _value(value: float) -> Span:
    if not math.isfinite(value):
        return Span("nan" if math.isnan(value) else "inf", "error", True)
    text = f"{value:+.4f}" if 1e-3 <= abs(value) < 1_000 or not value else f"{value:+.2e}"
    return Span(text.replace("-", GLYPHS.minus), "bright", True)
