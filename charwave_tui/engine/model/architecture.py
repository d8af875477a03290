"""Build_model, and a model read as levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Generator, nn

from charwave_tui.core.config.layer_shapes import ACTIVATION_LAYERS, level_shapes
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.engine.model.layers import (
    GELU,
    Activation,
    BatchNorm1d,
    Embedding,
    FlattenConsecutive,
    FlattenDilated,
    Gated,
    Layer,
    Linear,
    ReLU,
    Residual,
    Sequential,
    Skips,
    Tanh,
    WaveNet,
)

ACTIVATIONS: dict[str, type[Activation]] = {layer.__name__: layer for layer in (Tanh, ReLU, GELU, Gated)}
"""The activation layers by the names that `core.shapes` gives them."""


def build_model(config: RunConfig, vocab_size: int, generator: Generator) -> Sequential:
    """The untrained model of a checked `config`, on the CPU, in train mode: [B, context] ids → [B, vocab_size] logits.

    `generator` is drawn from in the lecture's order: the embedding, then each Linear.
    """
    kind = WaveNet if config.dilations else Sequential
    return kind(_layers(config, vocab_size, generator))


def _layers(config: RunConfig, vocab_size: int, generator: Generator) -> Iterator[Layer]:
    hidden, normed = config.n_hidden, config.norm != "none"
    yield Embedding(vocab_size, config.n_embd, generator)
    for number, level in enumerate(level_shapes(config)):
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


@dataclass(frozen=True, slots=True)
class LevelModules:
    """The layers of one level, and `offsets`: how far back stands what it joins, furthest first."""

    flatten: FlattenConsecutive | FlattenDilated
    offsets: tuple[int, ...]
    linear: Linear
    norm: BatchNorm1d | None
    activation: Activation
    residual: bool


@dataclass(frozen=True, slots=True)
class ModelStructure:
    """A whole model; `skips`: the head sees what every level makes, else what the last one makes."""

    embedding: Embedding
    levels: tuple[LevelModules, ...]
    head: Linear
    skips: bool

    @staticmethod
    def of(model: Sequential) -> ModelStructure:
        """The anatomy of a model that `build_model` made."""
        embedding, *layers, head = model.layers
        assert isinstance(embedding, Embedding)
        assert isinstance(head, Linear)
        return ModelStructure(embedding, tuple(_levels(layers)), head, isinstance(layers[-1], Skips))


def _levels(layers: Sequence[nn.Module]) -> Iterator[LevelModules]:
    starts = [place for place, layer in enumerate(layers) if isinstance(layer, FlattenConsecutive | FlattenDilated)]
    stride = 1
    for start, end in zip(starts, [*starts[1:], len(layers)], strict=True):
        flatten, linear, *rest = layers[start:end]
        match flatten:
            case FlattenConsecutive():
                offsets = tuple(stride * back for back in reversed(range(flatten.n)))
                stride *= flatten.n
            case FlattenDilated():
                offsets = (flatten.dilation, 0)
            case _:
                raise AssertionError(flatten)
        assert isinstance(linear, Linear)
        norm = rest.pop(0) if isinstance(rest[0], BatchNorm1d) else None
        assert isinstance(norm, BatchNorm1d | None)
        activation = rest[0]
        assert isinstance(activation, Activation)
        yield LevelModules(flatten, offsets, linear, norm, activation, any(isinstance(one, Residual) for one in rest))
