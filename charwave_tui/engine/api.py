"""Train, sample, predict, score and inspect in this process, for scripts and for commands without a screen.

Call `charwave_tui.core.openmp.wait_patiently()` before the first import of torch, as the commands do.
"""

from __future__ import annotations

from collections.abc import Callable

from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.memorising import WordProbabilities
from charwave_tui.core.metrics import LayerStats, SampledName
from charwave_tui.core.paths import APP_NAME, runs_dir
from charwave_tui.core.protocol import events
from charwave_tui.core.protocol.commands import OpenRun, PredictNext, ScoreWord, StartRun, StopRun
from charwave_tui.core.protocol.layer_insights import ProbeBatch
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.inspection.probe import ProbeBatches, capture_layers, layer_stats
from charwave_tui.engine.runs.restore import load_for_inference
from charwave_tui.engine.runtime.cooperative import run_to_completion
from charwave_tui.engine.runtime.random_streams import derived_generator
from charwave_tui.engine.sampling import sampler
from charwave_tui.engine.sampling.queries import answer_predict_next, answer_score_word
from charwave_tui.engine.sampling.scoring import sorted_corpus_nll, with_percentile, word_probabilities
from charwave_tui.engine.service.worker import EngineWorker


class EngineError(Exception):
    """An internal error of the engine."""


class InProcessTraining:
    """A run trained in this process; `stop` may be called from a signal handler or another thread.

    `unsaved` is the error to raise if the run is not on disk when it ends: then its record is in memory only.
    """

    def __init__(
        self, command: StartRun | OpenRun, on_event: Callable[[events.Event], None] = lambda event: None
    ) -> None:
        self.unsaved: UserError | None = None
        self._on_event = on_event
        self._command = command
        self._has_checkpoint = False
        self._error: Exception | None = None
        self._listener_error: Exception | None = None
        self._worker = EngineWorker(self._handle_event, RunStore(runs_dir()))

    def start(self, requested_at: float | None = None) -> RunRecord:
        """Train to the end, evaluate and save; return the record. Its seconds count from `requested_at`.

        Raises UserError if the config cannot be trained, EngineError if the engine failed, and what `on_event` raised:
        that stops the run, which is saved.
        """
        self._worker.submit(self._command, requested_at=requested_at)
        record = self._worker.run(until_idle=True)
        if (error := self._error or self._listener_error) is not None:
            raise error
        assert record is not None
        return record

    def stop(self) -> None:
        """Stop after the current step, evaluate and save."""
        self._worker.submit(StopRun())

    def _handle_event(self, event: events.Event, viewer: int | None) -> None:
        match event:
            case events.RunSaved():
                self._has_checkpoint, self.unsaved = True, None
            case events.SaveFailed(run=run, problem=problem):
                resume = f"then go on from its last save with {APP_NAME} train --resume {run}"
                remedy = f"free some space, {resume if self._has_checkpoint else 'and train it again'}"
                self.unsaved = UserError(f"run {run} could not be saved: {problem}", remedy)
            case events.CommandRefused(problem=problem, remedy=remedy, field=field):
                self._error = UserError(problem, remedy, field)
            case events.EngineFailed(problem=problem):
                self._error = EngineError(problem)
        if self._listener_error is None:
            try:
                self._on_event(event)
            except Exception as error:  # such as a closed pipe: the run is stopped and saved
                self._listener_error = error
                self.stop()


# The functions below use the latest checkpoint of `run`, by default the newest trained one, and raise UserError.
# `corpus_path` says where its words are, if they have moved.


def sample(sampling: SamplingConfig, run: int | None = None, corpus_path: str = "") -> tuple[SampledName, ...]:
    record, corpus, trainer = load_for_inference(RunStore(runs_dir()), run, corpus_path)
    generator = derived_generator(sampling.seed, "sampling")
    return sampler.sample(trainer.model, corpus, record.config, sampling, generator)


def predict(prefix: str, run: int | None = None) -> tuple[events.NextPredicted, Corpus]:
    """Return the distribution of the character after `prefix` by a stored run, and its corpus."""
    _, corpus, trainer = load_for_inference(RunStore(runs_dir()), run)
    return run_to_completion(answer_predict_next(trainer, PredictNext(prefix))), corpus


def score(word: str, run: int | None = None, corpus_path: str = "") -> events.WordScored:
    """Return the nll of `word` by a stored run, with its percentile if the words of the run are there."""
    _, corpus, trainer = load_for_inference(RunStore(runs_dir()), run, corpus_path)
    scored = run_to_completion(answer_score_word(trainer, ScoreWord(word)))
    if corpus.missing is not None:
        return scored
    return with_percentile(scored, run_to_completion(sorted_corpus_nll(trainer)))


def memorising(run: int | None = None, corpus_path: str = "") -> tuple[RunRecord, WordProbabilities]:
    record, _, trainer = load_for_inference(RunStore(runs_dir()), run, corpus_path)
    return record, run_to_completion(word_probabilities(trainer))


def inspect(run: int | None = None) -> tuple[LayerStats, ...]:
    _, _, trainer = load_for_inference(RunStore(runs_dir()), run)
    capture = capture_layers(trainer.model, ProbeBatches(trainer).get(ProbeBatch()))
    return tuple(layer_stats(capture, trainer.update_ratios.ratios))
