"""Train, sample and inspect in this process, for scripts and for the commands without a screen.

Call `charwave_tui.core.openmp.wait_patiently()` before the first import of torch, as the commands do.
"""

from __future__ import annotations

from collections.abc import Callable

from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import LayerStats, SampledName
from charwave_tui.core.paths import APP_NAME, runs_dir
from charwave_tui.core.protocol.commands import OpenRun, PredictNext, ScoreWord, StartRun, StopRun
from charwave_tui.core.protocol.events import (
    CommandRefused,
    EngineFailed,
    Event,
    NextPredicted,
    RunSaved,
    SaveFailed,
    WordScored,
)
from charwave_tui.core.protocol.layer_insights import ProbeBatch
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.inspection.probe import ProbeBatches, capture_layers, layer_stats
from charwave_tui.engine.runs.restore import load_for_inference
from charwave_tui.engine.runtime.cooperative import run_to_completion
from charwave_tui.engine.runtime.random_streams import derived_generator
from charwave_tui.engine.sampling.queries import answer_predict_next, answer_score_word
from charwave_tui.engine.sampling.sampler import sample as draw
from charwave_tui.engine.sampling.scoring import sorted_corpus_nll, with_percentile
from charwave_tui.engine.service.worker import EngineWorker


class EngineError(Exception):
    """The engine failed for a reason that is not the user's; the message says which."""


class InProcessTraining:
    """A run trained in this process; `stop` may be called from a signal handler or another thread.

    `unsaved` is the mistake to raise where the run, as it ended, is not on disk: its record stands in memory alone.
    """

    def __init__(self, command: StartRun | OpenRun, on_event: Callable[[Event], None] = lambda event: None) -> None:
        self.unsaved: UserError | None = None
        self._on_event = on_event
        self._command = command
        self._saved = False
        self._fault: Exception | None = None
        self._listener_fault: Exception | None = None
        self._session = EngineWorker(self._heard, RunStore(runs_dir()))

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
                again = f"then go on from its last save with {APP_NAME} train --resume {run}"
                remedy = f"free some space, {again if self._saved else 'and train it again'}"
                self.unsaved = UserError(f"run {run} could not be saved: {problem}", remedy)
            case CommandRefused(problem=problem, remedy=remedy, field=field):
                self._fault = UserError(problem, remedy, field)
            case EngineFailed(problem=problem):
                self._fault = EngineError(problem)
        if self._listener_fault is None:
            try:
                self._on_event(event)
            except Exception as error:  # a closed pipe, say: the run is no worse for it, and is saved
                self._listener_fault = error
                self.stop()


def sample(sampling: SamplingConfig, run: int | None = None) -> tuple[SampledName, ...]:
    """Names from the saved weights of `run`, by default the newest; raises Mistake."""
    record, corpus, trainer = load_for_inference(RunStore(runs_dir()), run)
    stream = derived_generator(sampling.seed, "sampling")
    return draw(trainer.model, corpus, record.config, sampling, stream)


def predict(prefix: str, run: int | None = None) -> tuple[NextPredicted, Corpus]:
    """What may follow `prefix` after the saved weights of `run`, by default the newest, and its corpus; Mistake."""
    _, corpus, trainer = load_for_inference(RunStore(runs_dir()), run)
    return run_to_completion(answer_predict_next(trainer, PredictNext(prefix))), corpus


def score(word: str, run: int | None = None) -> WordScored:
    """How much `word` surprises the saved weights of `run`, by default the newest, with its percentile; Mistake."""
    _, _, trainer = load_for_inference(RunStore(runs_dir()), run)
    return with_percentile(
        run_to_completion(answer_score_word(trainer, ScoreWord(word))), run_to_completion(sorted_corpus_nll(trainer))
    )


def inspect(run: int | None = None) -> tuple[LayerStats, ...]:
    """Statistics of every layer of the saved weights of `run`, by default the newest; raises Mistake."""
    _, _, trainer = load_for_inference(RunStore(runs_dir()), run)
    look = capture_layers(trainer.model, ProbeBatches(trainer).get(ProbeBatch()))
    return tuple(layer_stats(look, trainer.update_ratios.ratios))
