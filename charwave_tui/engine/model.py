"""The model of a config: the same layers that `core.shapes` counts, with weights in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Generator

from charwave_tui.core.config import RunConfig
from charwave_tui.core.shapes import ACTIVATION_LAYERS, levels
from charwave_tui.engine.layers import (
    GELU,
    Activation,
    BatchNorm1d,
    Embedding,
    FlattenConsecutive,
    Gated,
    Layer,
    Linear,
    ReLU,
    Sequential,
    Tanh,
)
from charwave_tui.engine.stack import FlattenDilated, Residual, Skips, Stack

ACTIVATIONS: dict[str, type[Activation]] = {layer.__name__: layer for layer in (Tanh, ReLU, GELU, Gated)}
"""The activation layers by the names that `core.shapes` gives them."""


def build_model(config: RunConfig, vocab_size: int, generator: Generator) -> Sequential:
    """The untrained model of a checked `config`, on the CPU, in train mode: [B, context] ids → [B, vocab_size] logits.

    `generator` is drawn from in the lecture's order: the embedding, then each Linear.
    """
    kind = Stack if config.dilations else Sequential
    return kind(_layers(config, vocab_size, generator))


def _layers(config: RunConfig, vocab_size: int, generator: Generator) -> Iterator[Layer]:
    hidden, normed = config.n_hidden, config.norm != "none"
    yield Embedding(vocab_size, config.n_embd, generator)
    for number, level in enumerate(levels(config)):
        if config.dilations:
            yield FlattenDilated(config.dilations[number])
        else:
            yield FlattenConsecutive(len(level.offsets))
        yield Linear(level.fan_in, level.fan_out, generator, bias=not normed, gain=config.init_gain)
        if normed:
            apart = level.positions if config.norm == "batch-bug" and level.positions > 1 else None
            yield BatchNorm1d(level.fan_out, apart)
        yield ACTIVATIONS[ACTIVATION_LAYERS[config.activation]]()
        if config.dilations and number > 0:
            yield Residual()
    if config.dilations:
        yield Skips(len(config.dilations))
        hidden *= len(config.dilations)
    yield Linear(hidden, vocab_size, generator, gain=config.output_scale)


@contextmanager
def looking(model: Sequential, *, training: bool) -> Iterator[None]:
    """Run `model` in train or eval mode without gradients, and put its mode back."""
    before = model.training
    model.train(training)
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(before)
