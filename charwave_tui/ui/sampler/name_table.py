"""The pane of names to walk along."""

from __future__ import annotations

from collections.abc import Sequence

from textual.reactive import reactive

from charwave_tui.core.readings import SampledName
from charwave_tui.core.sampling import Sampling
from charwave_tui.ui.panes.name_list import summary
from charwave_tui.ui.pieces import Line, rule
from charwave_tui.ui.sampler.lines_pane import LinesPane
from charwave_tui.ui.sampler.name_rows import across, name_rows, readout, remark
from charwave_tui.ui.view import NamesView

CLOSE = 5
"""Lines that the name under the cursor has below the list."""

TALL = 14
"""Rows from which there is room for it there."""


class NameTable(LinesPane):
    """Names with a cursor; `closely` shows the one under it character by character below the list."""

    names: reactive[NamesView] = reactive(NamesView, repaint=False)
    """The names as last drawn."""
    sampling: reactive[Sampling] = reactive(Sampling, repaint=False)
    """What they were drawn with."""
    starred: reactive[frozenset[str]] = reactive(frozenset, repaint=False)
    """The names that are starred."""
    active: reactive[bool] = reactive(False, repaint=False)
    """Whether the arrows walk them."""
    words: reactive[tuple[Line, ...]] = reactive((), repaint=False)
    """Why there are no names."""
    closely: reactive[bool] = reactive(False, repaint=False)
    """Whether the name under the cursor is looked at closely here."""

    def __init__(self, title: str, *, id: str, classes: str) -> None:
        super().__init__(title, id=id, classes=classes)
        self._here = 0

    def under_cursor(self, names: Sequence[SampledName]) -> SampledName | None:
        """The one of `names` on which the cursor is."""
        return names[min(self._here, len(names) - 1)] if names else None

    def walk(self, places: int) -> None:
        """Move the cursor."""
        last = len(self.names.names) - 1
        self._here = max(min(min(self._here, last) + places, last), 0)
        self.update()

    def page(self, pages: int) -> None:
        """Move the cursor by what is seen at once."""
        self.walk(pages * max(self._rows, 1) * across(self.room[0]))

    def watch_names(self) -> None:
        self.update()

    def watch_starred(self) -> None:
        self.update()

    def watch_active(self, active: bool) -> None:
        self.set_class(active, "keyed")
        self.update()

    def watch_words(self) -> None:
        self.update()

    def watch_closely(self) -> None:
        self.update()

    def on_resize(self) -> None:
        self.update()

    @property
    def _rows(self) -> int:
        """Rows of names that are seen."""
        height = self.room[1]
        close = CLOSE if self.closely and height >= TALL else 0
        return max(height - 2 - close, 1)

    def update(self) -> None:
        """Draw what changed."""
        width, height = self.room
        if not self.is_mounted or not width or not height:
            return
        listed = self.names.names
        here = self.under_cursor(listed)
        if here is None:
            self.note = self.remark = ""
            self.draw(self.words)
            return
        place = min(self._here, len(listed) - 1)
        lines: list[Line] = name_rows(listed, place, self.active, self.starred, width, self._rows)
        lines += [(), summary(listed, width)][-max(height - len(lines), 0) :]
        if self.closely and height >= TALL:
            lines += [rule((), width), *readout(here, width, CLOSE - 1)]
        self.draw(lines)
        self.note = f"{place + 1} of {len(listed):,}"
        self.remark = remark(self.names, self.sampling)
