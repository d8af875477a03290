"""Diagnosis of a diverged run: the first layer with a non-finite output, and the gradient norm before."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from charwave_tui.core.metrics import Divergence
from charwave_tui.engine.data.window_dataset import WindowBatch
from charwave_tui.engine.model.hooks import forward_hooks, module_mode, preserve_buffers
from charwave_tui.engine.model.layers import Layer, Sequential
from charwave_tui.engine.optim.lr_schedule import learning_rate
from charwave_tui.engine.training.trainer import Trainer


def diagnose_divergence(trainer: Trainer, contexts: Tensor, saved_step: int | None) -> Divergence:
    """Return what is known of a `trainer` whose last loss, or a weight, is not finite.

    The layer is searched on the batch that failed, then on `contexts`, both [B, context].
    """
    loss = trainer.last_loss
    failed = trainer.failed_batch
    batches = [failed.contexts] if isinstance(failed, WindowBatch) else []
    layers = (first_nonfinite_layer(trainer.model, ids) for ids in (*batches, contexts))
    return Divergence(
        step=trainer.step,
        became="infinite" if loss is not None and math.isinf(loss) else "NaN",
        lr=learning_rate(trainer.config, max(trainer.step - 1, 0)),  # of the last update
        layer=next((layer for layer in layers if layer), ""),
        gradient=last_gradient_norm(trainer),
        saved_step=saved_step,
    )


def first_nonfinite_layer(model: Sequential, contexts: Tensor) -> str:
    """Return the first layer with a non-finite output in train mode, such as `Linear 256→128`, or ""."""
    nonfinite: list[str] = []

    def check_output(layer: nn.Module, inputs: Any, out: Tensor) -> None:
        assert isinstance(layer, Layer)
        if not nonfinite and not out.isfinite().all():
            nonfinite.append(f"{type(layer).__name__} {layer.detail}".rstrip())

    with module_mode(model, training=True), preserve_buffers(model), forward_hooks(model, check_output):
        model(contexts)
    return nonfinite[0] if nonfinite else ""


def last_gradient_norm(trainer: Trainer) -> float | None:
    """Return the norm of the last step's gradient, replayed if it left none; None if it is not finite."""
    if all(parameter.grad is None for parameter in trainer.model.parameters()):
        replayed = trainer.replay_with_autograd()
        if replayed is None:
            return None
        trainer = replayed
    gradients = [parameter.grad for parameter in trainer.model.parameters() if parameter.grad is not None]
    if not gradients:
        return None
    norms = [torch.linalg.vector_norm(gradient.double()) for gradient in gradients]
    norm = float(torch.linalg.vector_norm(torch.stack(norms)))
    return norm if math.isfinite(norm) else None
