"""One training step, plain, and the learning rate that goes with it."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from charwave_tui.core.config import RunConfig
from charwave_tui.engine.layers import Sequential

DROP = 10
"""By how much the schedule `step` divides the learning rate."""


def drop_step(config: RunConfig) -> int | None:
    """The steps after which the learning rate is the lower one; None where it never falls."""
    return int(config.lr_drop * config.max_steps) if config.lr_drop < 1 else None


def learning_rate(config: RunConfig, step: int) -> float:
    """The rate at which the step after `step` steps moves the weights."""
    drop = drop_step(config)
    return config.lr if drop is None or step < drop else config.lr / DROP


class PlainStep:
    """A step by autograd, with the bits of the lecture's loop: the oracle of any faster one."""

    def __init__(self, model: Sequential) -> None:
        self._model = model
        self._parameters: list[Tensor] = list(model.parameters())

    def __call__(self, contexts: Tensor, targets: Tensor, lr: float) -> float:
        """Move the weights by −lr · gradient and return the loss before the move, in nats per character.

        Contexts [B, context] and targets [B]. A loss that is not finite moves nothing, so that one can look at the
        weights that gave it.
        """
        loss = functional.cross_entropy(self._model(contexts), targets)
        value = loss.item()
        if math.isfinite(value):
            gradients = torch.autograd.grad(loss, self._parameters)
            with torch.no_grad():
                # add_ with alpha=-lr would be one call but rounds once instead of twice.
                torch._foreach_add_(self._parameters, list(torch._foreach_mul(gradients, -lr)))
        return value
