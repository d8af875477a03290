"""Pictures in half blocks: one column a unit, two rows a line, each cell in the ink of a role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, zip_longest

from charwave_tui.ui.abilities import TERMINAL
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.pieces import Line, Piece

GROUND = "raised"
"""What a picture stands on; a cell of role "" shows it."""

MARKS = {
    "": " ",
    GROUND: " ",
    "grid": ".",
    "line": "-",
    "reference": "~",
    "val": "%",
    "train": "=",
    "muted": "+",
    "accent": "@",
    "fg": "*",
    "bright": "#",
    "warning": "!",
    "error": "x",
}
"""What stands for a role where there are no shades; the later one of two rows that share a line is seen."""

_STRENGTH = {role: strength for strength, role in enumerate(MARKS)}


def picture(rows: Sequence[Sequence[str]]) -> tuple[Line, ...]:
    """The rows of roles, two a line; an odd last one has ground below it."""
    width = max(map(len, rows), default=0)
    pairs = zip_longest(rows[::2], rows[1::2], fillvalue=())
    return tuple(_line(_filled(upper, width), _filled(lower, width)) for upper, lower in pairs)


def swatch(role: str) -> Piece:
    """The sign of a role in a key to the picture: a block of its ink, or its mark."""
    return Piece("█" if _shaded() else MARKS[role], role)


def _shaded() -> bool:
    return GLYPHS.fine and TERMINAL.shades


def _filled(row: Sequence[str], width: int) -> list[str]:
    return [*row, *[""] * (width - len(row))]


def _line(upper: list[str], lower: list[str]) -> Line:
    line: list[Piece] = []
    for pair, run in groupby(zip(upper, lower, strict=True)):
        cell = _cell(*pair)
        cell = replace(cell, text=cell.text * sum(1 for _ in run))
        if line and (line[-1].role, line[-1].ground) == (cell.role, cell.ground):
            cell = replace(cell, text=line.pop().text + cell.text)
        line.append(cell)
    return tuple(line)


def _cell(upper: str, lower: str) -> Piece:
    if not _shaded():
        stronger = max(upper, lower, key=_STRENGTH.__getitem__)
        return Piece(MARKS[stronger], stronger or "fg", ground=GROUND)
    if upper == lower:
        return Piece("█", upper, ground=GROUND) if upper else Piece(" ", ground=GROUND)
    if not upper:
        return Piece("▄", lower, ground=GROUND)
    return Piece("▀", upper, ground=lower or GROUND)
