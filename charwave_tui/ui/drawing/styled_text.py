"""Lines of styled text before they are rendered: spans with a role instead of a colour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rich.cells import set_cell_size

from charwave_tui.core.escaping import JOINERS, shown_alone
from charwave_tui.ui.terminal.cell_width import cell_len, clusters
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
    return sum(cell_len(span.text) for span in line)


def justify(left: StyledLine, right: StyledLine, width: int) -> StyledLine:
    """Align `left` and `right` to the two ends of exactly `width` columns; what does not fit is cut off."""
    remaining = max(width - cell_width(right), 0)
    gap = remaining - cell_width(left)
    return (*left, Span(" " * gap), *right) if gap >= 0 else (*_crop(left, remaining), *_crop(right, width))


def columns(cells: Iterable[StyledLine], widths: Iterable[int]) -> StyledLine:
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
    """Return a text with nothing before it as it can be shown: unprintable characters, which could move the cursor, as
    dots, and a mark at its head on a dotted circle.
    """
    return shown_alone("".join(symbol if symbol.isprintable() or symbol in JOINERS else GLYPHS.dot for symbol in text))


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
        return _head(text, width)
    head_width = 0 if "/" in text else remaining // 2
    return _head(text, head_width) + GLYPHS.ellipsis + tail_within(text, remaining - head_width)


def tail_within(text: str, width: int) -> str:
    """Return the end of a text that fits in `width` columns, from a character on that is not a mark."""
    return "".join(reversed(list(_fitting(reversed(clusters(text)), width))))


def _head(text: str, width: int) -> str:
    return "".join(_fitting(clusters(text), width))


def _fitting(characters: Iterable[str], width: int) -> Iterator[str]:
    for character in characters:
        width -= cell_len(character)
        if width < 0:
            return
        yield character


def wrap(text: str, width: int, max_lines: int) -> list[str]:
    """Wrap a text into at most `most` lines of `width` columns; a longer one ends with `…`."""
    width = max(width, 8)
    lines: list[str] = []
    for word in readable(text).split():
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
            continue
        while word:
            lines.append(_head(word, width) or clusters(word)[0])
            word = word.removeprefix(lines[-1])
    if len(lines) > max_lines:
        lines = [
            *lines[: max_lines - 1],
            _head(lines[max_lines - 1], width - cell_len(GLYPHS.ellipsis)) + GLYPHS.ellipsis,
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
