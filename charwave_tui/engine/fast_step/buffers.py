"""Memory of the fast step: buffers reused from batch to batch, and the tensors that gradients are added to."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from charwave_tui.engine.model.layers import Sequential

HEADROOM = 1.25  # factor by which a buffer grows beyond the size needed: the next batch may need more


class BufferPool:
    """The buffers of the fast steps of one model.

    With `is_plain_sgd` gradients, times −lr, are added to the parameters themselves. Else they are added to the
    parameters' `grad`, which are views of one tensor, so that `zero_grad` is one call.
    """

    def __init__(self, model: Sequential, *, is_plain_sgd: bool, use_bfloat16: bool) -> None:
        parameters = list(model.parameters())
        self.is_plain_sgd, self.use_bfloat16 = is_plain_sgd, use_bfloat16
        self.dtype = parameters[0].dtype
        self._buffers: dict[tuple[str, torch.dtype], Tensor] = {}
        sizes = [parameter.numel() for parameter in parameters]
        self._gradients = torch.zeros(0 if is_plain_sgd else sum(sizes), dtype=self.dtype)
        if not is_plain_sgd:
            gradients = torch.split(self._gradients, sizes)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient.view_as(parameter)

    def grad_target(self, parameter: nn.Parameter) -> Tensor:
        """Return the tensor to which the gradient of `parameter`, times the scale of `backward`, is added."""
        if self.is_plain_sgd:
            return parameter.data
        assert parameter.grad is not None
        return parameter.grad

    def zero_grad(self) -> None:
        self._gradients.zero_()

    def buffer(self, name: str, shape: Sequence[int], dtype: torch.dtype | None = None) -> Tensor:
        """Return an uninitialised buffer of `shape`: the same memory for one name and dtype, whatever the shape."""
        key, needed = (name, dtype or self.dtype), math.prod(shape)
        memory = self._buffers.get(key)
        if memory is None or memory.numel() < needed:
            size = needed if memory is None else int(needed * HEADROOM)
            memory = self._buffers[key] = torch.empty(size, dtype=key[1])
        return memory[:needed].view(shape)
