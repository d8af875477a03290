"""What follows a Linear's product before it bends: BatchNorm1d or the bias, with their backward passes.

Each stands between buffers [rows, channels]: `x` is the product, `out` what is to be bent, `slope` the slope by `out`.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from charwave_tui.engine.fast_step.batch_plan import LevelRows
from charwave_tui.engine.fast_step.buffers import BufferPool
from charwave_tui.engine.model.layers import BATCHNORM_EPS, MOMENTUM, BatchNorm1d, Linear

_norm_slopes = torch.ops.aten.native_batch_norm_backward.default


class NormKernel(Protocol):
    """One of the following."""

    def forward(self, rows: LevelRows) -> None:
        """Fill `out`; running statistics move."""

    def backward(self, scale: float) -> Tensor:
        """The slope by `x` [rows, channels]; gradients are added."""


class BiasKernel:
    """A Linear's bias, where there is no norm."""

    def __init__(self, space: BufferPool, linear: Linear, x: Tensor, out: Tensor, slope: Tensor) -> None:
        assert linear.bias is not None
        self._bias, self._into = linear.bias.data, space.grad_target(linear.bias)
        self._x, self._out = x, out
        self._slope, self._turned = slope, slope.t()
        self._ones = x.new_ones(len(x))

    def forward(self, rows: LevelRows) -> None:
        """Fill `out`."""
        torch.add(self._x, self._bias, out=self._out)

    def backward(self, scale: float) -> Tensor:
        """The slope by `x`, which is that by `out`."""
        self._into.addmv_(self._turned, self._ones, alpha=scale)
        return self._slope


class BatchNormKernel:
    """BatchNorm1d where each row is one position, through torch's fused one.

    Torch's normalises by the biased variance v·(n−1)/n, v being the unbiased. With its epsilon times (n−1)/n as well,
    its root is √((n−1)/n) times ours, and so is the weight it is given: the quotient is ours, exactly.
    """

    def __init__(self, space: BufferPool, norm: BatchNorm1d, x: Tensor, out: Tensor, slope: Tensor) -> None:
        running = norm.running_mean
        positions = len(running) if running.ndim == 2 else 1  # kept apart for batch-bug
        counted = len(x) // positions
        # [B·T, C] → [B, T·C] where positions are apart
        self._x, self._out, self._slope = (buffer.view(counted, -1) for buffer in (x, out, slope))
        self._form = x.shape
        self._running = running.view(-1), norm.running_var.view(-1)
        self._beta = norm.beta.data
        self._into = space.grad_target(norm.gamma), space.grad_target(norm.beta)
        self._gammas = norm.gamma.data.expand(positions, -1)  # [T, C], the same in every row
        self._weights = torch.empty_like(self._gammas, memory_format=torch.contiguous_format)
        self._weight = self._weights.view(-1)
        self._apart = positions > 1
        # One value a channel has no variance: the running statistics serve, as they do in the layer.
        self._training = counted > 1
        share = (counted - 1) / counted if self._training else 1.0
        self._root, self._epsilon = share**0.5, BATCHNORM_EPS * share
        self._factor = x.new_tensor(self._root)
        kept = running.numel() if self._training else 0
        self._batch = x.new_empty(kept), x.new_empty(kept)  # mean and 1/√(variance + epsilon)

    def forward(self, rows: LevelRows) -> None:
        """Fill `out`; running statistics move."""
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
        """The slope by `x`."""
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
        gamma_into, beta_into = self._into
        gamma_into.add_(by_gamma, alpha=scale * self._root)
        beta_into.add_(by_beta, alpha=scale)
        return slope


class WeightedBatchNormKernel:
    """BatchNorm1d where a row stands for many positions: row p for n_p of them, N in all.

    With c = x − mean, r = 1/√(variance + EPSILON) and s the slope by the output, that by x is
    gamma·r · (s − n·(Σs/N + c·r²·Σ(s·c)/(N−1))), the sums being over rows: s has the n in it already.
    """

    def __init__(self, space: BufferPool, norm: BatchNorm1d, x: Tensor, out: Tensor, slope: Tensor) -> None:
        self._x, self._out, self._slope = x, out, slope
        self._gamma, self._beta = norm.gamma.data, norm.beta.data
        self._into = space.grad_target(norm.gamma), space.grad_target(norm.beta)
        self._running = norm.running_mean, norm.running_var
        self._mean, self._var, self._root = (torch.empty_like(self._gamma) for _ in range(3))  # [C]
        self._sum, self._dot = torch.empty_like(self._gamma), torch.empty_like(self._gamma)

    def forward(self, rows: LevelRows) -> None:
        """Fill `out`; running statistics move, and `x` becomes c."""
        assert rows.weights is not None
        x, out, count = self._x, self._out, rows.positions
        self._counts, self._positions = rows.weights.unsqueeze(1), count  # [rows, 1]
        if count > 1:
            torch.mv(x.t(), rows.weights, out=self._mean).div_(count)
            x.sub_(self._mean)
            torch.mul(x, x, out=out)
            torch.mv(out.t(), rows.weights, out=self._var).div_(count - 1)
            torch._foreach_lerp_(self._running, (self._mean, self._var), MOMENTUM)
            variance = self._var
        else:  # one value a channel has no variance: the running statistics serve, as they do in the layer
            mean, variance = self._running
            x.sub_(mean)
        torch.add(variance, BATCHNORM_EPS, out=self._root).rsqrt_()
        self._factor = self._root * self._gamma
        torch.addcmul(self._beta, x, self._factor, out=out)

    def backward(self, scale: float) -> Tensor:
        """The slope by `x`; `out` is used up."""
        x, out, slope, count = self._x, self._out, self._slope, self._positions
        torch.sum(slope, 0, out=self._sum)
        torch.sum(torch.mul(slope, x, out=out), 0, out=self._dot).mul_(self._root)
        gamma_into, beta_into = self._into
        gamma_into.add_(self._dot, alpha=scale)
        beta_into.add_(self._sum, alpha=scale)
        if count > 1:
            torch.addcmul(self._sum.div_(count), x, self._dot.mul_(self._root).div_(count - 1), out=out)
            slope.addcmul_(out, self._counts, value=-1)
        return slope.mul_(self._factor)
