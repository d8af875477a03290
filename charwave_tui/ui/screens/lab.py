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
from charwave_tui.core.places import log_path
from charwave_tui.core.protocol import AnyEvent, State
from charwave_tui.core.readings import Split
from charwave_tui.core.sampling import Sampling
from charwave_tui.ui import composing
from charwave_tui.ui.commands import KEYS
from charwave_tui.ui.conversation import EngineLink
from charwave_tui.ui.panes.grid import PaneGrid
from charwave_tui.ui.panes.hyperparameters import HyperparametersPane
from charwave_tui.ui.panes.keys import KeyBar
from charwave_tui.ui.panes.layers import LayersPane
from charwave_tui.ui.panes.loss import LossPane
from charwave_tui.ui.panes.names import NamesPane
from charwave_tui.ui.panes.status import StatusLine
from charwave_tui.ui.screens.drafting import Drafting
from charwave_tui.ui.screens.help import HelpScreen
from charwave_tui.ui.screens.questions import ask_for_new_run, ask_for_quit, said
from charwave_tui.ui.view import Curve, EngineLost, LayersView, NamesView, RunView

SAVED_WITHIN = 10.0
"""Seconds that leaving waits for the run to be saved; the engine goes on saving after that."""


class EngineReported(Message):
    """The engine told something, or is gone."""

    def __init__(self, event: AnyEvent | EngineLost) -> None:
        super().__init__()
        self.event = event


class LabScreen(Drafting):
    """The four panes; it is dismissed with what there is to say on the way out."""

    CSS_PATH = "lab.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in KEYS]

    run: reactive[RunView] = reactive(RunView)
    """The run that the engine holds."""
    curve: reactive[Curve] = reactive(Curve)
    """Its losses."""
    probed: reactive[LayersView] = reactive(LayersView)
    """Its layers."""
    sampled: reactive[NamesView] = reactive(NamesView)
    """Its names."""
    sampling: reactive[Sampling] = reactive(Sampling)
    """What names are drawn with."""
    log_scale: reactive[bool] = reactive(True)
    """Whether losses are drawn by their logarithm."""

    def __init__(self, config: RunConfig, preset: str, engine: EngineLink) -> None:
        super().__init__(config, preset, engine)
        self._engine = engine
        self._leaving = False
        self._left = False

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

    def on_engine_reported(self, message: EngineReported) -> None:
        event, first = message.event, self.conversation.view.run.state is None
        self.conversation.heard(event)
        view = self.conversation.view
        self.run, self.curve, self.probed, self.sampled = view.run, view.curve, view.layers, view.names
        self.sampling = self.conversation.sampling
        match event:
            case EngineLost(reason=reason):
                self._lost(reason)
                return
            case protocol.RunOpened(config=config, preset=name, state=state) if first and state is not State.READY:
                self.form = composing.adopted(self.form, config, name)
            case protocol.CommandRefused(problem=problem, remedy=remedy):
                self.notify(f"{problem}\n{remedy}", severity="warning", markup=False)
            case protocol.SplitEvaluated(evaluation=evaluation) if evaluation.split is Split.TEST:
                self.notify(said(view.curve, evaluation.step), markup=False)
            case protocol.SaveFailed(run=run, problem=problem):
                self.notify(
                    f"run {run} is not being saved: {problem}\ntraining goes on", severity="error", markup=False
                )
            case protocol.EngineFailed(problem=problem, log=log):
                self.notify(f"the engine met a fault: {problem}\nits log is {log}", severity="error", markup=False)
            case protocol.RunSaved(run=run) if self._leaving:
                self._part(f"run {run} is saved; charwave-tui sample --run {run} draws names from it")
        self.form = composing.after(self.form, event)
        self.refresh_bindings()

    def _lost(self, reason: str) -> None:
        if self._leaving:
            self._part("")
        else:
            why = reason or f"the engine ended; its log is {log_path()}"
            self.notify(f"{why}\nt starts another one; what was saved is safe", severity="error", markup=False)

    def on_names_pane_sampling_edited(self, message: NamesPane.SamplingEdited) -> None:
        self.sampling = self.conversation.sampling = message.sampling
        self.conversation.draw_names()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "steer" and not self.conversation.means(str(parameters[0]), self.form.draft):
            return None
        return super().check_action(action, parameters)

    @work
    async def action_steer(self, key: str) -> None:
        """Give the command of a key; training over a run in progress is asked about first."""
        if self.conversation.begins(key) and not self.sound():
            self.action_pane("form")
            return
        if key == "train" and self.run.in_progress and not await self.app.push_screen_wait(ask_for_new_run(self.run)):
            return
        if self.run.engine == "lost":
            self.conversation.reaching_again()
            self.run = self.conversation.view.run
            self.listen()
        self.conversation.steer(key, self.form.draft)
        self.refresh_bindings()

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

    @work
    async def action_leave(self) -> None:
        """Leave; a run in progress is stopped and saved first, one in training after a question."""
        if self.run.state is State.TRAINING and not await self.app.push_screen_wait(ask_for_quit(self.run)):
            return
        if self.run.in_progress and self.run.engine == "ready":
            self._leaving = True
            self.conversation.steer("stop", self.form.draft)
            self.set_timer(SAVED_WITHIN, lambda: self._part("the engine is still saving the run"))
        else:
            self._part("")

    def _part(self, farewell: str) -> None:
        """Be dismissed, which there may be several reasons for, but only once."""
        if not self._left:
            self._left = True
            self.dismiss(farewell)
