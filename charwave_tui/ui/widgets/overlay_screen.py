"""What the screens that cover the lab share: the first row, with the run and a word on the line."""

from __future__ import annotations

from typing import Generic, TypeVar

from textual.reactive import reactive
from textual.screen import Screen

from charwave_tui.ui.state.run_state import RunViewState
from charwave_tui.ui.widgets.status_bar import StatusBar

Left = TypeVar("Left")
"""What a person leaves on the screen."""


class OverlayScreen(Screen[Left], Generic[Left]):
    """A screen that the lab pushes, and binds to what it hears; dismissed with what a person left there."""

    run: reactive[RunViewState] = reactive(RunViewState, repaint=False)
    """The run that the engine holds."""
    line: reactive[str] = reactive("", repaint=False)
    """A word on the line to the terminal, where there is something to say."""
    place: reactive[str] = reactive("", repaint=False)
    """Where the engine is and how far away, empty where that is here."""

    def status(self) -> StatusBar:
        """The first row."""
        return StatusBar(id="status").data_bind(OverlayScreen.run, OverlayScreen.line, OverlayScreen.place)
