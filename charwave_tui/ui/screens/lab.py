"""The lab: four panes around one run, and the keys that move it."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.reactive import reactive

from charwave_tui.ui.commands import KEYS
from charwave_tui.ui.panes.grid import PaneGrid
from charwave_tui.ui.panes.hyperparameters import HyperparametersPane
from charwave_tui.ui.panes.keys import KeyBar
from charwave_tui.ui.panes.layers import LayersPane
from charwave_tui.ui.panes.loss import LossPane
from charwave_tui.ui.panes.names import NamesPane
from charwave_tui.ui.panes.status import StatusLine
from charwave_tui.ui.screens.drafting import Drafting
from charwave_tui.ui.screens.help import HelpScreen
from charwave_tui.ui.screens.listening import Listening
from charwave_tui.ui.screens.visiting import Visiting


class LabScreen(Visiting):
    """The four panes, the status line and the keys, around what the conversation with the engine has brought."""

    CSS_PATH = "lab.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in KEYS]

    log_scale: reactive[bool] = reactive(True, repaint=False)
    """Whether losses are drawn by their logarithm."""

    def compose(self) -> ComposeResult:
        yield StatusLine(id="status").data_bind(Listening.run, Visiting.line, Visiting.place)
        with PaneGrid(id="panes"):
            yield HyperparametersPane().data_bind(Drafting.form)
            yield LossPane().data_bind(Listening.curve, Listening.run, LabScreen.log_scale)
            yield LayersPane().data_bind(Listening.run, Drafting.shapes, probed=Listening.probed)
            yield NamesPane().data_bind(Listening.sampling, names=Listening.sampled)
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        self.action_pane("form")
        self.prepare()
        # the first frame has the machine to itself; the engine, which imports torch, comes after it
        self.call_after_refresh(self.listen)
        self.call_after_refresh(self.read_corpus, self.form.draft.config.corpus)
        self.set_interval(1.0, self.conversation.look)

    def on_resize(self, event: events.Resize) -> None:
        self.query_one(PaneGrid).fit_terminal()

    def on_pane_grid_tiny(self, message: PaneGrid.Tiny) -> None:
        self.set_class(message.tiny, "-tiny")

    def on_names_pane_sampling_edited(self, message: NamesPane.SamplingEdited) -> None:
        self.draw_names(message.sampling)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "zoom" and self.query_one(PaneGrid).in_tabs:
            return None
        return super().check_action(action, parameters)

    def action_names(self) -> None:
        self.conversation.draw_names(again=True)
        self.sampling = self.conversation.sampling

    def action_pane(self, pane_id: str) -> None:
        self.query_one(PaneGrid).go_to(pane_id)

    def action_log(self) -> None:
        self.log_scale = not self.log_scale

    def action_zoom(self) -> None:
        self.query_one(PaneGrid).zoomed ^= True

    def action_help(self) -> None:
        form = self.query_one(HyperparametersPane)
        self.app.push_screen(HelpScreen(form.here if form.has_focus_within or form.has_focus else None))
