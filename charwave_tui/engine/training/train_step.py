"""One training step by autograd: the reference for the fast step."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from charwave_tui.engine.data.prefix_dataset import PrefixBatch
from charwave_tui.engine.data.window_dataset import WindowBatch
from charwave_tui.engine.model.layers import Sequential
from charwave_tui.engine.model.prefix_forward import causal_logits
from charwave_tui.engine.optim.optimizers import Optimizer


class TrainStep(Protocol):
    """Takes training steps."""

    def __call__(self, batch: WindowBatch | PrefixBatch, lr: float) -> float:
        """Update the weights and return the loss before the update: the batch mean, in nats per character.

        If the loss is not finite, no weight changes, so the weights that caused it can be inspected.
        """


class AutogradStep:
    """A TrainStep by autograd, with plain SGD bit for bit the lecture's loop; it leaves the gradients in `grad`."""

    def __init__(self, model: Sequential, optimizer: Optimizer) -> None:
        self._model = model
        self._parameters = list(model.parameters())
        self._optimizer = optimizer

    def __call__(self, batch: WindowBatch | PrefixBatch, lr: float) -> float:
        loss = self._loss(batch)
        value = loss.item()
        if math.isfinite(value):
            # autograd.grad and an assignment take less time than backward, which adds to the gradients before.
            for parameter, gradient in zip(self._parameters, torch.autograd.grad(loss, self._parameters), strict=True):
                parameter.grad = gradient
            self._optimizer(lr)
        return value

    def _loss(self, batch: WindowBatch | PrefixBatch) -> Tensor:
        if isinstance(batch, PrefixBatch):
            positions = batch.one_row_per_position()
            logits = causal_logits(self._model, positions)  # [P, V] with P = N
            if positions.target_probs is not None:
                return functional.cross_entropy(logits, positions.target_probs.to(logits.dtype))
        else:
            masks = [batch.keep_mask] if batch.level_scale is None else [batch.keep_mask, batch.level_scale]
            logits = self._model(batch.contexts, *masks)  # [B, V]
        return functional.cross_entropy(logits, batch.targets)
