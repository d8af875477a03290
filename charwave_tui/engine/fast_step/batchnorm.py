"""What is between a Linear's product and the activation: BatchNorm1d or the bias, forward and backward.

Each kernel works on buffers [rows, channels]: `x` is the product, `out` the activation's input, `grad_out` dL/d out.
`forward` fills `out` and updates the running statistics; `backward` returns dL/d x [rows, channels], and adds the
parameters' gradients, times `scale`, to their targets.
"""

from __future__ import annotations

import torch
from torch import Tensor

from charwave_tui.core.config.layer_shapes import BATCHNORM_EPS
from charwave_tui.engine.fast_step.batch_plan import LevelRows
from charwave_tui.engine.fast_step.buffers import BufferPool
from charwave_tui.engine.model.layers import BATCHNORM_MOMENTUM, BatchNorm1d, Linear

_batch_norm_backward = torch.ops.aten.native_batch_norm_backward.default


class BiasKernel:
    """A Linear's bias, where there is no norm."""

    def __init__(self, pool: BufferPool, linear: Linear, x: Tensor, out: Tensor, grad_out: Tensor) -> None:
        assert linear.bias is not None
        self._bias, self._bias_target = linear.bias.data, pool.grad_target(linear.bias)
        self._x, self._out = x, out
        self._grad_out, self._grad_out_t = grad_out, grad_out.t()
        self._ones = x.new_ones(len(x))

    def forward(self, rows: LevelRows) -> None:
        torch.add(self._x, self._bias, out=self._out)

    def backward(self, rows: LevelRows, scale: float) -> Tensor:
        self._bias_target.addmv_(self._grad_out_t, self._ones, alpha=scale)
        return self._grad_out


class BatchNormKernel:
    """BatchNorm1d where each row is one position, through torch's fused kernel.

    Torch normalises by the biased variance v·(n−1)/n, v being the unbiased one. With its eps times (n−1)/n as well,
    its root is √((n−1)/n) times ours, and so is the weight it is given: the quotient is ours, exactly.
    """

    def __init__(self, pool: BufferPool, norm: BatchNorm1d, x: Tensor, out: Tensor, grad_out: Tensor) -> None:
        running = norm.running_mean
        positions = len(running) if running.ndim == 2 else 1  # statistics per position for batch-bug
        n = len(x) // positions
        # [B·T, C] → [B, T·C] with statistics per position
        self._x, self._out, self._grad_out = (buffer.view(n, -1) for buffer in (x, out, grad_out))
        self._shape = x.shape
        self._running = running.view(-1), norm.running_var.view(-1)
        self._beta = norm.beta.data
        self._gamma_target, self._beta_target = pool.grad_target(norm.gamma), pool.grad_target(norm.beta)
        self._gammas = norm.gamma.data.expand(positions, -1)  # [T, C], the same in every row
        self._weights = torch.empty_like(self._gammas, memory_format=torch.contiguous_format)
        self._weight = self._weights.view(-1)
        self._is_per_position = positions > 1
        # One value per channel has no variance: the running statistics are used, as in the layer.
        self._training = n > 1
        bias_correction = (n - 1) / n if self._training else 1.0
        self._root, self._eps = bias_correction**0.5, BATCHNORM_EPS * bias_correction
        self._factor = x.new_tensor(self._root)
        size = running.numel() if self._training else 0
        self._batch_stats = x.new_empty(size), x.new_empty(size)  # mean and 1/√(variance + eps)

    def forward(self, rows: LevelRows) -> None:
        torch.mul(self._gammas, self._factor, out=self._weights)
        beta = self._beta.repeat(len(self._weights)) if self._is_per_position else self._beta
        torch.native_batch_norm(
            self._x,
            self._weight,
            beta,
            *self._running,
            self._training,
            BATCHNORM_MOMENTUM,
            self._eps,
            out=(self._out, *self._batch_stats),
        )

    def backward(self, rows: LevelRows, scale: float) -> Tensor:
        grad_x: Tensor
        grad_x, grad_gamma, grad_beta = _batch_norm_backward(
            self._grad_out,
            self._x,
            self._weight,
            *self._running,
            *self._batch_stats,
            self._training,
            self._eps,
            [True, True, True],
        )
        if self._is_per_position:
            grad_x = grad_x.view(self._shape)  # [B, T·C] → [B·T, C]
            # [T·C] → [T, C] → [C]
            grad_gamma, grad_beta = (grad.view_as(self._weights).sum(0) for grad in (grad_gamma, grad_beta))
        self._gamma_target.add_(grad_gamma, alpha=scale * self._root)
        self._beta_target.add_(grad_beta, alpha=scale)
        return grad_x


class WeightedBatchNormKernel:
    """BatchNorm1d where a row stands for several positions: row p for n_p of them, N in all.

    With c = x − mean, r = 1/√(variance + BATCHNORM_EPS) and g = dL/d out, dL/d x is
    gamma·r · (g − n·(Σg/N + c·r²·Σ(g·c)/(N−1))), summed over rows: g is already multiplied by n.
    """

    def __init__(self, pool: BufferPool, norm: BatchNorm1d, x: Tensor, out: Tensor, grad_out: Tensor) -> None:
        self._x, self._out, self._grad_out = x, out, grad_out
        self._gamma, self._beta = norm.gamma.data, norm.beta.data
        self._gamma_target, self._beta_target = pool.grad_target(norm.gamma), pool.grad_target(norm.beta)
        self._running = norm.running_mean, norm.running_var
        self._mean, self._var, self._root, self._factor, self._sum, self._dot = (
            torch.empty_like(self._gamma)
            for _ in range(6)  # [C]
        )

    def forward(self, rows: LevelRows) -> None:
        """Fill `out`; `x` becomes c."""
        assert rows.weights is not None
        x, out, count = self._x, self._out, rows.positions
        if count > 1:
            torch.mv(x.t(), rows.weights, out=self._mean).div_(count)
            x.sub_(self._mean)
            torch.mul(x, x, out=out)
            torch.mv(out.t(), rows.weights, out=self._var).div_(count - 1)
            torch._foreach_lerp_(self._running, (self._mean, self._var), BATCHNORM_MOMENTUM)
            variance = self._var
        else:  # one value per channel has no variance: the running statistics are used, as in the layer
            mean, variance = self._running
            x.sub_(mean)
        torch.add(variance, BATCHNORM_EPS, out=self._root).rsqrt_()
        torch.mul(self._root, self._gamma, out=self._factor)
        torch.addcmul(self._beta, x, self._factor, out=out)

    def backward(self, rows: LevelRows, scale: float) -> Tensor:
        """Return dL/d x; `out` is overwritten."""
        assert rows.weights is not None
        x, out, grad, count = self._x, self._out, self._grad_out, rows.positions
        torch.sum(grad, 0, out=self._sum)
        torch.sum(torch.mul(grad, x, out=out), 0, out=self._dot).mul_(self._root)
        self._gamma_target.add_(self._dot, alpha=scale)
        self._beta_target.add_(self._sum, alpha=scale)
        if count > 1:
            torch.addcmul(self._sum.div_(count), x, self._dot.mul_(self._root).div_(count - 1), out=out)
            grad.addcmul_(out, rows.weights.unsqueeze(1), value=-1)  # [rows, C] · [rows, 1]
        return grad.mul_(self._factor)


NormKernel = BiasKernel | BatchNormKernel | WeightedBatchNormKernel
