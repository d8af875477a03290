"""The lab's form: edits, the corpus of the draft, and the model that is built from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer

from charwave_tui.core.config.layer_shapes import LayerShape, layer_shapes
from charwave_tui.core.config.value_types import Value
from charwave_tui.core.corpus.registry import find_corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.escaping import escape_invisible
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.events import Event, RunOpened
from charwave_tui.ui.state.engine_controller import EngineController
from charwave_tui.ui.state.form_state import (
    PRESET,
    Draft,
    FormState,
    Problem,
    alongside_run,
    live_edit,
    parse_choice,
    reduce_form,
    validation_error,
    with_corpus,
    with_draft,
    with_field,
    with_preset,
    with_run_config,
)
from charwave_tui.ui.state.run_state import RunViewState

PREPARE_DELAY_SECONDS = 0.15  # after the last edit, so that stepping through values builds one model
HINT_SECONDS = 20.0  # that a hint is shown: it holds a command to copy


@dataclass
class CorpusLoaded(Message):
    """The corpus `name` was read; `problem` says why it could not be, `vocab_size` is None then.

    `hints` are what a person may want to know before training on it, `repeats_text` says which of its words repeat.
    """

    name: str
    vocab_size: int | None
    problem: Problem | None
    hints: tuple[str, ...]
    repeats_text: str


class FormController:
    """Owns the form's state. Edits of live fields reach the run at once, others build a new model after a delay.

    `screen` runs the timer and the worker, and gets `CorpusLoaded`; `on_change` is called after each change. Unless
    `keeps_config`, the run that the engine had before fills the form.
    """

    def __init__(
        self,
        screen: Screen[str],
        engine: EngineController,
        form: FormState,
        on_change: Callable[[], None],
        *,
        keeps_config: bool,
    ) -> None:
        self.form = form
        self.shapes: tuple[LayerShape, ...] = ()  # of the draft's layers, as long as it is valid
        self._screen = screen
        self._engine = engine
        self._shown_hints: set[tuple[str, str]] = set()  # by corpus, so that each is shown once
        self._on_change = on_change
        self._keeps_config = keeps_config
        self._prepare_timer: Timer | None = None
        self._what_if: tuple[Draft, Draft] | None = None  # before the change, and with it

    def set_form(self, form: FormState) -> None:
        if form == self.form:
            return
        previous, self.form = self.form, form
        config = form.draft.config
        if config.corpus != previous.draft.config.corpus:
            self.load_corpus()
        if form.vocab_size is not None and validation_error(config) is None:
            self.shapes = layer_shapes(config, form.vocab_size)
        if form.draft != previous.draft:
            if self._prepare_timer is not None:
                self._prepare_timer.stop()
            self._prepare_timer = self._screen.set_timer(PREPARE_DELAY_SECONDS, self.prepare)
        self._on_change()

    def edit(self, name: str, value: Value) -> None:
        """Set a field of the draft; a live field also of the run."""
        self.set_form(with_field(self.form, name, value))
        if (config := live_edit(self.form, name)) is not None:
            self._engine.edit(config)

    def choose_preset(self, name: str) -> None:
        self.set_form(with_preset(self.form, name))

    def set_text(self, name: str, text: str | None) -> None:
        """Set the row `name` to what was picked from a list or typed there; None changes nothing."""
        if text is None:
            return
        try:
            if name == PRESET:
                self.choose_preset(text)
            else:
                self.edit(name, parse_choice(name, text))
        except UserError as error:
            self.notify_problem(Problem.of(error))
        if name == "corpus":
            self.load_corpus()  # the file may have been corrected under the same path

    def handle_event(self, event: Event, previous_run: RunViewState) -> None:
        """Follow the engine; a run that it had before fills the form."""
        if not isinstance(event, RunOpened) or event.run is None:
            self.set_form(reduce_form(self.form, event))
            return
        keeps_config, self._keeps_config = self._keeps_config, False
        if event.state is RunState.READY or event.run == previous_run.run:
            self.set_form(reduce_form(self.form, event))
        elif keeps_config:
            self.set_form(alongside_run(self.form, event.config))
        else:
            self.set_form(with_run_config(self.form, event.config, event.preset))

    def is_valid(self) -> bool:
        """Whether a run of the draft can start; the problem is notified if not."""
        error = validation_error(self.form.draft.config)
        problem = Problem.of(error) if error else next(iter(self.form.reported_problems), None)
        if problem is None:
            return True
        self.notify_problem(problem)
        if problem.field == "corpus":
            self.load_corpus()  # it may have been corrected since
        return False

    def notify_problem(self, problem: Problem) -> None:
        self._screen.notify(f"{problem.problem}\n{problem.remedy}", severity="warning", markup=False)

    def prepare(self) -> None:
        """Have the model of a valid draft built, so that it can be looked at before training."""
        if validation_error(self.form.draft.config) is None and not self.form.reported_problems:
            self._engine.prepare(self.form.draft)

    def load_corpus(self) -> None:
        """Read the draft's corpus, which may be large, in a thread."""
        load = partial(self._load_corpus, self.form.draft.config.corpus)
        self._screen.run_worker(load, group="corpus", thread=True, exclusive=True)

    def _load_corpus(self, name: str) -> None:
        vocab_size = problem = None
        hints: tuple[str, ...] = ()
        repeats_text = ""
        try:
            corpus = find_corpus(name)
            vocab_size, hints, repeats_text = corpus.vocab_size, corpus.hints, corpus.repeats_text
        except UserError as error:
            if not self._engine.is_remote:  # the other machine may have it
                problem = Problem.of(error, "corpus")
        except (OSError, MemoryError) as error:
            problem = Problem("corpus", f"{name} cannot be read ({error})", "take another file")
        self._screen.post_message(CorpusLoaded(name, vocab_size, problem, hints, repeats_text))

    def take_corpus(self, message: CorpusLoaded) -> None:
        if message.name == self.form.draft.config.corpus:
            self.set_form(with_corpus(self.form, message.vocab_size, message.problem, message.repeats_text))
            for hint in message.hints:
                if (message.name, hint) not in self._shown_hints:
                    self._shown_hints.add((message.name, hint))
                    self._screen.notify(escape_invisible(hint), severity="warning", timeout=HINT_SECONDS, markup=False)

    def draft_before_what_if(self, run: RunViewState) -> Draft:
        """The draft of the run, or the form's if there is none; without the last what-if change if it has that."""
        draft = self.form.draft if run.config is None or run.run is None else Draft(run.config, run.preset)
        before, after = self._what_if or (draft, draft)
        return before if draft == after else draft

    def has_what_if(self, run: RunViewState) -> bool:
        return self._what_if is not None and self.draft_before_what_if(run) == self._what_if[0]

    def fill_what_if(self, before: Draft, after: Draft) -> None:
        self._what_if = before, after
        self.set_form(with_draft(self.form, after))
