"""The half of the lab that keeps the form: edits, picks, the corpus behind it, and the model that is built from it."""

from __future__ import annotations

from functools import partial

from textual import work
from textual.message import Message
from textual.reactive import reactive
from textual.screen import Screen
from textual.timer import Timer

from charwave_tui.core.config import RunConfig
from charwave_tui.core.corpora import find_corpus
from charwave_tui.core.kinds import Value
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.sampling import Sampling
from charwave_tui.core.shapes import LayerShape, layer_shapes
from charwave_tui.ui import composing
from charwave_tui.ui.conversation import Conversation, EngineLink
from charwave_tui.ui.draft import PRESET, FormView, Problem, mistake_of
from charwave_tui.ui.panes.hyperparameters import FieldEdited, PickRequested, PresetChosen
from charwave_tui.ui.screens.questions import pick

PREPARE_AFTER = 0.15
"""Seconds of rest after an edit before its model is built, so that nudging along does not build each."""


class CorpusRead(Message):
    """The corpus of that name was read, or could not be."""

    def __init__(self, name: str, vocab_size: int | None, problem: Problem | None) -> None:
        super().__init__()
        self.name = name
        self.vocab_size = vocab_size
        self.problem = problem


class Drafting(Screen[str]):
    """A screen with a form in it; whatever the form comes to reaches the engine through `conversation`."""

    form: reactive[FormView] = reactive(FormView, repaint=False)
    """What the form shows."""
    shapes: reactive[tuple[LayerShape, ...]] = reactive((), repaint=False)
    """The layers of the draft, as far as it is sound."""

    def __init__(self, config: RunConfig, preset: str, engine: EngineLink) -> None:
        super().__init__()
        self.conversation = Conversation(engine, Sampling())
        self._preparing: Timer | None = None
        self.set_reactive(Drafting.form, composing.opening(config, preset))

    def sound(self) -> bool:
        """Whether a run of the draft can begin; if not, what is wrong is said."""
        mistake = mistake_of(self.form.draft.config)
        problem = Problem.of(mistake) if mistake else next(iter(self.form.reported), None)
        if problem is not None:
            self.complain(problem)
            if problem.field == "corpus":
                self.read_corpus(self.form.draft.config.corpus)  # it may have been mended since
        return problem is None

    def complain(self, problem: Problem) -> None:
        """Say what is wrong and what to do."""
        self.notify(f"{problem.problem}\n{problem.remedy}", severity="warning", markup=False)

    def edit(self, name: str, value: Value) -> None:
        """Set one field of the draft; a live one reaches the run at once."""
        self.form = composing.edited(self.form, name, value)
        if (config := composing.live_edit(self.form, name)) is not None:
            self.conversation.edit(config)

    def on_field_edited(self, message: FieldEdited) -> None:
        self.edit(message.name, message.value)

    def on_preset_chosen(self, message: PresetChosen) -> None:
        self.form = composing.preset_chosen(self.form, message.name)

    def on_pick_requested(self, message: PickRequested) -> None:
        if self.is_current:
            self.app.push_screen(pick(message.name, self.form), partial(self._picked, message.name))

    def _picked(self, name: str, answer: str | None) -> None:
        if answer is None:
            return
        try:
            if name == PRESET:
                self.form = composing.preset_chosen(self.form, answer)
            else:
                self.edit(name, composing.answered(name, answer))
        except Mistake as mistake:
            self.complain(Problem.of(mistake))
        if name == "corpus":
            self.read_corpus(self.form.draft.config.corpus)  # the file may have been mended under the same path

    def watch_form(self, old: FormView, form: FormView) -> None:
        config = form.draft.config
        if config.corpus != old.draft.config.corpus:
            self.read_corpus(config.corpus)
        if form.vocab_size is not None and mistake_of(config) is None:
            self.shapes = layer_shapes(config, form.vocab_size)
        if form.draft != old.draft:
            if self._preparing is not None:
                self._preparing.stop()
            self._preparing = self.set_timer(PREPARE_AFTER, self.prepare)

    def prepare(self) -> None:
        """Have the draft's model built, so that it can be looked at before it is trained."""
        if mistake_of(self.form.draft.config) is None and not self.form.reported:
            self.conversation.prepare(self.form.draft)

    @work(thread=True, exclusive=True, group="corpus")
    def read_corpus(self, name: str) -> None:
        """Read the corpus of the form, which may be large, beside the screen."""
        try:
            self.post_message(CorpusRead(name, find_corpus(name).vocab_size, None))
        except Mistake as mistake:
            elsewhere = self.conversation.elsewhere  # where it may be, though it is not here
            self.post_message(CorpusRead(name, None, None if elsewhere else Problem.of(mistake, "corpus")))
        except (OSError, MemoryError) as error:
            problem = Problem("corpus", f"{name} cannot be read ({error})", "take another file")
            self.post_message(CorpusRead(name, None, problem))

    def on_corpus_read(self, message: CorpusRead) -> None:
        if message.name == self.form.draft.config.corpus:
            self.form = composing.corpus_read(self.form, message.vocab_size, message.problem)
