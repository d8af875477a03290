"""Commands to the engine about the run that it holds, and events from it."""

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
    """What the engine tells its viewers."""


class RunsListed(Event, frozen=True):
    """All runs that are kept, newest first: to whom it was asked by, and to all where the list was changed."""

    runs: tuple[RunSummary, ...]


class RunShown(Event, frozen=True):
    """The whole record of a run, its history bounded as always."""

    record: RunRecord


class ResumableRunFound(Event, frozen=True):
    """The newest run was left in the middle, by a crash, say: it can be gone on with from its last save."""

    run: RunSummary


class LayerInspected(Event, frozen=True):
    """The layer as it was after `step`; looking took `seconds` of the engine's time."""

    step: int
    request: int
    stats: LayerStats
    insight: AnyInsight
    seconds: float


class UpdateRatiosReported(Event, frozen=True):
    """The update ratios log10(std(Δp)/std(p)) of the run's matrices, measured now and then from a step's real change.

    `layers` are the places in the model of those that have a matrix, `ratios` [steps, layers]; NaN where there is none.
    """

    steps: tuple[int, ...]
    layers: tuple[int, ...]
    ratios: FloatMatrix


class CorpusStored(Event, frozen=True):
    """The corpus lies at `path`, where the engine is."""

    sha256: str
    path: str


class CorpusRequested(Event, frozen=True):
    """The engine does not have the corpus."""

    sha256: str


class CorpusRefused(Event, frozen=True):
    """The engine does not take the corpus: why, and what to do."""

    sha256: str
    problem: str
    remedy: str


class NextPredicted(Event, frozen=True):
    """What may follow `prefix` after `step`: −log p of every id from the boundary up, which ends the name, at T = 1.

    `path` is −log p of each character of the prefix, in nats.
    """

    step: int
    request: int
    prefix: str
    surprises: tuple[float, ...]
    path: tuple[float, ...]


class WordScored(Event, frozen=True):
    """How much `word` surprises the model after `step`: −log p of each character and of its end, in nats.

    `percentile` is the share of corpus words, in per cent, whose mean surprise is larger: None in the first answer, for
    it takes the scores of `among` words, which may be all of the corpus or a sample of it. `known` is the word itself
    where the corpus has it, else a word of the corpus that is one edit away, empty where there is none.
    """

    step: int
    request: int
    word: str
    surprises: tuple[float, ...]
    known: str
    percentile: float | None = None
    among: int = 0


class QueryRefused(Event, frozen=True):
    """Why PredictNext, ScoreWord or SampleRun has no answer, and what to do."""

    request: int
    problem: str
    remedy: str


class RunSampled(Event, frozen=True):
    """Names of another run as it was saved after `step`."""

    run: int
    step: int
    request: int
    names: tuple[SampledName, ...]


class TimelineSampled(Event, frozen=True):
    """The run's timeline grew by names drawn with the same chance as all before them."""

    sketch: TimelineSample


class StarsListed(Event, frozen=True):
    """All starred names, newest first: told to who asks, and to all when they change."""

    stars: tuple[StarredName, ...]


class EngineStarted(Event, frozen=True):
    """The first event of every connection, before torch is there."""

    version: str
    pid: int


class EngineReady(Event, frozen=True):
    """Torch is imported; `accelerator` is what `auto` stands for here."""

    torch: str
    accelerator: str


class RunOpened(Event, frozen=True):
    """Everything about the run that the engine holds now, but for the unfinished window, which Progress tells.

    `run` is None until it has a number of its own; `unsaved` is why it is not being saved, empty where it is;
    `timeline` has names from its evaluations, evenly over its steps, oldest first.
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
    unsaved: str = ""
    timeline: tuple[TimelineSample, ...] = ()


class RunChanged(Event, frozen=True):
    """The run's state changed; `reason` is for people, empty where the state says it all."""

    state: RunState
    step: int
    reason: str = ""
    divergence: Divergence | None = None


class Progress(Event, frozen=True):
    """Training moved: whole windows since the last event, the unfinished one, and the speed (0 while unknown)."""

    step: int
    steps_per_second: float
    points: tuple[LossPoint, ...]
    partial: LossPoint | None


class RunEdited(Event, frozen=True):
    """A live edit took hold."""

    config: RunConfig


class RunMarked(Event, frozen=True):
    """Something to mark on the curve happened."""

    mark: CurveMarker


class SplitEvaluated(Event, frozen=True):
    """A whole split was measured."""

    evaluation: Evaluation


class LayersProbed(Event, frozen=True):
    """The layers as they were after `step`; looking took `seconds` of the engine's time."""

    step: int
    layers: tuple[LayerStats, ...]
    seconds: float = 0.0


class NamesSampled(Event, frozen=True):
    """The names asked for in `request`, drawn after `step`: those so far until `done`, out of so many `drawn`."""

    step: int
    request: int
    names: tuple[SampledName, ...]
    done: bool = True
    drawn: int = 0


class NamesRefused(Event, frozen=True):
    """Why there are no names for `request`, and what to do."""

    request: int
    problem: str
    remedy: str


class RunSaved(Event, frozen=True):
    """The run's weights are on disk as they were after `step`."""

    run: int
    step: int


class SaveFailed(Event, frozen=True):
    """The run could not be written to disk, and why; training goes on, and the next save is tried as usual."""

    run: int
    problem: str


class WarningIssued(Event, frozen=True):
    """Something that a person should know of, in a line: what was found damaged and mended, say."""

    text: str


class StatusReported(Event, frozen=True):
    """What the engine is doing; `run` and `state` are None where it holds no run with a number of its own.

    `unsaved` is why the run is not being saved, empty where it is; `measuring` tells that whole splits are still to be
    measured.
    """

    run: int | None
    state: RunState | None
    step: int
    max_steps: int
    unsaved: str = ""
    measuring: bool = False


class Pong(Event, frozen=True):
    """The answer to a Ping, with its `sent`."""

    sent: float


class CommandRefused(Event, frozen=True):
    """A command could not be followed: a person's mistake, with the remedy and the field where there is one."""

    problem: str
    remedy: str
    field: str | None = None


class EngineFailed(Event, frozen=True):
    """The engine's own fault; `log` is where the whole story stands."""

    problem: str
    log: str


AnyEvent = (
    EngineStarted
    | EngineReady
    | RunOpened
    | RunChanged
    | Progress
    | RunEdited
    | RunMarked
    | SplitEvaluated
    | LayersProbed
    | NamesSampled
    | NamesRefused
    | RunSaved
    | SaveFailed
    | WarningIssued
    | StatusReported
    | Pong
    | CommandRefused
    | EngineFailed
    | RunsListed
    | RunShown
    | ResumableRunFound
    | LayerInspected
    | UpdateRatiosReported
    | NextPredicted
    | WordScored
    | QueryRefused
    | RunSampled
    | TimelineSampled
    | StarsListed
    | CorpusStored
    | CorpusRequested
    | CorpusRefused
)
"""Every event there is."""
