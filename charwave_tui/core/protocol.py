"""Commands to the engine about the run that it holds, and events from it."""

from __future__ import annotations

import msgspec

from charwave_tui.core.config import RunConfig
from charwave_tui.core.insights import ProbeBatch
from charwave_tui.core.readings import (
    CorpusCard,
    Divergence,
    Evaluation,
    Ghost,
    History,
    LayerStats,
    LossPoint,
    Mark,
    SampledName,
    Sketch,
    Split,
    State,
)
from charwave_tui.core.sampling import Sampling


class Command(msgspec.Struct, frozen=True, tag=True):
    """What a viewer asks of the engine."""


class PrepareRun(Command, frozen=True):
    """Build the untrained model of `config`, so that it can be looked at; ignored once a run has begun."""

    config: RunConfig
    preset: str


class StartRun(Command, frozen=True):
    """Begin a new run and train it; with `steps` (0 or more), pause after so many, or finish where that is the end."""

    config: RunConfig
    preset: str
    steps: int | None = None


class PauseRun(Command, frozen=True):
    """Hold training between two steps."""


class ResumeRun(Command, frozen=True):
    """Go on training a paused run."""


class StepRun(Command, frozen=True):
    """Take one step, then hold, be it past the end; several are all taken, after what is being measured or drawn."""


class StopRun(Command, frozen=True):
    """End the run, evaluate and save it."""


class ResetRun(Command, frozen=True):
    """Back to the same initial weights, paused, in a new run unless no step was taken; the old one is the ghost."""


class ExtendRun(Command, frozen=True):
    """Train a finished or stopped run on for as many steps as it had been given."""


class RewindRun(Command, frozen=True):
    """Take a diverged run back to its last good save, and train on with a third of lr."""


class EditRun(Command, frozen=True):
    """Change live fields of the run from the next step on."""

    config: RunConfig


class EvaluateSplits(Command, frozen=True):
    """Measure whole splits in eval mode; what was measured at this very step is told to the asker again."""

    splits: tuple[Split, ...]


class ProbeLayers(Command, frozen=True):
    """Measure every layer's output and gradient on the fixed batch."""

    batch: ProbeBatch = ProbeBatch()


class SampleNames(Command, frozen=True):
    """Draw names from the model as it is; a viewer knows its own answer by `request`."""

    sampling: Sampling
    request: int = 0


class ReportStatus(Command, frozen=True):
    """Tell the asker what the engine is doing."""


class Ping(Command, frozen=True):
    """Answer at once, without waiting for the model; `sent` is the asker's own clock."""

    sent: float


class Event(msgspec.Struct, frozen=True, tag=True):
    """What the engine tells its viewers."""


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
    corpus: CorpusCard
    parameters: int
    device: str
    published: float | None
    state: State
    step: int
    history: History
    ghost: Ghost | None = None
    divergence: Divergence | None = None
    unsaved: str = ""
    timeline: tuple[Sketch, ...] = ()


class RunChanged(Event, frozen=True):
    """The run's state changed; `reason` is for people, empty where the state says it all."""

    state: State
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

    mark: Mark


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


class Remarked(Event, frozen=True):
    """Something that a person should know of, in a line: what was found damaged and mended, say."""

    text: str


class StatusReported(Event, frozen=True):
    """What the engine is doing; `run` and `state` are None where it holds no run with a number of its own.

    `unsaved` is why the run is not being saved, empty where it is; `measuring` tells that whole splits are still to be
    measured.
    """

    run: int | None
    state: State | None
    step: int
    max_steps: int
    unsaved: str = ""
    measuring: bool = False


class Ponged(Event, frozen=True):
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
