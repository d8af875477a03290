"""The last Linear and the cross-entropy loss."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from charwave_tui.engine.fast_step.batch_plan import BatchPlan
from charwave_tui.engine.fast_step.buffers import BufferPool
from charwave_tui.engine.fast_step.linear import LinearKernel, make_linear_kernel
from charwave_tui.engine.model.layers import Linear


class HeadSlice:
    """A level's part of the logits: its output times its C rows of the head's weight, added to `base`."""

    def __init__(self, linear: LinearKernel, logits: Tensor, base: Tensor) -> None:
        self._linear, self._logits, self._base = linear, logits, base

    def forward(self, head_rows: Tensor | None) -> None:
        """Add to the logits; `head_rows` are the level's rows at those of the last level, None for the last itself."""
        if head_rows is None:
            self._linear.forward_add(self._base, self._logits)
        else:
            self._linear.forward()
            torch.add(self._base, self._linear.out.index_select(0, head_rows), out=self._logits)

    def backward(self, head_rows: Tensor | None, scale: float) -> None:
        """Fill the gradient of the level's output from that of the logits, which is in their buffer."""
        grad_out = self._logits
        if head_rows is not None:
            grad_out = self._linear.out.zero_().index_add_(0, head_rows, grad_out)
        self._linear.backward(grad_out, scale)


class CrossEntropyHead:
    """Logits [rows, V] from the outputs of `levels` levels, and the mean loss in nats per character."""

    def __init__(self, pool: BufferPool, head: Linear, rows: int, levels: int) -> None:
        assert head.bias is not None
        self._weights = head.weight.data.chunk(levels)  # [levels·C, V] → levels of [C, V]
        self._weight_targets = pool.grad_target(head.weight).chunk(levels)
        self._bias, self._bias_target = head.bias.data, pool.grad_target(head.bias)
        self._logits, self._log_probs = (pool.buffer(name, (rows, len(self._bias))) for name in ("logits", "log_probs"))
        self._logits_t = self._logits.t()
        self._ones = self._logits.new_ones(rows)
        self._minus_ones = self._logits.new_full((rows, 1), -1)

    def level_slice(self, pool: BufferPool, index: int, x: Tensor, grad_x: Tensor) -> HeadSlice:
        """Return the slice of level `index`, whose output is `x` [rows, C]; its `backward` fills `grad_x`."""
        weight, weight_target = self._weights[index], self._weight_targets[index]
        linear = make_linear_kernel(pool, f"head slice {index}", weight, weight_target, x, grad_x)
        return HeadSlice(linear, self._logits, self._logits if index else self._bias)

    def forward(self, plan: BatchPlan) -> float:
        """Return the mean loss, once all slices are added."""
        torch._log_softmax(self._logits, 1, False, out=self._log_probs)
        if plan.targets.ndim == 1:
            return functional.nll_loss(self._log_probs, plan.targets).item()
        return torch.dot(self._log_probs.view(-1), plan.targets.view(-1)).item() / -plan.positions

    def backward(self, plan: BatchPlan, scale: float) -> None:
        """Overwrite the logits with their gradient, and add that of the bias to its target."""
        grad_logits = torch.exp(self._log_probs, out=self._logits)  # softmax, minus the targets
        if plan.targets.ndim == 1:
            grad_logits.scatter_add_(1, plan.targets.unsqueeze(1), self._minus_ones)
        else:
            grad_logits.mul_(plan.targets.sum(1, keepdim=True)).sub_(plan.targets)
        self._bias_target.addmv_(self._logits_t, self._ones, alpha=scale)
