"""The lab: the screen with the form, the loss curve, the layers and the names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.reactive import Reactive, reactive
from textual.screen import Screen
from textual.timer import Timer

from charwave_tui.core.config.layer_shapes import LayerShape
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import Command, ForkRun, PredictNext, ResumeRun, SampleNames
from charwave_tui.core.protocol.events import Event, RunSaved, SaveFailed
from charwave_tui.core.store.run_record import RESUMABLE_STATES
from charwave_tui.ui.dialogs.help import HelpScreen
from charwave_tui.ui.dialogs.lab_dialogs import (
    FinishedRunChoice,
    QuitChoice,
    confirm_new_run,
    confirm_quit,
    confirm_restart,
    confirm_training_on,
    pick_field_value,
    pick_what_if,
)
from charwave_tui.ui.keymap import LAB_KEYS
from charwave_tui.ui.lab.engine_feed import EngineEvent, EngineFeed, OutdatedEngineFound
from charwave_tui.ui.lab.form_controller import CorpusLoaded, FormController
from charwave_tui.ui.lab.hyperparameters_pane import HyperparametersPane
from charwave_tui.ui.lab.layers_pane import LayersPane
from charwave_tui.ui.lab.loss_pane import LossPane
from charwave_tui.ui.lab.names_pane import NamesPane
from charwave_tui.ui.messages import FieldEdited, LayerOpened, PickRequested, PresetChosen, SamplingEdited
from charwave_tui.ui.state.engine_controller import EngineClientProtocol, EngineController, RunKey
from charwave_tui.ui.state.form_state import Draft, FormState, Problem, apply_what_if, initial_form
from charwave_tui.ui.state.inspector_state import InspectorSelection, selection_for
from charwave_tui.ui.state.notifications import exit_message, saved_message
from charwave_tui.ui.state.run_state import (
    ConnectionState,
    EngineDisconnected,
    InspectionState,
    LayersState,
    LossCurveState,
    NamesState,
    RunsState,
    RunViewState,
)
from charwave_tui.ui.state.runs_state import RunsViewOptions
from charwave_tui.ui.state.sampler_state import SamplerState
from charwave_tui.ui.widgets.key_bar import KeyBar
from charwave_tui.ui.widgets.overlay_screen import OverlayScreen, ViewState
from charwave_tui.ui.widgets.pane_grid import PaneGrid
from charwave_tui.ui.widgets.status_bar import StatusBar

if TYPE_CHECKING:
    from charwave_tui.ui.sampler.screen import SamplerMemory

SAVE_TIMEOUT_SECONDS = 10.0  # for quitting after a stop; the engine goes on saving after that

POLL_INTERVAL_SECONDS = 1.0  # of the layer statistics in training


@dataclass
class ScreenMemory:
    """View state of the runs, inspector and sampler screens, restored when they are opened again."""

    runs: RunsViewOptions = field(default_factory=RunsViewOptions)
    inspector: InspectorSelection = field(default_factory=InspectorSelection)
    sampler: SamplerMemory | None = None


class LabScreen(Screen[str]):
    """The four panes between the status bar and the keys; dismissed with the message to print on exit.

    `keeps_config` says that the user chose `config` for this start, so that no run that the engine has replaces it.
    """

    CSS_PATH = "screen.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*LAB_KEYS]

    run: reactive[RunViewState] = reactive(RunViewState, repaint=False)
    curve: reactive[LossCurveState] = reactive(LossCurveState, repaint=False)
    probed: reactive[LayersState] = reactive(LayersState, repaint=False)  # `layers` is an attribute of every widget
    inspection: reactive[InspectionState] = reactive(InspectionState, repaint=False)
    names: reactive[NamesState] = reactive(NamesState, repaint=False)
    stored_runs: reactive[RunsState] = reactive(RunsState, repaint=False)
    replies: reactive[SamplerState] = reactive(SamplerState, repaint=False)
    sampling: reactive[SamplingConfig] = reactive(SamplingConfig, repaint=False)
    form: reactive[FormState] = reactive(FormState, repaint=False)
    shapes: reactive[tuple[LayerShape, ...]] = reactive((), repaint=False)
    connection_notice: reactive[str] = reactive("", repaint=False)
    engine_host: reactive[str] = reactive("", repaint=False)
    log_scale: reactive[bool] = reactive(True, repaint=False)

    def __init__(self, config: RunConfig, preset: str, engine: EngineClientProtocol, keeps_config: bool) -> None:
        super().__init__()
        form = initial_form(config, preset)
        self.set_reactive(LabScreen.form, form)
        self.controller = EngineController(engine, SamplingConfig())
        self.context_text = ""  # of the sampler's prefix, shown by the inspector
        self._engine = engine
        self._feed = EngineFeed(self, engine)
        self._form = FormController(self, self.controller, form, self._show_form, keeps_config=keeps_config)
        self._memory = ScreenMemory()
        self._save_timer: Timer | None = None  # runs while quitting waits for the run to be saved
        self._is_dismissed = False

    def compose(self) -> ComposeResult:
        yield StatusBar(id="status").data_bind(LabScreen.run, LabScreen.connection_notice, LabScreen.engine_host)
        with PaneGrid(id="panes"):
            yield HyperparametersPane().data_bind(LabScreen.form)
            yield LossPane().data_bind(LabScreen.curve, LabScreen.run, LabScreen.log_scale)
            yield LayersPane().data_bind(LabScreen.run, LabScreen.shapes, LabScreen.probed)
            yield NamesPane().data_bind(LabScreen.sampling, LabScreen.names)
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        self.action_pane("form")
        self._form.prepare()
        # the first frame has the machine to itself; the engine, which imports torch, comes after it
        self.call_after_refresh(self._feed.start)
        self.call_after_refresh(self._form.load_corpus)
        self.set_interval(POLL_INTERVAL_SECONDS, self.controller.poll_layers)

    def on_resize(self, event: events.Resize) -> None:
        self.query_one(PaneGrid).update_layout()

    @on(PaneGrid.TooSmall)
    def set_tiny(self, message: PaneGrid.TooSmall) -> None:
        self.set_class(message.tiny, "-tiny")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action, *parameters:
            case "control_run", str(key) if not self.controller.is_available(key, self.form.draft):
                return False if key == RunKey.REWIND else None  # a key that is so rarely available is hidden
            case ("zoom",) if self.query_one(PaneGrid).in_tabs:
                return None
            case _:
                return super().check_action(action, parameters)

    # events of the engine

    @on(EngineEvent)
    def handle_engine_event(self, message: EngineEvent) -> None:
        event = message.event
        previous_state, previous_run = self.controller.run_state, self.controller.lab_state.run
        notification = self.controller.handle_event(event)
        self._show_engine_state()
        if notification is not None:
            self.notify(notification.text, severity=notification.severity, markup=False)
        if not isinstance(event, EngineDisconnected):
            self._form.handle_event(event, previous_run)
        if self.controller.run_state is not previous_state or self.run.unfinished != previous_run.unfinished:
            self.refresh_bindings()
        if self._save_timer is not None:
            self._finish_quit(event, self._save_timer, is_save_problem_known=bool(previous_run.unsaved))

    @on(OutdatedEngineFound)
    def confirm_restart(self, message: OutdatedEngineFound) -> None:
        self.app.push_screen(confirm_restart(message.version), self._restart_answered)

    def _restart_answered(self, yes: bool | None) -> None:
        if yes:
            self._feed.start(restart=True)
        else:
            self._exit("")

    def _show_engine_state(self) -> None:
        state = self.controller.lab_state
        self.run, self.curve, self.probed, self.names = state.run, state.curve, state.layers, state.names
        self.inspection, self.stored_runs, self.replies = state.inspection, state.runs, state.sampler
        self.sampling = self.controller.sampling

    # commands for the engine

    def action_control_run(self, name: str) -> None:
        """Send the command of a key; a new run in place of one in progress is confirmed first."""
        key = RunKey(name)
        if self._save_timer is not None:
            return
        if self.controller.starts_run(key) and not self._form.is_valid():
            self.action_pane("form")
        elif key is RunKey.TRAIN and self.controller.run_state in RESUMABLE_STATES:
            self._confirm_new_run(partial(self._control_run, key))
        elif key in (RunKey.EXTEND, RunKey.STEP) and self.controller.run_state is RunState.FINISHED:
            run = self.controller.lab_state.run
            self.app.push_screen(confirm_training_on(run), partial(self._train_on, key, run.run))
        else:
            if key is RunKey.RESET and self.controller.run_state is RunState.FINISHED:
                self.notify(f"run {self.controller.lab_state.run.run} keeps its end\nr opens it")
            self._control_run(key)

    def _train_on(self, key: RunKey, finished_run: int | None, choice: FinishedRunChoice | None) -> None:
        """Train a finished run on, or a fork of it, which is paused before its first step unless `key` extends it."""
        if choice is FinishedRunChoice.SAME_RUN:
            self._control_run(key)
        elif choice is FinishedRunChoice.FORK and finished_run is not None and not self._is_offline():
            self.controller.send(ForkRun(finished_run))
            if key is RunKey.EXTEND:
                self.controller.send(ResumeRun())  # which does nothing if the run could not be forked

    def _confirm_new_run(self, begin: Callable[[], None], what: str = "the form's config") -> None:
        dialog = confirm_new_run(self.controller.lab_state.run, what)
        self.app.push_screen(dialog, lambda yes: begin() if yes else None)

    def _control_run(self, key: RunKey) -> None:
        if self._is_offline():
            return
        self._reconnect_if_lost()
        self.controller.press(key, self.form.draft)
        self.refresh_bindings()

    def send_command(self, command: Command) -> None:
        """Send a command of another screen."""
        match command:
            case SampleNames(sampling=sampling, request=0):  # without a number of their own they are the lab's
                self._reconnect_if_lost()
                self._draw_names(sampling)
                return
            case PredictNext(prefix=prefix):
                self.context_text = prefix
        if not self._is_offline():
            self._reconnect_if_lost()
            self.controller.send(command)

    def _is_offline(self) -> bool:
        """Whether the connection to another machine is down, which is notified: a queued command would act later."""
        is_offline = self.controller.lab_state.run.connection is ConnectionState.OFFLINE
        if is_offline:
            self.notify("the connection to the engine is lost\npress the key again once it is back", severity="warning")
        return is_offline

    def _reconnect_if_lost(self) -> None:
        if self.controller.lab_state.run.connection is ConnectionState.LOST:
            self.controller.set_connecting()
            self._show_engine_state()
            self._feed.start()

    @on(SamplingEdited)
    def draw_names(self, message: SamplingEdited) -> None:
        self._draw_names(message.sampling)

    def action_names(self) -> None:
        self.controller.request_names(again=True)
        self.sampling = self.controller.sampling

    def _draw_names(self, sampling: SamplingConfig) -> None:
        self.sampling = self.controller.sampling = sampling
        self.controller.request_names()

    # the form

    def _show_form(self) -> None:
        self.form, self.shapes = self._form.form, self._form.shapes

    @on(FieldEdited)
    def edit_field(self, message: FieldEdited) -> None:
        self._form.edit(message.name, message.value)

    @on(PresetChosen)
    def choose_preset(self, message: PresetChosen) -> None:
        self._form.choose_preset(message.name)

    @on(PickRequested)
    def pick_field_value(self, message: PickRequested) -> None:
        if self.is_current:
            dialog = pick_field_value(message.name, self.form)
            self.app.push_screen(dialog, partial(self._form.set_text, message.name))

    @on(CorpusLoaded)
    def take_corpus(self, message: CorpusLoaded) -> None:
        self._form.take_corpus(message)

    def action_what_if(self) -> None:
        """Offer to train with one change that shows a failure of the lesson."""
        run = self.controller.lab_state.run
        config = self._form.draft_before_what_if(run).config
        self.app.push_screen(pick_what_if(config, has_fault=self._form.has_what_if(run)), self._what_if_picked)

    def _what_if_picked(self, name: str | None) -> None:
        if name is None:
            return
        before = self._form.draft_before_what_if(self.controller.lab_state.run)
        try:
            after = Draft(apply_what_if(name, before.config), before.preset)
        except UserError as error:
            self._form.notify_problem(Problem.of(error))
            return
        if self.controller.run_state in RESUMABLE_STATES:
            self._confirm_new_run(partial(self._train_what_if, before, after), name)
        else:
            self._train_what_if(before, after)

    def _train_what_if(self, before: Draft, after: Draft) -> None:
        self._form.fill_what_if(before, after)
        self._control_run(RunKey.TRAIN)

    # quitting

    def action_quit(self) -> None:
        """Quit; what becomes of a run in training is asked first."""
        if self.controller.run_state is RunState.TRAINING and self.controller.lab_state.run.is_connected:
            self.app.push_screen(confirm_quit(self.controller.lab_state.run), self._quit_answered)
        elif self._save_timer is None:
            self._quit()

    def _quit_answered(self, answer: QuitChoice | None) -> None:
        if answer is QuitChoice.SAVE and self.controller.press(RunKey.STOP, self.form.draft):
            self.notify("saving the run, then quitting", markup=False)
            give_up = partial(self._exit, "the engine is still saving the run")
            self._save_timer = self.set_timer(SAVE_TIMEOUT_SECONDS, give_up)
        elif answer in (QuitChoice.SAVE, QuitChoice.KEEP_RUNNING):
            self._quit()

    def _finish_quit(
        self, event: Event | EngineDisconnected, save_timer: Timer, *, is_save_problem_known: bool
    ) -> None:
        """Exit once the run is saved or the engine is gone; stay if it cannot be saved."""
        match event:
            case RunSaved(run=run):
                self._exit(saved_message(run))
            case SaveFailed(run=run, problem=problem):
                save_timer.stop()
                self._save_timer = None
                if is_save_problem_known:  # it was not notified again
                    self.notify(f"run {run} cannot be saved: {problem}\nq quits anyway", severity="error")
            case EngineDisconnected():
                self._quit()

    def _quit(self) -> None:
        self._exit(exit_message(self.controller.lab_state.run, self.controller.run_state, self._engine.host))

    def _exit(self, message: str) -> None:
        """Dismiss the screen with `message`, once."""
        if self._is_dismissed:
            return
        if not self.is_active:  # only the topmost screen can be dismissed, and a dialog may be about to close
            self.set_timer(0.05, partial(self._close_dialog_and_exit, message))
            return
        self._is_dismissed = True
        self.dismiss(message)

    def _close_dialog_and_exit(self, message: str) -> None:
        if not self.is_active and not self._is_dismissed:
            self.app.pop_screen()
        self._exit(message)

    # other screens, which are bound to the active one when they are made: hence from here, by call_later

    def action_runs(self) -> None:
        self.call_later(self._show_runs)

    def action_inspect(self) -> None:
        self.call_later(self._show_inspector)

    @on(LayerOpened)
    def inspect_layer(self) -> None:
        self.action_inspect()

    def action_sampler(self) -> None:
        self.call_later(self._show_sampler)

    def _open(
        self, screen: OverlayScreen[ViewState], closed: Callable[[ViewState | None], None], *shared: Reactive[Any]
    ) -> None:
        screen.data_bind(LabScreen.run, LabScreen.connection_notice, LabScreen.engine_host, *shared)
        self.app.push_screen(screen, closed)

    def _show_runs(self) -> None:
        from charwave_tui.ui.runs.screen import RunsScreen  # costs 20 ms, and the first frame shows no runs

        if not self.is_current:  # the key was pressed twice in one burst
            return
        self._reconnect_if_lost()
        screen = RunsScreen(self._memory.runs)
        screen.data_bind(
            LabScreen.run, LabScreen.connection_notice, LabScreen.engine_host, LabScreen.curve, LabScreen.stored_runs
        )
        self.app.push_screen(screen, self._runs_closed)

    def _runs_closed(self, options: RunsViewOptions | None) -> None:
        self._memory.runs = options or self._memory.runs

    def _show_inspector(self) -> None:
        from charwave_tui.ui.inspector.screen import InspectorScreen

        if not self.is_current:
            return
        layer = self.query_one(LayersPane).cursor_layer
        screen = InspectorScreen(selection_for(layer, self.context_text, self._memory.inspector))
        screen.data_bind(
            LabScreen.run, LabScreen.connection_notice, LabScreen.engine_host, LabScreen.probed, LabScreen.inspection
        )
        self.app.push_screen(screen, self._inspector_closed)

    def _inspector_closed(self, selection: InspectorSelection | None) -> None:
        if selection is None:
            return
        self._memory.inspector = selection
        self.query_one(LayersPane).go_to(selection.cursor.layer)
        if selection.batch != self.controller.batch:
            self.controller.batch = selection.batch
            self.controller.probe()

    def _show_sampler(self) -> None:
        from charwave_tui.ui.sampler.screen import SamplerScreen

        if not self.is_current:
            return
        self._reconnect_if_lost()
        screen = SamplerScreen(self._memory.sampler)
        screen.data_bind(
            LabScreen.run, LabScreen.connection_notice, LabScreen.engine_host, LabScreen.curve, LabScreen.stored_runs
        )
        screen.data_bind(LabScreen.sampling, LabScreen.replies, LabScreen.names)
        self.app.push_screen(screen, self._sampler_closed)

    def _sampler_closed(self, memory: SamplerMemory | None) -> None:
        self._memory.sampler = memory or self._memory.sampler

    # the view

    def action_pane(self, pane_id: str) -> None:
        self.query_one(PaneGrid).focus_pane(pane_id)

    def action_log(self) -> None:
        self.log_scale = not self.log_scale

    def action_zoom(self) -> None:
        self.query_one(PaneGrid).zoomed ^= True

    def action_help(self) -> None:
        form = self.query_one(HyperparametersPane)
        self.app.push_screen(HelpScreen(form.cursor_field if form.has_focus_within or form.has_focus else None))
