"""The half of step by step that asks: what may follow the prefix, and names tried from it."""

from __future__ import annotations

from charwave_tui.core.protocol import SampleNames
from charwave_tui.core.sampling import Sampling
from charwave_tui.core.speaking import NextPredicted, PredictNext
from charwave_tui.ui.sampler.asking import Asking
from charwave_tui.ui.sampler.mode import Mode
from charwave_tui.ui.sampler.stepping import Stepping
from charwave_tui.ui.speech import Speech, Tried

TRY_AFTER = 0.3
"""Seconds of rest after a character before names are tried from it."""

TRIED = 16
"""Names that are tried from a prefix, of which those that fit are shown."""


class Predicting(Mode):
    """A mode that follows a prefix: the answers that belong to it, and at most one open question of each kind."""

    def __init__(self, stepping: Stepping, *, id: str) -> None:
        super().__init__(id=id)
        self.stepping = stepping
        self.refused: tuple[str, str] | None = None
        self._refused_at: int | None = None  # the step of the model that had no answer: until it moves it has none
        self.tried = Tried()
        self._tried_from = ("", 0)
        self._told: NextPredicted | None = None
        self._asking, self._trying = Asking(self.ask), Asking(self.ask)

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
        return self.ready and self.known is None and bool(self._asking.open)

    def begin(self) -> None:
        self._asking.forget()
        self._trying.forget()
        self._told, self.refused, self._refused_at, self.tried = None, None, None, Tried()
        if self.ready:
            self.stepping = self.stepping.among(self.symbols)
            self._predict()

    def look(self) -> None:
        if not self.ready:
            return
        known = self.known
        told_at = known.step if known and self.refused is None else self._refused_at
        if self._asking.look() and told_at != self.run.step:
            self._predict()
        moved = known is not None and self.tried.step != known.step and not (self.tried.refusal or self.stepping.ended)
        if self._trying.look() and moved:
            self._try()

    def go(self, stepping: Stepping) -> None:
        """Step on or back; what may follow another prefix is asked."""
        before, self.stepping = self.stepping, stepping
        if (before.prefix, before.column) != (stepping.prefix, stepping.column):
            self.tried = Tried()
            if before.prefix != stepping.prefix:
                self.refused = self._refused_at = None
                if self.ready:
                    self._predict()
            else:
                self._try_if_rested()
        self.update()

    def watch_speech(self, old: Speech, new: Speech) -> None:
        """Take in the answers to what was asked here."""
        predicted, refused, tried = new.predicted, new.refused, new.tried
        if predicted is not None and predicted is not old.predicted and self._asking.heard(predicted.request):
            self._told, self.refused = predicted, None
            if self.known:
                self.set_timer(TRY_AFTER, self._try_if_rested)
        elif refused is not None and refused is not old.refused and self._asking.heard(refused.request):
            self.refused, self._refused_at = (refused.problem, refused.remedy), self.run.step
        elif tried is not old.tried and tried.request == self._trying.open:
            self._take(tried)
        else:
            return
        if self.on_screen:
            self.update()

    def _take(self, tried: Tried) -> None:
        """Show the names, unless one has gone on since they were asked for."""
        there = self._tried_from == (self.stepping.prefix, self.stepping.column)
        if there:
            self.tried = tried
        if tried.done:
            self._trying.heard(tried.request)
            if not there:
                self._try_if_rested()

    def _predict(self) -> None:
        self._asking.ask(lambda number: PredictNext(self.stepping.prefix, number))

    def _try_if_rested(self) -> None:
        if self.known and not self._trying.open and not self.tried.names:
            self._try()

    def _try(self) -> None:
        stepping = self.stepping
        self._tried_from = (stepping.prefix, stepping.column)
        sampling = Sampling(stepping.temperature, stepping.prefix, TRIED, self.sampling.seed)
        self._trying.ask(lambda number: SampleNames(sampling, number))
