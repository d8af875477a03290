"""The lab: four panes around one run, and the keys that move it."""

from __future__ import annotations

from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.reactive import reactive

from charwave_tui.client.engine import EngineUnavailable
from charwave_tui.core import protocol
from charwave_tui.core.config import RunConfig
from charwave_tui.core.framing import AnyEvent
from charwave_tui.core.readings import State
from charwave_tui.core.sampling import Sampling
from charwave_tui.ui import composing
from charwave_tui.ui.commands import KEYS
from charwave_tui.ui.conversation import EngineLink
from charwave_tui.ui.notices import notice
from charwave_tui.ui.panes.grid import PaneGrid
from charwave_tui.ui.panes.hyperparameters import HyperparametersPane
from charwave_tui.ui.panes.keys import KeyBar
from charwave_tui.ui.panes.layers import LayersPane
from charwave_tui.ui.panes.loss import LossPane
from charwave_tui.ui.panes.names import NamesPane
from charwave_tui.ui.panes.status import StatusLine
from charwave_tui.ui.screens.drafting import Drafting
from charwave_tui.ui.screens.driving import Driving
from charwave_tui.ui.screens.help import HelpScreen
from charwave_tui.ui.view import Curve, EngineLost, LayersView, NamesView, RunView


class EngineReported(Message):
    """The engine told something, or is gone."""

    def __init__(self, event: AnyEvent | EngineLost) -> None:
        super().__init__()
        self.event = event


class LabScreen(Driving):
    """The four panes, the status line and the keys, around what the conversation with the engine has brought."""

    CSS_PATH = "lab.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in KEYS]

    run: reactive[RunView] = reactive(RunView, repaint=False)
    """The run that the engine holds."""
    curve: reactive[Curve] = reactive(Curve, repaint=False)
    """Its losses."""
    probed: reactive[LayersView] = reactive(LayersView, repaint=False)
    """Its layers."""
    sampled: reactive[NamesView] = reactive(NamesView, repaint=False)
    """Its names."""
    sampling: reactive[Sampling] = reactive(Sampling, repaint=False)
    """What names are drawn with."""
    log_scale: reactive[bool] = reactive(True, repaint=False)
    """Whether losses are drawn by their logarithm."""

    def __init__(self, config: RunConfig, preset: str, engine: EngineLink) -> None:
        super().__init__(config, preset, engine)
        self._engine = engine

    def compose(self) -> ComposeResult:
        yield StatusLine(id="status").data_bind(LabScreen.run)
        with PaneGrid(id="panes"):
            yield HyperparametersPane().data_bind(Drafting.form)
            yield LossPane().data_bind(LabScreen.curve, LabScreen.run, LabScreen.log_scale)
            yield LayersPane().data_bind(LabScreen.run, Drafting.shapes, probed=LabScreen.probed)
            yield NamesPane().data_bind(LabScreen.sampling, names=LabScreen.sampled)
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

    @work(exclusive=True, group="engine")
    async def listen(self) -> None:
        """Pump the engine's events until it goes."""
        reason = ""
        try:
            async for event in self._engine.events():
                self.post_message(EngineReported(event))
        except EngineUnavailable as error:
            reason = str(error)
        self.post_message(EngineReported(EngineLost(reason)))

    def reach(self) -> None:
        self.conversation.reaching_again()
        self.run = self.conversation.view.run
        self.listen()

    def on_engine_reported(self, message: EngineReported) -> None:
        event, before = message.event, self.conversation.state
        first = self.conversation.view.run.state is None
        self.conversation.heard(event)
        view = self.conversation.view
        self.run, self.curve, self.probed, self.sampled = view.run, view.curve, view.layers, view.names
        self.sampling = self.conversation.sampling
        if self.leaving and (farewell := _farewell(event)) is not None:
            self.part(farewell)
            return
        if (said := notice(event, view)) is not None:
            self.notify(said.text, severity=said.severity, markup=False)
        if isinstance(event, protocol.RunOpened) and first and event.state is not State.READY:
            self.form = composing.adopted(self.form, event.config, event.preset)
        elif not isinstance(event, EngineLost):
            self.form = composing.after(self.form, event)
        if self.conversation.state is not before:
            self.refresh_bindings()

    def on_names_pane_sampling_edited(self, message: NamesPane.SamplingEdited) -> None:
        self.sampling = self.conversation.sampling = message.sampling
        self.conversation.draw_names()

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


def _farewell(event: AnyEvent | EngineLost) -> str | None:
    """What an event means to somebody who is waiting to leave; None where it is not what is waited for."""
    match event:
        case protocol.RunSaved(run=run):
            return f"run {run} is saved; charwave-tui sample --run {run} draws names from it"
        case protocol.SaveFailed(run=run, problem=problem):
            return f"run {run} could not be saved: {problem}"
        case EngineLost():
            return ""
        case _:
            return None
