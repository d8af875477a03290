"""The lecture's layers, further activations, and the WaveNet of dilated levels with residual and skip connections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from charwave_tui.core.config.layer_shapes import BATCHNORM_EPS

BATCHNORM_MOMENTUM = 0.1  # weight of a batch in the running statistics of BatchNorm1d


class Layer(nn.Module):
    """Base class of the layers; `detail` is the size as in `LayerShape`, such as `48→128`."""

    detail = ""


class Embedding(Layer):
    """A learned vector for each id: [B, T] ids → [B, T, C]."""

    def __init__(self, count: int, dim: int, generator: Generator) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn((count, dim), generator=generator))

    def forward(self, ids: Tensor) -> Tensor:
        return self.weight[ids]  # [B, T] → [B, T, C]


class FlattenConsecutive(Layer):
    """Concatenates every `n` neighbouring positions; the position dimension is dropped once one is left."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.detail = str(n)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, C] → [B, T/n, C·n], or [B, C·n] where one position is left; [B, C] counts as one position."""
        positions = x.shape[1] // self.n if x.ndim == 3 else 1
        channels = x.shape[-1] * self.n
        if positions == 1:
            return x.view(x.shape[0], channels)  # [B, n, C] → [B, C·n]
        return x.view(x.shape[0], positions, channels)  # [B, T, C] → [B, T/n, C·n]


class Linear(Layer):
    """x @ W + b; W [fan_in, fan_out] is initialised as randn/√fan_in times `gain`, b as zeros."""

    def __init__(self, fan_in: int, fan_out: int, generator: Generator, *, gain: float = 1, bias: bool = True) -> None:
        super().__init__()
        weight = torch.randn((fan_in, fan_out), generator=generator) / fan_in**0.5
        self.weight = nn.Parameter(weight * gain)
        self.bias = nn.Parameter(torch.zeros(fan_out)) if bias else None
        self.detail = f"{fan_in}→{fan_out}"

    def forward(self, x: Tensor) -> Tensor:
        out = x @ self.weight  # [..., fan_in] → [..., fan_out]
        return out if self.bias is None else out + self.bias


class BatchNorm1d(Layer):
    """gamma · (x − mean)/√(var + BATCHNORM_EPS) + beta per channel, over all dimensions but the last.

    As in the lecture the variance is unbiased, both for normalising and in the running statistics; torch normalises by
    the biased one, so its training output is √(n/(n−1)) times this one. With `positions` the statistics are over
    dimension 0 alone and kept per position: the bug that the lecture's log shows (norm `batch-bug`).

    One value per channel has no variance: it is normalised by the running statistics and does not update them.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, dim: int, positions: int | None = None) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))
        self.beta = nn.Parameter(torch.zeros(dim))
        shape = (dim,) if positions is None else (positions, dim)
        self.register_buffer("running_mean", torch.zeros(shape))
        self.register_buffer("running_var", torch.ones(shape))
        self.detail = str(dim)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C] or [B, T, C] → the same shape; in train mode the running statistics are updated."""
        if self.training and x.numel() > self.running_mean.numel():
            dims = tuple(range(x.ndim - self.running_mean.ndim))
            mean = x.mean(dims, keepdim=True)
            var = x.var(dims, keepdim=True)
            self._update_running(self.running_mean, mean)
            self._update_running(self.running_var, var)
        else:
            mean, var = self.running_mean, self.running_var
        return self.gamma * ((x - mean) / torch.sqrt(var + BATCHNORM_EPS)) + self.beta

    @staticmethod
    def _update_running(running: Tensor, batch: Tensor) -> None:
        # Two roundings, as the lecture writes it; lerp_ would be one call but other bits.
        running.mul_(1 - BATCHNORM_MOMENTUM).add_(BATCHNORM_MOMENTUM * batch.detach().view_as(running))


def diagnostic_parameter(layer: nn.Module) -> nn.Parameter | None:
    """Return the parameter whose statistics represent a layer: the weight, or gamma; None where it has none."""
    match layer:
        case Embedding() | Linear():
            return layer.weight
        case BatchNorm1d():
            return layer.gamma
    return None


class Activation(Layer):
    """Base class of element-wise non-linearities. `Gated` maps channel pairs, [..., 2·C] → [..., C]."""


class Tanh(Activation):
    """tanh(x)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x)


class ReLU(Activation):
    """max(x, 0)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x)


class GELU(Activation):
    """x · Φ(x), Φ the normal distribution function: Hendrycks and Gimpel 2016, equation 1."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.gelu(x)


class Gated(Activation):
    """tanh(first half of the channels) · sigmoid(second half): van den Oord et al. 2016, equation 2."""

    def forward(self, x: Tensor) -> Tensor:
        signal, gate = x.chunk(2, dim=-1)  # [..., 2·C] → [..., C] and [..., C]
        return torch.tanh(signal) * torch.sigmoid(gate)


# By the layer names of `core.config.layer_shapes.ACTIVATIONS`.
ACTIVATION_LAYERS: dict[str, type[Activation]] = {layer.__name__: layer for layer in (Tanh, ReLU, GELU, Gated)}


class Sequential(nn.Module):
    """Layers in sequence, the first of which is the Embedding."""

    def __init__(self, layers: Iterable[Layer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, ids: Tensor, keep_mask: Tensor | None = None) -> Tensor:
        """[B, context] ids → [B, vocab_size] logits; `keep_mask` is that of `WindowBatch`."""
        x = self.embed(ids, keep_mask)
        for layer in self.layers[1:]:
            x = layer(x)
        return x

    def embed(self, ids: Tensor, keep_mask: Tensor | None) -> Tensor:
        """Return the embedding of `ids`, [...] → [..., C], zero where `keep_mask` [...] is 0."""
        x: Tensor = self.layers[0](ids)
        return x if keep_mask is None else x * keep_mask.unsqueeze(-1)  # [B, T, C] · [B, T, 1]


class FlattenDilated(Layer):
    """Concatenates each position with the one `dilation` before it; the last position loses its dimension."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.detail = str(dilation)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, C] → [B, T−d, 2·C], or [B, 2·C] where one position is left."""
        out = torch.cat((x[:, : -self.dilation], x[:, self.dilation :]), dim=-1)  # [B, T, C] → [B, T−d, 2·C]
        return out.squeeze(1) if out.shape[1] == 1 else out


class Residual(Layer):
    """Adds a level's input to its output."""

    def forward(self, out: Tensor, level_input: Tensor) -> Tensor:
        """`out` [B, T, C] + the last T positions of `level_input` [B, T+d, C]; [B, C] counts as one position."""
        return out + (level_input[:, -out.shape[1] :] if out.ndim == 3 else level_input[:, -1])


class Skips(Layer):
    """Concatenates the outputs of all levels at the last position."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.detail = str(levels)

    def forward(self, outputs: Sequence[Tensor]) -> Tensor:
        """Each [B, T, C] or [B, C] → [B, levels·C]."""
        return torch.cat([out if out.ndim == 2 else out[:, -1] for out in outputs], dim=-1)


class WaveNet(Sequential):
    """A Sequential whose levels have residual connections and skip connections to the head."""

    def forward(self, ids: Tensor, keep_mask: Tensor | None = None, level_scale: Tensor | None = None) -> Tensor:
        """[B, context] ids → [B, vocab_size] logits; the masks are those of `WindowBatch`."""
        x = level_input = self.embed(ids, keep_mask)
        outputs: list[Tensor] = []
        for layer in self.layers[1:]:
            match layer:
                case FlattenDilated():
                    level_input, x = x, layer(x)
                case Residual():
                    x = layer(x, level_input)
                case Skips():
                    x = layer(outputs)
                case _:
                    x = layer(x)
            if isinstance(layer, Activation):
                if level_scale is not None:
                    x = _scale_level(x, level_scale[:, :, len(outputs)])
                outputs.append(x)
        return x


def _scale_level(x: Tensor, scale: Tensor) -> Tensor:
    """Multiply [B, T, C] by the last T of `scale` [B, context], or [B, C] by the last."""
    return x * (scale[:, -1:] if x.ndim == 2 else scale[:, -x.shape[1] :, None])
