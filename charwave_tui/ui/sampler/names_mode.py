"""Names and settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.timer import Timer

from charwave_tui.core.metrics import SampledName
from charwave_tui.core.protocol.commands import ListStars, SampleNames
from charwave_tui.ui.keymap import NAMES_KEYS
from charwave_tui.ui.messages import SendCommand
from charwave_tui.ui.sampler.mode import NameListMode, SamplerMode, StarredSet, empty_state_text, refusal
from charwave_tui.ui.sampler.names_table import NamesTable, name_detail
from charwave_tui.ui.sampler.settings_pane import SettingsPane
from charwave_tui.ui.state.sampler_state import SamplerState
from charwave_tui.ui.widgets.text_lines import TextPane

DRAW_AFTER = 0.15
"""Seconds of rest after an edit before names are drawn, so that nudging along does not draw each."""


class Setting(NameListMode):
    """A mode with the settings of sampling, which takes an edit at once and draws once it rests."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._drawing: Timer | None = None
        self._settings = SettingsPane()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if self._settings.editor.is_open and action in _OWN:
            return False
        if action == "set":
            return True if self._settings.active else None
        return super().check_action(action, parameters)

    @on(SettingsPane.Edited)
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

    def action_request(self, requested: str) -> None:
        if self._drawing is not None or self._settings.sampling != self.sampling:
            self.sampling = self._settings.sampling  # what is left before it rested has been set all the same
            self._draw()
        super().action_request(requested)

    def action_set(self, how: str) -> None:
        if not self._settings.active:
            return
        self._settings.set(how)
        self.refresh_bindings()

    def _draw(self) -> None:
        if self._drawing is not None:
            self._drawing.stop()
            self._drawing = None
        self.post_message(SendCommand(SampleNames(self.sampling)))


_OWN = frozenset(key.action.partition("(")[0] for key in NAMES_KEYS)


THREE_PANES = 126
"""Columns from which a name has a pane of its own to be looked at closely."""


class NamesMode(Setting):
    """The settings at the left, the names at the right; the arrows walk the one that was gone to last."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in NAMES_KEYS]

    title = "Names"
    keys = NAMES_KEYS

    def __init__(self) -> None:
        super().__init__(id="names")
        self._starring = StarredSet()
        self._table = NamesTable("2 Names", id="listed", classes="main")
        self._close = TextPane("Name", id="close", classes="close")

    def compose(self) -> ComposeResult:
        yield self._settings.data_bind(SamplerMode.sampling)
        yield self._table.data_bind(SamplerMode.names, SamplerMode.sampling)
        yield self._close

    @property
    def names_shown(self) -> Sequence[SampledName]:
        return self.names.names

    @property
    def current_name(self) -> SampledName | None:
        return self._table.under_cursor(self.names.names)

    def load(self) -> None:
        if self.run.is_connected:
            self.ask(ListStars())
        if self.ready and not self.names.names:
            self.ask(SampleNames(self.sampling))

    def watch_speech(self, old: SamplerState, new: SamplerState) -> None:
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
        if self.current_name is not None and self.current_name.name:
            self.ask(self._starring.toggled(self.current_name, self.run.run, self.names.step))
            self._table.starred = self._starring.names

    def update(self) -> None:
        if not self.is_mounted or not self.on_screen:
            return
        wide = self.size.width >= THREE_PANES
        self._close.display = wide
        self._table.detailed = not wide
        if self.names.refusal:
            problem, _, remedy = self.names.refusal.partition("; ")
            self._table.words = tuple(refusal(self.run, problem, remedy, self._table.inner_size[0]))
        else:
            self._table.words = tuple(empty_state_text(self.run))
        here = self.current_name
        self._close.note = here.name if here else ""
        self._close.set_lines(name_detail(here, *self._close.inner_size) if here else ())
