"""Lines of styled text before they are rendered: spans with a role instead of a colour."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len, set_cell_size

from charwave_tui.ui.terminal.glyphs import GLYPHS


@dataclass(frozen=True, slots=True)
class Span:
    """Text in the palette colour `role`, on the background `ground`, also a role; empty is the widget's own."""

    text: str
    role: str = "fg"
    bold: bool = False
    background: str = ""
    underline: bool = False


StyledLine = tuple[Span, ...]

GAP = 3  # blank columns between the cells of `columns`


def cell_width(line: Iterable[Span]) -> int:
    """Return the width of a line in terminal columns."""
    return sum(cell_len(span.text) for span in line)


def justify(left: StyledLine, right: StyledLine, width: int) -> StyledLine:
    """Align `left` and `right` to the two ends of exactly `width` columns; what does not fit is cut off."""
    remaining = max(width - cell_width(right), 0)
    gap = remaining - cell_width(left)
    return (*left, Span(" " * gap), *right) if gap >= 0 else (*_crop(left, remaining), *_crop(right, width))


def columns(cells: Iterable[StyledLine], widths: Iterable[int]) -> StyledLine:
    """Join cells of the given widths into one line, GAP columns apart."""
    line: StyledLine = ()
    for cell, width in zip(cells, widths, strict=True):
        line = (*line, *((Span(" " * GAP),) if line else ()), *justify(cell, (), width))
    return line


def _crop(line: StyledLine, width: int) -> StyledLine:
    spans = []
    for span in line:
        span_width = min(cell_len(span.text), width)
        spans.append(replace(span, text=set_cell_size(span.text, span_width)))
        width -= span_width
    return tuple(spans)


def highlight(line: StyledLine) -> StyledLine:
    """Return the line on the raised background."""
    return tuple(replace(span, background="raised") for span in line)


def scroll_top(top: int, total: int, height: int) -> int:
    """Return the first of `total` lines to show in `room` lines, so that line `top` is near the middle."""
    return max(min(top - height // 2, total - height), 0)


def join_within(texts: Sequence[str], width: int) -> str:
    """Join texts by a dot in `width` columns; the last ones are left out if they do not fit."""
    count = len(texts)
    separator = f" {GLYPHS.dot} "
    while count > 1 and cell_len(separator.join(texts[:count])) > width:
        count -= 1
    return separator.join(texts[:count])


def rule(heading: StyledLine, width: int, role: str = "line") -> StyledLine:
    """Return a heading with a rule behind it, `width` columns wide."""
    remaining = width - cell_width(heading) - bool(heading)
    return (*heading, Span(" " * bool(heading)), Span(GLYPHS.line * remaining, role)) if remaining > 0 else heading


def readable(text: str) -> str:
    """Replace unprintable characters, which could move the cursor, by dots."""
    return "".join(character if character.isprintable() else GLYPHS.dot for character in text)


def to_sentence(text: str) -> str:
    """Return the text with a capital and a full stop; an empty one stays empty."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def key_span(key: str) -> Span:
    return Span(key, "accent", True)


def shorten(text: str, width: int) -> str:
    """Shorten a text to `width` columns, with `…` at the left of a path, else in the middle."""
    if cell_len(text) <= width:
        return text
    remaining = width - cell_len(GLYPHS.ellipsis)
    if remaining < 1:
        return _head(text, max(width, 0))
    head_width = 0 if "/" in text else remaining // 2
    return _head(text, head_width) + GLYPHS.ellipsis + _head(text[::-1], remaining - head_width)[::-1]


def _head(text: str, width: int) -> str:
    total = 0
    for index, character in enumerate(text):
        total += cell_len(character)
        if total > width:
            return text[:index]
    return text


def wrap(text: str, width: int, max_lines: int) -> list[str]:
    """Wrap a text into at most `most` lines of `width` columns; a longer one ends with `…`."""
    lines = textwrap.wrap(readable(text), max(width, 8), break_on_hyphens=False)
    if len(lines) > max_lines:
        lines = [
            *lines[: max_lines - 1],
            _head(lines[max_lines - 1], max(width, 8) - cell_len(GLYPHS.ellipsis)) + GLYPHS.ellipsis,
        ]
    return lines


def muted_lines(text: str, width: int, most: int) -> tuple[StyledLine, ...]:
    """Wrap the text into at most `most` muted lines of `width` columns."""
    return tuple((Span(line, "muted"),) for line in wrap(text, width, most))


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
