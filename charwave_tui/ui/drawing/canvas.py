"""A grid of character cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from charwave_tui.ui.drawing.styled_text import Span, StyledLine, cell_width, justify, readable
from charwave_tui.ui.terminal.cell_width import cell_len, clusters, has_a_column_each
from charwave_tui.ui.terminal.glyphs import GLYPHS

MAX_GAP = 6  # changed cells with at most so many unchanged ones between them are repainted as one run


class Canvas:
    """Cells with a character and a style (`train`, `bold train`); what falls outside is cut off.

    The further columns of a wide character have an empty text.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.characters = [[" "] * width for _ in range(height)]
        self.styles = [["fg"] * width for _ in range(height)]
        self._has_wide = False

    def copy(self) -> Canvas:
        copy = Canvas(0, 0)
        copy.width, copy.height, copy._has_wide = self.width, self.height, self._has_wide
        copy.characters = [row.copy() for row in self.characters]
        copy.styles = [row.copy() for row in self.styles]
        return copy

    def write(self, row: int, column: int, text: str, style: str) -> None:
        """Write `text` from a cell on to the right."""
        if not 0 <= row < self.height:
            return
        for cluster in text if has_a_column_each(text) else clusters(text):
            end = column + cell_len(cluster)
            self._has_wide |= end - column > 1
            if column >= 0 and end <= self.width:
                for index in range(column, end):
                    self._clear_wide(row, index)
                    self.characters[row][index] = cluster if index == column else ""
                    self.styles[row][index] = style
            column = end

    def _clear_wide(self, row: int, column: int) -> None:
        """Leave blanks in place of the wide character in a cell, of which a part will be written over."""
        if not self._has_wide:
            return
        cells = self.characters[row]
        end = next((index for index in range(column + 1, self.width) if cells[index]), self.width)
        start = next((index for index in range(column, -1, -1) if cells[index]), 0)
        if end - start > 1:
            cells[start:end] = [" "] * (end - start)

    def overlay(self, top: int, left: int, rows: Sequence[str], style: str) -> None:
        """Write rows of text whose blanks are transparent."""
        for row, text in enumerate(rows, start=top):
            for column, character in enumerate(text, start=left):
                if character != " " and 0 <= row < self.height and 0 <= column < self.width:
                    self._clear_wide(row, column)
                    self.characters[row][column] = character
                    self.styles[row][column] = style

    def spans(self, row: int) -> Iterator[tuple[str, str]]:
        column = 0
        for style, cells in groupby(self.styles[row]):
            end = column + sum(1 for _ in cells)
            yield "".join(self.characters[row][column:end]), style
            column = end

    def line(self, row: int) -> str:
        return "".join(self.characters[row])

    def changes(self, earlier: Canvas) -> list[tuple[int, int, int]]:
        """Return the runs of cells that differ from a canvas of the same size, as (row, first column, end column)."""
        runs: list[tuple[int, int, int]] = []
        for row in range(self.height):
            new, old = self.characters[row], earlier.characters[row]
            new_styles, old_styles = self.styles[row], earlier.styles[row]
            if new == old and new_styles == old_styles:
                continue
            for column in range(self.width):
                if new[column] == old[column] and new_styles[column] == old_styles[column]:
                    continue
                if runs and runs[-1][0] == row and column - runs[-1][2] <= MAX_GAP:
                    runs[-1] = (row, runs[-1][1], column + 1)
                else:
                    runs.append((row, column, column + 1))
        return runs


def crop_line(line: StyledLine, width: int) -> StyledLine:
    return line if cell_width(line) <= width else justify(line, (), width)


def canvas_lines(canvas: Canvas) -> tuple[StyledLine, ...]:
    return tuple(
        tuple(Span(text, style.split()[-1], " " in style) for text, style in canvas.spans(row))
        for row in range(canvas.height)
    )


def display_char(symbols: str, id: int) -> str:
    """Return the character of a token id as it can be shown: the boundary a dot, a blank `_`."""
    if id == 0:
        return GLYPHS.dot
    character = readable(symbols[id - 1]) if 0 < id <= len(symbols) else "?"
    return "_" if character == " " else character
