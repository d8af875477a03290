"""Which rows each level of a step computes and what they join: the arithmetic of a batch, on ids alone.

A level makes something for every position: of a window those that `fuse` or `dilations` leave, of a word all of them.
Positions that join equal things make equal things, so that one row may stand for many; `weights` says for how many.
The rows below the first level are the V symbols, and V is nothing at all, for what is blotted out.
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

    `taps` [size·k]: for each row the k rows of the level below that it joins; None where those lie side by side.
    `weights` [size]: for how many positions each row stands; None where it is one each.
    `scales` [size, 1]: what each row is multiplied by once it is bent; None where nothing is dropped.
    """

    size: int
    positions: int
    taps: Tensor | None
    weights: Tensor | None = None
    level_scale: Tensor | None = None


class BatchPlan(NamedTuple):
    """The levels of a step, and what is to be guessed from the last one's rows.

    `form`: two plans of one form can have the same buffers. `blots`: some taps of the first level are V.
    `under`: for each level but the last, its row [top rows] beneath each row of the last.
    `wanted`: the target [top rows]; where a row stands for many positions, how often each symbol follows [top rows, V].
    """

    buffer_key: tuple[object, ...]
    levels: tuple[LevelRows, ...]
    head_rows: tuple[Tensor, ...]
    targets: Tensor
    has_dropped_context: bool

    @property
    def positions(self) -> int:
        """How many guesses the loss is the mean of."""
        return self.levels[-1].positions


class WindowPlanner:
    """Plans for windows in which every position has a row of its own, window after window."""

    def __init__(self, anatomy: ModelStructure) -> None:
        self._anatomy = anatomy
        self._shape: torch.Size | None = None

    def __call__(self, batch: WindowBatch) -> BatchPlan:
        """The plan for a batch."""
        ids = _ids(batch, self._anatomy)  # [B, context]
        if ids.shape != self._shape:
            self._shape = ids.shape
            self._first, self._above, self._under = self._fix(ids)
        first = self._anatomy.levels[0]
        taps = ids if isinstance(first.flatten, FlattenConsecutive) else _joined(ids, first)  # [B, T·k] or [B, T, k]
        levels = (LevelRows(self._first.size, self._first.positions, taps.reshape(-1)), *self._above)
        if batch.level_scale is not None:
            levels = tuple(
                rows._replace(level_scale=_scales(batch, number, rows.size // len(ids)).unsqueeze(1))
                for number, rows in enumerate(levels)
            )
        form = (WindowPlanner, self._shape, batch.level_scale is None, batch.keep_mask is None)
        return BatchPlan(form, levels, self._under, batch.targets, batch.keep_mask is not None)

    def _fix(self, ids: Tensor) -> tuple[LevelRows, tuple[LevelRows, ...], tuple[Tensor, ...]]:
        """What is the same for every batch of a shape: the rows of all levels, and those under the last's."""
        nodes, levels, taps = ids, [], []
        for level in self._anatomy.levels:
            joined = _joined(nodes, level)  # [B, T, k]
            nodes = torch.arange(joined.shape[0] * joined.shape[1]).view(joined.shape[:2])  # [B, T]
            taps.append(joined.reshape(-1, joined.shape[2]))
            side_by_side = isinstance(level.flatten, FlattenConsecutive)
            levels.append(LevelRows(nodes.numel(), nodes.numel(), None if side_by_side else taps[-1].view(-1)))
        return levels[0], tuple(levels[1:]), _under(taps, len(ids))


class DeduplicatingPlanner:
    """Plans in which equal things have one row, for windows and for whole words."""

    def __init__(self, anatomy: ModelStructure) -> None:
        self._anatomy = anatomy
        self._vocab_size, self._dtype = len(anatomy.embedding.weight), anatomy.embedding.weight.dtype

    def __call__(self, batch: WindowBatch | PrefixBatch) -> BatchPlan:
        """The plan for a batch."""
        nodes, below = _ids(batch, self._anatomy), self._vocab_size + 1  # [P] or [B, context]
        counts = (
            torch.bincount(batch.row_of_position, minlength=len(nodes)) if isinstance(batch, PrefixBatch) else None
        )  # [P]
        levels, taps = [], []
        for number, level in enumerate(self._anatomy.levels):
            joined = _reached(nodes, level, batch) if isinstance(batch, PrefixBatch) else _joined(nodes, level)
            flat = joined.reshape(-1, joined.shape[-1])  # [positions, k]
            scales = None if batch.level_scale is None else _scales(batch, number, joined.shape[1])
            one, of = _numbered(flat, below, scales)
            positions = len(batch.row_of_position) if isinstance(batch, PrefixBatch) else len(of)
            taps.append(flat.index_select(0, one))
            weights = torch.bincount(of, counts, minlength=padded_size(len(one)))
            levels.append(self._rows(positions, taps[-1], weights, None if scales is None else scales[one]))
            nodes, below = of.view(joined.shape[:-1]), len(one)
        size = levels[-1].size
        return BatchPlan(
            (DeduplicatingPlanner, *(rows.size for rows in levels), batch.level_scale is None, batch.keep_mask is None),
            tuple(levels),
            _under(taps, size),
            self._wanted(nodes, counts, batch, size),
            batch.keep_mask is not None,
        )

    def _rows(self, positions: int, taps: Tensor, weights: Tensor, scales: Tensor | None) -> LevelRows:
        idle = len(weights) - len(taps)
        return LevelRows(
            len(weights),
            positions,
            functional.pad(taps.view(-1), (0, idle * taps.shape[1])),
            weights.to(self._dtype),
            None if scales is None else functional.pad(scales, (0, idle)).unsqueeze(1).to(self._dtype),
        )

    def _wanted(self, nodes: Tensor, counts: Tensor | None, batch: WindowBatch | PrefixBatch, size: int) -> Tensor:
        """How often each symbol follows each of the last level's rows: [size, V]."""
        if isinstance(batch, PrefixBatch) and batch.target_probs is not None:
            assert counts is not None
            followers = batch.target_probs.to(self._dtype) * counts.unsqueeze(1)  # [P, V]
            return followers.new_zeros(size, self._vocab_size).index_add_(0, nodes, followers)
        top = nodes.index_select(0, batch.row_of_position) if isinstance(batch, PrefixBatch) else nodes.view(-1)
        found = torch.bincount(top * self._vocab_size + batch.targets, minlength=size * self._vocab_size)
        return found.view(size, -1).to(self._dtype)


def padded_size(rows: int) -> int:
    """`rows` and a few idle ones, so that most batches are of sizes met before."""
    grain = max(8, 1 << max(0, rows.bit_length() - 6))
    return -(-rows // grain) * grain


def _ids(batch: WindowBatch | PrefixBatch, anatomy: ModelStructure) -> Tensor:
    symbols = batch.contexts if isinstance(batch, WindowBatch) else batch.ids
    return (
        symbols if batch.keep_mask is None else symbols.masked_fill(batch.keep_mask == 0, len(anatomy.embedding.weight))
    )


def _joined(nodes: Tensor, level: LevelModules) -> Tensor:
    """What each position of a level over windows joins of what stands at the positions below: [B, T] → [B, T', k]."""
    if isinstance(level.flatten, FlattenConsecutive):
        return nodes.view(len(nodes), -1, level.flatten.n)  # [B, T] → [B, T/n, n]
    dilation = level.flatten.dilation
    return torch.stack((nodes[:, :-dilation], nodes[:, dilation:]), -1)  # [B, T] → [B, T−d, 2]


def _reached(nodes: Tensor, level: LevelModules, prefixes: PrefixBatch) -> Tensor:
    """What each prefix joins of what stands at all prefixes below: [P] → [P, k]."""
    return torch.stack(
        [nodes.index_select(0, prefixes.ancestor_rows[offset]) if offset else nodes for offset in level.offsets], -1
    )


def _scales(batch: WindowBatch | PrefixBatch, number: int, positions: int) -> Tensor:
    """What a level is multiplied by at each of its positions: the last ones of each window, or all prefixes."""
    assert batch.level_scale is not None
    if isinstance(batch, PrefixBatch):
        return batch.level_scale[:, number]  # [P]
    return batch.level_scale[:, -positions:, number].reshape(-1)  # [B, context] → [B·T]


def _numbered(joined: Tensor, below: int, scales: Tensor | None) -> tuple[Tensor, Tensor]:
    """The distinct rows of `joined` [positions, k], numbers under `below`: a position with each, and each one's number.

    Where a level is passed by and where not are two things.
    """
    taps = joined if scales is None else torch.cat((joined, (scales != 0).unsqueeze(1)), 1)  # [positions, k] or k + 1
    if max(below, 2) ** taps.shape[1] < 2**63:
        keys = taps[:, 0]
        for tap in taps[:, 1:].unbind(1):
            keys = keys * max(below, 2) + tap
        found, of = torch.unique(keys, return_inverse=True)
    else:
        found, of = torch.unique(taps, dim=0, return_inverse=True)
    return of.new_empty(len(found)).scatter_(0, of, torch.arange(len(of))), of


def _under(taps: Sequence[Tensor], size: int) -> tuple[Tensor, ...]:
    """Beneath each of the last level's `size` rows that of each level below it: the last tap leads down."""
    under = [torch.arange(len(taps[-1]))]
    for level in taps[:0:-1]:
        under.append(level[:, -1].index_select(0, under[-1]))
    return tuple(functional.pad(rows, (0, size - len(rows))) for rows in under[:0:-1])
