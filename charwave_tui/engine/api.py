"""Train, sample and inspect in this process, for scripts and for the commands without a screen.

Call `charwave_tui.core.openmp.wait_patiently()` before the first import of torch, as the commands do.
"""

from __future__ import annotations

from collections.abc import Callable

from charwave_tui.core.archive import OpenRun
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.insights import ProbeBatch
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.places import PROGRAM, runs_dir
from charwave_tui.core.protocol import CommandRefused, EngineFailed, Event, RunSaved, SaveFailed, StartRun, StopRun
from charwave_tui.core.readings import LayerStats, SampledName
from charwave_tui.core.records import RunRecord
from charwave_tui.core.runs import RunStore
from charwave_tui.core.sampling import Sampling
from charwave_tui.core.speaking import NextPredicted, PredictNext, ScoreWord, WordScored
from charwave_tui.engine.look import FixedBatches, looked
from charwave_tui.engine.percentiles import ladder, placed
from charwave_tui.engine.pieces import whole
from charwave_tui.engine.probe import figures
from charwave_tui.engine.randomness import side_stream
from charwave_tui.engine.restoring import to_look_at
from charwave_tui.engine.sampler import sample as draw
from charwave_tui.engine.session import Session
from charwave_tui.engine.speech import next_character, word_score


class EngineFault(Exception):
    """The engine failed for a reason that is not the user's; the message says which."""


class Training:
    """A run trained in this process; `stop` may be called from a signal handler or another thread.

    `unsaved` is the mistake to raise where the run, as it ended, is not on disk: its record stands in memory alone.
    """

    def __init__(self, command: StartRun | OpenRun, on_event: Callable[[Event], None] = lambda event: None) -> None:
        self.unsaved: Mistake | None = None
        self._on_event = on_event
        self._command = command
        self._saved = False
        self._fault: Exception | None = None
        self._listener_fault: Exception | None = None
        self._session = Session(self._heard, RunStore(runs_dir()))

    def start(self, asked: float | None = None) -> RunRecord:
        """Train to the end, evaluate, save; the record, on disk unless `unsaved`. `asked`: when its seconds began.

        Raises Mistake where the config cannot be trained, EngineFault where the engine failed, and what `on_event`
        raised: that stops the run, which is saved.
        """
        self._session.submit(self._command, asked=asked)
        record = self._session.run(until_idle=True)
        if (fault := self._fault or self._listener_fault) is not None:
            raise fault
        assert record is not None
        return record

    def stop(self) -> None:
        """End after the present step, evaluate and save."""
        self._session.submit(StopRun())

    def _heard(self, event: Event, viewer: int | None) -> None:
        match event:
            case RunSaved():
                self._saved, self.unsaved = True, None
            case SaveFailed(run=run, problem=problem):
                again = f"then go on from its last save with {PROGRAM} train --resume {run}"
                remedy = f"free some space, {again if self._saved else 'and train it again'}"
                self.unsaved = Mistake(f"run {run} could not be saved: {problem}", remedy)
            case CommandRefused(problem=problem, remedy=remedy, field=field):
                self._fault = Mistake(problem, remedy, field)
            case EngineFailed(problem=problem):
                self._fault = EngineFault(problem)
        if self._listener_fault is None:
            try:
                self._on_event(event)
            except Exception as error:  # a closed pipe, say: the run is no worse for it, and is saved
                self._listener_fault = error
                self.stop()


def sample(sampling: Sampling, run: int | None = None) -> tuple[SampledName, ...]:
    """Names from the saved weights of `run`, by default the newest; raises Mistake."""
    record, corpus, trainer = to_look_at(RunStore(runs_dir()), run)
    stream = side_stream(sampling.seed, "sampling")
    return draw(trainer.model, corpus, record.config, sampling, stream)


def predict(prefix: str, run: int | None = None) -> tuple[NextPredicted, Corpus]:
    """What may follow `prefix` after the saved weights of `run`, by default the newest, and its corpus; Mistake."""
    _, corpus, trainer = to_look_at(RunStore(runs_dir()), run)
    return whole(next_character(trainer, PredictNext(prefix))), corpus


def score(word: str, run: int | None = None) -> WordScored:
    """How much `word` surprises the saved weights of `run`, by default the newest, with its percentile; Mistake."""
    _, _, trainer = to_look_at(RunStore(runs_dir()), run)
    return placed(whole(word_score(trainer, ScoreWord(word))), whole(ladder(trainer)))


def inspect(run: int | None = None) -> tuple[LayerStats, ...]:
    """Statistics of every layer of the saved weights of `run`, by default the newest; raises Mistake."""
    _, _, trainer = to_look_at(RunStore(runs_dir()), run)
    look = looked(trainer.model, FixedBatches(trainer).of(ProbeBatch()))
    return tuple(figures(look, trainer.movement.ratios))
