"""Activations between buffers, with their slopes, each in as few passes over memory as it takes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from charwave_tui.engine.fast_step.buffers import BufferPool
from charwave_tui.engine.model.layers import GELU, Activation, Gated, ReLU, Tanh

_tanh_slope = torch.ops.aten.tanh_backward.grad_input


_relu_slope = torch.ops.aten.threshold_backward.grad_input


_gelu = torch.ops.aten.gelu.out


_gelu_slope = torch.ops.aten.gelu_backward.grad_input


_sigmoid_slope = torch.ops.aten.sigmoid_backward.grad_input


def _slope_name(number: int) -> str:
    # The slopes of a level serve until those of the level below are there.
    return f"slope by made {number % 2}"


class ActivationKernel:
    """An activation of the buffer `x` [rows, channels] of level `number`, which it may overwrite, into `out`.

    `slope` is that by `out`, to be filled by who uses `out`; `below`, the slope by `x`, may be the same buffer.
    """

    def __init__(self, space: BufferPool, number: int, x: Tensor) -> None:
        self._x = x
        self.out = x
        self.slope = self.below = space.buffer(_slope_name(number), x.shape)

    def forward(self) -> None:
        """Fill `out`."""
        raise NotImplementedError

    def backward(self) -> None:
        """Fill `below`."""
        raise NotImplementedError


class TanhKernel(ActivationKernel):
    """tanh, by numpy: its vectorised one takes a sixth of the time of torch's."""

    def __init__(self, space: BufferPool, number: int, x: Tensor) -> None:
        super().__init__(space, number, x)
        self._bare = x.numpy()

    def forward(self) -> None:
        np.tanh(self._bare, out=self._bare)

    def backward(self) -> None:
        _tanh_slope(self.slope, self.out, grad_input=self.below)


class ReLUKernel(ActivationKernel):
    """The larger of a number and 0."""

    def forward(self) -> None:
        torch.clamp_min(self._x, 0, out=self.out)

    def backward(self) -> None:
        _relu_slope(self.slope, self.out, 0, grad_input=self.below)


class GELUKernel(ActivationKernel):
    """x · Φ(x)."""

    def __init__(self, space: BufferPool, number: int, x: Tensor) -> None:
        super().__init__(space, number, x)
        self.out = space.buffer(f"level {number} made", x.shape)

    def forward(self) -> None:
        _gelu(self._x, out=self.out)

    def backward(self) -> None:
        _gelu_slope(self.slope, self._x, grad_input=self.below)


class GatedKernel(ActivationKernel):
    """tanh of the first half of the channels times the sigmoid of the other: [rows, 2·C] → [rows, C]."""

    def __init__(self, space: BufferPool, number: int, x: Tensor) -> None:
        self._signal, self._gate = x.chunk(2, 1)  # [rows, 2·C] → [rows, C] and [rows, C]
        self._bare = self._signal.numpy()
        self.out = space.buffer(f"level {number} made", self._gate.shape)
        self.slope = space.buffer(_slope_name(number), self._gate.shape)
        self.below = space.buffer("slope by bent", x.shape)
        self._by_signal, self._by_gate = self.below.chunk(2, 1)

    def forward(self) -> None:
        np.tanh(self._bare, out=self._bare)
        torch.sigmoid(self._gate, out=self._gate)
        torch.mul(self._signal, self._gate, out=self.out)

    def backward(self) -> None:
        torch.mul(self.slope, self._gate, out=self._by_signal)
        _tanh_slope(self._by_signal, self._signal, grad_input=self._by_signal)
        torch.mul(self.slope, self._signal, out=self._by_gate)
        _sigmoid_slope(self._by_gate, self._gate, grad_input=self._by_gate)


ACTIVATION_KERNELS: dict[type[Activation], type[ActivationKernel]] = {
    Tanh: TanhKernel,
    ReLU: ReLUKernel,
    GELU: GELUKernel,
    Gated: GatedKernel,
}
"""The activations of `layers` in this form."""
