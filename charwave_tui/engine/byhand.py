"""The layers of a training step with their backward passes written out: each moves its own weights as it goes.

All numbers of a level stand as [rows, channels], rows being batch · positions, in buffers made once for a batch size;
a `slope` is the buffer of the loss's slope by another one. `scale` is −lr / batch size: a gradient, which is that of
the summed loss, is added to its weight times it, so that a gradient of its own hardly ever exists. Everything runs
without autograd, under `torch.inference_mode`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from charwave_tui.engine.layers import EPSILON, MOMENTUM, BatchNorm1d, Embedding, Linear

_norm_slopes = torch.ops.aten.native_batch_norm_backward.default


class Product:
    """x @ W, from the buffer `x` [rows, fan_in] to `out` [rows, fan_out]."""

    def __init__(self, linear: Linear, x: Tensor, slope: Tensor) -> None:
        self._weight = linear.weight.data
        self._turned = self._weight.t()
        self._x, self._x_turned, self._slope = x, x.t(), slope
        self.out = x.new_empty(len(x), self._weight.shape[1])

    def forward(self) -> None:
        """Fill `out`."""
        torch.mm(self._x, self._weight, out=self.out)

    def backward(self, slope: Tensor, scale: float) -> None:
        """Fill the slope by `x`, given that by `out`, and move the weight."""
        torch.mm(slope, self._turned, out=self._slope)  # before the weight moves
        self._weight.addmm_(self._x_turned, slope, alpha=scale)


class Gathered:
    """Embedding and the first Linear: ids [B, context] → `out` [rows, fan_out]."""

    def __init__(self, embedding: Embedding, linear: Linear, rows: int) -> None:
        self._points = embedding.weight.data
        channels = self._points.shape[1]
        x = self._points.new_empty(rows, linear.weight.shape[0])  # [B·T/n, C·n]
        slope = torch.empty_like(x)
        self._x, self._slope = x.view(-1, channels), slope.view(-1, channels)  # [B·T, C]
        self._product = Product(linear, x, slope)
        self._gradient = torch.empty_like(self._points)
        self.out = self._product.out

    def take(self, contexts: Tensor) -> None:
        """Look up contexts [B, context]."""
        self._ids = contexts.reshape(-1)
        torch.index_select(self._points, 0, self._ids, out=self._x)

    def forward(self) -> None:
        """Fill `out`."""
        self._product.forward()

    def backward(self, slope: Tensor, scale: float) -> None:
        """Move both weights, given the slope by `out`."""
        self._product.backward(slope, scale)
        # index_add_ with an alpha would be one call, but takes twice as long as these
        self._gradient.zero_().index_add_(0, self._ids, self._slope)
        self._points.add_(self._gradient, alpha=scale)


class Shifted:
    """A Linear's bias, where there is no norm, between buffers [rows, channels]."""

    def __init__(self, linear: Linear, x: Tensor, out: Tensor, slope: Tensor) -> None:
        assert linear.bias is not None
        self._bias = linear.bias.data
        self._x, self._out = x, out
        self._slope, self._turned = slope, slope.t()
        self._ones = x.new_ones(len(x))

    def forward(self) -> None:
        """Fill `out`."""
        torch.add(self._x, self._bias, out=self._out)

    def backward(self, scale: float) -> Tensor:
        """The slope by `x`, which is that by `out`; the bias moves."""
        self._bias.addmv_(self._turned, self._ones, alpha=scale)
        return self._slope


class Normed:
    """BatchNorm1d through torch's fused one, between buffers [rows, channels]; its running statistics move as well.

    Torch's normalises by the biased variance v·(n−1)/n, v being the unbiased. With its epsilon times (n−1)/n as well,
    its root is √((n−1)/n) times ours, and so is the weight it is given: the quotient is ours, exactly.
    """

    def __init__(self, norm: BatchNorm1d, x: Tensor, out: Tensor, slope: Tensor) -> None:
        running = norm.running_mean
        positions = len(running) if running.ndim == 2 else 1  # kept apart for batch-bug
        counted = len(x) // positions
        # [B·T, C] → [B, T·C] where positions are apart
        self._x, self._out, self._slope = (buffer.view(counted, -1) for buffer in (x, out, slope))
        self._form = x.shape
        self._running = running.view(-1), norm.running_var.view(-1)
        self._gamma, self._beta = norm.gamma.data, norm.beta.data
        self._gammas = self._gamma.expand(positions, -1)  # [T, C], the same in every row
        self._weights = torch.empty_like(self._gammas, memory_format=torch.contiguous_format)
        self._weight = self._weights.view(-1)
        self._apart = positions > 1
        # One value a channel has no variance: the running statistics serve, as they do in the layer.
        self._training = counted > 1
        share = (counted - 1) / counted if self._training else 1.0
        self._root, self._epsilon = share**0.5, EPSILON * share
        self._factor = x.new_tensor(self._root)
        kept = running.numel() if self._training else 0
        self._batch = x.new_empty(kept), x.new_empty(kept)  # mean and 1/√(variance + epsilon)

    def forward(self) -> None:
        """Fill `out`."""
        torch.mul(self._gammas, self._factor, out=self._weights)
        shift = self._beta.repeat(len(self._weights)) if self._apart else self._beta
        torch.native_batch_norm(
            self._x,
            self._weight,
            shift,
            *self._running,
            self._training,
            MOMENTUM,
            self._epsilon,
            out=(self._out, *self._batch),
        )

    def backward(self, scale: float) -> Tensor:
        """The slope by `x`; gamma and beta move."""
        slope: Tensor
        slope, by_gamma, by_beta = _norm_slopes(
            self._slope,
            self._x,
            self._weight,
            *self._running,
            *self._batch,
            self._training,
            self._epsilon,
            [True, True, True],
        )
        if self._apart:
            slope = slope.view(self._form)
            by_gamma, by_beta = (by.view_as(self._weights).sum(0) for by in (by_gamma, by_beta))
        self._gamma.add_(by_gamma, alpha=scale * self._root)
        self._beta.add_(by_beta, alpha=scale)
        return slope


class Guess:
    """The last Linear and the loss: the buffer `x` [B, hidden] → nats per character."""

    def __init__(self, linear: Linear, x: Tensor, slope: Tensor) -> None:
        self._product = Product(linear, x, slope)
        self._logits = torch.empty_like(self._product.out)
        self._logs = torch.empty_like(self._logits)
        self._bias = Shifted(linear, self._product.out, self._logits, self._logits)
        self._minus = x.new_full((len(x), 1), -1)

    def forward(self, targets: Tensor) -> Tensor:
        """The mean loss for `targets` [B], of no dimension."""
        self._targets = targets
        self._product.forward()
        self._bias.forward()
        torch._log_softmax(self._logits, 1, False, out=self._logs)
        return functional.nll_loss(self._logs, targets)

    def backward(self, scale: float) -> None:
        """Fill the slope by `x` and move weight and bias."""
        torch.exp(self._logs, out=self._logits)  # the slope by the logits: softmax, less 1 at the target
        self._logits.scatter_add_(1, self._targets.unsqueeze(1), self._minus)
        self._product.backward(self._bias.backward(scale), scale)
