"""State of the lab as the engine's events change it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import Enum

import msgspec

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.escaping import escape_invisible
from charwave_tui.core.history import DownsampledLosses, thin_out, thin_out_evaluations
from charwave_tui.core.metrics import (
    CorpusSummary,
    Divergence,
    Evaluation,
    GhostCurve,
    LayerStats,
    LossPoint,
    RunState,
    SampledName,
    Split,
    TrainingHistory,
)
from charwave_tui.core.protocol.events import (
    EngineReady,
    Event,
    LayerInspected,
    LayersProbed,
    NamesRefused,
    NamesSampled,
    Progress,
    ResumableRunFound,
    RunChanged,
    RunEdited,
    RunMarked,
    RunOpened,
    RunSaved,
    RunShown,
    RunsListed,
    SaveFailed,
    SplitEvaluated,
    UpdateRatiosReported,
)
from charwave_tui.core.store.run_record import RESUMABLE_STATES, RunRecord, RunSummary
from charwave_tui.ui.state.sampler_state import FIRST_REQUEST, SamplerState, reduce_sampler

PROBES_KEPT = 8

MAX_POINTS = 4_000

RECORDS_KEPT = 16  # more than are ever compared, far fewer than there may be runs


@dataclass(frozen=True, slots=True)
class LayersState:
    """The layers as last probed, after `step`; empty before the first probe. `past` are earlier probes, oldest first.

    They are `foreign` if another run was opened since.
    """

    step: int = 0
    layers: tuple[LayerStats, ...] = ()
    past: tuple[tuple[LayerStats, ...], ...] = ()
    is_of_other_run: bool = False

    def history_of(self, layer: int) -> tuple[LayerStats, ...]:
        """Return the statistics of a layer at each probe, oldest first."""
        return tuple(layers[layer] for layers in (*self.past, self.layers))


@dataclass(frozen=True, slots=True)
class InspectionState:
    """The last replies to the inspector."""

    inspected: LayerInspected | None = None
    update_ratios: UpdateRatiosReported | None = None


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A stored run that can be resumed, at `step` or a little before."""

    run: int
    step: int


class ConnectionState(Enum):
    """State of the connection to the engine."""

    STARTING = "starting"
    READY = "ready"
    OFFLINE = "offline"  # the link to another machine is down; the run is shown as it was last known
    LOST = "lost"  # the engine is gone, and its run with it


@dataclass(frozen=True, slots=True)
class RunViewState:
    """The engine's active run. Before the first run every field but `connection` has its default.

    `divergence` describes the step at which the loss became non-finite, `unsaved` is the reason why saving fails
    (empty while it works), `unfinished` the stored run that can be resumed while the engine has none of its own.
    """

    connection: ConnectionState = ConnectionState.STARTING
    run: int | None = None
    preset: str = ""
    config: RunConfig | None = None
    corpus: CorpusSummary | None = None
    parameters: int = 0
    device: str = ""
    state: RunState | None = None
    step: int = 0
    steps_per_second: float = 0.0
    reason: str = ""
    divergence: Divergence | None = None
    unsaved: str = ""
    unfinished: Unfinished | None = None

    @property
    def is_connected(self) -> bool:
        return self.connection is ConnectionState.READY

    @property
    def is_pretrained(self) -> bool:
        """Whether it is the pretrained model, shown until there is a run."""
        return self.state is RunState.READY and self.step > 0

    @property
    def diverged_to(self) -> str:
        """What the loss of a diverged run became: `NaN` or `infinite`, `not finite` if unknown."""
        return self.divergence.became if self.divergence else "not finite"

    @property
    def is_in_progress(self) -> bool:
        return self.state in RESUMABLE_STATES

    @property
    def seconds_left(self) -> float | None:
        """Time to the last step at the present speed, None if unknown."""
        if self.config is None or self.state is not RunState.TRAINING or self.steps_per_second <= 0:
            return None
        return (self.config.max_steps - self.step) / self.steps_per_second


@dataclass(frozen=True, slots=True)
class LossCurveState:
    """The losses of the run; `partial` is the mean of the window that is not complete yet.

    `ghost_corpus` is the corpus of the ghost if the run has another one, whose losses do not compare; else empty.
    """

    history: TrainingHistory = field(default_factory=TrainingHistory)
    partial: LossPoint | None = None
    ghost: GhostCurve | None = None
    published: float | None = None
    vocab_size: int = 0
    max_steps: int = 0
    diverged_at: int | None = None
    ghost_corpus: str = ""

    @property
    def points(self) -> tuple[LossPoint, ...]:
        """The training loss, including the incomplete window."""
        return (*self.history.points, self.partial) if self.partial else self.history.points

    @property
    def uniform_loss(self) -> float | None:
        """The loss of a uniform prediction, ln(vocabulary size)."""
        return math.log(self.vocab_size) if self.vocab_size else None

    def latest(self, split: Split) -> Evaluation | None:
        evaluations = reversed(self.history.evaluations)
        return next((evaluation for evaluation in evaluations if evaluation.split is split), None)


@dataclass(frozen=True, slots=True)
class NamesState:
    """The names sampled last, after `step`, out of `drawn` samples; all of them if `done`.

    `refusal` is why there are none, `is_after_divergence` whether that is the divergence, which a rewind undoes.
    """

    step: int = 0
    names: tuple[SampledName, ...] = ()
    refusal: str = ""
    remedy: str = ""
    is_after_divergence: bool = False
    done: bool = True
    requested: int = 0


@dataclass(frozen=True, slots=True)
class RunsState:
    """The stored runs: summaries of all (None before the first list) and the records read last, newest first."""

    listed: tuple[RunSummary, ...] | None = None
    records: tuple[RunRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class LabState:
    """Everything that the screens show of the engine."""

    run: RunViewState = field(default_factory=RunViewState)
    curve: LossCurveState = field(default_factory=LossCurveState)
    layers: LayersState = field(default_factory=LayersState)
    inspection: InspectionState = field(default_factory=InspectionState)
    names: NamesState = field(default_factory=NamesState)
    runs: RunsState = field(default_factory=RunsState)
    sampler: SamplerState = field(default_factory=SamplerState)


@dataclass(frozen=True, slots=True)
class EngineDisconnected:
    """The connection to the engine ended; `reason` is a message for the user, empty if it just ended.

    `retry_in` is the time in seconds until the next attempt, None if the engine is gone and its run with it.
    """

    reason: str = ""
    retry_in: float | None = None


def reduce(state: LabState, event: Event | EngineDisconnected) -> LabState:
    if isinstance(event, EngineDisconnected):
        return replace(state, run=_disconnected(state.run, event))
    return replace(
        state,
        run=_reduce_run(state.run, event),
        curve=_reduce_curve(state, event),
        layers=_reduce_layers(state.layers, event),
        inspection=_reduce_inspection(state.inspection, event),
        names=_reduce_names(state, event),
        runs=reduce_runs(state.runs, event),
        sampler=reduce_sampler(state.sampler, event),
    )


def _disconnected(run: RunViewState, event: EngineDisconnected) -> RunViewState:
    if event.retry_in is not None:
        return replace(run, connection=ConnectionState.OFFLINE, reason=event.reason, steps_per_second=0.0)
    return replace(
        run,
        connection=ConnectionState.LOST,
        reason=event.reason,
        state=None,
        steps_per_second=0.0,
        unsaved="",
        unfinished=Unfinished(run.run, run.step) if run.is_in_progress and run.run is not None else run.unfinished,
    )


def _reduce_run(run: RunViewState, event: Event) -> RunViewState:
    match event:
        case EngineReady():
            return replace(run, connection=ConnectionState.READY)
        case RunOpened():
            return RunViewState(
                connection=ConnectionState.READY,
                run=event.run,
                preset=event.preset,
                config=event.config,
                corpus=event.corpus,
                parameters=event.parameters,
                device=event.device,
                state=event.state,
                step=event.step,
                divergence=event.divergence,
                unsaved=event.save_error,
                unfinished=run.unfinished if event.run is None else None,
            )
        case ResumableRunFound(run=unfinished):
            return replace(run, unfinished=Unfinished(unfinished.run, unfinished.step))
        case RunChanged(state=state, step=step, reason=reason, divergence=divergence):
            return replace(run, state=state, step=step, reason=reason, divergence=divergence)
        case Progress(step=step, steps_per_second=steps_per_second):
            return replace(run, step=step, steps_per_second=steps_per_second)
        case RunEdited(config=config):
            return replace(run, config=config)
        case SaveFailed(run=number, problem=problem) if number == run.run:
            return replace(run, unsaved=problem)
        case RunSaved(run=number) if number == run.run and run.unsaved:
            return replace(run, unsaved="")
        case _:
            return run


def _reduce_curve(state: LabState, event: Event) -> LossCurveState:
    curve, history = state.curve, state.curve.history
    match event:
        case RunOpened():
            return LossCurveState(
                history=event.history,
                ghost=(ghost := event.ghost or _ghost_of_lost_run(state, event.run)),
                ghost_corpus=_other_corpus(ghost, event.corpus),
                published=event.published,
                vocab_size=event.corpus.vocab_size,
                max_steps=event.config.max_steps,
                diverged_at=event.step if event.state is RunState.DIVERGED else None,
            )
        case RunChanged(state=run_state, step=step):
            return replace(curve, diverged_at=step if run_state is RunState.DIVERGED else None)
        case Progress(points=points, partial=partial):
            if points:
                history = msgspec.structs.replace(history, points=_downsampled((*history.points, *points)))
            return replace(curve, history=history, partial=partial)
        case RunEdited(config=config):
            return replace(curve, max_steps=config.max_steps)
        case RunMarked(marker=mark):
            marks = thin_out((*history.marks, mark))
            return replace(curve, history=msgspec.structs.replace(history, marks=marks))
        case SplitEvaluated(evaluation=evaluation):
            evaluations = thin_out_evaluations((*history.evaluations, evaluation))
            return replace(curve, history=msgspec.structs.replace(history, evaluations=evaluations))
        case _:
            return curve


def _ghost_of_lost_run(state: LabState, run: int | None) -> GhostCurve | None:
    """The curve of a run whose engine died, and its own ghost with it."""
    if state.run.run in (None, run) or not state.curve.history.points:
        return state.curve.ghost
    return GhostCurve(f"run {state.run.run}", state.curve.max_steps, state.curve.history, state.run.corpus)


def _other_corpus(ghost: GhostCurve | None, corpus: CorpusSummary) -> str:
    if ghost is None or ghost.corpus is None or ghost.corpus.sha256 == corpus.sha256:
        return ""
    return escape_invisible(ghost.corpus.name)


def _downsampled(points: tuple[LossPoint, ...]) -> tuple[LossPoint, ...]:
    return points if len(points) < MAX_POINTS else DownsampledLosses(points, MAX_POINTS).points()


def _reduce_layers(layers: LayersState, event: Event) -> LayersState:
    match event:
        case RunOpened():
            return replace(layers, past=(), is_of_other_run=True)
        case LayersProbed(step=step, layers=probed):
            is_same_model = not layers.is_of_other_run and [layer.name for layer in probed] == [
                layer.name for layer in layers.layers
            ]
            past = layers.past if is_same_model and step >= layers.step else ()
            if is_same_model and step > layers.step:
                past = (*past, layers.layers)[1 - PROBES_KEPT :]
            return LayersState(step, probed, past)
        case _:
            return layers


def _reduce_inspection(inspection: InspectionState, event: Event) -> InspectionState:
    match event:
        case RunOpened():
            return InspectionState()
        case LayerInspected():
            return replace(inspection, inspected=event)
        case UpdateRatiosReported():
            return replace(inspection, update_ratios=event)
        case _:
            return inspection


def _reduce_names(state: LabState, event: Event) -> NamesState:
    match event:
        case NamesSampled(step=step, request=request, names=names, done=done, attempts=attempts) if (
            request < FIRST_REQUEST
        ):
            return NamesState(step, names, done=done, requested=attempts)
        case NamesRefused(request=request, problem=problem, remedy=remedy) if request < FIRST_REQUEST:
            if state.run.state is RunState.DIVERGED:
                return NamesState(refusal=problem, is_after_divergence=True)
            return NamesState(refusal=problem, remedy=remedy)
        case _:
            return state.names


def reduce_runs(runs: RunsState, event: Event) -> RunsState:
    match event:
        case RunsListed(runs=listed):
            return replace(runs, listed=listed)
        case RunShown(record=record):
            others = (other for other in runs.records if other.run != record.run)
            return replace(runs, records=(record, *others)[:RECORDS_KEPT])
        case _:
            return runs
