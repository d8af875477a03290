"""The figures of every layer on one fixed batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from charwave_tui.core.readings import LayerStats
from charwave_tui.engine.layers import Gated, Layer, ReLU, Tanh, figured
from charwave_tui.engine.look import Look

SATURATED = 0.97
"""A tanh beyond this, either way, counts as saturated: the lessons' bound."""

DEAD = 0.99
"""A Tanh unit beyond this, either way, for every example and position is dead: the lessons' bound."""


def figures(look: Look, ratios: Sequence[float | None]) -> Iterator[LayerStats]:
    """The figures of each layer of a `look`; `ratios` are the update ratios of the last step, one a layer."""
    for layer, came, out, pull, ratio in zip(look.layers, look.came, look.outputs, look.pulls, ratios, strict=True):
        weight = figured(layer)
        gradient_std = deviation(pull)
        weight_std = deviation(weight)
        stuck = stuck_units(layer, out)
        yield LayerStats(
            name=type(layer).__name__,
            detail=layer.detail,
            output_shape=tuple(out.shape),
            parameters=sum(parameter.numel() for parameter in layer.parameters()),
            mean=out.mean().item(),
            std=out.std().item(),
            saturation=_saturation(layer, came, out),
            dead=None if stuck is None else int((stuck == 1).sum()),
            gradient_std=gradient_std,
            weight_std=weight_std,
            grad_data=_share(gradient_std, weight_std),
            update_ratio=ratio,
        )


def stuck_units(layer: Layer, out: Tensor) -> Tensor | None:
    """The share of examples and positions at which each unit of a Tanh or a ReLU is stuck, [units]; else None.

    A Tanh beyond DEAD, a ReLU at 0. Of a Gated it would tell nothing: where its tanh is stuck it learns by its gate.
    """
    match layer:
        case Tanh():
            stuck = out.abs() > DEAD
        case ReLU():
            stuck = out == 0
        case _:
            return None
    flat = stuck.flatten(0, -2)  # [B, C] or [B, T, C] → [B·T, C]
    return flat.sum(0) / len(flat)


def deviation(numbers: Tensor | None) -> float | None:
    """The unbiased standard deviation; None where there are not two numbers."""
    return None if numbers is None or numbers.numel() < 2 else numbers.detach().std().item()


def _saturation(layer: Layer, came: Tensor | None, out: Tensor) -> float | None:
    match layer:
        case Tanh():
            bent = out
        case Gated():
            # The output is small where the gate is shut, so only the tanh tells; a stuck one still learns by its gate.
            assert came is not None
            signal, _ = came.chunk(2, dim=-1)  # [..., 2·C] → [..., C] and [..., C]
            bent = torch.tanh(signal)
        case _:
            return None
    return 100 * (bent.abs() > SATURATED).float().mean().item()


def _share(part: float | None, whole: float | None) -> float | None:
    if part is None or whole is None or whole == 0:
        return None
    share = part / whole
    return share if math.isfinite(share) else None
