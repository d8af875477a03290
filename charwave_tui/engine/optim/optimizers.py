"""SGD, AdamW, Muon by torch's functional forms; parameter groups; state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.errors import UserError
from charwave_tui.engine.model.layers import Linear, Sequential

try:
    from torch.optim._muon import muon
except ImportError:  # torch before 2.9
    muon = None  # type: ignore[assignment]


BETAS = (0.9, 0.999)
"""AdamW's shares of the old in its two running means: those of its authors and of torch."""


EPSILON = 1e-8
"""What AdamW adds to the root of its second mean."""


MUON_MOMENTUM = 0.95
"""Muon's share of the old in its running mean, which it follows in Nesterov's way: Jordan et al. 2024."""


NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""The coefficients of the iteration by which Muon makes a move orthogonal: Jordan et al. 2024."""


ITERATIONS = 3
"""How often Muon iterates: torch's 5 take two thirds longer, and gave val 1.9288 in place of 1.9294."""


MUON_EPSILON = 1e-7
"""The least norm that Muon divides a move by: torch's."""


OptimizerState = Mapping[str, list[Tensor]]
"""What a rule remembers: for each kind a tensor for each weight."""


@dataclass(frozen=True, slots=True)
class StepHyperparameters:
    """The numbers of one move, apart from the gradients; `momentum` is for SGD alone."""

    lr: float
    weight_decay: float
    momentum: float


@dataclass(frozen=True, slots=True)
class OptimizerRule:
    """An optimiser: the kinds of tensors it keeps, and how it moves weights by their gradients."""

    keeps: tuple[str, ...]
    move: Callable[[list[Tensor], list[Tensor], OptimizerState, StepHyperparameters], None]


def _sgd_step(weights: list[Tensor], gradients: list[Tensor], kept: OptimizerState, pull: StepHyperparameters) -> None:
    if not kept and not pull.weight_decay:
        # Two roundings, as in the lecture; add_ with alpha=-lr would be one call but rounds once.
        torch._foreach_add_(weights, list(torch._foreach_mul(gradients, -pull.lr)))
        return
    sgd(
        weights,
        gradients,
        [*kept["momentum_buffer"]] if kept else [None for _ in weights],
        fused=True,
        lr=pull.lr,
        weight_decay=pull.weight_decay,
        momentum=pull.momentum,
        dampening=0,
        nesterov=False,
        maximize=False,
    )


def _adamw_step(
    weights: list[Tensor], gradients: list[Tensor], kept: OptimizerState, pull: StepHyperparameters
) -> None:
    adamw(
        weights,
        gradients,
        kept["exp_avg"],
        kept["exp_avg_sq"],
        [],
        kept["step"],
        fused=True,
        lr=pull.lr,
        weight_decay=pull.weight_decay,
        beta1=BETAS[0],
        beta2=BETAS[1],
        eps=EPSILON,
        amsgrad=False,
        maximize=False,
    )


def _muon_step(weights: list[Tensor], gradients: list[Tensor], kept: OptimizerState, pull: StepHyperparameters) -> None:
    muon(
        weights,
        gradients,
        kept["momentum_buffer"],
        lr=pull.lr,
        weight_decay=pull.weight_decay,
        momentum=MUON_MOMENTUM,
        nesterov=True,
        ns_coefficients=NEWTON_SCHULZ,
        ns_steps=ITERATIONS,
        eps=MUON_EPSILON,
        adjust_lr_fn="match_rms_adamw",
        has_complex=False,
    )


SGD = OptimizerRule(("momentum_buffer",), _sgd_step)
"""v ← momentum · v + gradient + weight_decay · w, then w ← w − lr · v: Sutskever et al. 2013, as torch writes it."""


ADAMW = OptimizerRule(("exp_avg", "exp_avg_sq", "step"), _adamw_step)
"""Moves of about lr for each weight, by running means: Loshchilov and Hutter 2019, algorithm 2, its decay times lr."""


def muon_rule() -> OptimizerRule:
    """Orthogonal moves of matrices: Jordan et al. 2024; of AdamW's size, so that one lr serves both: Liu et al. 2025.

    Raises Mistake where torch has none.
    """
    if muon is None:
        raise UserError(
            f"optimizer muon needs torch 2.9 or later, and this is torch {torch.__version__}",
            "upgrade torch, or set optimizer to adamw",
            "optimizer",
        )
    return OptimizerRule(("momentum_buffer",), _muon_step)


@dataclass(frozen=True, slots=True)
class ParamSlice:
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


class ParamGroup:
    """Parts that one rule moves alike."""

    def __init__(self, rule: OptimizerRule, parts: Sequence[ParamSlice], *, decays: bool) -> None:
        self._rule = rule
        self._parts = parts
        self._decays = decays
        self._weights = [part.weight() for part in parts]
        self.kept: dict[str, list[Tensor]] = {}

    def fresh(self) -> dict[str, list[Tensor]]:
        """What it remembers before the first move: zeros."""
        return {kind: [_zeros(kind, weight) for weight in self._weights] for kind in self._rule.keeps}

    def named(self, kept: OptimizerState) -> Iterator[tuple[str, Tensor]]:
        """All of `kept` by the names that it has in a file."""
        for kind, tensors in kept.items():
            for part, tensor in zip(self._parts, tensors, strict=True):
                yield f"optimizer.{part.name}.{kind}", tensor

    def move(self, pull: StepHyperparameters) -> None:
        """Move every part by its gradient."""
        gradients = [part.gradient() for part in self._parts]
        self._rule.move(self._weights, gradients, self.kept, pull if self._decays else replace(pull, weight_decay=0))


def _zeros(kind: str, weight: Tensor) -> Tensor:
    # AdamW counts its steps in a float32 for each part.
    return torch.zeros((), device=weight.device) if kind == "step" else torch.zeros_like(weight)


class Optimizer:
    """What moves all of `model` by the gradients that lie in its parameters' `grad`; it replaces none of those.

    Weight decay is for the embedding and the Linears' weights alone, not for gamma, beta and the biases. The model's
    tensors may be loaded into, but not be replaced. Raises Mistake where torch has no such optimiser.

    `direct`: it is w ← w − lr · gradient and nothing else, so that a step may as well do it by itself.
    """

    is_plain_sgd: bool

    def __init__(self, model: Sequential, config: RunConfig) -> None:
        self._groups = list(_groups(model, config))
        self.set_config(config)

    def set_config(self, config: RunConfig) -> None:
        """Go on with the live fields of `config`: momentum and weight_decay."""
        self._momentum, self._weight_decay = config.momentum, config.weight_decay
        self._remembers = config.optimizer != "sgd" or config.momentum > 0
        self.is_plain_sgd = not self._remembers and config.weight_decay == 0
        for group in self._groups:
            if not self._remembers:
                group.kept = {}
            elif not group.kept:
                group.kept = group.fresh()

    @torch.no_grad()
    def __call__(self, lr: float) -> None:
        """Move every weight once; gradients are as contiguous as the weights."""
        pull = StepHyperparameters(lr, self._weight_decay, self._momentum)
        for group in self._groups:
            group.move(pull)

    def state_dict(self) -> dict[str, Tensor]:
        """Copies, on the CPU, of all that it remembers, by names that begin with `optimizer.`."""
        return {name: tensor.to("cpu", copy=True) for name, tensor in self._kept()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from `state`, or afresh where it is empty; raises Mistake if it is not of this model and optimiser."""
        known = dict(chain.from_iterable(group.named(group.fresh()) for group in self._groups))
        if state and _forms(state) != _forms(known):
            raise UserError(
                "what the optimizer remembers does not fit this configuration",
                "load the weights with the configuration they were trained with",
            )
        for name, tensor in self._kept():
            tensor.copy_(state[name] if state else known[name])

    def _kept(self) -> Iterator[tuple[str, Tensor]]:
        return chain.from_iterable(group.named(group.kept) for group in self._groups)


def _forms(tensors: Mapping[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}


def _groups(model: Sequential, config: RunConfig) -> Iterator[ParamGroup]:
    hidden = [layer.weight for layer in model.layers if isinstance(layer, Linear)][:-1]
    matrices: list[ParamSlice] = []
    vectors: list[ParamSlice] = []
    orthogonal: list[ParamSlice] = []
    for name, parameter in model.named_parameters():
        part = ParamSlice(name, parameter)
        if config.optimizer == "muon" and any(parameter is weight for weight in hidden):
            orthogonal += _halves(part) if config.activation == "gated" else [part]
        else:
            (matrices if parameter.ndim == 2 else vectors).append(part)
    rule = SGD if config.optimizer == "sgd" else ADAMW
    if orthogonal:
        yield ParamGroup(muon_rule(), orthogonal, decays=True)
    yield ParamGroup(rule, matrices, decays=True)
    yield ParamGroup(rule, vectors, decays=False)


def _halves(part: ParamSlice) -> list[ParamSlice]:
    half = part.parameter.shape[1] // 2
    return [
        ParamSlice(f"{part.name}.first", part.parameter, slice(None, half)),
        ParamSlice(f"{part.name}.second", part.parameter, slice(half, None)),
    ]
