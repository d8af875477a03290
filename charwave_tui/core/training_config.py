"""The hyperparameters that say how a model is trained."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from charwave_tui.core.fields import Effect, Group, hyperparameter
from charwave_tui.core.kinds import Choice, Real, Stepped, Whole
from charwave_tui.core.model_config import ModelConfig

_live = partial(hyperparameter, Group.TRAINING, Effect.LIVE)
_fixed = partial(hyperparameter, Group.TRAINING, Effect.REBUILD)


@dataclass(frozen=True, slots=True)
class TrainingConfig(ModelConfig):
    """A model and how it is trained, in the order of the form."""

    optimizer: str = _fixed(
        "sgd",
        Choice(("sgd", "adamw", "muon")),
        "update rule",
        "How the gradient moves weights.",
        "sgd: w ← w − lr · gradient, as in the lecture; adamw scales each weight's step by its past gradients; muon "
        "makes the step of a hidden matrix orthogonal and leaves the rest to adamw.",
    )
    lr: float = _live(
        0.1,
        Real(0, 10),
        "learning rate",
        "How far a step moves the weights.",
        "Too small and the loss crawls. Too large and it jumps, tanh units saturate, or the loss becomes NaN. "
        "Usual: 0.1 for sgd, 0.003 for adamw, 0.015 for muon.",
    )
    schedule: str = _live(
        "step",
        Choice(("step", "cosine", "one-cycle")),
        "course of lr",
        "How lr falls over the run.",
        "step: full lr, and a tenth of it from lr_drop on; cosine: up over the warmup, then down to 0 along a cosine; "
        "one-cycle: the same from lr / 25 up, both ways along cosines.",
    )
    lr_drop: float = _live(
        0.75,
        Stepped(0, 1, closed=True),
        "where lr falls",
        "Share of max_steps at full lr.",
        "The lecture drops lr at 0.75 of the run; 1 never drops it. Only the schedule step asks for it.",
    )
    warmup: float = _live(
        0.1,
        Stepped(0, 1, closed=True),
        "where lr peaks",
        "Share of max_steps on the way up.",
        "The first steps of an untrained model are wild: cosine and one-cycle begin small. step has no warmup.",
    )
    momentum: float = _live(
        0.0,
        Stepped(0, 0.99, closed=True),
        "of sgd",
        "Share of the last move kept.",
        "0 is the lecture's plain descent; 0.9 rolls on through the noise. adamw and muon have their own.",
    )
    weight_decay: float = _live(
        0.0,
        Real(0, 10, closed=True),
        "pull to zero",
        "Shrinks weights a bit each step.",
        "The same model with smaller weights fits the training names less closely: train rises, val may fall. sgd adds "
        "it to the gradient; adamw and muon take lr · weight_decay off each weight.",
    )
    drop_context: float = _live(
        0.0,
        Stepped(0, 0.9, closed=True),
        "hidden letters",
        "Share of the context blotted out.",
        "This share of the embedded characters is set to 0 in each step, never in evaluation, so that no guess hangs "
        "on one alone.",
    )
    drop_path: float = _live(
        0.0,
        Stepped(0, 0.9, closed=True),
        "levels passed by",
        "Share of the top level left out.",
        "Stochastic depth: in training, what the last level makes at a position is left out so often, earlier levels' "
        "less, and scaled up where it counts. The residual leads around it, so it is for dilations alone.",
    )
    batches: str = _fixed(
        "windows",
        Choice(("windows", "names")),
        "what a step sees",
        "Single contexts, or whole names.",
        "windows: contexts drawn with replacement, as in the lecture. names: every position of batch_size names, each "
        "name once a pass; what two positions share is computed once, so a step does far more for its time.",
    )
    targets: str = _fixed(
        "sampled",
        Choice(("sampled", "pooled")),
        "what is asked for",
        "What comes next here, or usually.",
        "sampled: after each prefix the letter that this name goes on with. pooled: all letters that any training name "
        "goes on with there, each by its share: nearly the same gradient in the mean, and less noise. Names alone.",
    )
    batch_size: int = _live(
        64,
        Whole(1, 65_536),
        "how many a step sees",
        "More: truer gradient, slower.",
        "So many windows or names, as batches has it; a step follows the gradient of their mean loss. A name counts "
        "once for each of its letters and for its end, so 32 names are far more than 32 windows.",
    )
    max_steps: int = _live(
        10_000,
        Whole(1, 100_000_000),
        "length",
        "Training ends here; c goes on.",
        "The schedule is a share of it, so a longer run also drops lr later.",
    )
    eval_every: int = _live(
        1_000,
        Whole(1, 100_000_000),
        "evaluation",
        "Steps between two looks at val.",
        "Val is measured over its whole split, in eval mode; train as well when the run ends.",
    )
    step: str = _fixed(
        "fast",
        Choice(("fast", "plain")),
        "how it computes",
        "fast: backward pass by hand.",
        "Both do the same mathematics and round differently. plain has autograd do it, with the bits of the lecture's "
        "loop; fast does it by hand on a CPU, elsewhere it is plain.",
    )
    precision: str = _fixed(
        "float32",
        Choice(("float32", "bfloat16")),
        "of the products",
        "bfloat16: rougher, may be faster.",
        "What the big matrix products of the fast step are computed in, on a CPU; all else stays float32. It pays for "
        "wide levels on processors that have it; on others float32 is used, and a mark on the curve says so.",
    )
