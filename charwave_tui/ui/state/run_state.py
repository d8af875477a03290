"""LabState: run, curve, layers, names, inspection."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import msgspec

from charwave_tui.core.config.run_config import RunConfig
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
    AnyEvent,
    EngineReady,
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
    SaveFailed,
    SplitEvaluated,
    UpdateRatiosReported,
)
from charwave_tui.core.store.run_record import RESUMABLE_STATES

TREND = 8
"""Looks at the layers that are remembered, the last one among them."""


@dataclass(frozen=True, slots=True)
class LayersState:
    """The layers as last probed, after `step`; empty before the first probe. `past` are earlier looks, oldest first.

    They are `foreign` where another run was opened since, and not looked at yet.
    """

    step: int = 0
    layers: tuple[LayerStats, ...] = ()
    past: tuple[tuple[LayerStats, ...], ...] = ()
    foreign: bool = False

    def course(self, place: int) -> tuple[LayerStats, ...]:
        """One layer's figures at each look, oldest first."""
        return tuple(layers[place] for layers in (*self.past, self.layers))


@dataclass(frozen=True, slots=True)
class InspectionState:
    """The last answers to who looks inside one layer; None before the first."""

    inspected: LayerInspected | None = None
    changes: UpdateRatiosReported | None = None


def reduce_layers(known: LayersState, event: AnyEvent) -> LayersState:
    """The table's figures once `event` has happened; figures of another model begin a new course."""
    match event:
        case RunOpened():
            return replace(known, past=(), foreign=True)
        case LayersProbed(step=step, layers=layers):
            alike = not known.foreign and [layer.name for layer in layers] == [layer.name for layer in known.layers]
            past = known.past if alike and step >= known.step else ()
            moved = alike and step > known.step
            return LayersState(step, layers, (*past, known.layers)[1 - TREND :] if moved else past)
        case _:
            return known


def reduce_inspection(known: InspectionState, event: AnyEvent) -> InspectionState:
    """What is known of the layer looked into once `event` has happened; another run's says nothing of this one."""
    match event:
        case RunOpened():
            return InspectionState()
        case LayerInspected():
            return replace(known, inspected=event)
        case UpdateRatiosReported():
            return replace(known, changes=event)
        case _:
            return known


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A kept run that was left in the middle, at `step` or a little before, and can be gone on with."""

    run: int
    step: int


@dataclass(frozen=True, slots=True)
class RunViewState:
    """The run that the engine holds; `engine` is `starting`, `ready` or `lost`, and before a run all else is empty.

    It is `away` while the line to another machine is down: the run is shown as it was last known.

    `divergence` is what is known of the step that spoilt it, `unsaved` why it is not being saved, empty where it is;
    `unfinished` is the run to go on with while the engine holds none of its own.
    """

    engine: str = "starting"
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
    def boxed(self) -> bool:
        """Whether it is the trained model that comes with the program, shown until one is trained here."""
        return self.state is RunState.READY and self.step > 0

    @property
    def in_progress(self) -> bool:
        """Whether there is a run that trains or is paused."""
        return self.state in RESUMABLE_STATES

    @property
    def seconds_left(self) -> float | None:
        """Time to the last step at the present speed, where both are known."""
        if self.config is None or self.state is not RunState.TRAINING or self.steps_per_second <= 0:
            return None
        return (self.config.max_steps - self.step) / self.steps_per_second


@dataclass(frozen=True, slots=True)
class LossCurveState:
    """All that the loss chart shows."""

    history: TrainingHistory = field(default_factory=TrainingHistory)
    partial: LossPoint | None = None
    ghost: GhostCurve | None = None
    published: float | None = None
    vocab_size: int = 0
    max_steps: int = 0
    diverged_at: int | None = None

    @property
    def points(self) -> tuple[LossPoint, ...]:
        """The training loss, the unfinished window included."""
        return (*self.history.points, self.partial) if self.partial else self.history.points

    @property
    def knowing_nothing(self) -> float | None:
        """The loss of an even guess over the vocabulary, ln(vocabulary)."""
        return math.log(self.vocab_size) if self.vocab_size else None

    def latest(self, split: Split) -> Evaluation | None:
        """The newest evaluation of a split."""
        return next((item for item in reversed(self.history.evaluations) if item.split is split), None)


@dataclass(frozen=True, slots=True)
class NamesState:
    """The names as last sampled, after `step`: those so far until `done`, out of so many `drawn`.

    `refusal` says why there are none, `spoilt` that a rewind gives some.
    """

    step: int = 0
    names: tuple[SampledName, ...] = ()
    refusal: str = ""
    spoilt: bool = False
    done: bool = True
    drawn: int = 0


@dataclass(frozen=True, slots=True)
class LabState:
    """Everything the panes show of the engine."""

    run: RunViewState = field(default_factory=RunViewState)
    curve: LossCurveState = field(default_factory=LossCurveState)
    layers: LayersState = field(default_factory=LayersState)
    inspection: InspectionState = field(default_factory=InspectionState)
    names: NamesState = field(default_factory=NamesState)


@dataclass(frozen=True, slots=True)
class EngineDisconnected:
    """The connection to the engine ended; `reason` is for people, empty where it just ended.

    `again_in` are the seconds until it is tried again by itself, None where the engine is gone and the run with it.
    """

    reason: str = ""
    again_in: float | None = None


def reduce(view: LabState, event: AnyEvent | EngineDisconnected) -> LabState:
    """The view once `event` has happened."""
    match event:
        case EngineDisconnected(reason=reason, again_in=None):
            return replace(view, run=_lost(view.run, reason))
        case EngineDisconnected(reason=reason):
            return replace(view, run=replace(view.run, engine="away", reason=reason, steps_per_second=0.0))
        case EngineReady():
            return replace(view, run=replace(view.run, engine="ready"))
        case RunOpened():
            return _opened(view, event)
        case ResumableRunFound(run=found):
            return replace(view, run=replace(view.run, unfinished=Unfinished(found.run, found.step)))
        case RunChanged(state=state, step=step, reason=reason, divergence=divergence):
            run = replace(view.run, state=state, step=step, reason=reason, divergence=divergence)
            diverged_at = step if state is RunState.DIVERGED else None
            return replace(view, run=run, curve=replace(view.curve, diverged_at=diverged_at))
        case Progress():
            run = replace(view.run, step=event.step, steps_per_second=event.steps_per_second)
            history = view.curve.history
            if event.points:
                history = msgspec.structs.replace(history, points=_bounded((*history.points, *event.points)))
            return replace(view, run=run, curve=replace(view.curve, history=history, partial=event.partial))
        case RunEdited(config=config):
            return replace(
                view,
                run=replace(view.run, config=config),
                curve=replace(view.curve, max_steps=config.max_steps),
            )
        case RunMarked(mark=mark):
            history = msgspec.structs.replace(view.curve.history, marks=thin_out((*view.curve.history.marks, mark)))
            return replace(view, curve=replace(view.curve, history=history))
        case SplitEvaluated(evaluation=evaluation):
            history = msgspec.structs.replace(
                view.curve.history, evaluations=thin_out_evaluations((*view.curve.history.evaluations, evaluation))
            )
            return replace(view, curve=replace(view.curve, history=history))
        case LayersProbed():
            return replace(view, layers=reduce_layers(view.layers, event))
        case LayerInspected() | UpdateRatiosReported():
            return replace(view, inspection=reduce_inspection(view.inspection, event))
        case NamesSampled(step=step, names=names, done=done, drawn=drawn):
            return replace(view, names=NamesState(step, names, done=done, drawn=drawn))
        case NamesRefused(problem=problem) if view.run.state is RunState.DIVERGED:
            return replace(view, names=NamesState(refusal=problem, spoilt=True))
        case NamesRefused(problem=problem, remedy=remedy):
            return replace(view, names=NamesState(refusal=f"{problem}; {remedy}"))
        case SaveFailed(run=number, problem=problem) if number == view.run.run:
            return replace(view, run=replace(view.run, unsaved=problem))
        case RunSaved(run=number) if number == view.run.run and view.run.unsaved:
            return replace(view, run=replace(view.run, unsaved=""))
        case _:
            return view


def _lost(run: RunViewState, reason: str) -> RunViewState:
    left = Unfinished(run.run, run.step) if run.in_progress and run.run is not None else run.unfinished
    return replace(run, engine="lost", reason=reason, state=None, steps_per_second=0.0, unsaved="", unfinished=left)


def _opened(view: LabState, event: RunOpened) -> LabState:
    run = RunViewState(
        engine="ready",
        run=event.run,
        preset=event.preset,
        config=event.config,
        corpus=event.corpus,
        parameters=event.parameters,
        device=event.device,
        state=event.state,
        step=event.step,
        divergence=event.divergence,
        unsaved=event.unsaved,
        unfinished=view.run.unfinished if event.run is None else None,
    )
    curve = LossCurveState(
        history=event.history,
        ghost=event.ghost or _left_behind(view, event.run),
        published=event.published,
        vocab_size=event.corpus.vocab_size,
        max_steps=event.config.max_steps,
        diverged_at=event.step if event.state is RunState.DIVERGED else None,
    )
    return replace(
        view,
        run=run,
        curve=curve,
        layers=reduce_layers(view.layers, event),
        inspection=reduce_inspection(view.inspection, event),
    )


def _left_behind(view: LabState, run: int | None) -> GhostCurve | None:
    """The course of a run whose engine died and took its own ghost with it."""
    if view.run.run in (None, run) or not view.curve.history.points:
        return view.curve.ghost
    return GhostCurve(f"run {view.run.run}", view.curve.max_steps, view.curve.history)


def _bounded(points: tuple[LossPoint, ...]) -> tuple[LossPoint, ...]:
    capacity = 4_000
    return points if len(points) < capacity else DownsampledLosses(points, capacity).points()
