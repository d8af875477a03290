"""One training step, plain: the oracle of any faster one."""

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
    """A way to take one training step."""

    def __call__(self, batch: WindowBatch | PrefixBatch, lr: float) -> float:
        """Move the weights along the gradient at the rate `lr` and return the loss before the move.

        It is the mean over the batch, in nats per character. A loss that is not finite moves no weight, so that one
        can look at the weights that gave it.
        """


class AutogradStep:
    """A step by autograd, with the bits of the lecture's loop where `update` is direct; it leaves the gradients."""

    def __init__(self, model: Sequential, update: Optimizer) -> None:
        self._model = model
        self._parameters = list(model.parameters())
        self._update = update

    def __call__(self, batch: WindowBatch | PrefixBatch, lr: float) -> float:
        """As `Step`; positions of whole words that share a prefix are computed one by one."""
        loss = self._loss(batch)
        value = loss.item()
        if math.isfinite(value):
            # autograd.grad and an assignment take less time than backward, which adds to what is there
            for parameter, gradient in zip(self._parameters, torch.autograd.grad(loss, self._parameters), strict=True):
                parameter.grad = gradient
            self._update(lr)
        return value

    def _loss(self, batch: WindowBatch | PrefixBatch) -> Tensor:
        if isinstance(batch, PrefixBatch):
            apart = batch.one_row_per_position()
            logits = causal_logits(self._model, apart)  # [P, V], a row for each of the N positions
            if apart.target_probs is not None:
                return functional.cross_entropy(logits, apart.target_probs.to(logits.dtype))
        else:
            logits = self._model(batch.contexts, batch.keep_mask, batch.level_scale)  # [B, V]
        return functional.cross_entropy(logits, batch.targets)
