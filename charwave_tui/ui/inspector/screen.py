"""The screen around the inspector's pane."""

from __future__ import annotations

from textual import events, on
from textual.app import ComposeResult
from textual.reactive import reactive

from charwave_tui.ui.dialogs.help import HelpScreen
from charwave_tui.ui.inspector.pane import InspectorPane
from charwave_tui.ui.messages import Requested, ScreenRequest, SendCommand
from charwave_tui.ui.state.inspector_state import InspectorSelection
from charwave_tui.ui.state.run_state import InspectionState, LayersState
from charwave_tui.ui.widgets.key_bar import KeyBar
from charwave_tui.ui.widgets.overlay_screen import OverlayScreen
from charwave_tui.ui.widgets.pane_grid import TABS


class InspectorScreen(OverlayScreen[InspectorSelection]):
    """Shows one layer, live while it trains; dismissed with the last selection."""

    CSS_PATH = "screen.tcss"

    probed: reactive[LayersState] = reactive(LayersState, repaint=False)
    inspection: reactive[InspectionState] = reactive(InspectionState, repaint=False)

    def __init__(self, selection: InspectorSelection) -> None:
        super().__init__()
        self._pane = InspectorPane(selection)
        self._is_closing = False

    def compose(self) -> ComposeResult:
        yield self.make_status_bar()
        yield self._pane.data_bind(InspectorScreen.run, InspectorScreen.probed, InspectorScreen.inspection)
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        self._pane.focus()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < TABS[0] or event.size.height < TABS[1], "-tiny")

    @on(SendCommand)
    def drop_late_command(self, message: SendCommand) -> None:
        if self._is_closing:
            message.stop()

    @on(ScreenRequest)
    def answer_request(self, message: ScreenRequest) -> None:
        message.stop()
        match message.requested:
            case Requested.BACK:
                if not self._is_closing:
                    self._is_closing = True
                    self.dismiss(self._pane.selection)
            case Requested.HELP:
                self.app.push_screen(HelpScreen(None, self._pane.keys))
