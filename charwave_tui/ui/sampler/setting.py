"""The half of the names that takes what a person sets, and draws with it."""

from __future__ import annotations

from textual.timer import Timer

from charwave_tui.core.protocol import SampleNames
from charwave_tui.ui.asked import Asked
from charwave_tui.ui.sampler.listed import Listed
from charwave_tui.ui.sampler.settings_pane import SettingsPane
from charwave_tui.ui.sampler_keys import NAMES_KEYS

DRAW_AFTER = 0.15
"""Seconds of rest after an edit before names are drawn, so that nudging along does not draw each."""


class Setting(Listed):
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

    def action_set(self, how: str) -> None:
        if not self._settings.active:
            return
        self._settings.set(how)
        self.refresh_bindings()

    def _draw(self) -> None:
        if self._drawing is not None:
            self._drawing.stop()
            self._drawing = None
        self.post_message(Asked(SampleNames(self.sampling)))


_OWN = frozenset(key.action.partition("(")[0] for key in NAMES_KEYS)
