"""The half of the lab that keeps the form: edits, picks, the corpus behind it, and the model that is built from it."""

from __future__ import annotations

from functools import partial

from textual import on, work
from textual.message import Message
from textual.reactive import reactive
from textual.screen import Screen
from textual.timer import Timer

from charwave_tui.core.config.layer_shapes import LayerShape, layer_shapes
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.config.value_types import Value
from charwave_tui.core.corpus_registry import find_corpus
from charwave_tui.core.errors import UserError
from charwave_tui.ui.dialogs.lab_dialogs import pick_field_value
from charwave_tui.ui.lab.hyperparameters_pane import FieldEdited, PickRequested, PresetChosen
from charwave_tui.ui.state.engine_controller import EngineClientProtocol, EngineController
from charwave_tui.ui.state.form_state import (
    PRESET,
    FormState,
    Problem,
    answered,
    corpus_read,
    initial_form,
    live_edit,
    preset_chosen,
    validation_error,
    with_field,
)

PREPARE_AFTER = 0.15
"""Seconds of rest after an edit before its model is built, so that nudging along does not build each."""


class CorpusRead(Message):
    """The corpus of that name was read, or could not be."""

    def __init__(self, name: str, vocab_size: int | None, problem: Problem | None) -> None:
        super().__init__()
        self.name = name
        self.vocab_size = vocab_size
        self.problem = problem


class FormController(Screen[str]):
    """A screen with a form in it; whatever the form comes to reaches the engine through `conversation`."""

    form: reactive[FormState] = reactive(FormState, repaint=False)
    """What the form shows."""
    shapes: reactive[tuple[LayerShape, ...]] = reactive((), repaint=False)
    """The layers of the draft, as far as it is sound."""

    def __init__(self, config: RunConfig, preset: str, engine: EngineClientProtocol) -> None:
        super().__init__()
        self.conversation = EngineController(engine, SamplingConfig())
        self._preparing: Timer | None = None
        self.set_reactive(FormController.form, initial_form(config, preset))

    def sound(self) -> bool:
        """Whether a run of the draft can begin; if not, what is wrong is said."""
        mistake = validation_error(self.form.draft.config)
        problem = Problem.of(mistake) if mistake else next(iter(self.form.reported), None)
        if problem is not None:
            self.show_problem(problem)
            if problem.field == "corpus":
                self.read_corpus(self.form.draft.config.corpus)  # it may have been mended since
        return problem is None

    def show_problem(self, problem: Problem) -> None:
        """Say what is wrong and what to do."""
        self.notify(f"{problem.problem}\n{problem.remedy}", severity="warning", markup=False)

    def edit(self, name: str, value: Value) -> None:
        """Set one field of the draft; a live one reaches the run at once."""
        self.form = with_field(self.form, name, value)
        if (config := live_edit(self.form, name)) is not None:
            self.conversation.edit(config)

    @on(FieldEdited)
    def on_field_edited(self, message: FieldEdited) -> None:
        self.edit(message.name, message.value)

    @on(PresetChosen)
    def on_preset_chosen(self, message: PresetChosen) -> None:
        self.form = preset_chosen(self.form, message.name)

    @on(PickRequested)
    def on_pick_requested(self, message: PickRequested) -> None:
        if self.is_current:
            self.app.push_screen(pick_field_value(message.name, self.form), partial(self._picked, message.name))

    def _picked(self, name: str, answer: str | None) -> None:
        if answer is None:
            return
        try:
            if name == PRESET:
                self.form = preset_chosen(self.form, answer)
            else:
                self.edit(name, answered(name, answer))
        except UserError as mistake:
            self.show_problem(Problem.of(mistake))
        if name == "corpus":
            self.read_corpus(self.form.draft.config.corpus)  # the file may have been mended under the same path

    def watch_form(self, old: FormState, form: FormState) -> None:
        config = form.draft.config
        if config.corpus != old.draft.config.corpus:
            self.read_corpus(config.corpus)
        if form.vocab_size is not None and validation_error(config) is None:
            self.shapes = layer_shapes(config, form.vocab_size)
        if form.draft != old.draft:
            if self._preparing is not None:
                self._preparing.stop()
            self._preparing = self.set_timer(PREPARE_AFTER, self.prepare)

    def prepare(self) -> None:
        """Have the draft's model built, so that it can be looked at before it is trained."""
        if validation_error(self.form.draft.config) is None and not self.form.reported:
            self.conversation.prepare(self.form.draft)

    @work(thread=True, exclusive=True, group="corpus")
    def read_corpus(self, name: str) -> None:
        """Read the corpus of the form, which may be large, beside the screen."""
        try:
            self.post_message(CorpusRead(name, find_corpus(name).vocab_size, None))
        except UserError as mistake:
            elsewhere = self.conversation.elsewhere  # where it may be, though it is not here
            self.post_message(CorpusRead(name, None, None if elsewhere else Problem.of(mistake, "corpus")))
        except (OSError, MemoryError) as error:
            problem = Problem("corpus", f"{name} cannot be read ({error})", "take another file")
            self.post_message(CorpusRead(name, None, problem))

    @on(CorpusRead)
    def on_corpus_read(self, message: CorpusRead) -> None:
        if message.name == self.form.draft.config.corpus:
            self.form = corpus_read(self.form, message.vocab_size, message.problem)
