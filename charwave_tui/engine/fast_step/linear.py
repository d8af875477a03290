"""The matrix products of a Linear, forward and backward, in float32 or bfloat16."""

from __future__ import annotations

import torch
from torch import Tensor

from charwave_tui.engine.fast_step.buffers import BufferPool


class Float32LinearKernel:
    """out = x @ W in the model's own precision, from the buffer `x` [rows, fan_in] to `out` [rows, fan_out]."""

    def __init__(
        self, pool: BufferPool, name: str, weight: Tensor, weight_target: Tensor, x: Tensor, grad_x: Tensor
    ) -> None:
        self._weight, self._weight_t, self._weight_target = weight, weight.t(), weight_target
        self._x, self._x_t, self._grad_x = x, x.t(), grad_x
        self.out = pool.buffer(f"{name} product", (len(x), weight.shape[1]))

    def forward(self) -> None:
        torch.mm(self._x, self._weight, out=self.out)

    def forward_add(self, base: Tensor, out: Tensor) -> None:
        """Fill `out` [rows, fan_out] with base + x @ W; `base` may be `out`. The kernel's own `out` is scratch."""
        torch.addmm(base, self._x, self._weight, out=out)

    def backward(self, grad_out: Tensor, scale: float) -> None:
        """Fill the gradient of `x`, and add that of W, times `scale`, to its target."""
        torch.mm(grad_out, self._weight_t, out=self._grad_x)  # before the weight changes
        self._weight_target.addmm_(self._x_t, grad_out, alpha=scale)


class BFloat16LinearKernel:
    """The same with bfloat16 operands and float32 results; `backward` does not need `x`."""

    def __init__(
        self, pool: BufferPool, name: str, weight: Tensor, weight_target: Tensor, x: Tensor, grad_x: Tensor
    ) -> None:
        self._weight, self._weight_target, self._x, self._grad_x = weight, weight_target, x, grad_x
        self.out = pool.buffer(f"{name} product", (len(x), weight.shape[1]))
        half = torch.bfloat16
        self._half_x = pool.buffer(f"{name} x", x.shape, half)
        self._half_weight = pool.buffer(f"{name} weight", weight.shape, half)
        # What lives only within a call is shared by all kernels.
        self._half_out = pool.buffer("product", self.out.shape, half)
        self._half_grad_x = pool.buffer("grad_x", x.shape, half)
        self._half_grad_weight = pool.buffer("grad_weight", weight.shape, half)
        self._grad_weight = pool.buffer("grad_weight", weight.shape)

    def forward(self) -> None:
        self._half_x.copy_(self._x)
        self._half_weight.copy_(self._weight)
        torch.mm(self._half_x, self._half_weight, out=self._half_out)
        self.out.copy_(self._half_out)

    def forward_add(self, base: Tensor, out: Tensor) -> None:
        self.forward()
        torch.add(base, self.out, out=out)

    def backward(self, grad_out: Tensor, scale: float) -> None:
        self._half_out.copy_(grad_out)
        torch.mm(self._half_out, self._half_weight.t(), out=self._half_grad_x)
        self._grad_x.copy_(self._half_grad_x)
        torch.mm(self._half_x.t(), self._half_out, out=self._half_grad_weight)
        self._weight_target.add_(self._grad_weight.copy_(self._half_grad_weight), alpha=scale)


LinearKernel = Float32LinearKernel | BFloat16LinearKernel


def make_linear_kernel(
    pool: BufferPool, name: str, weight: Tensor, weight_target: Tensor, x: Tensor, grad_x: Tensor
) -> LinearKernel:
    kernel_class = BFloat16LinearKernel if pool.use_bfloat16 else Float32LinearKernel
    return kernel_class(pool, name, weight, weight_target, x, grad_x)
