"""The lecture's layers, the further activations, and the stack of dilated levels with residuals and skips."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

BATCHNORM_EPS = 1e-5
"""What BatchNorm1d adds to the variance before its root."""


MOMENTUM = 0.1
"""The share of each batch in BatchNorm1d's running statistics."""


class Layer(nn.Module):
    """A part of the model; `detail` says its size the way `core.shapes` does: `48→128`."""

    detail = ""


class Embedding(Layer):
    """A learned point for every id: [B, T] ids → [B, T, dim]."""

    def __init__(self, count: int, dim: int, generator: Generator) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn((count, dim), generator=generator))

    def forward(self, ids: Tensor) -> Tensor:
        """The points of `ids`."""
        return self.weight[ids]  # [B, T] → [B, T, C]


class FlattenConsecutive(Layer):
    """Joins each `joined` neighbouring positions into one; the last position left loses its dimension."""

    def __init__(self, joined: int) -> None:
        super().__init__()
        self.n = joined
        self.detail = str(joined)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, C] → [B, T/n, C·n], or [B, C·n] where one position is left; [B, C] counts as one position."""
        positions = x.shape[1] // self.n if x.ndim == 3 else 1
        channels = x.shape[-1] * self.n
        if positions == 1:
            return x.view(x.shape[0], channels)  # [B, n, C] → [B, C·n]
        return x.view(x.shape[0], positions, channels)  # [B, T, C] → [B, T/n, C·n]


class Linear(Layer):
    """x @ W + b with W of shape (fan_in, fan_out), drawn as randn/√fan_in times `gain`; the bias starts at zero."""

    def __init__(self, fan_in: int, fan_out: int, generator: Generator, *, gain: float = 1, bias: bool = True) -> None:
        super().__init__()
        weight = torch.randn((fan_in, fan_out), generator=generator) / fan_in**0.5
        self.weight = nn.Parameter(weight * gain)
        self.bias = nn.Parameter(torch.zeros(fan_out)) if bias else None
        self.detail = f"{fan_in}→{fan_out}"

    def forward(self, x: Tensor) -> Tensor:
        """[..., fan_in] → [..., fan_out]."""
        out = x @ self.weight
        return out if self.bias is None else out + self.bias


class BatchNorm1d(Layer):
    """gamma · (x − mean)/√(var + EPSILON) + beta for each channel, over all dimensions but the last.

    As in the lecture the variance is the unbiased one, both to normalise and in the running statistics; torch's own
    normalises by the biased one, so that its training output is √(n/(n−1)) times ours. With `positions` it averages
    over dimension 0 alone, the bug of the lecture's log, and keeps statistics of each position apart.

    One value a channel has no variance: it is normalised by the running statistics and leaves them as they are.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, dim: int, positions: int | None = None) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))
        self.beta = nn.Parameter(torch.zeros(dim))
        kept = (dim,) if positions is None else (positions, dim)
        self.register_buffer("running_mean", torch.zeros(kept))
        self.register_buffer("running_var", torch.ones(kept))
        self.detail = str(dim)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C] or [B, T, C] → the same shape; in train mode the running statistics move by MOMENTUM."""
        if self.training and x.numel() > self.running_mean.numel():
            over = tuple(range(x.ndim - self.running_mean.ndim))
            mean = x.mean(over, keepdim=True)
            var = x.var(over, keepdim=True)
            self._follow(self.running_mean, mean)
            self._follow(self.running_var, var)
        else:
            mean, var = self.running_mean, self.running_var
        return self.gamma * ((x - mean) / torch.sqrt(var + BATCHNORM_EPS)) + self.beta

    @staticmethod
    def _follow(running: Tensor, batch: Tensor) -> None:
        # Two roundings, as the lecture writes it; lerp_ would be one call but other bits.
        running.mul_(1 - MOMENTUM).add_(MOMENTUM * batch.detach().view_as(running))


def diagnostic_parameter(layer: nn.Module) -> nn.Parameter | None:
    """The parameter that a layer's figures are told of: its weight, of a BatchNorm1d gamma; None where it has none."""
    match layer:
        case Embedding() | Linear():
            return layer.weight
        case BatchNorm1d():
            return layer.gamma
    return None


class Activation(Layer):
    """What bends the line, each number or pair of numbers by itself."""


class Tanh(Activation):
    """tanh of every number."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape, within −1 … 1."""
        return torch.tanh(x)


class ReLU(Activation):
    """Every number, or 0 where it is negative."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape, from 0 up."""
        return torch.relu(x)


class GELU(Activation):
    """x · Φ(x), Φ being the normal distribution's: Hendrycks and Gimpel 2016, equation 1."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape, from about −0.17 up."""
        return functional.gelu(x)


class Gated(Activation):
    """tanh of the first half of the channels times the sigmoid of the other: van den Oord et al. 2016, equation 2."""

    def forward(self, x: Tensor) -> Tensor:
        """[..., 2·C] → [..., C], within −1 … 1."""
        signal, gate = x.chunk(2, dim=-1)  # [..., 2·C] → [..., C] and [..., C]
        return torch.tanh(signal) * torch.sigmoid(gate)


class Sequential(nn.Module):
    """Layers one after the other, the first of which is the Embedding."""

    def __init__(self, layers: Iterable[Layer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, ids: Tensor, keep_mask: Tensor | None = None, level_scale: Tensor | None = None) -> Tensor:
        """[B, context] ids → [B, vocabulary] logits, for the model that `build_model` makes.

        `kept` [B, context] is 0 where an embedded character is blotted out, else 1; `scales` are for a Stack alone.
        """
        assert level_scale is None
        x = self.embed(ids, keep_mask)
        for layer in self.layers[1:]:
            x = layer(x)
        return x

    def embed(self, ids: Tensor, keep_mask: Tensor | None) -> Tensor:
        """The points of `ids` of any shape, [...] → [..., C], blotted out where `kept` of the same shape is 0."""
        x: Tensor = self.layers[0](ids)
        return x if keep_mask is None else x * keep_mask.unsqueeze(-1)  # [B, T, C] · [B, T, 1]


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


class WaveNet(Sequential):
    """Layers one after the other, but for what goes around a level and from each to the head."""

    def forward(self, ids: Tensor, keep_mask: Tensor | None = None, level_scale: Tensor | None = None) -> Tensor:
        """[B, context] ids → [B, vocabulary] logits; `kept` and `scales` as in `Examples`."""
        x = below = self.embed(ids, keep_mask)
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
                if level_scale is not None:
                    x = _scaled(x, level_scale[:, :, len(made)])
                made.append(x)
        return x


def _scaled(x: Tensor, scales: Tensor) -> Tensor:
    """[B, T, C] or [B, C], times the last of `scales` [B, context]."""
    return x * (scales[:, -1:] if x.ndim == 2 else scales[:, -x.shape[1] :, None])
