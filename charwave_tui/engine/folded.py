"""A model read for speed: in eval mode, its norms folded into the Linears before them, each prefix computed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from charwave_tui.engine.anatomy import Anatomy, LevelLayers
from charwave_tui.engine.layers import EPSILON, Activation, BatchNorm1d, Gated, Linear, Sequential, Tanh
from charwave_tui.engine.prefixes import Prefixes

Taps = Callable[[int, Tensor, int], Tensor]
"""For a level's number, what stands below it in each row [R, C], and an offset: what stood below so far back [R, C]."""


@dataclass(frozen=True, slots=True)
class FoldedLevel:
    """One level: the offsets it joins, furthest first, its Linear and norm as one, and what follows them.

    `weight` [n·C, fan_out] is the Linear's times gamma/√(var + EPSILON); `bias` [fan_out] has the mean and beta in it.
    """

    offsets: tuple[int, ...]
    weight: Tensor
    bias: Tensor
    activation: Activation
    residual: bool


class Folded:
    """A copy of `model` as it is now, in eval mode, to be run over prefixes; not for the norm batch-bug.

    That one has statistics for each place in a window, so that no two windows can share what a level makes.
    """

    def __init__(self, model: Sequential) -> None:
        anatomy = Anatomy.of(model)
        self.levels = tuple(map(_folded_level, anatomy.levels))
        self.embedding = anatomy.embedding.weight.detach().clone()
        self._skips = anatomy.skips
        self._weight, self._bias = _folded(anatomy.head)

    def logits(self, prefixes: Prefixes) -> Tensor:
        """The logits [P, V] after each prefix: those that the model gives for the window which ends there."""
        return self.over(prefixes.ids, lambda _, below, offset: below.index_select(0, prefixes.back[offset]))[0]

    def over(self, ids: Tensor, taps: Taps) -> tuple[Tensor, list[Tensor]]:
        """The logits [R, V] of rows whose last symbols are `ids` [R], and what stands below each level [R, C].

        `taps` finds what the levels join besides that.
        """
        x = self.embedding.index_select(0, ids)  # [R] → [R, C]
        below, made = [], []
        for number, level in enumerate(self.levels):
            below.append(x)
            joined = torch.cat([taps(number, x, offset) if offset else x for offset in level.offsets], 1)  # [R, n·C]
            made.append(_bent(level.activation, torch.addmm(level.bias, joined, level.weight)))
            x = x + made[-1] if level.residual else made[-1]
        top = torch.cat(made, 1) if self._skips else x  # [R, levels·C] or [R, C]
        return torch.addmm(self._bias, top, self._weight), below


def _folded_level(level: LevelLayers) -> FoldedLevel:
    weight, bias = _folded(level.linear, level.norm)
    return FoldedLevel(level.offsets, weight, bias, level.activation, level.residual)


def _folded(linear: Linear, norm: BatchNorm1d | None = None) -> tuple[Tensor, Tensor]:
    weight = linear.weight.detach()
    bias = weight.new_zeros(weight.shape[1]) if linear.bias is None else linear.bias.detach()
    if norm is None:
        return weight.clone(), bias.clone()
    assert norm.running_mean.ndim == 1, "batch-bug cannot be folded"
    scale = norm.gamma.detach() / torch.sqrt(norm.running_var + EPSILON)
    return weight * scale, (bias - norm.running_mean) * scale + norm.beta.detach()


def _bent(activation: Activation, x: Tensor) -> Tensor:
    """What `activation` makes of `x`, which may be overwritten."""
    match activation:
        case Tanh():
            return _tanh(x)
        case Gated():
            signal, gate = x.chunk(2, 1)  # [R, 2·C] → [R, C] and [R, C]
            return _tanh(signal) * torch.sigmoid(gate)
    out: Tensor = activation(x)
    return out


def _tanh(x: Tensor) -> Tensor:
    """The tanh of `x` in place; numpy's takes a sixth of the time of torch's."""
    if x.device.type != "cpu":
        return x.tanh_()
    np.tanh(x.numpy(), out=x.numpy())
    return x
