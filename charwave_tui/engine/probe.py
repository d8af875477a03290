"""What every layer puts out on one fixed batch, measured without a trace."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from charwave_tui.core.readings import LayerStats, Split
from charwave_tui.engine.hooks import hooked, same_buffers
from charwave_tui.engine.layers import Gated, Layer, ReLU, Sequential, Tanh
from charwave_tui.engine.model import looking
from charwave_tui.engine.randomness import side_stream
from charwave_tui.engine.trainer import Trainer

PROBE_EXAMPLES = 512
"""Rows of the fixed batch, where the split has as many."""

SATURATED = 0.97
"""A tanh beyond this, either way, counts as saturated: the lessons' bound."""

DEAD = 0.99
"""A Tanh unit beyond this, either way, for every example and position is dead: the lessons' bound."""


def probe_contexts(trainer: Trainer, seed: int) -> Tensor:
    """The fixed training examples of a run with `seed`, [rows, context]: at least 2 rows, at most PROBE_EXAMPLES."""
    windows = trainer.windows(Split.TRAIN)
    rows = max(2, min(PROBE_EXAMPLES, len(windows)))
    contexts, _ = windows.draw(rows, side_stream(seed, "probe"))
    return contexts


def probe(model: Sequential, contexts: Tensor) -> tuple[LayerStats, ...]:
    """Run `contexts` [B, context] through `model` with batch statistics, and leave model and buffers as they were."""
    stats: list[LayerStats] = []

    def measure(layer: nn.Module, came: Any, out: Tensor) -> None:
        assert isinstance(layer, Layer)
        stats.append(_stats(layer, came, out))

    with looking(model, training=True), same_buffers(model), hooked(model, measure):
        model(contexts)
    return tuple(stats)


def _stats(layer: Layer, came: tuple[Any, ...], out: Tensor) -> LayerStats:
    saturation = dead = None
    match layer:
        case Tanh():
            saturation = _saturation(out)
            dead = _everywhere(out.abs() > DEAD)
        case ReLU():
            dead = _everywhere(out == 0)
        case Gated():
            # The output is small where the gate is shut, so only the tanh tells; a stuck one still learns by its gate.
            signal, _ = came[0].chunk(2, dim=-1)  # [..., 2·C] → [..., C] and [..., C]
            saturation = _saturation(torch.tanh(signal))
    return LayerStats(
        name=type(layer).__name__,
        detail=layer.detail,
        output_shape=tuple(out.shape),
        parameters=sum(parameter.numel() for parameter in layer.parameters()),
        mean=out.mean().item(),
        std=out.std().item(),
        saturation=saturation,
        dead=dead,
    )


def _saturation(out: Tensor) -> float:
    return 100 * (out.abs() > SATURATED).float().mean().item()


def _everywhere(flags: Tensor) -> int:
    return int(flags.flatten(0, -2).all(0).sum())  # [B, C] or [B, T, C] → [B·T, C] → [C]
