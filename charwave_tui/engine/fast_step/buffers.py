"""Where a step by hand works: buffers that are made once, and the tensors that gradients are added to."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from charwave_tui.engine.model.layers import Sequential

HEADROOM = 1.25
"""How much larger than asked for a buffer is made that was too small before: the next batch may want some more."""


class BufferPool:
    """The memory of the steps of one model.

    `direct`: gradients, times −lr, are added to the parameters themselves; else to the parameters' `grad`, which are
    made here, as views of one tensor, so that `clear` is one call. `rounds`: products are of bfloat16.
    """

    def __init__(self, model: Sequential, *, direct: bool, rounds: bool) -> None:
        parameters = list(model.parameters())
        self.direct, self.use_bfloat16 = direct, rounds
        self.dtype = parameters[0].dtype
        self._buffers: dict[tuple[str, torch.dtype], Tensor] = {}
        sizes = [parameter.numel() for parameter in parameters]
        self._gradients = torch.zeros(0 if direct else sum(sizes), dtype=self.dtype)
        if not direct:
            parts = torch.split(self._gradients, sizes)
            for parameter, part in zip(parameters, parts, strict=True):
                parameter.grad = part.view_as(parameter)

    def grad_target(self, parameter: nn.Parameter) -> Tensor:
        """What the gradient of `parameter` is added to."""
        if self.direct:
            return parameter.data
        assert parameter.grad is not None
        return parameter.grad

    def clear(self) -> None:
        """Set all gradients to 0."""
        self._gradients.zero_()

    def buffer(self, name: str, form: Sequence[int], dtype: torch.dtype | None = None) -> Tensor:
        """A buffer of `form`, its content left over: the same memory for one name and dtype, whatever the form."""
        key, needed = (name, dtype or self.dtype), math.prod(form)
        kept = self._buffers.get(key)
        if kept is None or kept.numel() < needed:
            size = needed if kept is None else int(needed * HEADROOM)
            kept = self._buffers[key] = torch.empty(size, dtype=key[1])
        return kept[:needed].view(form)
