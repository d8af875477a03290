"""Forward over prefixes: causal, batch norm folded, incremental decoding."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from charwave_tui.engine.data.prefix_dataset import PrefixBatch
from charwave_tui.engine.model.architecture import LevelModules, ModelStructure
from charwave_tui.engine.model.hooks import looking
from charwave_tui.engine.model.layers import BATCHNORM_EPS, Activation, BatchNorm1d, Gated, Linear, Sequential, Tanh
from charwave_tui.engine.runtime.cooperative import Cooperative

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


class FoldedModel:
    """A copy of `model` as it is now, in eval mode, to be run over prefixes; not for the norm batch-bug.

    That one has statistics for each place in a window, so that no two windows can share what a level makes.
    """

    def __init__(self, model: Sequential) -> None:
        anatomy = ModelStructure.of(model)
        self.levels = tuple(map(_folded_level, anatomy.levels))
        self.embedding = anatomy.embedding.weight.detach().clone()
        self._skips = anatomy.skips
        self._weight, self._bias = _fold_batchnorm(anatomy.head)

    def logits(self, prefixes: PrefixBatch) -> Tensor:
        """The logits [P, V] after each prefix: those that the model gives for the window which ends there."""
        return self.forward_rows(
            prefixes.ids, lambda _, below, offset: below.index_select(0, prefixes.ancestor_rows[offset])
        )[0]

    def forward_rows(self, ids: Tensor, taps: Taps) -> tuple[Tensor, list[Tensor]]:
        """The logits [R, V] of rows whose last symbols are `ids` [R], and what stands below each level [R, C].

        `taps` finds what the levels join besides that.
        """
        x = self.embedding.index_select(0, ids)  # [R] → [R, C]
        below, made = [], []
        for number, level in enumerate(self.levels):
            below.append(x)
            joined = torch.cat([taps(number, x, offset) if offset else x for offset in level.offsets], 1)  # [R, n·C]
            made.append(_apply_activation_(level.activation, torch.addmm(level.bias, joined, level.weight)))
            x = x + made[-1] if level.residual else made[-1]
        top = torch.cat(made, 1) if self._skips else x  # [R, levels·C] or [R, C]
        return torch.addmm(self._bias, top, self._weight), below


def _folded_level(level: LevelModules) -> FoldedLevel:
    weight, bias = _fold_batchnorm(level.linear, level.norm)
    return FoldedLevel(level.offsets, weight, bias, level.activation, level.residual)


def _fold_batchnorm(linear: Linear, norm: BatchNorm1d | None = None) -> tuple[Tensor, Tensor]:
    weight = linear.weight.detach()
    bias = weight.new_zeros(weight.shape[1]) if linear.bias is None else linear.bias.detach()
    if norm is None:
        return weight.clone(), bias.clone()
    assert norm.running_mean.ndim == 1, "batch-bug cannot be folded"
    scale = norm.gamma.detach() / torch.sqrt(norm.running_var + BATCHNORM_EPS)
    return weight * scale, (bias - norm.running_mean) * scale + norm.beta.detach()


def _apply_activation_(activation: Activation, x: Tensor) -> Tensor:
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


class IncrementalDecoder(Protocol):
    """Rows of prefixes that are equally long; they begin as one row that holds boundaries alone."""

    def extend(self, parents: Tensor, symbols: Tensor) -> Cooperative[Tensor]:
        """The logits [R, V] of the rows that come next: `symbols` [R] behind the `parents` [R], rows there were.

        They take the place of those. Yields after each block of rows. All three tensors are on the CPU.
        """


class CachedDecoder:
    """Growth of a folded model, `block` rows at a time: each level computes the new rows and keeps them."""

    def __init__(self, folded: FoldedModel, block: int) -> None:
        self._folded = folded
        self._block = block
        reach = [max(level.offsets) for level in folded.levels]
        device = folded.embedding.device
        # Before a name there are boundaries only, as far back as a level reaches.
        _, below = folded.forward_rows(torch.zeros(1, dtype=torch.int64, device=device), lambda _, below, offset: below)
        self._below = [deque([first] * far, far) for first, far in zip(below, reach, strict=True)]
        # Of each row, where its ancestors are among those of their length: the parent first.
        self._ancestors = torch.zeros((max(reach), 1), dtype=torch.int64, device=device)  # [reach, R]

    def extend(self, parents: Tensor, symbols: Tensor) -> Cooperative[Tensor]:
        """As in `Growth`."""
        parents, symbols = parents.to(self._ancestors.device), symbols.to(self._ancestors.device)
        older = self._ancestors.index_select(1, parents)  # [reach, rows before] → [reach, R]
        ancestors = torch.cat((parents[None], older))[: len(older)]  # [1 + reach, R] → [reach, R]
        logits, below = [], []
        for some, theirs in zip(torch.split(symbols, self._block), torch.split(ancestors, self._block, 1), strict=True):
            out, under = self._folded.forward_rows(some, self._taps(theirs))
            logits.append(out)
            below.append(under)
            yield
        for kept, parts in zip(self._below, zip(*below, strict=True), strict=True):
            kept.append(torch.cat(parts))
        self._ancestors = ancestors
        return torch.cat(logits).cpu()

    def _taps(self, ancestors: Tensor) -> Taps:
        return lambda number, _, offset: self._below[number][-offset].index_select(0, ancestors[offset - 1])


class WindowDecoder:
    """Growth of any model by the window of `context` symbols that ends each row, `block` of them at a time."""

    def __init__(self, model: Sequential, context: int, block: int) -> None:
        self._model = model
        self._block = block
        self._windows = torch.zeros((1, context), dtype=torch.int64, device=next(model.parameters()).device)

    def extend(self, parents: Tensor, symbols: Tensor) -> Cooperative[Tensor]:
        """As in `Growth`."""
        parents, symbols = parents.to(self._windows.device), symbols.to(self._windows.device)
        self._windows = torch.cat((self._windows[parents, 1:], symbols[:, None]), 1)  # [R, context]
        logits = []
        for windows in torch.split(self._windows, self._block):
            with looking(self._model, training=False):
                logits.append(self._model(windows))
            yield
        return torch.cat(logits).cpu()


def causal_logits(model: Sequential, prefixes: PrefixBatch) -> Tensor:
    """What `model` expects after each prefix: [P, vocabulary], by the model's own layers and in its mode.

    In train mode each row counts once in the statistics of the norm, so they are of positions where the rows are
    `apart`. Not for the norm batch-bug, whose statistics belong to places in a window.
    """
    anatomy = ModelStructure.of(model)
    x = model.embed(prefixes.ids, prefixes.keep_mask)  # [P] → [P, C]
    made: list[Tensor] = []
    for number, level in enumerate(anatomy.levels):
        below = x
        x = level.linear(_concat_taps(below, level.offsets, prefixes))
        if level.norm is not None:
            assert level.norm.running_mean.ndim == 1, "batch-bug has no whole names"
            x = level.norm(x)
        x = level.activation(x)
        if prefixes.level_scale is not None:
            x = x * prefixes.level_scale[:, number, None]  # [P, C] · [P, 1]
        made.append(x)
        if level.residual:
            x = x + below
    out: Tensor = anatomy.head(torch.cat(made, dim=-1) if anatomy.skips else x)  # [P, levels·C] or [P, C]
    return out


def _concat_taps(x: Tensor, offsets: Sequence[int], prefixes: PrefixBatch) -> Tensor:
    """The rows that stand so far back, side by side; 0 is each row itself."""
    # embedding looks rows up as x[rows] does, and adds their gradients up in half the time.
    taps = [functional.embedding(prefixes.ancestor_rows[offset], x) if offset else x for offset in offsets]
    return torch.cat(taps, dim=-1)  # n of [P, C] → [P, n·C]
