"""Names: all settings of sampling, the names that come of them, and a close look at one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from charwave_tui.core.protocol import SampleNames
from charwave_tui.core.readings import SampledName
from charwave_tui.core.speaking import ListStars
from charwave_tui.ui.sampler.lines_pane import LinesPane
from charwave_tui.ui.sampler.mode import Mode, refusal, silence
from charwave_tui.ui.sampler.name_rows import readout
from charwave_tui.ui.sampler.name_table import NameTable
from charwave_tui.ui.sampler.setting import Setting
from charwave_tui.ui.sampler.starring import Starring
from charwave_tui.ui.sampler_keys import NAMES_KEYS
from charwave_tui.ui.speech import Speech

THREE_PANES = 126
"""Columns from which a name has a pane of its own to be looked at closely."""


class NamesMode(Setting):
    """The settings at the left, the names at the right; the arrows walk the one that was gone to last."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in NAMES_KEYS]

    title = "Names"
    keys = NAMES_KEYS

    def __init__(self) -> None:
        super().__init__(id="names")
        self._starring = Starring()
        self._table = NameTable("2 Names", id="listed", classes="main")
        self._close = LinesPane("Name", id="close", classes="close")

    def compose(self) -> ComposeResult:
        yield self._settings.data_bind(Mode.sampling)
        yield self._table.data_bind(Mode.names, Mode.sampling)
        yield self._close

    @property
    def listed(self) -> Sequence[SampledName]:
        return self.names.names

    @property
    def here(self) -> SampledName | None:
        return self._table.under_cursor(self.names.names)

    def begin(self) -> None:
        if self.run.engine == "ready":
            self.ask(ListStars())
        if self.ready and not self.names.names:
            self.ask(SampleNames(self.sampling))

    def watch_speech(self, old: Speech, new: Speech) -> None:
        if old.stars is not new.stars:
            self._starring.tell(new.stars)
            self._table.starred = self._starring.names

    def action_walk(self, places: int) -> None:
        if self._settings.active:
            self._settings.walk(places)
        else:
            self._table.walk(places)
            self.update()

    def action_page(self, pages: int) -> None:
        if not self._settings.active:
            self._table.page(pages)
            self.update()

    def action_side(self, side: str) -> None:
        self._settings.active = side == "settings"
        self._table.active = side == "names"
        self.refresh_bindings()

    def action_star(self) -> None:
        if self.here is not None and self.here.name:
            self.ask(self._starring.toggled(self.here, self.run.run, self.names.step))
            self._table.starred = self._starring.names

    def update(self) -> None:
        if not self.is_mounted or not self.on_screen:
            return
        wide = self.size.width >= THREE_PANES
        self._close.display = wide
        self._table.closely = not wide
        if self.names.refusal:
            problem, _, remedy = self.names.refusal.partition("; ")
            self._table.words = tuple(refusal(self.run, problem, remedy, self._table.room[0]))
        else:
            self._table.words = tuple(silence(self.run))
        here = self.here
        self._close.note = here.name if here else ""
        self._close.draw(readout(here, *self._close.room) if here else ())
