"""Why a run diverged: where its numbers stopped being finite, and how steep the way there was."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from charwave_tui.core.metrics import Divergence
from charwave_tui.engine.data.window_dataset import WindowBatch
from charwave_tui.engine.model.hooks import forward_hooks, looking, preserve_buffers
from charwave_tui.engine.model.layers import Layer, Sequential
from charwave_tui.engine.optim.lr_schedule import learning_rate
from charwave_tui.engine.training.trainer import Trainer


def diagnose_divergence(trainer: Trainer, contexts: Tensor, saved_step: int | None) -> Divergence:
    """What is known of a `trainer` whose last loss, or a weight, is not finite.

    Looked for on the batch that it failed on, else on `contexts`, both [rows, context].
    """
    loss = trainer.last_loss
    failed = trainer.failed_batch
    batches = [failed.contexts] if isinstance(failed, WindowBatch) else []
    broken = (first_nonfinite_layer(trainer.model, ids) for ids in (*batches, contexts))
    return Divergence(
        step=trainer.step,
        became="infinite" if loss is not None and math.isinf(loss) else "NaN",
        lr=learning_rate(trainer.config, max(trainer.step - 1, 0)),  # of the move that led there
        layer=next((name for name in broken if name), ""),
        gradient=last_gradient_norm(trainer),
        saved_step=saved_step,
    )


def first_nonfinite_layer(model: Sequential, contexts: Tensor) -> str:
    """The first layer whose output on `contexts` [B, context] is not finite, such as `Linear 256→128`; empty if none.

    It is looked for with batch statistics, as in training.
    """
    broken: list[str] = []

    def look(layer: nn.Module, came: Any, out: Tensor) -> None:
        assert isinstance(layer, Layer)
        if not broken and not out.isfinite().all():
            broken.append(f"{type(layer).__name__} {layer.detail}".rstrip())

    with looking(model, training=True), preserve_buffers(model), forward_hooks(model, look):
        model(contexts)
    return broken[0] if broken else ""


def last_gradient_norm(trainer: Trainer) -> float | None:
    """The norm of the gradient that the last step moved the weights by; None where no step was taken, or if infinite.

    Where the step kept none, the last burst is taken once more, by the plain step.
    """
    if all(parameter.grad is None for parameter in trainer.model.parameters()):
        again = trainer.replay_with_autograd()
        if again is None:
            return None
        trainer = again
    gradients = [parameter.grad for parameter in trainer.model.parameters() if parameter.grad is not None]
    if not gradients:
        return None
    norm = float(torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(each.double()) for each in gradients])))
    return norm if math.isfinite(norm) else None
