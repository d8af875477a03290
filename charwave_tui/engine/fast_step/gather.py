"""How the rows that a level makes become those that the level above multiplies, and the slopes their way back."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from charwave_tui.engine.fast_step.buffers import BufferPool
from charwave_tui.engine.model.layers import Embedding


class LevelInput(Protocol):
    """What a level stands on: `out` [rows, C], and `slope` of the same form, which the level above fills."""

    out: Tensor
    slope: Tensor


class EmbeddingRows:
    """The Embedding as the lowest rows: a point for each symbol; with `blots` a last row of zeros for the rest."""

    def __init__(self, space: BufferPool, embedding: Embedding, *, blots: bool) -> None:
        self._weight, self._into = embedding.weight.data, space.grad_target(embedding.weight)
        self._blots = blots
        count, channels = self._weight.shape
        self.out = space.buffer("points", (count + 1, channels)) if blots else self._weight
        self.slope = space.buffer("points slope", self.out.shape)
        self._gradient = self.slope[:count]

    def forward(self) -> None:
        """Fill `out`."""
        if self._blots:
            self.out[:-1] = self._weight
            self.out[-1] = 0

    def backward(self, scale: float) -> None:
        """Add `slope` to the gradient."""
        self._into.add_(self._gradient, alpha=scale)


class AdjacentConcat:
    """Rows that lie side by side already: [rows·k, C] seen as [rows, k·C]."""

    def __init__(self, source: LevelInput, joined: int) -> None:
        rows = len(source.out) // joined
        self.x, self.slope = source.out.view(rows, -1), source.slope.view(rows, -1)  # [rows·k, C] → [rows, k·C]

    def forward(self, taps: Tensor | None) -> None:
        """`x` is there already."""

    def backward(self) -> None:
        """So is its slope."""


class GatherConcat:
    """Rows looked up by `taps` [rows·k]: `x` [rows, k·C], and its slope, which the product above fills."""

    def __init__(self, space: BufferPool, name: str, source: LevelInput, rows: int, joined: int) -> None:
        channels = source.out.shape[1]
        self._source = source
        # a rounded product keeps its own
        self.x = space.buffer("x" if space.use_bfloat16 else f"{name} x", (rows, joined * channels))
        self.slope = space.buffer("slope by x", self.x.shape)
        self._x, self._slope = (buffer.view(-1, channels) for buffer in (self.x, self.slope))  # [rows·k, C]

    def forward(self, taps: Tensor | None) -> None:
        """Fill `x`."""
        assert taps is not None
        self._taps = taps
        torch.index_select(self._source.out, 0, taps, out=self._x)

    def backward(self) -> None:
        """Fill the source's slope."""
        # index_add_ with an alpha would save a call, but takes twice as long as these
        self._source.slope.zero_().index_add_(0, self._taps, self._slope)


class ResidualAdd:
    """What a level makes, added to what it stands on at the same position, which is its last tap.

    `slope` is that by `out`, filled by the level above.
    """

    def __init__(self, space: BufferPool, join: GatherConcat, made: Tensor, slope: Tensor) -> None:
        rows, channels = made.shape
        self._x, self._joined_slope = (buffer.view(rows, -1, channels)[:, -1] for buffer in (join.x, join.slope))
        self._made, self._slope = made, slope
        self.out = space.buffer("out", made.shape)  # that of the level below has been joined by then

    def forward(self) -> None:
        """Fill `out`."""
        torch.add(self._made, self._x, out=self.out)

    def backward(self) -> None:
        """Add `slope` to that by what was joined."""
        self._joined_slope.add_(self._slope)
