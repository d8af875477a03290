"""Step by step."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType

from charwave_tui.core.config.sampling_config import LONGEST_PREFIX, SamplingConfig
from charwave_tui.core.protocol.commands import PredictNext, SampleNames
from charwave_tui.core.protocol.events import NextPredicted
from charwave_tui.ui.drawing.number_format import format_steps
from charwave_tui.ui.drawing.styled_text import Span, StyledLine
from charwave_tui.ui.keymap import STEP_KEYS
from charwave_tui.ui.sampler.mode import SamplerMemory, SamplerMode, empty_state_text, refusal
from charwave_tui.ui.sampler.step_state import StepState, order_of, walked
from charwave_tui.ui.sampler.step_views import NextCharView, PathView
from charwave_tui.ui.state.pending_request import PendingRequest
from charwave_tui.ui.state.sampler_state import PrefixSamples, SamplerState
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.text_lines import TextPane

TRY_AFTER = 0.3
"""Seconds of rest after a character before names are tried from it."""


TRIED = 16
"""Names that are tried from a prefix, of which those that fit are shown."""


class Predicting(SamplerMode):
    """A mode that follows a prefix: the answers that belong to it, and at most one open question of each kind."""

    def __init__(self, stepping: StepState, *, id: str) -> None:
        super().__init__(id=id)
        self.stepping = stepping
        self.refused: tuple[str, str] | None = None
        self._refused_at: int | None = None  # the step of the model that had no answer: until it moves it has none
        self.tried = PrefixSamples()
        self._tried_from = ("", 0)
        self._told: NextPredicted | None = None
        self._asking, self._trying = PendingRequest(self.ask), PendingRequest(self.ask)

    @property
    def symbols(self) -> str:
        """The characters that the model knows."""
        return self.run.corpus.symbols if self.run.corpus else ""

    @property
    def known(self) -> NextPredicted | None:
        """What may follow the present prefix, once it was told."""
        return self._told if self._told is not None and self._told.prefix == self.stepping.prefix else None

    @property
    def waiting(self) -> bool:
        """Whether what may follow is about to be told."""
        return self.ready and self.known is None and bool(self._asking.number)

    def load(self) -> None:
        self._asking.cancel()
        self._trying.cancel()
        self._told, self.refused, self._refused_at, self.tried = None, None, None, PrefixSamples()
        if self.ready:
            self.stepping = self.stepping.restricted_to(self.symbols)
            self._predict()

    def poll(self) -> None:
        if not self.ready:
            return
        known = self.known
        told_at = known.step if known and self.refused is None else self._refused_at
        if self._asking.poll() and told_at != self.run.step:
            self._predict()
        moved = known is not None and self.tried.step != known.step and not (self.tried.refusal or self.stepping.ended)
        if self._trying.poll() and moved:
            self._try()

    def go(self, stepping: StepState) -> None:
        """Step on or back; what may follow another prefix is asked."""
        before, self.stepping = self.stepping, stepping
        if (before.prefix, before.column) != (stepping.prefix, stepping.column):
            self.tried = PrefixSamples()
            if before.prefix != stepping.prefix:
                self.refused = self._refused_at = None
                if self.ready:
                    self._predict()
            else:
                self._try_if_rested()
        self.update()

    def watch_speech(self, old: SamplerState, new: SamplerState) -> None:
        """Take in the answers to what was asked here."""
        predicted, refused, tried = new.predicted, new.refused, new.tried
        if predicted is not None and predicted is not old.predicted and self._asking.accept(predicted.request):
            self._told, self.refused = predicted, None
            if self.known:
                self.set_timer(TRY_AFTER, self._try_if_rested)
        elif refused is not None and refused is not old.refused and self._asking.accept(refused.request):
            self.refused, self._refused_at = (refused.problem, refused.remedy), self.run.step
        elif tried is not old.tried and tried.request == self._trying.number:
            self._take(tried)
        else:
            return
        if self.on_screen:
            self.update()

    def _take(self, tried: PrefixSamples) -> None:
        """Show the names, unless one has gone on since they were asked for."""
        there = self._tried_from == (self.stepping.prefix, self.stepping.column)
        if there:
            self.tried = tried
        if tried.done:
            self._trying.accept(tried.request)
            if not there:
                self._try_if_rested()

    def _predict(self) -> None:
        self._asking.request(lambda number: PredictNext(self.stepping.prefix, number))

    def _try_if_rested(self) -> None:
        if self.known and not self._trying.number and not self.tried.names:
            self._try()

    def _try(self) -> None:
        stepping = self.stepping
        self._tried_from = (stepping.prefix, stepping.column)
        sampling = SamplingConfig(stepping.temperature, stepping.prefix, TRIED, self.sampling.seed)
        self._trying.request(lambda number: SampleNames(sampling, number))


ASKED_OF_THE_MODEL = frozenset({"enter", "space", "up", "down", "pageup", "pagedown"})
"""Keys that mean nothing before the model has told what may follow."""


class StepMode(Predicting):
    """A prefix and what may come next; letters are typed, so that none of them is a key."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in STEP_KEYS]

    title = "Step by step"
    keys = STEP_KEYS

    def __init__(self, left: SamplerMemory) -> None:
        super().__init__(left.stepping, id="step")
        self._path = TextPane("Step by step", id="path", classes="side")
        self._next = TextPane("Next character", id="next", classes="main keyed")

    def compose(self) -> ComposeResult:
        yield self._path
        yield self._next

    def awaits(self, key: str) -> bool:
        """Whether the key is about what may follow, and that is still to be told."""
        return key in ASKED_OF_THE_MODEL and self.waiting

    async def _on_key(self, event: events.Key) -> None:
        if event.key not in self._bindings.key_to_bindings and event.is_printable and event.character:
            event.stop()
            event.prevent_default()
            self._type(event.character)

    def _type(self, text: str) -> None:
        longer = self.stepping.typed(text)
        if not self.ready:
            return
        if self.stepping.full:
            self._say_full()
        elif longer.restricted_to(self.symbols) != longer:
            corpus = self.run.corpus.name if self.run.corpus else "the corpus"
            self.notify(f"{text!r} is not among the characters of {corpus}", severity="warning", markup=False)
        else:
            self.go(longer)

    def _say_full(self) -> None:
        if not self.stepping.ended:  # which the pane says already
            why = f"a prefix has at most {LONGEST_PREFIX} characters\n{GLYPHS.backspace} takes the last back"
            self.notify(why, severity="warning", markup=False)

    def action_walk(self, places: int) -> None:
        if self.known is not None and not self.stepping.ended:
            self.go(self.stepping.at(walked(order_of(self.known.surprises), self.stepping.here, places)))

    def action_take(self) -> None:
        if self.stepping.full:
            self._say_full()
        elif self.known is not None:
            order = order_of(self.known.surprises)
            here = self.stepping.here
            self.go(self.stepping.with_choice(here if here in order else order[0], self.symbols))

    def action_roll(self) -> None:
        if self.stepping.full:
            self._say_full()
        elif self.known is not None and all(surprise == surprise for surprise in self.known.surprises):
            self.go(self.stepping.rolled(self.known.surprises, self.sampling.seed, self.symbols))

    def action_undo(self, what: str) -> None:
        self.go(self.stepping.cleared() if what == "all" else self.stepping.back())

    def action_warm(self, places: int) -> None:
        self.go(self.stepping.with_temperature_step(places))

    def update(self) -> None:
        if not self.is_mounted or not self.on_screen:
            return
        words = tuple(empty_state_text(self.run))
        if not words and self.refused is not None:
            words = tuple(refusal(self.run, *self.refused, self._next.inner_size[0]))
        context = self.run.config.context if self.run.config else 8
        seen = PathView(self.stepping, self.known, self.tried, context)
        self._path.set_lines(seen.lines(*self._path.inner_size))
        self._next.set_lines(words or self._after())
        step = f"step {format_steps(self.known.step)} {GLYPHS.dot} " if self.known else ""
        self._next.remark = "" if words or self.stepping.ended else f"{step}sorted by p"

    def _after(self) -> list[StyledLine]:
        if self.stepping.ended:
            name = (Span(self.stepping.prefix or GLYPHS.dash, "bright", True), Span(" has ended."))
            back = (Span(GLYPHS.backspace, "accent", True), Span(" takes the end back, ", "muted"))
            return [name, (*back, Span("^u", "accent", True), Span(" begins anew.", "muted"))]
        if self.known is None:
            return []
        spread_out = NextCharView.of(self.known.surprises, self.stepping.column, self.symbols)
        return spread_out.lines(self.stepping.prefix, self.stepping.here, *self._next.inner_size)
