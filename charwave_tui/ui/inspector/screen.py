"""The layer screen: one layer from inside, over the lab, live while it trains."""

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
    """One layer; dismissed with how a person looked, so that the next look begins there."""

    CSS_PATH = "screen.tcss"

    probed: reactive[LayersState] = reactive(LayersState, repaint=False)
    """Its layers."""
    inspection: reactive[InspectionState] = reactive(InspectionState, repaint=False)
    """What was found inside the one that was asked for."""

    def __init__(self, looking: InspectorSelection) -> None:
        super().__init__()
        self._pane = InspectorPane(looking)
        self._left = False

    def compose(self) -> ComposeResult:
        yield self.make_status_bar()
        yield self._pane.data_bind(InspectorScreen.run, InspectorScreen.probed, InspectorScreen.inspection)
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        self._pane.focus()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < TABS[0] or event.size.height < TABS[1], "-tiny")

    @on(SendCommand)
    def on_asked(self, message: SendCommand) -> None:
        if self._left:
            message.stop()

    @on(ScreenRequest)
    def answer_request(self, message: ScreenRequest) -> None:
        message.stop()
        match message.requested:
            case Requested.BACK:
                if not self._left:
                    self._left = True
                    self.dismiss(self._pane.looked)
            case Requested.HELP:
                self.app.push_screen(HelpScreen(None, self._pane.keys))
