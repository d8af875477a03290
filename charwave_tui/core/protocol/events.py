"""Events: everything that the engine sends to its viewers."""

from __future__ import annotations

import msgspec

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.metrics import (
    CorpusSummary,
    CurveMarker,
    Divergence,
    Evaluation,
    GhostCurve,
    LayerStats,
    LossPoint,
    RunState,
    SampledName,
    StarredName,
    TimelineSample,
    TrainingHistory,
)
from charwave_tui.core.protocol.float_matrix import FloatMatrix
from charwave_tui.core.protocol.layer_insights import AnyInsight
from charwave_tui.core.store.run_record import RunRecord, RunSummary


class Event(msgspec.Struct, frozen=True, tag=True):
    """A message from the engine: to the viewer that sent the command, or to every viewer.

    Losses and nlls are in nats per character; `step` is the number of steps taken.
    """


class RunsListed(Event, frozen=True):
    """All stored runs, newest first. Reply to ListRuns; to every viewer when the list changes."""

    runs: tuple[RunSummary, ...]


class RunShown(Event, frozen=True):
    """The record of a run. Reply to ShowRun."""

    record: RunRecord


class ResumableRunFound(Event, frozen=True):
    """The latest run was left unfinished, after a crash for instance, and can be resumed from its last checkpoint.

    Sent to a new viewer if no run has begun.
    """

    run: RunSummary


class LayerInspected(Event, frozen=True):
    """A layer after `step`. Reply to InspectLayer; `seconds` is the engine's time for it."""

    step: int
    request: int
    stats: LayerStats
    insight: AnyInsight
    seconds: float


class UpdateRatiosReported(Event, frozen=True):
    """Update ratios log10(std(Δp)/std(p)) of the weight matrices, sampled over training. Reply to ReportUpdateRatios.

    `layers` are the indices of the layers with a matrix; `ratios` is [steps, layers], NaN where not measured.
    """

    steps: tuple[int, ...]
    layers: tuple[int, ...]
    ratios: FloatMatrix


class CorpusStored(Event, frozen=True):
    """The corpus is at `path` on the engine's machine. Reply to OfferCorpus and the last UploadCorpusPart."""

    sha256: str
    path: str


class CorpusRequested(Event, frozen=True):
    """The engine does not have the corpus: the viewer shall upload it. Reply to OfferCorpus."""

    sha256: str


class CorpusRefused(Event, frozen=True):
    """The engine cannot take the corpus. Reply to OfferCorpus and UploadCorpusPart."""

    sha256: str
    problem: str
    remedy: str


class NextPredicted(Event, frozen=True):
    """The next-character distribution after `prefix`. Reply to PredictNext.

    `nlls` are −log p of every id at temperature 1, the boundary (the end of the name) first; `prefix_nlls` those of
    the characters of the prefix.
    """

    step: int
    request: int
    prefix: str
    nlls: tuple[float, ...]
    prefix_nlls: tuple[float, ...]


class WordScored(Event, frozen=True):
    """The nll of a word. Reply to ScoreWord, sent again with the percentile once that is computed.

    `nlls` are −log p of each character and of the end. `nearest_word` is the word itself if it is in the corpus, else
    a corpus word one edit away, empty if there is none. `percentile` is the percentage of `compared_words` (a sample
    of the corpus, or all of it) with a higher mean nll. Without the words `nearest_word` is None, and the only reply
    has no percentile.
    """

    step: int
    request: int
    word: str
    nlls: tuple[float, ...]
    nearest_word: str | None
    percentile: float | None = None
    compared_words: int = 0


class QueryRefused(Event, frozen=True):
    """PredictNext, ScoreWord or SampleRun has no result."""

    request: int
    problem: str
    remedy: str


class RunSampled(Event, frozen=True):
    """Names from the checkpoint of another run at `step`. Reply to SampleRun."""

    run: int
    step: int
    request: int
    names: tuple[SampledName, ...]


class TimelineSampled(Event, frozen=True):
    """A sample was added to the run's timeline. To every viewer, after evaluations on val."""

    sample: TimelineSample


class StarsListed(Event, frozen=True):
    """All starred names, newest first. Reply to ListStars; to every viewer when they change."""

    stars: tuple[StarredName, ...]


class EngineStarted(Event, frozen=True):
    """The first event of every connection, sent before torch is imported."""

    version: str
    pid: int


class EngineReady(Event, frozen=True):
    """Torch is imported; `accelerator` is the device that `auto` stands for. To every new viewer."""

    torch: str
    accelerator: str


class RunOpened(Event, frozen=True):
    """Everything about the active run except the pending loss points, which Progress carries.

    To a new viewer; to every viewer when another run becomes active. `run` is None before it is stored, `save_error`
    is why it cannot be saved (empty: it can), `missing_words` why the words it learned are not there (empty: they are),
    `published` a published val loss of the preset; `timeline` is oldest first.
    """

    run: int | None
    preset: str
    config: RunConfig
    corpus: CorpusSummary
    parameters: int
    device: str
    published: float | None
    state: RunState
    step: int
    history: TrainingHistory
    ghost: GhostCurve | None = None
    divergence: Divergence | None = None
    save_error: str = ""
    timeline: tuple[TimelineSample, ...] = ()
    missing_words: str = ""


class RunChanged(Event, frozen=True):
    """The state of the run changed. To every viewer; `reason` is for people, empty if the state tells it."""

    state: RunState
    step: int
    reason: str = ""
    divergence: Divergence | None = None


class Progress(Event, frozen=True):
    """Training went on. To every viewer, several times a second.

    `points` are the windows completed since the last event, `partial` the current one; `steps_per_second` is 0 until
    it is known.
    """

    step: int
    steps_per_second: float
    points: tuple[LossPoint, ...]
    partial: LossPoint | None


class RunEdited(Event, frozen=True):
    """Live fields of the run were changed to those of `config`. To every viewer."""

    config: RunConfig


class RunMarked(Event, frozen=True):
    """A marker was added to the curve. To every viewer."""

    marker: CurveMarker


class SplitEvaluated(Event, frozen=True):
    """A whole split was evaluated. To every viewer, or reply to EvaluateSplits."""

    evaluation: Evaluation


class LayersProbed(Event, frozen=True):
    """All layers after `step`. Reply to ProbeLayers; `seconds` is the engine's time for it."""

    step: int
    layers: tuple[LayerStats, ...]
    seconds: float = 0.0


class NamesSampled(Event, frozen=True):
    """Names sampled after `step`. Reply to SampleNames, repeatedly until `done`, with all names so far.

    `attempts` is how many were sampled, including those that `only_new` discards.
    """

    step: int
    request: int
    names: tuple[SampledName, ...]
    done: bool = True
    attempts: int = 0


class NamesRefused(Event, frozen=True):
    """SampleNames has no result."""

    request: int
    problem: str
    remedy: str


class RunSaved(Event, frozen=True):
    """A checkpoint of the run after `step` was written. To every viewer."""

    run: int
    step: int


class SaveFailed(Event, frozen=True):
    """The checkpoint could not be written; training goes on and saving is retried. To every viewer."""

    run: int
    problem: str


class WarningIssued(Event, frozen=True):
    """Something that was repaired or lost, in one line. To every viewer."""

    text: str


class StatusReported(Event, frozen=True):
    """What the engine does. Reply to ReportStatus.

    `run` and `state` are None without a stored run; `save_error` is why it cannot be saved (empty: it can);
    `evaluating` tells whether evaluations of whole splits are pending.
    """

    run: int | None
    state: RunState | None
    step: int
    max_steps: int
    save_error: str = ""
    evaluating: bool = False


class Pong(Event, frozen=True):
    """Reply to Ping, with its `sent`."""

    sent: float


class CommandRefused(Event, frozen=True):
    """A command failed because of user error. Reply to that command."""

    problem: str
    remedy: str
    field: str | None = None


class EngineFailed(Event, frozen=True):
    """An internal error of the engine; `log` is the path of the log with its traceback."""

    problem: str
    log: str
