"""The hyperparameters that shape the model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from charwave_tui.core.fields import Effect, Group, hyperparameter
from charwave_tui.core.kinds import Choice, Factors, Real, Whole
from charwave_tui.core.receptive import LONGEST_CONTEXT

_model = partial(hyperparameter, Group.MODEL, Effect.REBUILD)


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What a model is built from, in the order of the form."""

    context: int = _model(
        8,
        Whole(1, LONGEST_CONTEXT),
        "characters",
        "How far back the model looks.",
        "The next character is guessed from so many before it. Lecture 5 goes from 3 to 8 and gains 0.08 in val.",
    )
    fuse: tuple[int, ...] = _model(
        (2, 2, 2),
        Factors(LONGEST_CONTEXT, 6, "product = context"),
        "the tree",
        "Neighbours joined at each level.",
        "2 2 2 joins pairs three times, as WaveNet does; 8 joins all at once. Its product is the context.",
    )
    dilations: tuple[int, ...] = _model(
        (),
        Factors(LONGEST_CONTEXT, 12, "1 + sum = context", least=0),
        "levels stacked",
        "none, or levels that overlap.",
        "WaveNet's own way: each level joins a position with the one so many before it, adds what it makes to what it "
        "got, and also hands it to the last Linear. 1 1 2 1 2 sees 8 characters; none leaves the tree of fuse.",
    )
    n_embd: int = _model(
        16,
        Whole(1, 1024),
        "embedding size",
        "Numbers that stand for a letter.",
        "Every character is looked up as a point in so many dimensions, and the points are learned.",
    )
    n_hidden: int = _model(
        64,
        Whole(1, 4096),
        "units a level",
        "The width of each level.",
        "Wider levels hold more and cost more: the big matrix products grow with its square.",
    )
    norm: str = _model(
        "batch",
        Choice(("batch", "batch-bug", "none")),
        "normalisation",
        "Keeps units near mean 0, std 1.",
        "batch averages over examples and positions; batch-bug over examples alone, the bug of the lecture; none gives "
        "the hidden Linears a bias instead.",
    )
    activation: str = _model(
        "tanh",
        Choice(("tanh", "relu", "gelu", "gated")),
        "non-linearity",
        "What bends the line, per level.",
        "tanh squashes to −1 … 1 and can saturate; relu cuts off below 0 and can die; gelu is relu with a soft knee; "
        "gated is WaveNet's tanh · sigmoid, from a Linear twice as wide.",
    )
    init_gain: float = _model(
        1.0,
        Real(0, 100),
        "gain at the start",
        "Scales the hidden weights.",
        "Hidden weights start as randn/√fan_in times this. Try 5 with norm none and watch the tanh saturate.",
    )
    output_scale: float = _model(
        0.1,
        Real(0, 100, closed=True),
        "last layer",
        "Small: the first guess is even.",
        "The last Linear's weight starts times this, so that the first loss is near ln(vocabulary).",
    )
