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

from charwave_tui.engine.anatomy import Anatomy, LevelLayers
from charwave_tui.engine.batches import Examples
from charwave_tui.engine.layers import FlattenConsecutive
from charwave_tui.engine.prefixes import Prefixes


class Rows(NamedTuple):
    """The rows of one level, `size` of them for `positions` positions.

    `taps` [size·k]: for each row the k rows of the level below that it joins; None where those lie side by side.
    `weights` [size]: for how many positions each row stands; None where it is one each.
    `scales` [size, 1]: what each row is multiplied by once it is bent; None where nothing is dropped.
    """

    size: int
    positions: int
    taps: Tensor | None
    weights: Tensor | None = None
    scales: Tensor | None = None


class Plan(NamedTuple):
    """The levels of a step, and what is to be guessed from the last one's rows.

    `form`: two plans of one form can have the same buffers. `blots`: some taps of the first level are V.
    `under`: for each level but the last, its row [top rows] beneath each row of the last.
    `wanted`: the target [top rows]; where a row stands for many positions, how often each symbol follows [top rows, V].
    """

    form: tuple[object, ...]
    levels: tuple[Rows, ...]
    under: tuple[Tensor, ...]
    wanted: Tensor
    blots: bool

    @property
    def positions(self) -> int:
        """How many guesses the loss is the mean of."""
        return self.levels[-1].positions


class Apart:
    """Plans for windows in which every position has a row of its own, window after window."""

    def __init__(self, anatomy: Anatomy) -> None:
        self._anatomy = anatomy
        self._shape: torch.Size | None = None

    def __call__(self, batch: Examples) -> Plan:
        """The plan for a batch."""
        ids = _ids(batch, self._anatomy)  # [B, context]
        if ids.shape != self._shape:
            self._shape = ids.shape
            self._first, self._above, self._under = self._fix(ids)
        first = self._anatomy.levels[0]
        taps = ids if isinstance(first.flatten, FlattenConsecutive) else _joined(ids, first)  # [B, T·k] or [B, T, k]
        levels = (Rows(self._first.size, self._first.positions, taps.reshape(-1)), *self._above)
        if batch.scales is not None:
            levels = tuple(
                rows._replace(scales=_scales(batch, number, rows.size // len(ids)).unsqueeze(1))
                for number, rows in enumerate(levels)
            )
        form = (Apart, self._shape, batch.scales is None, batch.kept is None)
        return Plan(form, levels, self._under, batch.targets, batch.kept is not None)

    def _fix(self, ids: Tensor) -> tuple[Rows, tuple[Rows, ...], tuple[Tensor, ...]]:
        """What is the same for every batch of a shape: the rows of all levels, and those under the last's."""
        nodes, levels, taps = ids, [], []
        for level in self._anatomy.levels:
            joined = _joined(nodes, level)  # [B, T, k]
            nodes = torch.arange(joined.shape[0] * joined.shape[1]).view(joined.shape[:2])  # [B, T]
            taps.append(joined.reshape(-1, joined.shape[2]))
            side_by_side = isinstance(level.flatten, FlattenConsecutive)
            levels.append(Rows(nodes.numel(), nodes.numel(), None if side_by_side else taps[-1].view(-1)))
        return levels[0], tuple(levels[1:]), _under(taps, len(ids))


class Distinct:
    """Plans in which equal things have one row, for windows and for whole words."""

    def __init__(self, anatomy: Anatomy) -> None:
        self._anatomy = anatomy
        self._vocab_size, self._dtype = len(anatomy.embedding.weight), anatomy.embedding.weight.dtype

    def __call__(self, batch: Examples | Prefixes) -> Plan:
        """The plan for a batch."""
        nodes, below = _ids(batch, self._anatomy), self._vocab_size + 1  # [P] or [B, context]
        counts = torch.bincount(batch.of, minlength=len(nodes)) if isinstance(batch, Prefixes) else None  # [P]
        levels, taps = [], []
        for number, level in enumerate(self._anatomy.levels):
            joined = _reached(nodes, level, batch) if isinstance(batch, Prefixes) else _joined(nodes, level)
            flat = joined.reshape(-1, joined.shape[-1])  # [positions, k]
            scales = None if batch.scales is None else _scales(batch, number, joined.shape[1])
            one, of = _numbered(flat, below, scales)
            positions = len(batch.of) if isinstance(batch, Prefixes) else len(of)
            taps.append(flat.index_select(0, one))
            weights = torch.bincount(of, counts, minlength=roomy(len(one)))
            levels.append(self._rows(positions, taps[-1], weights, None if scales is None else scales[one]))
            nodes, below = of.view(joined.shape[:-1]), len(one)
        size = levels[-1].size
        return Plan(
            (Distinct, *(rows.size for rows in levels), batch.scales is None, batch.kept is None),
            tuple(levels),
            _under(taps, size),
            self._wanted(nodes, counts, batch, size),
            batch.kept is not None,
        )

    def _rows(self, positions: int, taps: Tensor, weights: Tensor, scales: Tensor | None) -> Rows:
        idle = len(weights) - len(taps)
        return Rows(
            len(weights),
            positions,
            functional.pad(taps.view(-1), (0, idle * taps.shape[1])),
            weights.to(self._dtype),
            None if scales is None else functional.pad(scales, (0, idle)).unsqueeze(1).to(self._dtype),
        )

    def _wanted(self, nodes: Tensor, counts: Tensor | None, batch: Examples | Prefixes, size: int) -> Tensor:
        """How often each symbol follows each of the last level's rows: [size, V]."""
        if isinstance(batch, Prefixes) and batch.shares is not None:
            assert counts is not None
            followers = batch.shares.to(self._dtype) * counts.unsqueeze(1)  # [P, V]
            return followers.new_zeros(size, self._vocab_size).index_add_(0, nodes, followers)
        top = nodes.index_select(0, batch.of) if isinstance(batch, Prefixes) else nodes.view(-1)
        found = torch.bincount(top * self._vocab_size + batch.targets, minlength=size * self._vocab_size)
        return found.view(size, -1).to(self._dtype)


def roomy(rows: int) -> int:
    """`rows` and a few idle ones, so that most batches are of sizes met before."""
    grain = max(8, 1 << max(0, rows.bit_length() - 6))
    return -(-rows // grain) * grain


def _ids(batch: Examples | Prefixes, anatomy: Anatomy) -> Tensor:
    symbols = batch.contexts if isinstance(batch, Examples) else batch.ids
    return symbols if batch.kept is None else symbols.masked_fill(batch.kept == 0, len(anatomy.embedding.weight))


def _joined(nodes: Tensor, level: LevelLayers) -> Tensor:
    """What each position of a level over windows joins of what stands at the positions below: [B, T] → [B, T', k]."""
    if isinstance(level.flatten, FlattenConsecutive):
        return nodes.view(len(nodes), -1, level.flatten.joined)  # [B, T] → [B, T/n, n]
    dilation = level.flatten.dilation
    return torch.stack((nodes[:, :-dilation], nodes[:, dilation:]), -1)  # [B, T] → [B, T−d, 2]


def _reached(nodes: Tensor, level: LevelLayers, prefixes: Prefixes) -> Tensor:
    """What each prefix joins of what stands at all prefixes below: [P] → [P, k]."""
    return torch.stack(
        [nodes.index_select(0, prefixes.back[offset]) if offset else nodes for offset in level.offsets], -1
    )


def _scales(batch: Examples | Prefixes, number: int, positions: int) -> Tensor:
    """What a level is multiplied by at each of its positions: the last ones of each window, or all prefixes."""
    assert batch.scales is not None
    if isinstance(batch, Prefixes):
        return batch.scales[:, number]  # [P]
    return batch.scales[:, -positions:, number].reshape(-1)  # [B, context] → [B·T]


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
