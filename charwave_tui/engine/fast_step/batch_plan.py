"""Which rows each level computes for a batch, and which rows of the previous level they read: index arithmetic on ids.

A level has an output for every position: of a window those that `fuse` or `dilations` leave, of a word all of them.
Positions with equal inputs have equal outputs, so one row may stand for several; `weights` counts them.
The rows below the first level are the V symbols; row V, all zeros, stands for dropped characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from charwave_tui.engine.data.prefix_dataset import PrefixBatch
from charwave_tui.engine.data.window_dataset import WindowBatch
from charwave_tui.engine.model.architecture import LevelModules, ModelStructure
from charwave_tui.engine.model.layers import FlattenConsecutive


class LevelRows(NamedTuple):
    """The rows of one level, `size` of them for `positions` positions.

    `taps` [size·n]: for each row the n rows of the previous level that it concatenates; None where they are adjacent.
    `weights` [size]: how many positions each row stands for; None where it is one each.
    `level_scale` [size, 1]: stochastic depth's factor of each activated row; None without it.
    """

    size: int
    positions: int
    taps: Tensor | None
    weights: Tensor | None = None
    level_scale: Tensor | None = None


class BatchPlan(NamedTuple):
    """The rows of every level, and the targets of the last one's.

    `buffer_key`: plans with equal keys can use the same buffers.
    `head_rows`: for each level its row [top rows] at the position of each row of the last; None for the last itself.
    `targets`: the target [top rows]; where a row stands for several positions, the count of each symbol [top rows, V].
    `has_dropped_context`: some taps of the first level are row V.
    """

    buffer_key: tuple[object, ...]
    levels: tuple[LevelRows, ...]
    head_rows: tuple[Tensor | None, ...]
    targets: Tensor
    has_dropped_context: bool

    @property
    def positions(self) -> int:
        """The number of predictions that the loss is the mean of."""
        return self.levels[-1].positions


class WindowPlanner:
    """Plans for windows with a row for each position, window after window."""

    def __init__(self, structure: ModelStructure) -> None:
        self._structure = structure
        self._shape: torch.Size | None = None  # of the batch before, with what all batches of that shape share
        self._levels: tuple[LevelRows, ...] = ()
        self._head_rows: tuple[Tensor | None, ...] = ()

    def __call__(self, batch: WindowBatch) -> BatchPlan:
        ids = _masked_ids(batch, self._structure)  # [B, context]
        if ids.shape != self._shape:
            self._shape = ids.shape
            self._levels, self._head_rows = self._plan_shape(ids)
        first, first_rows = self._structure.levels[0], self._levels[0]
        # [B, context] → [B, T·n], or [B, T, n] → [B·T·n]
        taps = ids if isinstance(first.flatten, FlattenConsecutive) else _window_taps(ids, first)
        levels = (LevelRows(first_rows.size, first_rows.positions, taps.reshape(-1)), *self._levels[1:])
        if batch.level_scale is not None:
            levels = tuple(
                rows._replace(level_scale=_level_scale(batch, index, rows.size // len(ids)).unsqueeze(1))
                for index, rows in enumerate(levels)
            )
        buffer_key = (WindowPlanner, self._shape, batch.level_scale is None, batch.keep_mask is None)
        return BatchPlan(buffer_key, levels, self._head_rows, batch.targets, batch.keep_mask is not None)

    def _plan_shape(self, ids: Tensor) -> tuple[tuple[LevelRows, ...], tuple[Tensor | None, ...]]:
        row_of_position, levels, taps = ids, [], []
        for level in self._structure.levels:
            level_taps = _window_taps(row_of_position, level)  # [B, T, n]
            batch_size, positions, n = level_taps.shape
            row_of_position = torch.arange(batch_size * positions).view(batch_size, positions)
            taps.append(level_taps.reshape(-1, n))  # [B, T, n] → [B·T, n]
            is_adjacent = isinstance(level.flatten, FlattenConsecutive)
            size = row_of_position.numel()
            levels.append(LevelRows(size, size, None if is_adjacent else taps[-1].view(-1)))
        return tuple(levels), _head_rows(taps, len(ids))


class DeduplicatingPlanner:
    """Plans with one row for equal inputs, for windows and for whole words."""

    def __init__(self, structure: ModelStructure) -> None:
        self._structure = structure
        self._vocab_size, self._dtype = len(structure.embedding.weight), structure.embedding.weight.dtype

    def __call__(self, batch: WindowBatch | PrefixBatch) -> BatchPlan:
        # [P] or [B, context]
        row_of_position, previous_size = _masked_ids(batch, self._structure), self._vocab_size + 1
        counts: Tensor | None = None  # [P]
        if isinstance(batch, PrefixBatch):
            counts = torch.bincount(batch.row_of_position, minlength=len(row_of_position))
        levels, taps = [], []
        for index, level in enumerate(self._structure.levels):
            if isinstance(batch, PrefixBatch):
                position_taps = _prefix_taps(row_of_position, level, batch)  # [P, n]
            else:
                position_taps = _window_taps(row_of_position, level)  # [B, T, n]
            flat_taps = position_taps.reshape(-1, position_taps.shape[-1])  # [positions, n]
            scale = None if batch.level_scale is None else _level_scale(batch, index, position_taps.shape[1])
            position_of_row, flat_rows = _distinct_rows(flat_taps, previous_size, scale)
            positions = len(batch.row_of_position) if isinstance(batch, PrefixBatch) else len(flat_rows)
            taps.append(flat_taps.index_select(0, position_of_row))
            weights = torch.bincount(flat_rows, counts, minlength=padded_size(len(position_of_row)))
            levels.append(self._pad(positions, taps[-1], weights, None if scale is None else scale[position_of_row]))
            row_of_position, previous_size = flat_rows.view(position_taps.shape[:-1]), len(position_of_row)
        size = levels[-1].size
        return BatchPlan(
            (DeduplicatingPlanner, *(rows.size for rows in levels), batch.level_scale is None, batch.keep_mask is None),
            tuple(levels),
            _head_rows(taps, size),
            self._target_counts(row_of_position, counts, batch, size),
            batch.keep_mask is not None,
        )

    def _pad(self, positions: int, taps: Tensor, weights: Tensor, scale: Tensor | None) -> LevelRows:
        unused = len(weights) - len(taps)
        return LevelRows(
            len(weights),
            positions,
            functional.pad(taps.view(-1), (0, unused * taps.shape[1])),
            weights.to(self._dtype),
            None if scale is None else functional.pad(scale, (0, unused)).unsqueeze(1).to(self._dtype),
        )

    def _target_counts(
        self, row_of_position: Tensor, counts: Tensor | None, batch: WindowBatch | PrefixBatch, size: int
    ) -> Tensor:
        """Return how often each symbol is the target of each of the last level's rows: [size, V]."""
        if isinstance(batch, PrefixBatch) and batch.target_probs is not None:
            assert counts is not None
            symbol_counts = batch.target_probs.to(self._dtype) * counts.unsqueeze(1)  # [P, V]
            zeros = symbol_counts.new_zeros(size, self._vocab_size)
            return zeros.index_add_(0, row_of_position, symbol_counts)
        if isinstance(batch, PrefixBatch):
            rows = row_of_position.index_select(0, batch.row_of_position)  # [P] → [N]
        else:
            rows = row_of_position.view(-1)
        pairs = torch.bincount(rows * self._vocab_size + batch.targets, minlength=size * self._vocab_size)
        return pairs.view(size, -1).to(self._dtype)


def padded_size(rows: int) -> int:
    """Return `rows` rounded up, so that most batches have sizes that were met before."""
    multiple = max(8, 1 << max(0, rows.bit_length() - 6))
    return -(-rows // multiple) * multiple


def _masked_ids(batch: WindowBatch | PrefixBatch, structure: ModelStructure) -> Tensor:
    ids = batch.contexts if isinstance(batch, WindowBatch) else batch.ids
    if batch.keep_mask is None:
        return ids
    return ids.masked_fill(batch.keep_mask == 0, len(structure.embedding.weight))


def _window_taps(row_of_position: Tensor, level: LevelModules) -> Tensor:
    """Return the rows that each position of a level concatenates, over windows: [B, T] → [B, T', n]."""
    if isinstance(level.flatten, FlattenConsecutive):
        return row_of_position.view(len(row_of_position), -1, level.flatten.n)  # [B, T] → [B, T/n, n]
    dilation = level.flatten.dilation
    return torch.stack((row_of_position[:, :-dilation], row_of_position[:, dilation:]), -1)  # [B, T] → [B, T−d, 2]


def _prefix_taps(row_of_prefix: Tensor, level: LevelModules, prefixes: PrefixBatch) -> Tensor:
    """Return the rows that each prefix concatenates: [P] → [P, n]."""
    taps = [
        row_of_prefix.index_select(0, prefixes.ancestor_rows[offset]) if offset else row_of_prefix
        for offset in level.offsets
    ]
    return torch.stack(taps, -1)


def _level_scale(batch: WindowBatch | PrefixBatch, index: int, positions: int) -> Tensor:
    """Return a level's factor at each of its positions: the last ones of each window, or all prefixes."""
    assert batch.level_scale is not None
    if isinstance(batch, PrefixBatch):
        return batch.level_scale[:, index]  # [P]
    return batch.level_scale[:, -positions:, index].reshape(-1)  # [B, context] → [B·T]


def _distinct_rows(taps: Tensor, previous_size: int, scale: Tensor | None) -> tuple[Tensor, Tensor]:
    """Deduplicate `taps` [positions, n], ids below `previous_size`; a skipped level is distinct from one that is not.

    Returns a position of each distinct row [rows], and the row of each position [positions].
    """
    keys = taps if scale is None else torch.cat((taps, (scale != 0).unsqueeze(1)), 1)  # [positions, n] or n + 1
    if max(previous_size, 2) ** keys.shape[1] < 2**63:
        packed = keys[:, 0]
        for column in keys[:, 1:].unbind(1):
            packed = packed * max(previous_size, 2) + column
        distinct, row_of_position = torch.unique(packed, return_inverse=True)
    else:
        distinct, row_of_position = torch.unique(keys, dim=0, return_inverse=True)
    positions = torch.arange(len(row_of_position))
    return row_of_position.new_empty(len(distinct)).scatter_(0, row_of_position, positions), row_of_position


def _head_rows(taps: Sequence[Tensor], size: int) -> tuple[Tensor | None, ...]:
    """Follow the last tap from each of the last level's `size` rows down to each level."""
    rows = [torch.arange(len(taps[-1]))]
    for level_taps in taps[:0:-1]:
        rows.append(level_taps[:, -1].index_select(0, rows[-1]))
    return (*(functional.pad(level_rows, (0, size - len(level_rows))) for level_rows in rows[:0:-1]), None)
