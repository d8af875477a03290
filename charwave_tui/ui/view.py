"""What the lab screen knows: frozen values, folded from the engine's events by a pure function."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import msgspec

from charwave_tui.core import archive, protocol
from charwave_tui.core.config import RunConfig
from charwave_tui.core.framing import AnyEvent
from charwave_tui.core.inspection import ChangesReported, LayerInspected
from charwave_tui.core.readings import (
    CorpusCard,
    Divergence,
    Evaluation,
    Ghost,
    History,
    LossPoint,
    SampledName,
    Split,
    State,
)
from charwave_tui.core.records import UNFINISHED
from charwave_tui.core.series import LossSeries, bounded, bounded_evaluations
from charwave_tui.ui.layers_view import Inspection, LayersView, inspection_after, probed_after


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A kept run that was left in the middle, at `step` or a little before, and can be gone on with."""

    run: int
    step: int


@dataclass(frozen=True, slots=True)
class RunView:
    """The run that the engine holds; `engine` is `starting`, `ready` or `lost`, and before a run all else is empty.

    It is `away` while the line to another machine is down: the run is shown as it was last known.

    `divergence` is what is known of the step that spoilt it, `unsaved` why it is not being saved, empty where it is;
    `unfinished` is the run to go on with while the engine holds none of its own.
    """

    engine: str = "starting"
    run: int | None = None
    preset: str = ""
    config: RunConfig | None = None
    corpus: CorpusCard | None = None
    parameters: int = 0
    device: str = ""
    state: State | None = None
    step: int = 0
    steps_per_second: float = 0.0
    reason: str = ""
    divergence: Divergence | None = None
    unsaved: str = ""
    unfinished: Unfinished | None = None

    @property
    def boxed(self) -> bool:
        """Whether it is the trained model that comes with the program, shown until one is trained here."""
        return self.state is State.READY and self.step > 0

    @property
    def in_progress(self) -> bool:
        """Whether there is a run that trains or is paused."""
        return self.state in UNFINISHED

    @property
    def seconds_left(self) -> float | None:
        """Time to the last step at the present speed, where both are known."""
        if self.config is None or self.state is not State.TRAINING or self.steps_per_second <= 0:
            return None
        return (self.config.max_steps - self.step) / self.steps_per_second


@dataclass(frozen=True, slots=True)
class Curve:
    """All that the loss chart shows."""

    history: History = field(default_factory=History)
    partial: LossPoint | None = None
    ghost: Ghost | None = None
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
class NamesView:
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
class LabView:
    """Everything the panes show of the engine."""

    run: RunView = field(default_factory=RunView)
    curve: Curve = field(default_factory=Curve)
    layers: LayersView = field(default_factory=LayersView)
    inspection: Inspection = field(default_factory=Inspection)
    names: NamesView = field(default_factory=NamesView)


@dataclass(frozen=True, slots=True)
class EngineLost:
    """The connection to the engine ended; `reason` is for people, empty where it just ended.

    `again_in` are the seconds until it is tried again by itself, None where the engine is gone and the run with it.
    """

    reason: str = ""
    again_in: float | None = None


def after(view: LabView, event: AnyEvent | EngineLost) -> LabView:
    """The view once `event` has happened."""
    match event:
        case EngineLost(reason=reason, again_in=None):
            return replace(view, run=_lost(view.run, reason))
        case EngineLost(reason=reason):
            return replace(view, run=replace(view.run, engine="away", reason=reason, steps_per_second=0.0))
        case protocol.EngineReady():
            return replace(view, run=replace(view.run, engine="ready"))
        case protocol.RunOpened():
            return _opened(view, event)
        case archive.UnfinishedFound(run=found):
            return replace(view, run=replace(view.run, unfinished=Unfinished(found.run, found.step)))
        case protocol.RunChanged(state=state, step=step, reason=reason, divergence=divergence):
            run = replace(view.run, state=state, step=step, reason=reason, divergence=divergence)
            diverged_at = step if state is State.DIVERGED else None
            return replace(view, run=run, curve=replace(view.curve, diverged_at=diverged_at))
        case protocol.Progress():
            run = replace(view.run, step=event.step, steps_per_second=event.steps_per_second)
            history = view.curve.history
            if event.points:
                history = msgspec.structs.replace(history, points=_bounded((*history.points, *event.points)))
            return replace(view, run=run, curve=replace(view.curve, history=history, partial=event.partial))
        case protocol.RunEdited(config=config):
            return replace(
                view,
                run=replace(view.run, config=config),
                curve=replace(view.curve, max_steps=config.max_steps),
            )
        case protocol.RunMarked(mark=mark):
            history = msgspec.structs.replace(view.curve.history, marks=bounded((*view.curve.history.marks, mark)))
            return replace(view, curve=replace(view.curve, history=history))
        case protocol.SplitEvaluated(evaluation=evaluation):
            history = msgspec.structs.replace(
                view.curve.history, evaluations=bounded_evaluations((*view.curve.history.evaluations, evaluation))
            )
            return replace(view, curve=replace(view.curve, history=history))
        case protocol.LayersProbed():
            return replace(view, layers=probed_after(view.layers, event))
        case LayerInspected() | ChangesReported():
            return replace(view, inspection=inspection_after(view.inspection, event))
        case protocol.NamesSampled(step=step, names=names, done=done, drawn=drawn):
            return replace(view, names=NamesView(step, names, done=done, drawn=drawn))
        case protocol.NamesRefused(problem=problem) if view.run.state is State.DIVERGED:
            return replace(view, names=NamesView(refusal=problem, spoilt=True))
        case protocol.NamesRefused(problem=problem, remedy=remedy):
            return replace(view, names=NamesView(refusal=f"{problem}; {remedy}"))
        case protocol.SaveFailed(run=number, problem=problem) if number == view.run.run:
            return replace(view, run=replace(view.run, unsaved=problem))
        case protocol.RunSaved(run=number) if number == view.run.run and view.run.unsaved:
            return replace(view, run=replace(view.run, unsaved=""))
        case _:
            return view


def _lost(run: RunView, reason: str) -> RunView:
    left = Unfinished(run.run, run.step) if run.in_progress and run.run is not None else run.unfinished
    return replace(run, engine="lost", reason=reason, state=None, steps_per_second=0.0, unsaved="", unfinished=left)


def _opened(view: LabView, event: protocol.RunOpened) -> LabView:
    run = RunView(
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
    curve = Curve(
        history=event.history,
        ghost=event.ghost or _left_behind(view, event.run),
        published=event.published,
        vocab_size=event.corpus.vocab_size,
        max_steps=event.config.max_steps,
        diverged_at=event.step if event.state is State.DIVERGED else None,
    )
    return replace(
        view,
        run=run,
        curve=curve,
        layers=probed_after(view.layers, event),
        inspection=inspection_after(view.inspection, event),
    )


def _left_behind(view: LabView, run: int | None) -> Ghost | None:
    """The course of a run whose engine died and took its own ghost with it."""
    if view.run.run in (None, run) or not view.curve.history.points:
        return view.curve.ghost
    return Ghost(f"run {view.run.run}", view.curve.max_steps, view.curve.history)


def _bounded(points: tuple[LossPoint, ...]) -> tuple[LossPoint, ...]:
    capacity = 4_000
    return points if len(points) < capacity else LossSeries(points, capacity).points()
