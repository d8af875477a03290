"""Pictures in half blocks: one column a unit, two rows a line, each cell in the ink of a role."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import groupby, zip_longest
from operator import itemgetter

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
    width, blocks = max(map(len, rows), default=0), shaded()
    pairs = zip_longest(rows[::2], rows[1::2], fillvalue=())
    return tuple(_line(_filled(upper, width), _filled(lower, width), blocks) for upper, lower in pairs)


def swatch(role: str) -> Piece:
    """The sign of a role in a key to the picture: a block of its ink, or its mark."""
    return Piece("█" if shaded() else MARKS[role], role)


def merged() -> tuple[Line, ...]:
    """What the key to a picture adds where a mark stands for both rows of a line."""
    return () if shaded() else ((Piece("a mark is the stronger of two rows", "muted"),),)


def shaded() -> bool:
    """Whether there are blocks of half cells, and inks enough to tell sizes by."""
    return GLYPHS.fine and TERMINAL.shades


def _filled(row: Sequence[str], width: int) -> list[str]:
    return [*row, *[""] * (width - len(row))]


def _line(upper: list[str], lower: list[str], blocks: bool) -> Line:
    line: list[Piece] = []
    cells = [_cell(*pair, blocks) for pair in zip(upper, lower, strict=True)]
    for (role, ground), run in groupby(cells, key=itemgetter(1, 2)):
        line.append(Piece("".join([text for text, _, _ in run]), role, ground=ground))
    return tuple(line)


@cache
def _cell(upper: str, lower: str, blocks: bool) -> tuple[str, str, str]:
    """What is written for two roles above each other, in what ink and on what ground."""
    if not blocks:
        stronger = max(upper, lower, key=_STRENGTH.__getitem__)
        return MARKS[stronger], stronger or "fg", GROUND
    if upper == lower:
        return ("█", upper, GROUND) if upper else (" ", "fg", GROUND)
    if not upper:
        return "▄", lower, GROUND
    return "▀", upper, lower or GROUND
