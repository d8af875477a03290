"""The model's forward pass over prefixes: with autograd, with BatchNorm folded in, and one character at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from charwave_tui.core.config.layer_shapes import BATCHNORM_EPS
from charwave_tui.engine.data.prefix_dataset import PrefixBatch
from charwave_tui.engine.model.architecture import ModelStructure
from charwave_tui.engine.model.hooks import module_mode
from charwave_tui.engine.model.layers import Activation, BatchNorm1d, Gated, Linear, Sequential, Tanh
from charwave_tui.engine.runtime.cooperative import Cooperative


def causal_logits(model: Sequential, prefixes: PrefixBatch) -> Tensor:
    """Return the logits [P, vocab_size] after each prefix, by the model's own layers in their current mode.

    In train mode each row counts once in the BatchNorm statistics, so they are those over positions where each has its
    own row (`one_row_per_position`). Not for the norm batch-bug, whose statistics belong to positions in a window.
    """
    structure = ModelStructure.of(model)
    x = model.embed(prefixes.ids, prefixes.keep_mask)  # [P] → [P, C]
    outputs: list[Tensor] = []
    for index, level in enumerate(structure.levels):
        level_input = x
        x = level.linear(_concat_taps(level_input, level.offsets, prefixes))
        if level.norm is not None:
            assert level.norm.running_mean.ndim == 1, "batch-bug has no whole names"
            x = level.norm(x)
        x = level.activation(x)
        if prefixes.level_scale is not None:
            x = x * prefixes.level_scale[:, index, None]  # [P, C] · [P, 1]
        outputs.append(x)
        if level.residual:
            x = x + level_input
    # [P, levels·C] or [P, C] → [P, vocab_size]
    logits: Tensor = structure.head(torch.cat(outputs, dim=-1) if structure.skips else x)
    return logits


def _concat_taps(x: Tensor, offsets: Sequence[int], prefixes: PrefixBatch) -> Tensor:
    # embedding looks rows up as x[rows] does, and adds their gradients up in half the time.
    taps = [functional.embedding(prefixes.ancestor_rows[offset], x) if offset else x for offset in offsets]
    return torch.cat(taps, dim=-1)  # n of [P, C] → [P, n·C]


Taps = Callable[[int, Tensor, int], Tensor]  # (level index, its input [R, C], offset) → the input so far back [R, C]


@dataclass(frozen=True, slots=True)
class FoldedLevel:
    """A level whose BatchNorm is folded into its Linear; `offsets` as in `LevelModules`.

    `weight` [n·C, fan_out] is the Linear's times gamma/√(var + BATCHNORM_EPS), `bias` [fan_out] includes mean and beta.
    """

    offsets: tuple[int, ...]
    weight: Tensor
    bias: Tensor
    activation: Activation
    residual: bool


class FoldedModel:
    """A copy of `model` in eval mode for forward passes over prefixes, with BatchNorm folded into the Linears.

    Not for the norm batch-bug: with statistics per position in the window, windows cannot share a level's outputs.
    """

    def __init__(self, model: Sequential) -> None:
        structure = ModelStructure.of(model)
        self.levels = tuple(
            FoldedLevel(level.offsets, *_fold_batchnorm(level.linear, level.norm), level.activation, level.residual)
            for level in structure.levels
        )
        self.embedding = structure.embedding.weight.detach().clone()
        self._skips = structure.skips
        self._weight, self._bias = _fold_batchnorm(structure.head)

    def logits(self, prefixes: PrefixBatch) -> Tensor:
        """Return the logits [P, vocab_size] after each prefix: those of the model for the window that ends there."""
        return self.forward_rows(
            prefixes.ids, lambda _, level_input, offset: level_input.index_select(0, prefixes.ancestor_rows[offset])
        )[0]

    def forward_rows(self, ids: Tensor, taps: Taps) -> tuple[Tensor, list[Tensor]]:
        """Return logits [R, vocab_size] and each level's input [R, C] of rows with last symbols `ids` [R]."""
        x = self.embedding.index_select(0, ids)  # [R] → [R, C]
        inputs, outputs = [], []
        for index, level in enumerate(self.levels):
            inputs.append(x)
            concat = torch.cat([taps(index, x, offset) if offset else x for offset in level.offsets], 1)  # [R, n·C]
            outputs.append(_apply_activation_(level.activation, torch.addmm(level.bias, concat, level.weight)))
            x = x + outputs[-1] if level.residual else outputs[-1]
        head_input = torch.cat(outputs, 1) if self._skips else x  # [R, levels·C] or [R, C]
        return torch.addmm(self._bias, head_input, self._weight), inputs


def _fold_batchnorm(linear: Linear, norm: BatchNorm1d | None = None) -> tuple[Tensor, Tensor]:
    weight = linear.weight.detach()
    bias = weight.new_zeros(weight.shape[1]) if linear.bias is None else linear.bias.detach()
    if norm is None:
        return weight.clone(), bias.clone()
    assert norm.running_mean.ndim == 1, "batch-bug cannot be folded"
    scale = norm.gamma.detach() / torch.sqrt(norm.running_var + BATCHNORM_EPS)
    return weight * scale, (bias - norm.running_mean) * scale + norm.beta.detach()


def _apply_activation_(activation: Activation, x: Tensor) -> Tensor:
    """Return `activation(x)`; may overwrite `x`."""
    match activation:
        case Tanh():
            return _tanh_(x)
        case Gated():
            signal, gate = x.chunk(2, 1)  # [R, 2·C] → [R, C] and [R, C]
            return _tanh_(signal) * torch.sigmoid(gate)
    out: Tensor = activation(x)
    return out


def _tanh_(x: Tensor) -> Tensor:
    """In-place tanh; numpy's takes a sixth of the time of torch's."""
    if x.device.type != "cpu":
        return x.tanh_()
    np.tanh(x.numpy(), out=x.numpy())
    return x


class CachedDecoder:
    """Prefixes of equal length, one per row, that grow by a character at a time; at first one row of boundaries.

    Decodes with a folded model, `block` rows at a time; the level inputs of earlier characters are cached.
    """

    def __init__(self, folded: FoldedModel, block: int) -> None:
        self._folded = folded
        self._block = block
        reach = [max(level.offsets) for level in folded.levels]
        device = folded.embedding.device
        # Before a word there are only boundaries, as far back as a level reaches.
        boundary = torch.zeros(1, dtype=torch.int64, device=device)
        _, inputs = folded.forward_rows(boundary, lambda _, level_input, offset: level_input)
        # For each level its inputs at the last characters, one [R, C] per prefix length, the newest last.
        self._inputs = [deque([first] * far, far) for first, far in zip(inputs, reach, strict=True)]
        # The rows of each row's ancestors among the prefixes of their length, the parent first.
        self._ancestors = torch.zeros((max(reach), 1), dtype=torch.int64, device=device)  # [reach, R]

    def extend(self, parents: Tensor, symbols: Tensor) -> Cooperative[Tensor]:
        """Return the logits [R, vocab_size] of the new rows: `symbols` [R] appended to rows `parents` [R].

        They replace the old rows. Yields after each block of rows. All three tensors are on the CPU.
        """
        parents, symbols = parents.to(self._ancestors.device), symbols.to(self._ancestors.device)
        older = self._ancestors.index_select(1, parents)  # [reach, rows before] → [reach, R]
        ancestors = torch.cat((parents[None], older))[: len(older)]  # [1 + reach, R] → [reach, R]
        logits, inputs = [], []
        blocks = zip(torch.split(symbols, self._block), torch.split(ancestors, self._block, 1), strict=True)
        for block_symbols, block_ancestors in blocks:
            block_logits, block_inputs = self._folded.forward_rows(block_symbols, self._taps(block_ancestors))
            logits.append(block_logits)
            inputs.append(block_inputs)
            yield
        for cache, level_inputs in zip(self._inputs, zip(*inputs, strict=True), strict=True):
            cache.append(torch.cat(level_inputs))
        self._ancestors = ancestors
        return torch.cat(logits).cpu()

    def _taps(self, ancestors: Tensor) -> Taps:
        return lambda index, _, offset: self._inputs[index][-offset].index_select(0, ancestors[offset - 1])


class WindowDecoder:
    """As CachedDecoder, with any model: by a forward pass over each row's last `context` symbols."""

    def __init__(self, model: Sequential, context: int, block: int) -> None:
        self._model = model
        self._block = block
        self._windows = torch.zeros((1, context), dtype=torch.int64, device=next(model.parameters()).device)

    def extend(self, parents: Tensor, symbols: Tensor) -> Cooperative[Tensor]:
        parents, symbols = parents.to(self._windows.device), symbols.to(self._windows.device)
        self._windows = torch.cat((self._windows[parents, 1:], symbols[:, None]), 1)  # [R, context]
        logits = []
        for windows in torch.split(self._windows, self._block):
            with module_mode(self._model, training=False):
                logits.append(self._model(windows))
            yield
        return torch.cat(logits).cpu()


IncrementalDecoder = CachedDecoder | WindowDecoder
