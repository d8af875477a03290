"""Prefixes that grow by one symbol after the other, and the logits behind each: what names are drawn from."""

from __future__ import annotations

from collections import deque
from typing import Protocol

import torch
from torch import Tensor

from charwave_tui.engine.folded import Folded, Taps
from charwave_tui.engine.layers import Sequential
from charwave_tui.engine.model import looking
from charwave_tui.engine.pieces import Pieces


class Growth(Protocol):
    """Rows of prefixes that are equally long; they begin as one row that holds boundaries alone."""

    def on(self, parents: Tensor, symbols: Tensor) -> Pieces[Tensor]:
        """The logits [R, V] of the rows that come next: `symbols` [R] behind the `parents` [R], rows there were.

        They take the place of those. Yields after each block of rows. All three tensors are on the CPU.
        """


class FoldedGrowth:
    """Growth of a folded model, `block` rows at a time: each level computes the new rows and keeps them."""

    def __init__(self, folded: Folded, block: int) -> None:
        self._folded = folded
        self._block = block
        reach = [max(level.offsets) for level in folded.levels]
        device = folded.embedding.device
        # Before a name there are boundaries only, as far back as a level reaches.
        _, below = folded.over(torch.zeros(1, dtype=torch.int64, device=device), lambda _, below, offset: below)
        self._below = [deque([first] * far, far) for first, far in zip(below, reach, strict=True)]
        # Of each row, where its ancestors are among those of their length: the parent first.
        self._ancestors = torch.zeros((max(reach), 1), dtype=torch.int64, device=device)  # [reach, R]

    def on(self, parents: Tensor, symbols: Tensor) -> Pieces[Tensor]:
        """As in `Growth`."""
        parents, symbols = parents.to(self._ancestors.device), symbols.to(self._ancestors.device)
        older = self._ancestors.index_select(1, parents)  # [reach, rows before] → [reach, R]
        ancestors = torch.cat((parents[None], older))[: len(older)]  # [1 + reach, R] → [reach, R]
        logits, below = [], []
        for some, theirs in zip(torch.split(symbols, self._block), torch.split(ancestors, self._block, 1), strict=True):
            out, under = self._folded.over(some, self._taps(theirs))
            logits.append(out)
            below.append(under)
            yield
        for kept, parts in zip(self._below, zip(*below, strict=True), strict=True):
            kept.append(torch.cat(parts))
        self._ancestors = ancestors
        return torch.cat(logits).cpu()

    def _taps(self, ancestors: Tensor) -> Taps:
        return lambda number, _, offset: self._below[number][-offset].index_select(0, ancestors[offset - 1])


class WindowGrowth:
    """Growth of any model by the window of `context` symbols that ends each row, `block` of them at a time."""

    def __init__(self, model: Sequential, context: int, block: int) -> None:
        self._model = model
        self._block = block
        self._windows = torch.zeros((1, context), dtype=torch.int64, device=next(model.parameters()).device)

    def on(self, parents: Tensor, symbols: Tensor) -> Pieces[Tensor]:
        """As in `Growth`."""
        parents, symbols = parents.to(self._windows.device), symbols.to(self._windows.device)
        self._windows = torch.cat((self._windows[parents, 1:], symbols[:, None]), 1)  # [R, context]
        logits = []
        for windows in torch.split(self._windows, self._block):
            with looking(self._model, training=False):
                logits.append(self._model(windows))
            yield
        return torch.cat(logits).cpu()
