"""LabScreen: compose, bindings, actions, navigation."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.reactive import reactive
from textual.timer import Timer

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import Command, PredictNext, SampleNames
from charwave_tui.core.protocol.events import AnyEvent, RunSaved, SaveFailed
from charwave_tui.core.store.run_record import RESUMABLE_STATES
from charwave_tui.ui.dialogs.help import HelpScreen
from charwave_tui.ui.dialogs.lab_dialogs import QuitChoice, confirm_new_run, confirm_quit, pick_what_if
from charwave_tui.ui.keymap import LAB_KEYS
from charwave_tui.ui.lab.engine_feed import EngineFeed
from charwave_tui.ui.lab.form_controller import FormController
from charwave_tui.ui.lab.hyperparameters_pane import HyperparametersPane
from charwave_tui.ui.lab.layers_pane import LayersPane
from charwave_tui.ui.lab.loss_pane import LossPane
from charwave_tui.ui.lab.names_pane import NamesPane
from charwave_tui.ui.state.engine_controller import EngineClientProtocol
from charwave_tui.ui.state.form_state import Draft, Problem, apply_what_if, filled
from charwave_tui.ui.state.inspector_state import InspectorSelection, selection_for
from charwave_tui.ui.state.notifications import exit_message, saved_message
from charwave_tui.ui.state.run_state import EngineDisconnected
from charwave_tui.ui.state.runs_state import RunsViewOptions
from charwave_tui.ui.widgets.key_bar import KeyBar
from charwave_tui.ui.widgets.pane_grid import PaneGrid
from charwave_tui.ui.widgets.status_bar import StatusBar

if TYPE_CHECKING:
    from charwave_tui.ui.sampler.mode import SamplerMemory


SAVED_WITHIN = 10.0
"""Seconds that stopping and leaving waits for the run to be saved; the engine goes on saving after that."""


class Driving(EngineFeed):
    """A screen whose keys move a run; it is dismissed with what there is to say on the way out."""

    def __init__(self, config: RunConfig, preset: str, engine: EngineClientProtocol, named: bool) -> None:
        super().__init__(config, preset, engine, named)
        self._saving: Timer | None = None
        self._left = False

    @abstractmethod
    def action_pane(self, pane_id: str) -> None:
        """Go to a pane."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "steer" and not self.conversation.is_available(str(parameters[0]), self.form.draft):
            return False if "rewind" in parameters else None  # what so rarely means something takes no room
        return super().check_action(action, parameters)

    def action_steer(self, key: str) -> None:
        """Give the command of a key; training over a run in progress is asked about first."""
        if self._saving:
            return
        if self.conversation.begins(key) and not self.sound():
            self.action_pane("form")
        elif key == "train" and self.conversation.state in RESUMABLE_STATES:
            self.app.push_screen(confirm_new_run(self.conversation.view.run), self._new_run_answered)
        else:
            self.steer(key)

    def _new_run_answered(self, yes: bool | None) -> None:
        if yes:
            self.steer("train")

    def steer(self, key: str) -> None:
        """Give the command of a key, whatever is in progress."""
        if self._is_offline():
            return
        self._reach_if_lost()
        self.conversation.press(key, self.form.draft)
        self.refresh_bindings()

    def give(self, command: Command) -> None:
        """Give a command that another screen asks for."""
        if self._is_offline():
            return
        self._reach_if_lost()
        self.conversation.send(command)

    def _is_offline(self) -> bool:
        """Whether the line to another machine is down, which is said: what waited for it would act unannounced."""
        away = self.conversation.view.run.engine == "away"
        if away:
            self.notify(
                "the line is down, so the engine hears nothing\npress again once it is back", severity="warning"
            )
        return away

    def _reach_if_lost(self) -> None:
        if self.conversation.view.run.engine == "lost":
            self.reconnect()

    def action_leave(self) -> None:
        """Leave; what becomes of a run in training is asked first."""
        if self.conversation.state is RunState.TRAINING and self.conversation.view.run.engine == "ready":
            self.app.push_screen(confirm_quit(self.conversation.view.run), self._quit_answered)
        elif not self._saving:
            self._leave()

    def _quit_answered(self, answer: QuitChoice | None) -> None:
        if answer is QuitChoice.SAVE and self.conversation.press("stop", self.form.draft):
            self.notify("saving the run, then leaving", markup=False)
            self._saving = self.set_timer(SAVED_WITHIN, lambda: self.exit_with("the engine is still saving the run"))
        elif answer in (QuitChoice.SAVE, QuitChoice.KEEP_RUNNING):
            self._leave()

    def hear(self, event: AnyEvent | EngineDisconnected) -> None:
        known = self.conversation.view.run.unsaved
        super().hear(event)
        if self._saving is None:
            return
        match event:
            case RunSaved(run=run):
                self.exit_with(saved_message(run))
            case SaveFailed(run=run, problem=problem):
                self._saving.stop()
                self._saving = None
                if known:  # so that nothing was said of it just now
                    self.notify(f"run {run} cannot be saved: {problem}\nq leaves it to the engine", severity="error")
            case EngineDisconnected():
                self._leave()

    def _leave(self) -> None:
        self.exit_with(exit_message(self.conversation.view.run, self.conversation.state, self._engine.host))

    def exit_with(self, words: str) -> None:
        """Be dismissed, which there may be several reasons for, but only once."""
        if self._left:
            return
        if not self.is_active:  # only the topmost screen can be dismissed, and a dialog may be on its way out
            self.set_timer(0.05, lambda: self._part_over(words))
            return
        self._left = True
        self.dismiss(words)

    def _part_over(self, words: str) -> None:
        if not self.is_active and not self._left:
            self.app.pop_screen()
        self.exit_with(words)


class Spoiling(Driving):
    """A screen with a key for the lessons' failures: a new run of what is there, with one thing spoilt."""

    def __init__(self, config: RunConfig, preset: str, engine: EngineClientProtocol, named: bool) -> None:
        super().__init__(config, preset, engine, named)
        self._before_what_if: tuple[Draft, Draft] | None = None

    def action_what_if(self) -> None:
        """Offer to spoil one thing of the run, or of the form where there is none, in a new run."""
        whole = self._whole()
        spoilt = self._before_what_if is not None and whole == self._before_what_if[0]
        self.app.push_screen(pick_what_if(whole.config, spoilt=spoilt), self._what_if_picked)

    def _what_if_picked(self, name: str | None) -> None:
        if name is None:
            return
        whole = self._whole()
        try:
            draft = Draft(apply_what_if(name, whole.config), whole.preset)
        except UserError as mistake:
            self.show_problem(Problem.of(mistake))
            return
        if self.conversation.state in RESUMABLE_STATES:
            dialog = confirm_new_run(self.conversation.view.run, name)
            self.app.push_screen(dialog, lambda yes: self._begin(draft, whole) if yes else None)
        else:
            self._begin(draft, whole)

    def _begin(self, draft: Draft, whole: Draft) -> None:
        self._before_what_if = whole, draft
        self.form = filled(self.form, draft)
        self.steer("train")

    def _whole(self) -> Draft:
        """The run in hand, or the form where there is none; of one that was spoilt what it was before."""
        run = self.conversation.view.run
        draft = self.form.draft if run.config is None or run.run is None else Draft(run.config, run.preset)
        whole, spoilt = self._before_what_if or (draft, draft)
        return whole if draft == spoilt else draft


class Visiting(Spoiling):
    """A screen from which the runs and the sampler are reached; each is bound to what this one hears."""

    line: reactive[str] = reactive("", repaint=False)
    """A word on the line to the terminal, where there is something to say."""
    place: reactive[str] = reactive("", repaint=False)
    """Where the engine is and how far away, empty where that is here."""

    _arrangement = RunsViewOptions()
    """How a person left the runs."""
    _looking = InspectorSelection()
    """How a person left the layers."""
    _notebook: SamplerMemory | None = None
    """What a person left in the sampler."""

    def give(self, command: Command) -> None:
        """Give a command that another screen asks for; names without a number of their own are the lab's."""
        match command:
            case SampleNames(sampling=sampling, request=0):
                self._reach_if_lost()
                self.draw_names(sampling)
                return
            case PredictNext(prefix=prefix):
                self.context_text = prefix
        super().give(command)

    def draw_names(self, sampling: SamplingConfig) -> None:
        """Draw the lab's names so from now on."""
        self.sampling = self.conversation.sampling = sampling
        self.conversation.draw_names()

    def action_runs(self) -> None:
        self.call_later(self._show_runs)  # from here, for a screen is bound to whoever is active

    def _show_runs(self) -> None:
        from charwave_tui.ui.runs.screen import RunsScreen  # costs 20 ms, and the first frame shows no runs

        if not self.is_current:  # asked for twice in one burst
            return
        self._reach_if_lost()
        screen = RunsScreen(self._arrangement)
        screen.data_bind(EngineFeed.run, Visiting.line, Visiting.place, EngineFeed.curve, EngineFeed.archive)
        self.app.push_screen(screen, self._runs_left)

    def _runs_left(self, arrangement: RunsViewOptions | None) -> None:
        self._arrangement = arrangement or self._arrangement

    @on(LayersPane.Opened)
    def on_layers_pane_opened(self) -> None:
        self.action_inspect()

    def action_inspect(self) -> None:
        self.call_later(self._show_layer)

    def _show_layer(self) -> None:
        from charwave_tui.ui.inspector.screen import InspectorScreen

        if not self.is_current:
            return
        screen = InspectorScreen(selection_for(self.query_one(LayersPane).here, self.context_text, self._looking))
        screen.data_bind(EngineFeed.run, Visiting.line, Visiting.place, EngineFeed.probed, EngineFeed.inspection)
        self.app.push_screen(screen, self._layer_left)

    def _layer_left(self, looking: InspectorSelection | None) -> None:
        if looking is None:
            return
        self._looking = looking
        self.query_one(LayersPane).go_to(looking.gaze.layer)
        if looking.batch != self.conversation.batch:
            self.conversation.batch = looking.batch
            self.conversation.probe()

    def action_sampler(self) -> None:
        self.call_later(self._show_sampler)

    def _show_sampler(self) -> None:
        from charwave_tui.ui.sampler.screen import SamplerScreen  # the first frame shows none of it

        if not self.is_current:
            return
        self._reach_if_lost()
        screen = SamplerScreen(self._notebook)
        screen.data_bind(EngineFeed.run, Visiting.line, Visiting.place, EngineFeed.curve, EngineFeed.archive)
        screen.data_bind(EngineFeed.sampling, EngineFeed.speech, names=EngineFeed.sampled)
        self.app.push_screen(screen, self._sampler_left)

    def _sampler_left(self, notebook: SamplerMemory | None) -> None:
        self._notebook = notebook or self._notebook


class LabScreen(Visiting):
    """The four panes, the status line and the keys, around what the conversation with the engine has brought."""

    CSS_PATH = "screen.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in LAB_KEYS]

    log_scale: reactive[bool] = reactive(True, repaint=False)
    """Whether losses are drawn by their logarithm."""

    def compose(self) -> ComposeResult:
        yield StatusBar(id="status").data_bind(EngineFeed.run, Visiting.line, Visiting.place)
        with PaneGrid(id="panes"):
            yield HyperparametersPane().data_bind(FormController.form)
            yield LossPane().data_bind(EngineFeed.curve, EngineFeed.run, LabScreen.log_scale)
            yield LayersPane().data_bind(EngineFeed.run, FormController.shapes, probed=EngineFeed.probed)
            yield NamesPane().data_bind(EngineFeed.sampling, names=EngineFeed.sampled)
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        self.action_pane("form")
        self.prepare()
        # the first frame has the machine to itself; the engine, which imports torch, comes after it
        self.call_after_refresh(self.listen)
        self.call_after_refresh(self.read_corpus, self.form.draft.config.corpus)
        self.set_interval(1.0, self.conversation.poll_layers)

    def on_resize(self, event: events.Resize) -> None:
        self.query_one(PaneGrid).update_layout()

    @on(PaneGrid.TooSmall)
    def on_pane_grid_tiny(self, message: PaneGrid.TooSmall) -> None:
        self.set_class(message.tiny, "-tiny")

    @on(NamesPane.SamplingEdited)
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
        self.query_one(PaneGrid).focus_pane(pane_id)

    def action_log(self) -> None:
        self.log_scale = not self.log_scale

    def action_zoom(self) -> None:
        self.query_one(PaneGrid).zoomed ^= True

    def action_help(self) -> None:
        form = self.query_one(HyperparametersPane)
        self.app.push_screen(HelpScreen(form.here if form.has_focus_within or form.has_focus else None))
