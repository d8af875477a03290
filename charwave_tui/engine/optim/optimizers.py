"""SGD, AdamW and Muon through torch's functional forms, with parameter groups and state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from charwave_tui.core.config.choices import OptimizerKind
from charwave_tui.core.config.layer_shapes import ACTIVATIONS
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.errors import UserError
from charwave_tui.engine.model.layers import Linear, Sequential

try:
    from torch.optim._muon import muon
except ImportError:  # torch before 2.9
    muon = None  # type: ignore[assignment]

ADAMW_BETAS = (0.9, 0.999)
ADAMW_EPS = 1e-8
MUON_MOMENTUM = 0.95  # with Nesterov: Jordan et al. 2024
NEWTON_SCHULZ_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # Jordan et al. 2024
NEWTON_SCHULZ_STEPS = 3  # torch's 5 take two thirds longer, and gave val 1.9288 in place of 1.9294
MUON_EPS = 1e-7

OptimizerState = Mapping[str, list[Tensor]]  # for each key of a rule one tensor per weight


@dataclass(frozen=True, slots=True)
class StepHyperparameters:
    """The hyperparameters of one step; `momentum` is used by SGD alone."""

    lr: float
    weight_decay: float
    momentum: float


@dataclass(frozen=True, slots=True)
class OptimizerRule:
    """An update rule: the keys of its state, and the in-place update of weights by their gradients."""

    state_keys: tuple[str, ...]
    step: Callable[[list[Tensor], list[Tensor], OptimizerState, StepHyperparameters], None]


def _sgd_step(
    weights: list[Tensor], gradients: list[Tensor], state: OptimizerState, hyperparameters: StepHyperparameters
) -> None:
    if not state and not hyperparameters.weight_decay:
        # Two roundings, as in the lecture; add_ with alpha=-lr would be one call but rounds once.
        torch._foreach_add_(weights, list(torch._foreach_mul(gradients, -hyperparameters.lr)))
        return
    sgd(
        weights,
        gradients,
        [*state["momentum_buffer"]] if state else [None for _ in weights],
        fused=True,
        lr=hyperparameters.lr,
        weight_decay=hyperparameters.weight_decay,
        momentum=hyperparameters.momentum,
        dampening=0,
        nesterov=False,
        maximize=False,
    )


def _adamw_step(
    weights: list[Tensor], gradients: list[Tensor], state: OptimizerState, hyperparameters: StepHyperparameters
) -> None:
    adamw(
        weights,
        gradients,
        state["exp_avg"],
        state["exp_avg_sq"],
        [],
        state["step"],
        fused=True,
        lr=hyperparameters.lr,
        weight_decay=hyperparameters.weight_decay,
        beta1=ADAMW_BETAS[0],
        beta2=ADAMW_BETAS[1],
        eps=ADAMW_EPS,
        amsgrad=False,
        maximize=False,
    )


def _muon_step(
    weights: list[Tensor], gradients: list[Tensor], state: OptimizerState, hyperparameters: StepHyperparameters
) -> None:
    muon(
        weights,
        gradients,
        state["momentum_buffer"],
        lr=hyperparameters.lr,
        weight_decay=hyperparameters.weight_decay,
        momentum=MUON_MOMENTUM,
        nesterov=True,
        ns_coefficients=NEWTON_SCHULZ_COEFFICIENTS,
        ns_steps=NEWTON_SCHULZ_STEPS,
        eps=MUON_EPS,
        adjust_lr_fn="match_rms_adamw",
        has_complex=False,
    )


# v ← momentum · v + gradient + weight_decay · w, then w ← w − lr · v: Sutskever et al. 2013, as torch writes it.
SGD = OptimizerRule(("momentum_buffer",), _sgd_step)
# Loshchilov and Hutter 2019, algorithm 2, with weight decay times lr.
ADAMW = OptimizerRule(("exp_avg", "exp_avg_sq", "step"), _adamw_step)


def muon_rule() -> OptimizerRule:
    """Return Muon, orthogonalised updates of matrices: Jordan et al. 2024. Raises UserError before torch 2.9.

    The updates are scaled to the size of AdamW's, so that both share one lr: Liu et al. 2025.
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
    """A parameter, or `columns` of it, that a rule updates as one tensor; `name` is its key in the state."""

    name: str
    parameter: nn.Parameter
    columns: slice | None = None

    def weight(self) -> Tensor:
        return self._slice(self.parameter.detach())

    def gradient(self) -> Tensor:
        assert self.parameter.grad is not None, f"{self.name} has no gradient"
        return self._slice(self.parameter.grad)

    def _slice(self, tensor: Tensor) -> Tensor:
        return tensor if self.columns is None else tensor[:, self.columns]  # [fan_in, 2·H] → [fan_in, H]


class ParamGroup:
    """Parameter slices that share an update rule and whether they decay."""

    def __init__(self, rule: OptimizerRule, slices: Sequence[ParamSlice], *, decays: bool) -> None:
        self._rule = rule
        self._slices = slices
        self._decays = decays
        self._weights = [part.weight() for part in slices]
        self.state: dict[str, list[Tensor]] = {}

    def initial_state(self) -> dict[str, list[Tensor]]:
        state = {key: [torch.zeros_like(weight) for weight in self._weights] for key in self._rule.state_keys}
        if "step" in state:  # AdamW counts its steps in a float32 scalar per weight
            state["step"] = [torch.zeros((), device=weight.device) for weight in self._weights]
        return state

    def named_state(self, state: OptimizerState) -> Iterator[tuple[str, Tensor]]:
        """Yield the tensors of `state` with their names in a checkpoint."""
        for key, tensors in state.items():
            for part, tensor in zip(self._slices, tensors, strict=True):
                yield f"optimizer.{part.name}.{key}", tensor

    def step(self, hyperparameters: StepHyperparameters) -> None:
        gradients = [part.gradient() for part in self._slices]
        if not self._decays:
            hyperparameters = replace(hyperparameters, weight_decay=0)
        self._rule.step(self._weights, gradients, self.state, hyperparameters)


class Optimizer:
    """Updates all parameters of `model` by their `grad`, which it only reads.

    Weight decay is for the embedding and the Linears' weights, not for gamma, beta and the biases. The model's tensors
    may be loaded into, but not be replaced. Raises UserError where torch lacks the optimizer.

    `is_plain_sgd`: a step is w ← w − lr · gradient and nothing else, so the fast step may do it while going backward.
    """

    is_plain_sgd: bool

    def __init__(self, model: Sequential, config: RunConfig) -> None:
        self._groups = list(_param_groups(model, config))
        self.set_config(config)

    def set_config(self, config: RunConfig) -> None:
        """Take over the fields of `config` that may change during a run: momentum and weight_decay."""
        self._momentum, self._weight_decay = config.momentum, config.weight_decay
        has_state = config.optimizer != OptimizerKind.SGD or config.momentum > 0
        self.is_plain_sgd = not has_state and config.weight_decay == 0
        for group in self._groups:
            if not has_state:
                group.state = {}
            elif not group.state:
                group.state = group.initial_state()

    @torch.no_grad()
    def __call__(self, lr: float) -> None:
        """Take one step; gradients must be as contiguous as the weights."""
        hyperparameters = StepHyperparameters(lr, self._weight_decay, self._momentum)
        for group in self._groups:
            group.step(hyperparameters)

    def state_dict(self) -> dict[str, Tensor]:
        """Return copies of the state on the CPU; every name begins with `optimizer.`."""
        return {name: tensor.to("cpu", copy=True) for name, tensor in self._named_state()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Load `state`, or the initial one where it is empty. Raises UserError if names, shapes or dtypes differ."""
        initial = dict(chain.from_iterable(group.named_state(group.initial_state()) for group in self._groups))
        if state and shapes_and_dtypes(state) != shapes_and_dtypes(initial):
            raise UserError(
                "what the optimizer remembers does not fit this configuration",
                "load the weights with the configuration they were trained with",
            )
        for name, tensor in self._named_state():
            tensor.copy_(state[name] if state else initial[name])

    def _named_state(self) -> Iterator[tuple[str, Tensor]]:
        return chain.from_iterable(group.named_state(group.state) for group in self._groups)


def shapes_and_dtypes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}


def _param_groups(model: Sequential, config: RunConfig) -> Iterator[ParamGroup]:
    hidden = [layer.weight for layer in model.layers if isinstance(layer, Linear)][:-1]
    matrices: list[ParamSlice] = []
    vectors: list[ParamSlice] = []
    orthogonal: list[ParamSlice] = []
    is_gated = ACTIVATIONS[config.activation].fan_out_factor == 2
    for name, parameter in model.named_parameters():
        part = ParamSlice(name, parameter)
        if config.optimizer == OptimizerKind.MUON and any(parameter is weight for weight in hidden):
            orthogonal += _halves(part) if is_gated else [part]
        else:
            (matrices if parameter.ndim == 2 else vectors).append(part)
    rule = SGD if config.optimizer == OptimizerKind.SGD else ADAMW
    if orthogonal:
        yield ParamGroup(muon_rule(), orthogonal, decays=True)
    yield ParamGroup(rule, matrices, decays=True)
    yield ParamGroup(rule, vectors, decays=False)


def _halves(part: ParamSlice) -> list[ParamSlice]:
    """The signal and the gate columns of a gated level's weight, which Muon orthogonalises separately."""
    half = part.parameter.shape[1] // 2
    return [
        ParamSlice(f"{part.name}.first", part.parameter, slice(None, half)),
        ParamSlice(f"{part.name}.second", part.parameter, slice(half, None)),
    ]
