"""The inputs of a level: its taps concatenated, by a view or by a gather, and the residual connection."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from charwave_tui.engine.fast_step.buffers import BufferPool
from charwave_tui.engine.model.layers import Embedding


class LevelInput(Protocol):
    """What a level reads: `out` [rows, C], and `grad_out` of the same shape, which that level fills."""

    out: Tensor
    grad_out: Tensor


class EmbeddingRows:
    """The embedding vector of each symbol, and with `has_dropped_context` a last row of zeros for dropped ones."""

    def __init__(self, pool: BufferPool, embedding: Embedding, *, has_dropped_context: bool) -> None:
        self._weight, self._weight_target = embedding.weight.data, pool.grad_target(embedding.weight)
        self._has_dropped_context = has_dropped_context
        count, channels = self._weight.shape
        self.out = pool.buffer("embedding", (count + 1, channels)) if has_dropped_context else self._weight
        self.grad_out = pool.buffer("grad_embedding", self.out.shape)
        self._grad_weight = self.grad_out[:count]

    def forward(self) -> None:
        if self._has_dropped_context:
            self.out[:-1] = self._weight
            self.out[-1] = 0

    def backward(self, scale: float) -> None:
        self._weight_target.add_(self._grad_weight, alpha=scale)


class AdjacentConcat:
    """Concatenation of `n` adjacent rows, a view: [rows·n, C] → [rows, n·C]."""

    def __init__(self, source: LevelInput, n: int) -> None:
        rows = len(source.out) // n
        self.x, self.grad_x = source.out.view(rows, -1), source.grad_out.view(rows, -1)  # [rows·n, C] → [rows, n·C]

    def forward(self, taps: Tensor | None) -> None:
        """Nothing to do: `x` is a view."""

    def backward(self, taps: Tensor | None) -> None:
        """Nothing to do: `grad_x` is a view."""


class GatherConcat:
    """Concatenation of the `n` rows that `taps` [rows·n] names: `x` [rows, n·C], and `grad_x`, filled by the Linear."""

    def __init__(self, pool: BufferPool, name: str, source: LevelInput, rows: int, n: int) -> None:
        channels = source.out.shape[1]
        self._source = source
        # The bfloat16 Linear keeps its own copy of x for backward, so levels may share the buffer.
        self.x = pool.buffer("x" if pool.use_bfloat16 else f"{name} x", (rows, n * channels))
        self.grad_x = pool.buffer("grad_x", self.x.shape)
        # [rows, n·C] → [rows·n, C]
        self._tap_rows, self._grad_tap_rows = (buffer.view(-1, channels) for buffer in (self.x, self.grad_x))

    def forward(self, taps: Tensor | None) -> None:
        assert taps is not None
        torch.index_select(self._source.out, 0, taps, out=self._tap_rows)

    def backward(self, taps: Tensor | None) -> None:
        """Fill the source's `grad_out`."""
        assert taps is not None
        # index_add_ with an alpha would save a call, but takes twice as long as these
        self._source.grad_out.zero_().index_add_(0, taps, self._grad_tap_rows)


class ResidualAdd:
    """Adds a level's input at the same position, which is its last tap, to `x` [rows, C]."""

    def __init__(self, pool: BufferPool, concat: GatherConcat, x: Tensor, grad_out: Tensor) -> None:
        rows, channels = x.shape
        # [rows, n·C] → [rows, n, C] → the last tap [rows, C]
        self._tap, self._grad_tap = (buffer.view(rows, -1, channels)[:, -1] for buffer in (concat.x, concat.grad_x))
        self._x, self._grad_out = x, grad_out
        self.out = pool.buffer("out", x.shape)  # shared: the previous level's has been gathered by then

    def forward(self) -> None:
        torch.add(self._x, self._tap, out=self.out)

    def backward(self) -> None:
        """Add `grad_out` to the gradient of the last tap."""
        self._grad_tap.add_(self._grad_out)
