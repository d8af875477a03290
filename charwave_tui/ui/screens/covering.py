"""What the screens that cover the lab share: the first row, with the run and a word on the line."""

from __future__ import annotations

from typing import Generic, TypeVar

from textual.reactive import reactive
from textual.screen import Screen

from charwave_tui.ui.panes.status import StatusLine
from charwave_tui.ui.view import RunView

Left = TypeVar("Left")
"""What a person leaves on the screen."""


class Covering(Screen[Left], Generic[Left]):
    """A screen that the lab pushes, and binds to what it hears; dismissed with what a person left there."""

    run: reactive[RunView] = reactive(RunView, repaint=False)
    """The run that the engine holds."""
    line: reactive[str] = reactive("", repaint=False)
    """A word on the line to the terminal, where there is something to say."""
    place: reactive[str] = reactive("", repaint=False)
    """Where the engine is and how far away, empty where that is here."""

    def status(self) -> StatusLine:
        """The first row."""
        return StatusLine(id="status").data_bind(Covering.run, Covering.line, Covering.place)
