"""The base of the screens over the lab, with the status bar in their first row."""

from __future__ import annotations

from typing import Generic, TypeVar

from textual.reactive import reactive
from textual.screen import Screen

from charwave_tui.ui.state.run_state import RunViewState
from charwave_tui.ui.widgets.status_bar import StatusBar

ViewState = TypeVar("ViewState")


class OverlayScreen(Screen[ViewState], Generic[ViewState]):
    """A screen that the lab pushes and binds its state to; dismissed with the view state to restore later.

    `run` is the engine's run, `line` a notice on the line to the terminal, and `place` the host of the engine with its
    latency, empty if it is local.
    """

    run: reactive[RunViewState] = reactive(RunViewState, repaint=False)
    connection_notice: reactive[str] = reactive("", repaint=False)
    engine_host: reactive[str] = reactive("", repaint=False)

    def make_status_bar(self) -> StatusBar:
        return StatusBar(id="status").data_bind(
            OverlayScreen.run, OverlayScreen.connection_notice, OverlayScreen.engine_host
        )
