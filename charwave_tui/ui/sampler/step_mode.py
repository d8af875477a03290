"""Step-by-step mode: build a name character by character from the next-char distribution."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType

from charwave_tui.core.config.sampling_config import MAX_NAME_LENGTH, SamplingConfig
from charwave_tui.core.protocol.commands import PredictNext, SampleNames
from charwave_tui.core.protocol.events import NextPredicted, QueryRefused
from charwave_tui.ui.drawing.number_format import format_steps
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, key_span, readable
from charwave_tui.ui.keymap import STEP_KEYS
from charwave_tui.ui.sampler.mode import SamplerMode, unavailable_lines
from charwave_tui.ui.sampler.step_state import StepState, move_in_ranking, rank_ids
from charwave_tui.ui.sampler.step_views import NextCharView, PathView
from charwave_tui.ui.state.pending_request import PendingRequest
from charwave_tui.ui.state.sampler_state import PrefixSamples, SamplerState
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.text_lines import TextPane

SAMPLE_DELAY_SECONDS = 0.3  # after a character, before names are sampled from the prefix
SAMPLE_COUNT = 16  # more than are shown in most terminals
KEYS_NEEDING_PREDICTION = frozenset({"enter", "space", "up", "down", "pageup", "pagedown"})


class StepMode(SamplerMode):
    """A prefix, its next-char distribution, and names sampled from it.

    Letters are typed, so none of them is bound to an action. At most one prediction and one sampling are pending.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*STEP_KEYS]

    title = "Step by step"
    takes_text = True
    keys = STEP_KEYS

    def __init__(self, step_state: StepState) -> None:
        super().__init__(id="step")
        self.step_state = step_state
        self.samples = PrefixSamples()
        self._sampled_from = ("", 0)  # prefix and temperature index of the sampling sent last
        self._prediction: NextPredicted | None = None
        self._refusal: QueryRefused | None = None
        self._refusal_step: int | None = None  # of the refusing model; not repeated until it is trained on
        self._pending_prediction, self._pending_samples = PendingRequest(self.send), PendingRequest(self.send)
        self._path_pane = TextPane("Step by step", id="path", classes="side")
        self._next_pane = TextPane("Next character", id="next", classes="main keyed")

    def compose(self) -> ComposeResult:
        yield self._path_pane
        yield self._next_pane

    @property
    def symbols(self) -> str:
        return self.run.corpus.symbols if self.run.corpus else ""

    @property
    def prediction(self) -> NextPredicted | None:
        """The distribution after the current prefix; None until the engine has sent it."""
        is_current = self._prediction is not None and self._prediction.prefix == self.step_state.prefix
        return self._prediction if is_current else None

    def awaits(self, key: str) -> bool:
        """Whether the key needs the prediction, and that is pending: then the key queue holds it back."""
        is_pending = self.has_model and self.prediction is None and bool(self._pending_prediction.number)
        return is_pending and key in KEYS_NEEDING_PREDICTION

    def load(self) -> None:
        self._pending_prediction.cancel()
        self._pending_samples.cancel()
        self._prediction = self._refusal = self._refusal_step = None
        self.samples = PrefixSamples()
        if self.has_model:
            self.step_state = self.step_state.restricted_to(self.symbols)
            self._predict()

    def poll(self) -> None:
        if not self.has_model:
            return
        prediction, samples = self.prediction, self.samples
        answered_step = prediction.step if prediction and self._refusal is None else self._refusal_step
        if self._pending_prediction.poll() and answered_step != self.run.step:
            self._predict()
        is_outdated = prediction is not None and samples.step != prediction.step
        if self._pending_samples.poll() and is_outdated and not samples.refusal and not self.step_state.is_ended:
            self._sample()

    def _go_to(self, new: StepState) -> None:
        old, self.step_state = self.step_state, new
        if (old.prefix, old.temperature_index) != (new.prefix, new.temperature_index):
            self.samples = PrefixSamples()
            if old.prefix == new.prefix:
                self._sample_if_idle()
            else:
                self._refusal = self._refusal_step = None
                if self.has_model:
                    self._predict()
        self.update()

    def watch_replies(self, old: SamplerState, new: SamplerState) -> None:
        prediction, refusal, samples = new.predicted, new.refused, new.tried
        pending = self._pending_prediction
        if prediction is not None and prediction is not old.predicted and pending.accept(prediction.request):
            self._prediction, self._refusal = prediction, None
            if self.prediction:
                self.set_timer(SAMPLE_DELAY_SECONDS, self._sample_if_idle)
        elif refusal is not None and refusal is not old.refused and pending.accept(refusal.request):
            self._refusal, self._refusal_step = refusal, self.run.step
        elif samples is not old.tried and samples.request == self._pending_samples.number:
            self._receive_samples(samples)
        else:
            return
        self.update()

    def _receive_samples(self, samples: PrefixSamples) -> None:
        is_current = self._sampled_from == (self.step_state.prefix, self.step_state.temperature_index)
        if is_current:
            self.samples = samples
        if samples.done:
            self._pending_samples.accept(samples.request)
            if not is_current:
                self._sample_if_idle()

    def _predict(self) -> None:
        self._pending_prediction.request(lambda request: PredictNext(self.step_state.prefix, request))

    def _sample_if_idle(self) -> None:
        if self.prediction and not self._pending_samples.number and not self.samples.names:
            self._sample()

    def _sample(self) -> None:
        state = self.step_state
        self._sampled_from = (state.prefix, state.temperature_index)
        sampling = SamplingConfig(state.temperature, state.prefix, SAMPLE_COUNT, self.sampling.seed)
        self._pending_samples.request(lambda request: SampleNames(sampling, request))

    async def on_key(self, event: events.Key) -> None:
        if character := self.typed_character(event):
            self._type(character)

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        self._type(event.text)

    def _type(self, text: str) -> None:
        """Append the text to the prefix; none of it if a character is unknown or there are too many."""
        if not self.has_model or not text:
            return
        new = self.step_state.with_text(text)
        unknown = [symbol for symbol in dict.fromkeys(new.prefix) if symbol not in self.symbols]
        if self.step_state.is_full or len(new.prefix) > MAX_NAME_LENGTH:
            self._notify_full()
        elif unknown:
            corpus = self.run.corpus.name if self.run.corpus else "the corpus"
            quoted = ", ".join(f"“{readable(symbol)}”" for symbol in unknown[:5])
            verb = "is" if len(unknown) == 1 else "are"
            self.notify(f"{quoted} {verb} not in the vocabulary of {corpus}", severity="warning", markup=False)
        else:
            self._go_to(new)

    def _notify_full(self) -> None:
        if not self.step_state.is_ended:  # an ended name is reported in the pane
            text = f"a prefix has at most {MAX_NAME_LENGTH:,} characters\n{GLYPHS.backspace} removes the last one"
            self.notify(text, severity="warning", markup=False)

    def action_move_cursor(self, rows: int) -> None:
        if self.prediction is not None and not self.step_state.is_ended:
            ranked_ids = rank_ids(self.prediction.nlls)
            cursor_id = move_in_ranking(ranked_ids, self.step_state.cursor_id, rows)
            self._go_to(replace(self.step_state, cursor_id=cursor_id))

    def action_append_character(self) -> None:
        if self.step_state.is_full:
            self._notify_full()
        elif self.prediction is not None:
            ranked_ids = rank_ids(self.prediction.nlls)
            cursor_id = self.step_state.cursor_id
            char_id = cursor_id if cursor_id in ranked_ids else ranked_ids[0]
            self._go_to(self.step_state.with_choice(char_id, self.symbols))

    def action_roll(self) -> None:
        if self.step_state.is_full:
            self._notify_full()
        elif self.prediction is not None and all(nll == nll for nll in self.prediction.nlls):
            self._go_to(self.step_state.rolled(self.prediction.nlls, self.sampling.seed, self.symbols))

    def action_undo(self, what: str) -> None:
        self._go_to(self.step_state.cleared() if what == "all" else self.step_state.undone())

    def action_step_temperature(self, offset: int) -> None:
        self._go_to(self.step_state.with_temperature_step(offset))

    def draw(self) -> None:
        refusal = (self._refusal.problem, self._refusal.remedy) if self._refusal else ()
        message = unavailable_lines(self.run, self._next_pane.inner_size[0], *refusal)
        context = self.run.config.context if self.run.config else 8
        path = PathView(self.step_state, self.prediction, self.samples, context)
        self._path_pane.set_lines(path.lines(*self._path_pane.inner_size))
        self._next_pane.set_lines(message or self._next_lines())
        step = f"step {format_steps(self.prediction.step)} {GLYPHS.dot} " if self.prediction else ""
        self._next_pane.provenance = "" if message or self.step_state.is_ended else f"{step}sorted by p"

    def _next_lines(self) -> list[StyledLine]:
        state = self.step_state
        if state.is_ended:
            name = (Span(state.prefix or GLYPHS.dash, "bright", True), Span(" is complete."))
            undo = (key_span(GLYPHS.backspace), Span(" removes the end, ", "muted"))
            return [name, (*undo, key_span("^u"), Span(" starts over.", "muted"))]
        if self.prediction is None:
            return []
        view = NextCharView.from_nlls(self.prediction.nlls, state.temperature_index, self.symbols)
        return view.lines(state.prefix, state.cursor_id, *self._next_pane.inner_size)
