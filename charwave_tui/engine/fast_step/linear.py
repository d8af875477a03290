"""The matrix products of a Linear, forwards and backwards."""

from __future__ import annotations

import torch
from torch import Tensor

from charwave_tui.engine.fast_step.buffers import BufferPool


class LinearKernel:
    """x @ W, from the buffer `x` [rows, fan_in] to `out` [rows, fan_out].

    `slope` is to be filled with that by `x`, and the gradient of W is added to `into`.
    """

    def __init__(self, space: BufferPool, name: str, weight: Tensor, into: Tensor, x: Tensor, slope: Tensor) -> None:
        self._weight, self._turned, self._into = weight, weight.t(), into
        self._x, self._x_turned, self._slope = x, x.t(), slope
        self.out = space.buffer(f"{name} product", (len(x), weight.shape[1]))

    def forward(self) -> None:
        """Fill `out`."""
        torch.mm(self._x, self._weight, out=self.out)

    def forward_add(self, base: Tensor, out: Tensor) -> None:
        """Fill `out` [rows, fan_out] with the product added to `base`, which may be `out` itself."""
        torch.addmm(base, self._x, self._weight, out=out)

    def backward(self, slope: Tensor, scale: float) -> None:
        """Fill the slope by `x`, given that by `out`, and add to the gradient."""
        torch.mm(slope, self._turned, out=self._slope)  # before the weight moves
        self._into.addmm_(self._x_turned, slope, alpha=scale)


class BFloat16LinearKernel(LinearKernel):
    """The same of bfloat16 operands, with results as wide as ever; after `forward` it needs `x` no more."""

    def __init__(self, space: BufferPool, name: str, weight: Tensor, into: Tensor, x: Tensor, slope: Tensor) -> None:
        super().__init__(space, name, weight, into, x, slope)
        half = torch.bfloat16
        self._half_x = space.buffer(f"{name} x", x.shape, half)
        self._half_weight = space.buffer(f"{name} weight", weight.shape, half)
        # what lives no longer than a call is shared by all
        self._half_out = space.buffer("product", self.out.shape, half)
        self._half_slope = space.buffer("slope by x", x.shape, half)
        self._half_gradient = space.buffer("gradient", weight.shape, half)
        self._gradient = space.buffer("gradient", weight.shape)

    def forward(self) -> None:
        """Fill `out`."""
        self._half_x.copy_(self._x)
        self._half_weight.copy_(self._weight)
        torch.mm(self._half_x, self._half_weight, out=self._half_out)
        self.out.copy_(self._half_out)

    def forward_add(self, base: Tensor, out: Tensor) -> None:
        """Fill `out` [rows, fan_out] with the product added to `base`, which may be `out` itself."""
        self.forward()
        torch.add(base, self.out, out=out)

    def backward(self, slope: Tensor, scale: float) -> None:
        """Fill the slope by `x`, given that by `out`, and add to the gradient."""
        self._half_out.copy_(slope)
        torch.mm(self._half_out, self._half_weight.t(), out=self._half_slope)
        self._slope.copy_(self._half_slope)
        torch.mm(self._half_x.t(), self._half_out, out=self._half_gradient)
        self._into.add_(self._gradient.copy_(self._half_gradient), alpha=scale)


def make_linear_kernel(
    space: BufferPool, name: str, weight: Tensor, into: Tensor, x: Tensor, slope: Tensor
) -> LinearKernel:
    """The product in the precision of `space`."""
    return (BFloat16LinearKernel if space.use_bfloat16 else LinearKernel)(space, name, weight, into, x, slope)
