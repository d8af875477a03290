"""The last Linear and the loss."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from charwave_tui.engine.fast_step.batch_plan import BatchPlan
from charwave_tui.engine.fast_step.buffers import BufferPool
from charwave_tui.engine.fast_step.linear import LinearKernel, make_linear_kernel
from charwave_tui.engine.model.layers import Linear


class HeadSlice:
    """What the last Linear makes of one level: `made` [rows, C] times its C rows of the weight, added to `logits`.

    `slope` is that by `made`, to be filled; `base` is what the shares before it, or the bias, come to.
    """

    def __init__(self, product: LinearKernel, logits: Tensor, base: Tensor) -> None:
        self._product, self._logits, self._base = product, logits, base

    def forward(self, under: Tensor | None) -> None:
        """Add to the logits: the level's rows `under` those of the last level, or all of them in order."""
        self._under = under
        if under is None:
            self._product.forward_add(self._base, self._logits)
        else:
            self._product.forward()
            torch.add(self._base, self._product.out.index_select(0, under), out=self._logits)

    def backward(self, scale: float) -> None:
        """Fill the slope by `made`, given that by the logits in their place, and add to the gradient."""
        slope = self._logits
        if self._under is not None:
            slope = self._product.out.zero_().index_add_(0, self._under, slope)
        self._product.backward(slope, scale)


class CrossEntropyHead:
    """Logits [rows, V], the bias and the shares of as many levels as are `heard`, → nats per character."""

    def __init__(self, space: BufferPool, head: Linear, rows: int, heard: int) -> None:
        assert head.bias is not None
        self._weights = head.weight.data.chunk(heard)  # [levels·C, V] → levels of [C, V]
        self._weights_into = space.grad_target(head.weight).chunk(heard)
        self._bias, self._into = head.bias.data, space.grad_target(head.bias)
        self._logits, self._logs = (space.buffer(name, (rows, len(self._bias))) for name in ("logits", "logs"))
        self._turned = self._logits.t()
        self._ones = self._logits.new_ones(rows)
        self._minus = self._logits.new_full((rows, 1), -1)

    def share(self, space: BufferPool, number: int, made: Tensor, slope: Tensor) -> HeadSlice:
        """That of level `number` of those heard, which makes `made`; `slope`, that by it, is the share's to fill."""
        weight, into = self._weights[number], self._weights_into[number]
        one = make_linear_kernel(space, f"share {number}", weight, into, made, slope)
        return HeadSlice(one, self._logits, self._logits if number else self._bias)

    def forward(self, plan: BatchPlan) -> float:
        """The mean loss."""
        self._wanted = plan.targets
        torch._log_softmax(self._logits, 1, False, out=self._logs)
        if self._wanted.ndim == 1:
            return functional.nll_loss(self._logs, self._wanted).item()
        return torch.dot(self._logs.view(-1), self._wanted.view(-1)).item() / -plan.positions

    def backward(self, scale: float) -> None:
        """Put the slope by the logits in their place, and add to the gradient of the bias."""
        slope = torch.exp(self._logs, out=self._logits)  # softmax, less 1 at the target, or so often
        if self._wanted.ndim == 1:
            slope.scatter_add_(1, self._wanted.unsqueeze(1), self._minus)
        else:
            slope.mul_(self._wanted.sum(1, keepdim=True)).sub_(self._wanted)
        self._into.addmv_(self._turned, self._ones, alpha=scale)
