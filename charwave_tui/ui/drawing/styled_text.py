"""Lines of text before they are drawn: pieces with the role of their ink."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len, set_cell_size

from charwave_tui.ui.terminal.glyphs import GLYPHS


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text in the ink of `role`, on the ground of another role, empty for that of the widget."""

    text: str
    role: str = "fg"
    bold: bool = False
    ground: str = ""
    underline: bool = False


StyledLine = tuple[Span, ...]
"""One line of the screen, from left to right."""


GAP = 3
"""Columns between two columns of lines."""


def cell_width(line: Iterable[Span]) -> int:
    """How many columns the pieces take."""
    return sum(cell_len(piece.text) for piece in line)


def justify(left: StyledLine, right: StyledLine, width: int) -> StyledLine:
    """`left` at the left and `right` at the right of exactly `width` columns; what does not fit is cut off."""
    room = max(width - cell_width(right), 0)
    gap = room - cell_width(left)
    return (*left, Span(" " * gap), *right) if gap >= 0 else (*_cropped(left, room), *_cropped(right, width))


def columns(cells: Iterable[StyledLine], widths: Iterable[int]) -> StyledLine:
    """One line of cells, each as wide as `widths` has it, GAP columns apart."""
    line: StyledLine = ()
    for cell, width in zip(cells, widths, strict=True):
        line = (*line, *((Span(" " * GAP),) if line else ()), *justify(cell, (), width))
    return line


def _cropped(line: StyledLine, width: int) -> StyledLine:
    kept = []
    for piece in line:
        fitting = min(cell_len(piece.text), width)
        kept.append(replace(piece, text=set_cell_size(piece.text, fitting)))
        width -= fitting
    return tuple(kept)


def highlighted(line: StyledLine) -> StyledLine:
    """The same line on the raised ground."""
    return tuple(replace(piece, ground="raised") for piece in line)


def scroll_top(top: int, total: int, room: int) -> int:
    """The first of `total` lines to show in `room` lines, so that line `top` stands near the middle."""
    return max(min(top - room // 2, total - room), 0)


def join_within(told: Sequence[str], width: int) -> str:
    """What has to be told, in one border of `width` columns; the last are left out where there is no room for them."""
    kept = list(told)
    while len(kept) > 1 and cell_len(f" {GLYPHS.dot} ".join(kept)) > width:
        kept.pop()
    return f" {GLYPHS.dot} ".join(kept)


def rule(heading: StyledLine, width: int, role: str = "line") -> StyledLine:
    """A heading with a rule behind it, `width` columns wide."""
    room = width - cell_width(heading) - bool(heading)
    return (*heading, Span(" " * bool(heading)), Span(GLYPHS.line * room, role)) if room > 0 else heading


def readable(text: str) -> str:
    """The text with a dot for everything that would move the cursor."""
    return "".join(letter if letter.isprintable() else GLYPHS.dot for letter in text)


def shortened(text: str, width: int) -> str:
    """The text in at most `width` columns, with `…` at the left of a path, else in the middle."""
    if cell_len(text) <= width:
        return text
    room = width - cell_len(GLYPHS.cut)
    if room < 1:
        return _head(text, max(width, 0))
    kept_left = 0 if "/" in text else room // 2
    return _head(text, kept_left) + GLYPHS.cut + _head(text[::-1], room - kept_left)[::-1]


def _head(text: str, width: int) -> str:
    taken = 0
    for index, letter in enumerate(text):
        taken += cell_len(letter)
        if taken > width:
            return text[:index]
    return text


def wrapped(text: str, width: int, most: int) -> list[str]:
    """The text in at most `most` lines of `width` columns; a longer one ends with `…`."""
    lines = textwrap.wrap(readable(text), max(width, 8), break_on_hyphens=False)
    if len(lines) > most:
        lines = [*lines[: most - 1], _head(lines[most - 1], max(width, 8) - cell_len(GLYPHS.cut)) + GLYPHS.cut]
    return lines


def muted_lines(text: str, width: int, most: int) -> tuple[StyledLine, ...]:
    """Wrap the text into at most `most` muted lines of `width` columns."""
    return tuple((Span(line, "muted"),) for line in wrapped(text, width, most))


def fit_groups(groups: Iterable[StyledLine], width: int) -> StyledLine:
    """Join the groups into one line, GAP columns apart, without the last ones that do not fit into `width` columns."""
    line: StyledLine = ()
    for group in groups:
        longer = (*line, Span(" " * GAP), *group) if line else group
        if cell_width(longer) > width:
            break
        line = longer
    return line


def side_by_side(blocks: Sequence[Sequence[StyledLine]], widths: Sequence[int], height: int) -> tuple[StyledLine, ...]:
    """Place blocks of lines next to each other, GAP columns apart: `height` lines, each block in its width."""
    rows = range(height)
    return tuple(columns((block[row] if row < len(block) else () for block in blocks), widths) for row in rows)
