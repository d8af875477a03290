"""An app that fits its terminal: the theme for its colours and its background, and whose the mouse is."""

from __future__ import annotations

from dataclasses import replace

from charwave_tui.ui.abilities import TERMINAL
from charwave_tui.ui.driver import BackgroundTold, TerminalDriver
from charwave_tui.ui.painting import Painting
from charwave_tui.ui.themes import themes


class Fitting(Painting):
    """Has our themes alone, and begins with `theme` (`dark`), or without one with what the terminal calls for."""

    def __init__(self, fps: int | None, theme: str | None) -> None:
        super().__init__(fps)
        foreign = list(self.available_themes)
        for known in themes():
            self.register_theme(known)
        self._fitting_theme = None if theme else TERMINAL.theme
        self.theme = self._fitting_theme or f"charwave-{theme}"
        for name in foreign:
            self.unregister_theme(name)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes()[0].variables

    def on_background_told(self, message: BackgroundTold) -> None:
        if self.theme == self._fitting_theme:
            self.theme = self._fitting_theme = replace(TERMINAL, light=message.light).theme

    def action_mouse(self) -> None:
        """Give the mouse to the terminal, for selecting and copying, or take it back."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.mouse ^= True
            ours = self._driver.mouse
            self.notify("the mouse is taken back" if ours else "the terminal has the mouse\nm takes it back")
