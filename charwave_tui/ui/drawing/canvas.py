"""A grid of character cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.cells import cell_len

from charwave_tui.ui.drawing.styled_text import Span, StyledLine, cell_width, justify, readable
from charwave_tui.ui.terminal.glyphs import GLYPHS

NEAR = 6
"""Changed cells with no more unchanged ones than these between them are repainted as one run."""


class Canvas:
    """Cells with a character one column wide and an ink (`train`, `bold train`); what falls outside is cut off."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.characters = [[" "] * width for _ in range(height)]
        self.inks = [["fg"] * width for _ in range(height)]

    def copy(self) -> Canvas:
        """A sheet of its own with the same cells."""
        twin = Canvas(0, 0)
        twin.width, twin.height = self.width, self.height
        twin.characters = [row.copy() for row in self.characters]
        twin.inks = [row.copy() for row in self.inks]
        return twin

    def write(self, row: int, column: int, text: str, ink: str) -> None:
        """Put `text` from a cell on to the right; a character that is not one column wide becomes `?`."""
        if not 0 <= row < self.height:
            return
        for place, character in enumerate(text, start=column):
            if 0 <= place < self.width:
                self.characters[row][place] = character if cell_len(character) == 1 else "?"
                self.inks[row][place] = ink

    def overlay(self, top: int, left: int, rows: Sequence[str], ink: str) -> None:
        """Put a picture down; its blanks let through what lies below, its marks own their cells."""
        for row, text in enumerate(rows, start=top):
            for column, character in enumerate(text, start=left):
                if character != " " and 0 <= row < self.height and 0 <= column < self.width:
                    self.characters[row][column] = character
                    self.inks[row][column] = ink

    def spans(self, row: int) -> Iterator[tuple[str, str]]:
        """The row as stretches of one ink each: text and ink."""
        column = 0
        for ink, cells in groupby(self.inks[row]):
            end = column + sum(1 for _ in cells)
            yield "".join(self.characters[row][column:end]), ink
            column = end

    def line(self, row: int) -> str:
        """The row as a person reads it."""
        return "".join(self.characters[row])

    def changes(self, earlier: Canvas) -> list[tuple[int, int, int]]:
        """Runs of cells that differ from a sheet of the same size: row, first column, column after the last."""
        runs: list[tuple[int, int, int]] = []
        for row in range(self.height):
            new, old = self.characters[row], earlier.characters[row]
            new_inks, old_inks = self.inks[row], earlier.inks[row]
            if new == old and new_inks == old_inks:
                continue
            for column in range(self.width):
                if new[column] == old[column] and new_inks[column] == old_inks[column]:
                    continue
                if runs and runs[-1][0] == row and column - runs[-1][2] <= NEAR:
                    runs[-1] = (row, runs[-1][1], column + 1)
                else:
                    runs.append((row, column, column + 1))
        return runs


def crop_line(line: StyledLine, width: int) -> StyledLine:
    """The line, cut off at `width` columns."""
    return line if cell_width(line) <= width else justify(line, (), width)


def canvas_lines(sheet: Canvas) -> tuple[StyledLine, ...]:
    """The rows of a sheet as lines of pieces."""
    return tuple(tuple(_piece(text, ink) for text, ink in sheet.spans(row)) for row in range(sheet.height))


def _piece(text: str, ink: str) -> Span:
    *weight, role = ink.split()
    return Span(text, role, bool(weight))


def display_char(symbols: str, id: int) -> str:
    """The character of an id as it can be written: the boundary a dot, what takes no column by itself a `?`."""
    if id == 0:
        return GLYPHS.dot
    letter = readable(symbols[id - 1]) if 0 < id <= len(symbols) else "?"
    return "_" if letter == " " else letter if cell_len(letter) else "?"
