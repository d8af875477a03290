"""RunConfig: every hyperparameter with default, type, bounds, texts and edit effect; validation; unused fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from functools import partial
from typing import Any

import msgspec

from charwave_tui.core.config.choices import (
    Batches,
    Device,
    Norm,
    OptimizerKind,
    Precision,
    Repeats,
    Schedule,
    StepKind,
    Targets,
)
from charwave_tui.core.config.layer_shapes import ACTIVATIONS
from charwave_tui.core.config.receptive_field import MAX_CONTEXT, check_context, receptive_field
from charwave_tui.core.config.value_types import (
    Choice,
    FloatRange,
    FreeText,
    IdNumber,
    IntList,
    IntRange,
    SteppedFloat,
    Value,
    ValueType,
)
from charwave_tui.core.errors import UserError


class EditEffect(StrEnum):
    """When an edit takes effect: LIVE in the current run, REBUILD in a new one."""

    LIVE = "live"
    REBUILD = "rebuild"


class FieldGroup(StrEnum):
    """Headings of the hyperparameters in the form and in the help."""

    MODEL = "model"
    TRAINING = "training"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """The declaration of one field of RunConfig, from which form, command line, presets and help are made.

    `help` fits one line of the form (33 columns), `about` is one to three sentences.
    """

    name: str
    label: str
    help: str
    about: str
    group: FieldGroup
    effect: EditEffect
    value_type: ValueType


def declare(
    group: FieldGroup, effect: EditEffect, default: Any, value_type: ValueType, label: str, help: str, about: str
) -> Any:
    """Return a dataclass field with the arguments of its Hyperparameter in the metadata `spec`."""
    return field(default=default, metadata={"spec": (label, help, about, group, effect, value_type)})


_model = partial(declare, FieldGroup.MODEL, EditEffect.REBUILD)
_live = partial(declare, FieldGroup.TRAINING, EditEffect.LIVE)
_fixed = partial(declare, FieldGroup.TRAINING, EditEffect.REBUILD)
_run = partial(declare, FieldGroup.RUN, EditEffect.REBUILD)


@dataclass(frozen=True, slots=True)
class RunConfig:
    """The hyperparameters of a run, in the order of the form.

    The constructor checks nothing: `validated` does, and `from_dict` calls it.
    """

    context: int = _model(
        8,
        IntRange(1, MAX_CONTEXT),
        "characters",
        "How far back the model looks.",
        "The next character is predicted from this many before it. Lecture 5 goes from 3 to 8 and gains 0.08 in val.",
    )
    fuse: tuple[int, ...] = _model(
        (2, 2, 2),
        IntList(MAX_CONTEXT, 6, "product = context"),
        "the tree",
        "Neighbours joined at each level.",
        "2 2 2 joins pairs three times, as WaveNet does; 8 joins all at once. Its product is the context.",
    )
    dilations: tuple[int, ...] = _model(
        (),
        IntList(MAX_CONTEXT, 12, "1 + sum = context", min_length=0),
        "levels stacked",
        "none, or levels that overlap.",
        "As in WaveNet: each level combines a position with the one so many before it, adds its output to its input "
        "(residual), and passes it to the last Linear too (skip). 1 1 2 1 2 sees 8 characters; none leaves "
        "the tree of fuse.",
    )
    n_embd: int = _model(
        16,
        IntRange(1, 1024),
        "embedding size",
        "Numbers that represent a letter.",
        "Every character is an embedding vector of this size, and the vectors are learned.",
    )
    n_hidden: int = _model(
        64,
        IntRange(1, 4096),
        "units a level",
        "The width of each level.",
        "Wider levels learn more and cost more: the big matrix products grow with its square.",
    )
    norm: Norm = _model(
        Norm.BATCH,
        Choice(tuple(Norm)),
        "normalisation",
        "Keeps units near mean 0, std 1.",
        "batch averages over examples and positions; batch-bug over examples alone, the bug of the lecture; none gives "
        "the hidden Linears a bias instead.",
    )
    activation: str = _model(
        "tanh",
        Choice(tuple(ACTIVATIONS)),
        "non-linearity",
        "Applied after each Linear.",
        "; ".join(f"{name} {spec.description}" for name, spec in ACTIVATIONS.items()) + ".",
    )
    init_gain: float = _model(
        1.0,
        FloatRange(0, 100),
        "gain at the start",
        "Scales the hidden weights.",
        "Hidden weights start as randn/√fan_in times this. Try 5 with norm none and watch the tanh saturate.",
    )
    output_scale: float = _model(
        0.1,
        FloatRange(0, 100, closed=True),
        "last layer",
        "Small: uniform first predictions.",
        "The last Linear's weight starts times this, so that the first loss is near ln(vocabulary).",
    )
    optimizer: OptimizerKind = _fixed(
        OptimizerKind.SGD,
        Choice(tuple(OptimizerKind)),
        "update rule",
        "How the gradient moves weights.",
        "sgd: w ← w − lr · gradient, as in the lecture; adamw scales each weight's step by its past gradients; muon "
        "makes the step of a hidden matrix orthogonal and leaves the rest to adamw.",
    )
    lr: float = _live(
        0.1,
        FloatRange(0, 10),
        "learning rate",
        "How far a step moves the weights.",
        "Too small and the loss crawls. Too large and it jumps, tanh units saturate, or the loss becomes NaN. "
        "Usual: 0.1 for sgd, 0.003 for adamw, 0.015 for muon.",
    )
    schedule: Schedule = _live(
        Schedule.STEP,
        Choice(tuple(Schedule)),
        "lr schedule",
        "How lr falls over the run.",
        "step: full lr, and a tenth of it from lr_drop on; cosine: up over the warmup, then down to 0 along a cosine; "
        "one-cycle: the same from lr / 25 up, both ways along cosines.",
    )
    lr_drop: float = _live(
        0.75,
        SteppedFloat(0, 1, closed=True),
        "where lr falls",
        "Share of max_steps at full lr.",
        "The lecture drops lr at 0.75 of the run; 1 never drops it. Only the schedule step asks for it.",
    )
    warmup: float = _live(
        0.1,
        SteppedFloat(0, 1, closed=True),
        "where lr peaks",
        "Share of max_steps on the way up.",
        "The first steps of an untrained model are wild: cosine and one-cycle begin small. step has no warmup.",
    )
    momentum: float = _live(
        0.0,
        SteppedFloat(0, 0.99, closed=True),
        "of sgd",
        "Share of the last update kept.",
        "0 is the lecture's plain descent; 0.9 averages the noise out. adamw and muon have their own.",
    )
    weight_decay: float = _live(
        0.0,
        FloatRange(0, 10, closed=True),
        "towards zero",
        "Shrinks weights a bit each step.",
        "The same model with smaller weights fits the training names less closely: train rises, val may fall. sgd adds "
        "it to the gradient; adamw and muon take lr · weight_decay off each weight.",
    )
    drop_context: float = _live(
        0.0,
        SteppedFloat(0, 0.9, closed=True),
        "hidden letters",
        "Dropout of the context.",
        "This share of the embedded characters is set to 0 in each step, never in evaluation, so that no prediction "
        "depends on one alone.",
    )
    drop_path: float = _live(
        0.0,
        SteppedFloat(0, 0.9, closed=True),
        "dropped levels",
        "Share of the top level dropped.",
        "Stochastic depth: in training, the last level's output at a position is dropped this often, earlier levels' "
        "less, and scaled up where it is kept. It needs the residual connection, so it is for dilations only.",
    )
    batches: Batches = _fixed(
        Batches.WINDOWS,
        Choice(tuple(Batches)),
        "what a step sees",
        "Single contexts, or whole names.",
        "windows: contexts drawn with replacement, as in the lecture. names: every position of batch_size names, each "
        "name once an epoch; what two positions share is computed once, so a step does far more for its time.",
    )
    targets: Targets = _fixed(
        Targets.SAMPLED,
        Choice(tuple(Targets)),
        "what is predicted",
        "What comes next here, or usually.",
        "sampled: after each prefix the letter that follows in this name. pooled: all letters that follow in any "
        "training name, each by its share: nearly the same gradient in the mean, and less noise. Names alone.",
    )
    batch_size: int = _live(
        64,
        IntRange(1, 65_536),
        "how many a step sees",
        "More: truer gradient, slower.",
        "So many windows or names, as batches has it; a step follows the gradient of their mean loss. A name counts "
        "once for each of its letters and for its end, so 32 names are far more than 32 windows.",
    )
    max_steps: int = _live(
        10_000,
        IntRange(1, 100_000_000),
        "length",
        "Training ends here; c extends it.",
        "The schedule is a share of it, so a longer run also drops lr later.",
    )
    eval_every: int = _live(
        1_000,
        IntRange(1, 100_000_000),
        "evaluation",
        "Steps between two evaluations.",
        "Val is measured over its whole split, in eval mode; train as well when the run ends.",
    )
    step: StepKind = _fixed(
        StepKind.FAST,
        Choice(tuple(StepKind)),
        "how it computes",
        "fast: backward pass by hand.",
        "Both do the same mathematics and round differently. plain has autograd do it, with the bits of the lecture's "
        "loop; fast does it by hand on a CPU, elsewhere it is plain.",
    )
    precision: Precision = _fixed(
        Precision.FLOAT32,
        Choice(tuple(Precision)),
        "of the products",
        "bfloat16: rougher, may be faster.",
        "What the big matrix products of the fast step are computed in, on a CPU; all else stays float32. It pays for "
        "wide levels on processors that have it; on others float32 is used, and a mark on the curve says so.",
    )
    corpus: str = _run(
        "names",
        FreeText("a name or a path"),
        "words to learn",
        "A text file, one word a line.",
        "Built-in and fetched ones go by name; any UTF-8 file by its path. Its characters become the vocabulary.",
    )
    repeats: Repeats = _run(
        Repeats.KEEP,
        Choice(tuple(Repeats)),
        "words that recur",
        "Keep repeats, or each word once.",
        "The lecture's list has words twice and more, and its shuffle puts 13 % of val into train too, which makes val "
        "look better than it is. keep leaves the list as it is; once splits its distinct words, so no val word is "
        "trained on.",
    )
    seed: int = _run(
        42,
        IdNumber(0, 2**32 - 1),
        "randomness",
        "Same seed, same run, to the bit.",
        "It decides the first weights and every batch. 42 is the lecture's.",
    )
    threads: int = _run(
        1,
        IdNumber(1, 64),
        "of torch",
        "More help wide models alone.",
        "Bits depend on it, so it belongs to the run.",
    )
    device: Device = _run(
        Device.AUTO,
        Choice(tuple(Device)),
        "where it computes",
        "auto: a GPU if there is one.",
        "Models of this size are often quickest on the cpu.",
    )

    def validated(self) -> RunConfig:
        """Return the config itself. Raises UserError for the first field, or combination of fields, that is invalid."""
        for name, spec in HYPERPARAMETERS.items():
            spec.value_type.validate(name, getattr(self, name))
        check_context(self.context, self.fuse, self.dilations)
        if self.batches == Batches.NAMES and self.norm == Norm.BATCH_BUG:
            raise UserError(
                "batches names cannot have norm batch-bug, whose statistics belong to places in a window",
                "set norm to batch, or batches to windows",
                "batches",
            )
        if self.precision == Precision.BFLOAT16 and self.step == StepKind.PLAIN:
            raise UserError(
                "precision bfloat16 is not for step plain, the oracle",
                "set step to fast, or precision to float32",
                "precision",
            )
        return self

    @property
    def receptive_field(self) -> int:
        """Characters that the levels see; equals `context` in a valid config."""
        return receptive_field(self.fuse, self.dilations)

    def with_values(self, values: Mapping[str, Any]) -> RunConfig:
        return replace(self, **values)

    def with_settings(self, settings: Mapping[str, str]) -> RunConfig:
        """Return a copy with fields parsed from text. Raises UserError for one out of bounds, not for combinations."""
        return self.with_values({name: parse_value(name, text) for name, text in settings.items()})

    def changed_fields(self, other: RunConfig) -> frozenset[str]:
        return frozenset(name for name in HYPERPARAMETERS if getattr(self, name) != getattr(other, name))

    def to_dict(self) -> dict[str, Any]:
        values: dict[str, Any] = msgspec.to_builtins(self)
        return values

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> RunConfig:
        """Return a validated config from `to_dict` or a preset. Raises UserError."""
        unknown = [name for name in values if name not in HYPERPARAMETERS]
        if unknown:
            raise unknown_hyperparameter(unknown[0])
        try:
            return msgspec.convert(values, RunConfig).validated()
        except msgspec.ValidationError as error:
            raise UserError(f"the configuration does not fit: {error}", "start a new run from a preset") from None


HYPERPARAMETERS: dict[str, Hyperparameter] = {
    declared.name: Hyperparameter(declared.name, *declared.metadata["spec"]) for declared in fields(RunConfig)
}


def unknown_hyperparameter(name: str) -> UserError:
    """Return the error for a name that is no hyperparameter."""
    return UserError(f"{name} is no hyperparameter", f"there are {', '.join(HYPERPARAMETERS)}")


def parse_value(name: str, text: str) -> Value:
    """Parse the value of a hyperparameter. Raises UserError, also for an unknown `name`."""
    if name not in HYPERPARAMETERS:
        raise unknown_hyperparameter(name)
    return HYPERPARAMETERS[name].value_type.parse(name, text)


def unused_fields(config: RunConfig) -> dict[str, str]:
    """Return the fields that have no effect, each with the reason: `{"lr_drop": "not with cosine"}`.

    Combinations that are invalid are not among them: `RunConfig.validated` raises on those.
    """
    causes = {
        "fuse": "dilations" if config.dilations else "",
        "drop_path": "" if len(config.dilations) > 1 else "1 level" if config.dilations else "fuse",
        "momentum": config.optimizer if config.optimizer != OptimizerKind.SGD else "",
        "targets": config.batches if config.batches == Batches.WINDOWS else "",
        "lr_drop": config.schedule if config.schedule != Schedule.STEP else "",
        "warmup": config.schedule if config.schedule == Schedule.STEP else "",
        "precision": config.step if config.step == StepKind.PLAIN and config.precision == Precision.FLOAT32 else "",
    }
    return {name: f"not with {cause}" for name, cause in causes.items() if cause}
