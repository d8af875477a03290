"""RunConfig: every hyperparameter once, with its default, bounds, label, help and effect."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

import msgspec

from charwave_tui.core.fields import (
    Choice,
    Counter,
    Effect,
    Factors,
    Group,
    Hyperparameter,
    Kind,
    Real,
    Stepped,
    Text,
    Value,
    Whole,
)
from charwave_tui.core.mistake import Mistake

LONGEST_CONTEXT = 64
"""Characters that a model may look back."""


def _field(group: Group, effect: Effect, default: Any, kind: Kind, label: str, help: str, about: str) -> Any:
    return field(default=default, metadata={"spec": (label, help, about, group, effect, kind)})


_model = partial(_field, Group.MODEL, Effect.REBUILD)
_live = partial(_field, Group.TRAINING, Effect.LIVE)
_fixed = partial(_field, Group.TRAINING, Effect.REBUILD)
_run = partial(_field, Group.RUN, Effect.REBUILD)


@dataclass(frozen=True, slots=True)
class RunConfig:
    """The hyperparameters of a run, in the order of the form; only `checked` tells that an instance is sound."""

    context: int = _model(
        8,
        Whole(1, LONGEST_CONTEXT),
        "characters",
        "How far back the model looks.",
        "The next character is guessed from so many before it. Lecture 5 goes from 3 to 8 and gains 0.08 in val.",
    )
    fuse: tuple[int, ...] = _model(
        (2, 2, 2),
        Factors(LONGEST_CONTEXT, 6),
        "the tree",
        "Neighbours joined at each level.",
        "2 2 2 joins pairs three times, as WaveNet does; 8 joins all at once. Its product is the context.",
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
        Choice(("tanh", "relu")),
        "non-linearity",
        "What bends the line, per level.",
        "tanh squashes to −1 … 1 and can saturate; relu cuts off below 0 and can die.",
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
    optimizer: str = _fixed(
        "sgd",
        Choice(("sgd",)),
        "update rule",
        "Plain descent along the gradient.",
        "w ← w − lr · gradient, as in the lecture.",
    )
    lr: float = _live(
        0.1,
        Real(0, 10),
        "learning rate",
        "How far a step moves the weights.",
        "Too small and the loss crawls. Too large and it jumps, tanh units saturate, or the loss becomes NaN.",
    )
    schedule: str = _live(
        "step",
        Choice(("step",)),
        "course of lr",
        "Full lr, then a tenth of it.",
        "From lr_drop on, steps are made with lr / 10: the curve falls once more as the noise settles.",
    )
    lr_drop: float = _live(
        0.75,
        Stepped(0, 1, closed=True),
        "where lr falls",
        "Share of max_steps at full lr.",
        "The lecture drops lr at 0.75 of the run; 1 never drops it.",
    )
    batch_size: int = _live(
        64,
        Whole(1, 65_536),
        "examples a step",
        "More: truer gradient, slower.",
        "Each step draws so many examples, with replacement, and follows the gradient of their mean loss.",
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
    corpus: str = _run(
        "names",
        Text("a name or a path"),
        "words to learn",
        "A text file, one word a line.",
        "Built-in and fetched ones go by name; any UTF-8 file by its path. Its characters become the vocabulary.",
    )
    seed: int = _run(
        42,
        Counter(0, 2**32 - 1),
        "randomness",
        "Same seed, same run, to the bit.",
        "It decides the first weights and every batch. 42 is the lecture's.",
    )
    threads: int = _run(
        1,
        Counter(1, 64),
        "of torch",
        "More help wide models alone.",
        "Bits depend on it, so it belongs to the run.",
    )
    device: str = _run(
        "auto",
        Choice(("auto", "cpu", "cuda", "mps")),
        "where it computes",
        "auto: a GPU if there is one.",
        "Models of this size are often quickest on the cpu.",
    )

    def checked(self) -> RunConfig:
        """Itself, if every field and their mix are sound; raises Mistake on the first that is not."""
        for name, spec in HYPERPARAMETERS.items():
            spec.kind.check(name, getattr(self, name))
        product = math.prod(self.fuse)
        if product != self.context:
            factors = "×".join(str(part) for part in self.fuse)
            tries = " or ".join(suggested_fuse(self.context))
            raise Mistake(
                f"context {self.context} is not {factors} = {product}",
                f"set {f'context to {product} or ' if product <= LONGEST_CONTEXT else ''}fuse to {tries}",
                "fuse",
            )
        return self

    def with_values(self, values: Mapping[str, Any]) -> RunConfig:
        """A copy with the named fields set; neither bounds nor mix are judged (see `checked`)."""
        return replace(self, **values)

    def with_text(self, settings: Mapping[str, str]) -> RunConfig:
        """A copy with fields read from text, each within its bounds; the mix is not judged (see `checked`)."""
        return self.with_values({name: parse(name, text) for name, text in settings.items()})

    def differences(self, other: RunConfig) -> frozenset[str]:
        """Names of the fields in which `other` differs."""
        return frozenset(name for name in HYPERPARAMETERS if getattr(self, name) != getattr(other, name))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a record on disk."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> RunConfig:
        """The config that `to_dict` gave, checked; raises Mistake where it is none."""
        unknown = [name for name in values if name not in HYPERPARAMETERS]
        if unknown:
            raise unknown_hyperparameter(unknown[0])
        try:
            return msgspec.convert(values, RunConfig).checked()
        except msgspec.ValidationError as error:
            raise Mistake(f"the configuration does not fit: {error}", "start a new run from a preset") from None


HYPERPARAMETERS: dict[str, Hyperparameter] = {
    item.name: Hyperparameter(item.name, *item.metadata["spec"]) for item in fields(RunConfig)
}
"""Every hyperparameter by name, in the order of the form."""


def unknown_hyperparameter(name: str) -> Mistake:
    """The mistake of naming a hyperparameter that is none, with the ones there are."""
    return Mistake(f"{name} is no hyperparameter", f"there are {', '.join(HYPERPARAMETERS)}")


def parse(name: str, text: str) -> Value:
    """The value of the hyperparameter `name` written as `text`; raises Mistake."""
    if name not in HYPERPARAMETERS:
        raise unknown_hyperparameter(name)
    return HYPERPARAMETERS[name].kind.parse(name, text)


def parse_settings(settings: Iterable[str]) -> dict[str, str]:
    """`["lr=0.2", "fuse=4,2"]` as a mapping of name to text; raises Mistake on what is not `key=value`."""
    pairs = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name.strip():
            raise Mistake(f"--set {setting} is not key=value", "write it as lr=0.2")
        pairs[name.strip()] = text
    return pairs


def suggested_fuse(context: int) -> list[str]:
    """Up to three ways to write `context` as a tree, deepest first: for 6, `2 3`, `3 2` and `6`."""
    primes = []
    rest = context
    for candidate in range(2, context + 1):
        while rest % candidate == 0:
            primes.append(candidate)
            rest //= candidate
    ways = [primes, primes[::-1], [context]]
    return list(dict.fromkeys(" ".join(map(str, way)) for way in ways if way))
