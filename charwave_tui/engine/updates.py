"""What moves a model's weights by their gradients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import torch
from torch import Tensor, nn

from charwave_tui.core.config import RunConfig
from charwave_tui.core.mistake import Mistake
from charwave_tui.engine.layers import Linear, Sequential
from charwave_tui.engine.rules import ADAMW, SGD, Kept, Pull, Rule, muon_rule


@dataclass(frozen=True, slots=True)
class Part:
    """A parameter, or some `columns` of one, that a rule moves as one tensor; `name` is that of its state."""

    name: str
    parameter: nn.Parameter
    columns: slice | None = None

    def weight(self) -> Tensor:
        """The part itself, sharing the parameter's memory."""
        return self._of(self.parameter.detach())

    def gradient(self) -> Tensor:
        """What the parameter's gradient says of it."""
        assert self.parameter.grad is not None, f"{self.name} has no gradient"
        return self._of(self.parameter.grad)

    def _of(self, whole: Tensor) -> Tensor:
        return whole if self.columns is None else whole[:, self.columns]  # [fan_in, 2·H] → [fan_in, H]


class Group:
    """Parts that one rule moves alike."""

    def __init__(self, rule: Rule, parts: Sequence[Part], *, decays: bool) -> None:
        self._rule = rule
        self._parts = parts
        self._decays = decays
        self._weights = [part.weight() for part in parts]
        self.kept: dict[str, list[Tensor]] = {}

    def fresh(self) -> dict[str, list[Tensor]]:
        """What it remembers before the first move: zeros."""
        return {kind: [_zeros(kind, weight) for weight in self._weights] for kind in self._rule.keeps}

    def named(self, kept: Kept) -> Iterator[tuple[str, Tensor]]:
        """All of `kept` by the names that it has in a file."""
        for kind, tensors in kept.items():
            for part, tensor in zip(self._parts, tensors, strict=True):
                yield f"optimizer.{part.name}.{kind}", tensor

    def move(self, pull: Pull) -> None:
        """Move every part by its gradient."""
        gradients = [part.gradient() for part in self._parts]
        self._rule.move(self._weights, gradients, self.kept, pull if self._decays else replace(pull, weight_decay=0))


def _zeros(kind: str, weight: Tensor) -> Tensor:
    # AdamW counts its steps in a float32 for each part.
    return torch.zeros((), device=weight.device) if kind == "step" else torch.zeros_like(weight)


class Update:
    """What moves all of `model` by the gradients that lie in its parameters' `grad`; it replaces none of those.

    Weight decay is for the embedding and the Linears' weights alone, not for gamma, beta and the biases. The model's
    tensors may be loaded into, but not be replaced. Raises Mistake where torch has no such optimiser.

    `direct`: it is w ← w − lr · gradient and nothing else, so that a step may as well do it by itself.
    """

    direct: bool

    def __init__(self, model: Sequential, config: RunConfig) -> None:
        self._groups = list(_groups(model, config))
        self.take(config)

    def take(self, config: RunConfig) -> None:
        """Go on with the live fields of `config`: momentum and weight_decay."""
        self._momentum, self._weight_decay = config.momentum, config.weight_decay
        self._remembers = config.optimizer != "sgd" or config.momentum > 0
        self.direct = not self._remembers and config.weight_decay == 0
        for group in self._groups:
            if not self._remembers:
                group.kept = {}
            elif not group.kept:
                group.kept = group.fresh()

    @torch.no_grad()
    def __call__(self, lr: float) -> None:
        """Move every weight once; gradients are as contiguous as the weights."""
        pull = Pull(lr, self._weight_decay, self._momentum)
        for group in self._groups:
            group.move(pull)

    def state(self) -> dict[str, Tensor]:
        """Copies, on the CPU, of all that it remembers, by names that begin with `optimizer.`."""
        return {name: tensor.to("cpu", copy=True) for name, tensor in self._kept()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from `state`, or afresh where it is empty; raises Mistake if it is not of this model and optimiser."""
        known = dict(chain.from_iterable(group.named(group.fresh()) for group in self._groups))
        if state and _forms(state) != _forms(known):
            raise Mistake(
                "what the optimizer remembers does not fit this configuration",
                "load the weights with the configuration they were trained with",
            )
        for name, tensor in self._kept():
            tensor.copy_(state[name] if state else known[name])

    def _kept(self) -> Iterator[tuple[str, Tensor]]:
        return chain.from_iterable(group.named(group.kept) for group in self._groups)


def _forms(tensors: Mapping[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}


def _groups(model: Sequential, config: RunConfig) -> Iterator[Group]:
    hidden = [layer.weight for layer in model.layers if isinstance(layer, Linear)][:-1]
    matrices: list[Part] = []
    vectors: list[Part] = []
    orthogonal: list[Part] = []
    for name, parameter in model.named_parameters():
        part = Part(name, parameter)
        if config.optimizer == "muon" and any(parameter is weight for weight in hidden):
            orthogonal += _halves(part) if config.activation == "gated" else [part]
        else:
            (matrices if parameter.ndim == 2 else vectors).append(part)
    rule = SGD if config.optimizer == "sgd" else ADAMW
    if orthogonal:
        yield Group(muon_rule(), orthogonal, decays=True)
    yield Group(rule, matrices, decays=True)
    yield Group(rule, vectors, decays=False)


def _halves(part: Part) -> list[Part]:
    half = part.parameter.shape[1] // 2
    return [
        Part(f"{part.name}.first", part.parameter, slice(None, half)),
        Part(f"{part.name}.second", part.parameter, slice(half, None)),
    ]
