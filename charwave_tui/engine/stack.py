"""True WaveNet stacking: levels that overlap, a residual around each but the first, a skip from each to the head.

After van den Oord et al. 2016, section 2.4, with the lecture's parts.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from charwave_tui.engine.layers import Activation, Layer, Sequential


class FlattenDilated(Layer):
    """Joins each position with the one `dilation` before it; the last position left loses its dimension."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.detail = str(dilation)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, C] → [B, T−d, 2·C], or [B, 2·C] where one position is left."""
        joined = torch.cat((x[:, : -self.dilation], x[:, self.dilation :]), dim=-1)  # [B, T, C] → [B, T−d, 2·C]
        return joined.squeeze(1) if joined.shape[1] == 1 else joined


class Residual(Layer):
    """What a level makes, added to what it got."""

    def forward(self, x: Tensor, below: Tensor) -> Tensor:
        """[B, T, C] + the last T positions of `below` [B, T+d, C]; [B, C] counts as one position."""
        return x + (below[:, -x.shape[1] :] if x.ndim == 3 else below[:, -1])


class Skips(Layer):
    """What every level made at the last position, side by side."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.detail = str(levels)

    def forward(self, made: Sequence[Tensor]) -> Tensor:
        """Each [B, T, C] or [B, C] → [B, levels·C]."""
        return torch.cat([x if x.ndim == 2 else x[:, -1] for x in made], dim=-1)


class Stack(Sequential):
    """Layers one after the other, but for what goes around a level and from each to the head."""

    def forward(self, ids: Tensor, kept: Tensor | None = None, scales: Tensor | None = None) -> Tensor:
        """[B, context] ids → [B, vocabulary] logits; `kept` and `scales` as in `Examples`."""
        x = below = self.embedded(ids, kept)
        made: list[Tensor] = []
        for layer in self.layers[1:]:
            match layer:
                case FlattenDilated():
                    below, x = x, layer(x)
                case Residual():
                    x = layer(x, below)
                case Skips():
                    x = layer(made)
                case _:
                    x = layer(x)
            if isinstance(layer, Activation):
                if scales is not None:
                    x = _scaled(x, scales[:, :, len(made)])
                made.append(x)
        return x


def _scaled(x: Tensor, scales: Tensor) -> Tensor:
    """[B, T, C] or [B, C], times the last of `scales` [B, context]."""
    return x * (scales[:, -1:] if x.ndim == 2 else scales[:, -x.shape[1] :, None])
