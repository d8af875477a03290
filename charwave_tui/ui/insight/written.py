"""What the views of layers write alike: lines that fit, sheets as lines, and characters of the vocabulary."""

from __future__ import annotations

from rich.cells import cell_len

from charwave_tui.ui.canvas import Canvas
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.pieces import Line, Piece, columns, readable, spread


def cropped(line: Line, width: int) -> Line:
    """The line, cut off at `width` columns."""
    return line if columns(line) <= width else spread(line, (), width)


def sheet_lines(sheet: Canvas) -> tuple[Line, ...]:
    """The rows of a sheet as lines of pieces."""
    return tuple(tuple(_piece(text, ink) for text, ink in sheet.pieces(row)) for row in range(sheet.height))


def _piece(text: str, ink: str) -> Piece:
    *weight, role = ink.split()
    return Piece(text, role, bool(weight))


def symbol(symbols: str, id: int) -> str:
    """The character of an id as it can be written: the boundary a dot, what takes no column by itself a `?`."""
    if id == 0:
        return GLYPHS.dot
    letter = readable(symbols[id - 1]) if 0 < id <= len(symbols) else "?"
    return "_" if letter == " " else letter if cell_len(letter) else "?"
