"""How each optimiser moves weights: torch's own, in their functional forms.

Their classes would import torch._dynamo, which takes seconds that a short run does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from charwave_tui.core.mistake import Mistake

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

Kept = Mapping[str, list[Tensor]]
"""What a rule remembers: for each kind a tensor for each weight."""


@dataclass(frozen=True, slots=True)
class Pull:
    """The numbers of one move, apart from the gradients; `momentum` is for SGD alone."""

    lr: float
    weight_decay: float
    momentum: float


@dataclass(frozen=True, slots=True)
class Rule:
    """An optimiser: the kinds of tensors it keeps, and how it moves weights by their gradients."""

    keeps: tuple[str, ...]
    move: Callable[[list[Tensor], list[Tensor], Kept, Pull], None]


def _descend(weights: list[Tensor], gradients: list[Tensor], kept: Kept, pull: Pull) -> None:
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


def _adapt(weights: list[Tensor], gradients: list[Tensor], kept: Kept, pull: Pull) -> None:
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


def _orthogonalise(weights: list[Tensor], gradients: list[Tensor], kept: Kept, pull: Pull) -> None:
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


SGD = Rule(("momentum_buffer",), _descend)
"""v ← momentum · v + gradient + weight_decay · w, then w ← w − lr · v: Sutskever et al. 2013, as torch writes it."""

ADAMW = Rule(("exp_avg", "exp_avg_sq", "step"), _adapt)
"""Moves of about lr for each weight, by running means: Loshchilov and Hutter 2019, algorithm 2, its decay times lr."""


def muon_rule() -> Rule:
    """Orthogonal moves of matrices: Jordan et al. 2024; of AdamW's size, so that one lr serves both: Liu et al. 2025.

    Raises Mistake where torch has none.
    """
    if muon is None:
        raise Mistake(
            f"optimizer muon needs torch 2.9 or later, and this is torch {torch.__version__}",
            "upgrade torch, or set optimizer to adamw",
            "optimizer",
        )
    return Rule(("momentum_buffer",), _orthogonalise)
