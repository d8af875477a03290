"""Frozen values that are measured in the engine, kept with a run, and shown on the screen."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class StarredName(msgspec.Struct, frozen=True):
    """A name that a person liked, the run and step that it came from (no run: the model in the box), and when."""

    name: str
    nll: float
    run: int | None
    step: int
    starred: str


class Split(StrEnum):
    """The three parts of a corpus."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


class RunState(StrEnum):
    """What a run is doing."""

    READY = "ready"
    TRAINING = "training"
    PAUSED = "paused"
    STOPPED = "stopped"
    FINISHED = "finished"
    DIVERGED = "diverged"


class LossPoint(msgspec.Struct, frozen=True, array_like=True):
    """Training loss over a stretch of steps that ends after `step`: its mean and extremes, in nats per character."""

    step: int
    mean: float
    low: float
    high: float


class Evaluation(msgspec.Struct, frozen=True):
    """The mean loss over one whole split in eval mode, after `step` steps, in nats per character."""

    step: int
    split: Split
    loss: float


class CurveMarker(msgspec.Struct, frozen=True):
    """Something that happened to a run after `step` steps, in a few words: `lr 0.1 → 0.01`.

    A `quiet` one changed nothing of what is learned, such as a pause: it is kept, but not drawn.
    """

    step: int
    text: str
    quiet: bool = False


class LayerStats(msgspec.Struct, frozen=True):
    """What one layer puts out on the probe's fixed batch, and how its weights are moved.

    `output_shape` has the batch first; `saturation` is in per cent. `gradient_std` is the std of the gradient of the
    batch's loss by the layer's weight (of a BatchNorm1d: gamma), `weight_std` that of the weight itself, `grad_data`
    the one by the other; `update_ratio` is log10(std(Δp)/std(p)) of the last training step's real change. None where a
    layer has none.
    """

    name: str
    detail: str
    output_shape: tuple[int, ...]
    parameters: int
    mean: float
    std: float
    saturation: float | None
    dead: int | None
    gradient_std: float | None = None
    weight_std: float | None = None
    grad_data: float | None = None
    update_ratio: float | None = None


class SampledName(msgspec.Struct, frozen=True):
    """A name from the model, and whether the corpus has it; `nll` is nats per character, its end included.

    `near` is a word of the corpus that is one edit away, empty where there is none or the name is in the corpus itself;
    `surprises` are −log p of each character and of the end at temperature 1, in nats, empty where they are not told.
    """

    name: str
    nll: float
    in_corpus: bool
    near: str = ""
    surprises: tuple[float, ...] = ()


class TimelineSample(msgspec.Struct, frozen=True):
    """Names drawn after `step` with the same chance as at every other evaluation of the run, without surprises."""

    step: int
    names: tuple[SampledName, ...]


class CorpusSummary(msgspec.Struct, frozen=True):
    """A corpus in figures: `symbols` are its characters in id order from 1; `examples` count train, val, test."""

    name: str
    sha256: str
    words: int
    symbols: str
    examples: tuple[int, int, int]

    @property
    def vocab_size(self) -> int:
        """Characters and the boundary."""
        return len(self.symbols) + 1


class TrainingHistory(msgspec.Struct, frozen=True):
    """The course of a run so far; each point is the mean of `window` steps, or of more once folded."""

    window: int = 1
    points: tuple[LossPoint, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    marks: tuple[CurveMarker, ...] = ()

    def val_losses(self) -> list[tuple[int, float]]:
        """Return (step, loss) of every evaluation on val, in order."""
        return [(item.step, item.loss) for item in self.evaluations if item.split is Split.VAL]


class GhostCurve(msgspec.Struct, frozen=True):
    """An earlier course, kept beside the present one."""

    name: str
    max_steps: int
    history: TrainingHistory


class Divergence(msgspec.Struct, frozen=True):
    """What is known of the step after `step` steps, whose loss or weights were not finite: `became` NaN or infinite.

    `lr` is the rate of the last move; `layer` the first one whose output on that batch was not finite, empty where all
    were; `gradient` the norm of that last move's gradient, and `saved_step` that of the last good save, None where
    unknown.
    """

    step: int
    became: str
    lr: float
    layer: str = ""
    gradient: float | None = None
    saved_step: int | None = None
