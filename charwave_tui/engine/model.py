"""The model of a config: the same layers that `core.shapes` counts, with weights in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Generator

from charwave_tui.core.config import RunConfig
from charwave_tui.core.shapes import ACTIVATION_LAYERS
from charwave_tui.engine.layers import (
    BatchNorm1d,
    Embedding,
    FlattenConsecutive,
    Layer,
    Linear,
    ReLU,
    Sequential,
    Tanh,
)

ACTIVATIONS: dict[str, type[Layer]] = {layer.__name__: layer for layer in (Tanh, ReLU)}
"""The activation layers by the names that `core.shapes` gives them."""


def build_model(config: RunConfig, vocab_size: int, generator: Generator) -> Sequential:
    """The untrained model of a checked `config`, on the CPU, in train mode: [B, context] ids → [B, vocab_size] logits.

    `generator` is drawn from in the lecture's order: the embedding, then each Linear.
    """
    return Sequential(_layers(config, vocab_size, generator))


def _layers(config: RunConfig, vocab_size: int, generator: Generator) -> Iterator[Layer]:
    hidden, normed = config.n_hidden, config.norm != "none"
    positions, channels = config.context, config.n_embd
    yield Embedding(vocab_size, channels, generator)
    for joined in config.fuse:
        positions //= joined
        yield FlattenConsecutive(joined)
        yield Linear(channels * joined, hidden, generator, bias=not normed, gain=config.init_gain)
        if normed:
            apart = positions if config.norm == "batch-bug" and positions > 1 else None
            yield BatchNorm1d(hidden, apart)
        yield ACTIVATIONS[ACTIVATION_LAYERS[config.activation]]()
        channels = hidden
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
