"""The names themselves, in as many columns as there is room for."""

from __future__ import annotations

import math

from rich.cells import set_cell_size
from rich.text import Text
from textual.reactive import reactive

from charwave_tui.core.readings import SampledName
from charwave_tui.ui import numbers
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.pieces import Line, Piece, readable, shortened, spread
from charwave_tui.ui.themes import Inked
from charwave_tui.ui.view import NamesView
from charwave_tui.ui.written import written

NARROWEST = 32
"""Columns that an entry needs before a second one may stand beside it."""

WORDED = 31
"""Columns from which on an entry says `new` or `corpus` beside the glyph."""

BETWEEN = 4
"""Columns between two entries in a row."""


class NameList(Inked):
    """Names with their nll, new ones bright; a page at a time, and a line of summary below."""

    DEFAULT_CSS = """
    NameList { height: 1fr; margin-top: 1; background: $ink-bg; color: $ink-fg; }
    """

    names: reactive[NamesView] = reactive(NamesView)
    """The names as last sampled."""
    top: reactive[int] = reactive(0)
    """The place of the first name that is seen."""
    part: reactive[str] = reactive("", repaint=False)
    """Which names are seen, `1–11 of 50`, where not all are."""

    @property
    def capacity(self) -> int:
        """How many names fit at once."""
        return _rows(self.size.height) * _columns(self.size.width)

    def turn(self, pages: int) -> None:
        """Show the names so many pages on, or back."""
        last = max(0, len(self.names.names) - 1) // max(1, self.capacity)
        page = self.top // max(1, self.capacity) + pages
        self.top = min(max(page, 0), last) * self.capacity
        total = 0 if self.names.refusal else len(self.names.names)
        seen = f"{self.top + 1}{GLYPHS.none}{min(self.top + self.capacity, total)} of {total}"
        self.part = seen if 0 < self.capacity < total else ""

    def watch_names(self, old: NamesView, new: NamesView) -> None:
        if len(old.names) != len(new.names):
            self.top = 0
        self.turn(0)

    def on_resize(self) -> None:
        self.turn(0)

    def render(self) -> Text:
        if self.names.refusal:
            return written(self, _refusal(self.names))
        if not self.names.names:
            return written(self, (Piece("g", "accent", True), Piece(" draws names from the model as it is.", "muted")))
        lines = [written(self, line) for line in self._lines()]
        return Text("\n").join(lines)

    def _lines(self) -> list[Line]:
        width, rows = self.size.width, _rows(self.size.height)
        if not rows or not width:
            return []
        seen = self.names.names[self.top : self.top + self.capacity]
        columns = [seen[start : start + rows] for start in range(0, len(seen), rows)]
        across = _columns(width)
        each = (width - BETWEEN * (across - 1)) // across
        lines: list[Line] = []
        for row in range(len(columns[0])):
            line: Line = ()
            for column in columns:
                if row < len(column):
                    line += ((Piece(" " * BETWEEN),) if line else ()) + entry(column[row], each)
            lines.append(line)
        return [*lines, (), summary(self.names.names, width)]


def entry(sampled: SampledName, width: int) -> Line:
    """A name in `width` columns, its nll, and whether the corpus has it."""
    role = "muted" if sampled.in_corpus else "bright"
    mark = Piece(GLYPHS.corpus, "muted") if sampled.in_corpus else Piece(GLYPHS.new, "train")
    word = f" {'corpus' if sampled.in_corpus else 'new':6}" if width >= WORDED else ""
    figure = f"{numbers.nll(sampled.nll):>6}"
    room = max(1, width - len(figure) - 3 - len(word))
    name = set_cell_size(shortened(readable(sampled.name) or GLYPHS.none, room), room)
    return (
        Piece(name, role),
        Piece(f"{figure}  ", "muted" if sampled.in_corpus else "fg"),
        mark,
        Piece(word, "muted"),
    )


def summary(names: tuple[SampledName, ...], width: int) -> Line:
    """The mean nll of all the names and the share of new ones, at the two ends of `width` columns."""
    finite = [sampled.nll for sampled in names if math.isfinite(sampled.nll)]
    mean = sum(finite) / len(finite) if finite else math.nan
    new = sum(not sampled.in_corpus for sampled in names) / len(names)
    left = (Piece("mean ", "muted"), Piece(numbers.nll(mean), "bright"), Piece(" nll", "muted"))
    return spread(left, (Piece(f"{new:.0%} new", "muted"),), width)


def _refusal(names: NamesView) -> Line:
    sentence = f"{names.refusal[0].upper()}{names.refusal[1:]}".rstrip(".")
    key, does = ("w", "rewinds") if names.spoilt else ("g", "tries again")
    return (Piece(f"{sentence}.\n\n"), Piece(key, "accent", True), Piece(f" {does}.", "muted"))


def _columns(width: int) -> int:
    return max(1, (width + BETWEEN) // (NARROWEST + BETWEEN))


def _rows(height: int) -> int:
    return max(0, height - 2)  # the summary and the empty row above it
