"""Names: all settings of sampling, the names that come of them, and a close look at one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.timer import Timer

from charwave_tui.core.protocol import SampleNames
from charwave_tui.core.readings import SampledName
from charwave_tui.core.speaking import ListStars
from charwave_tui.ui.sampler.lines_pane import LinesPane
from charwave_tui.ui.sampler.listed import Listed
from charwave_tui.ui.sampler.mode import Mode, refusal, silence
from charwave_tui.ui.sampler.name_rows import readout
from charwave_tui.ui.sampler.name_table import NameTable
from charwave_tui.ui.sampler.settings_pane import SettingsPane
from charwave_tui.ui.sampler.starring import Starring
from charwave_tui.ui.sampler_keys import NAMES_KEYS
from charwave_tui.ui.speech import Speech

DRAW_AFTER = 0.15
"""Seconds of rest after an edit before names are drawn, so that nudging along does not draw each."""

THREE_PANES = 126
"""Columns from which a name has a pane of its own to be looked at closely."""


class NamesMode(Listed):
    """The settings at the left, the names at the right; the arrows walk the one that was gone to last."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in NAMES_KEYS]

    title = "Names"
    keys = NAMES_KEYS

    def __init__(self) -> None:
        super().__init__(id="names")
        self._starring = Starring()
        self._drawing: Timer | None = None
        self._settings = SettingsPane()
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

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if self._settings.editor.is_open and action in _OWN:
            return False
        if action == "set":
            return True if self._settings.active else None
        return super().check_action(action, parameters)

    async def _on_key(self, event: events.Key) -> None:
        editor = self._settings.editor
        if editor.is_open and event is not editor.last_key:
            # Typed right behind the Enter that opened the editor, so it is meant for the editor.
            event.stop()
            event.prevent_default()
            editor.post_message(events.Key(event.key, event.character))

    def on_settings_pane_edited(self, message: SettingsPane.Edited) -> None:
        message.stop()
        if not message.nudged:
            self.take_keys()
        if message.sampling == self.sampling:
            return
        self.sampling = message.sampling
        if self._drawing is not None:
            self._drawing.stop()
        self._drawing = self.set_timer(DRAW_AFTER, self._draw)

    def action_want(self, what: str, places: int = 0) -> None:
        if self._drawing is not None or self._settings.sampling != self.sampling:
            self.sampling = self._settings.sampling  # what is left before it rested has been set all the same
            self._draw()
        super().action_want(what, places)

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

    def action_set(self, how: str) -> None:
        if not self._settings.active:
            return
        self._settings.set(how)
        self.refresh_bindings()

    def action_star(self) -> None:
        if self.here is not None and self.here.name:
            self.ask(self._starring.toggled(self.here, self.run.run, self.names.step))
            self._table.starred = self._starring.names

    def _draw(self) -> None:
        if self._drawing is not None:
            self._drawing.stop()
            self._drawing = None
        self.post_message(self.Asked(SampleNames(self.sampling)))

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


_OWN = frozenset(key.action.partition("(")[0] for key in NAMES_KEYS)
