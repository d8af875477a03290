"""The layer screen: one layer from inside, over the lab, live while it trains."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.message import Message
from textual.reactive import reactive

from charwave_tui.ui.asked import Asked
from charwave_tui.ui.insight.asking import Looking
from charwave_tui.ui.layers_view import Inspection, LayersView
from charwave_tui.ui.panes.grid import TABS
from charwave_tui.ui.panes.keys import KeyBar
from charwave_tui.ui.panes.layer import LayerPane
from charwave_tui.ui.screens.covering import Covering
from charwave_tui.ui.screens.help import HelpScreen


class LayerScreen(Covering[Looking]):
    """One layer; dismissed with how a person looked, so that the next look begins there."""

    CSS_PATH = "layer.tcss"

    probed: reactive[LayersView] = reactive(LayersView, repaint=False)
    """Its layers."""
    inspection: reactive[Inspection] = reactive(Inspection, repaint=False)
    """What was found inside the one that was asked for."""

    @dataclass
    class Steered(Message):
        """A key of the lab that holds training, or takes a step."""

        key: str

    def __init__(self, looking: Looking) -> None:
        super().__init__()
        self._pane = LayerPane(looking)
        self._left = False

    def compose(self) -> ComposeResult:
        yield self.status()
        yield self._pane.data_bind(LayerScreen.run, LayerScreen.probed, LayerScreen.inspection)
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        self._pane.focus()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < TABS[0] or event.size.height < TABS[1], "-tiny")

    def on_asked(self, message: Asked) -> None:
        if self._left:
            message.stop()

    def on_layer_walk_wanted(self, message: LayerPane.Wanted) -> None:
        message.stop()
        match message.what:
            case "back":
                if not self._left:
                    self._left = True
                    self.dismiss(self._pane.looked)
            case "help":
                self.app.push_screen(HelpScreen(None, self._pane.keys))
            case key:
                self.post_message(self.Steered(key))
