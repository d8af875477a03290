"""The names themselves, in as many columns as there is room for."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.reactive import reactive

from charwave_tui.core.metrics import SampledName
from charwave_tui.ui.drawing.name_style import mean_nll, novelty_mark, shares, style_name
from charwave_tui.ui.drawing.number_format import format_nll
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, cell_width, justify
from charwave_tui.ui.drawing.theme import ThemedWidget, to_rich_text
from charwave_tui.ui.state.run_state import NamesState
from charwave_tui.ui.terminal.glyphs import GLYPHS

NARROWEST = 32
"""Columns that an entry needs before a second one may stand beside it."""


WORDED = 31
"""Columns from which on an entry says `new`, `near` or `corpus` beside the glyph."""


BETWEEN = 4
"""Columns between two entries in a row."""


class NameList(ThemedWidget):
    """Names with their nll, inked by probability; a page at a time, and a line of summary at the bottom."""

    DEFAULT_CSS = """
    NameList { height: 1fr; margin-top: 1; background: $ink-bg; color: $ink-fg; }
    """

    names: reactive[NamesState] = reactive(NamesState)
    """The names as last sampled."""
    top: reactive[int] = reactive(0)
    """The place of the first name that is seen."""
    part: reactive[str] = reactive("", repaint=False)
    """Which names are seen, `1–11 of 50`, where not all are."""

    def __init__(self) -> None:
        super().__init__()
        self._page = 0  # the one that a person turned to, which is there again once all names have come

    @property
    def capacity(self) -> int:
        """How many names fit at once."""
        return _rows(self.size.height) * _columns(self.size.width)

    def turn(self, pages: int) -> None:
        """Show the names so many pages on, or back; where there are fewer by now, the last page."""
        last = max(0, len(self.names.names) - 1) // max(1, self.capacity)
        if pages:
            self._page = min(max(min(self._page, last) + pages, 0), last)
        self.top = min(self._page, last) * self.capacity
        total = 0 if self.names.refusal else len(self.names.names)
        seen = f"{self.top + 1}{GLYPHS.none}{min(self.top + self.capacity, total)} of {total}"
        self.part = seen if 0 < self.capacity < total else ""

    def watch_names(self) -> None:
        self.turn(0)

    def on_resize(self) -> None:
        self.turn(0)

    def render(self) -> Text:
        if self.names.refusal:
            return to_rich_text(self, _refusal(self.names))
        if not self.names.names:
            return to_rich_text(
                self, (Span("g", "accent", True), Span(" draws names from the model as it is.", "muted"))
            )
        lines = [to_rich_text(self, line) for line in self._lines()]
        return Text("\n").join(lines)

    def _lines(self) -> list[StyledLine]:
        width, rows = self.size.width, _rows(self.size.height)
        if not rows or not width:
            return []
        seen = self.names.names[self.top : self.top + self.capacity]
        # the summary keeps its place, and a name keeps its own as more come
        return [*entry_lines(seen, width, rows), (), names_summary(self.names.names, width)]


def entry_lines(names: Sequence[SampledName], width: int, rows: int) -> list[StyledLine]:
    """The names from the top down in as many columns as fit, always in `rows` lines."""
    across = _columns(width)
    each = (width - BETWEEN * (across - 1)) // across
    lines: list[StyledLine] = [()] * rows
    for place, sampled in enumerate(names[: rows * across]):
        row = place % rows
        lines[row] = (*lines[row], *((Span(" " * BETWEEN),) if lines[row] else ()), *name_entry(sampled, each))
    return lines


def name_entry(sampled: SampledName, width: int) -> StyledLine:
    """A name in `width` columns, its nll, and where it is known from."""
    mark, known = novelty_mark(sampled)
    word = f" {known:6}" if width >= WORDED else ""
    figure = f"{format_nll(sampled.nll):>6}"
    room = max(1, width - len(figure) - 3 - len(word))
    return (
        *justify(style_name(sampled, room), (), room),
        Span(f"{figure}  ", "muted" if sampled.in_corpus else "fg"),
        mark,
        Span(word, "muted"),
    )


def names_summary(names: Sequence[SampledName], width: int) -> StyledLine:
    """The mean nll of the names, and how many are new, near and copied, in the fullest form that fits `width`."""
    of = shares(names)
    parts = ((of.new, "new", GLYPHS.new), (of.near, "near", GLYPHS.near), (of.copied, "copied", GLYPHS.corpus))
    worded = [f"{share:.0%} {word}" for share, word, _ in parts]
    marked = [f"{mark} {share:.0%}" for share, _, mark in parts]
    figure = format_nll(mean_nll(names))
    left: StyledLine = (Span("mean ", "muted"), Span(figure, "bright"), Span(" nll", "muted"))
    brief = left[:2]
    forms = ((left, worded), (left, worded[:2]), (brief, worded[:2]), (brief, marked), (brief, marked[:2]))
    for begun, told in (*forms, (brief, worded[:1])):
        right = (Span("  ".join(told), "muted"),)
        if cell_width(begun) + 2 + cell_width(right) <= width:
            return justify(begun, right, width)
    return justify(brief, (), width)


def _refusal(names: NamesState) -> StyledLine:
    sentence = f"{names.refusal[0].upper()}{names.refusal[1:]}".rstrip(".")
    key, does = ("w", "rewinds") if names.spoilt else ("g", "tries again")
    return (Span(f"{sentence}.\n\n"), Span(key, "accent", True), Span(f" {does}.", "muted"))


def _columns(width: int) -> int:
    return max(1, (width + BETWEEN) // (NARROWEST + BETWEEN))


def _rows(height: int) -> int:
    return max(0, height - 2)  # the summary and the empty row above it
