"""Build the model of a config, and split a built model into its levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Generator, nn

from charwave_tui.core.config.choices import Norm
from charwave_tui.core.config.layer_shapes import ACTIVATIONS, level_shapes
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.engine.model.layers import (
    ACTIVATION_LAYERS,
    Activation,
    BatchNorm1d,
    Embedding,
    FlattenConsecutive,
    FlattenDilated,
    Layer,
    Linear,
    Residual,
    Sequential,
    Skips,
    WaveNet,
)


def build_model(config: RunConfig, vocab_size: int, generator: Generator) -> Sequential:
    """Return the untrained model of a validated `config`, on the CPU, in train mode.

    [B, context] ids → [B, vocab_size] logits. `generator` initialises the weights in the lecture's order: the
    embedding, then each Linear.
    """
    model_class = WaveNet if config.dilations else Sequential
    return model_class(_layers(config, vocab_size, generator))


def _layers(config: RunConfig, vocab_size: int, generator: Generator) -> Iterator[Layer]:
    head_fan_in, has_norm = config.n_hidden, config.norm != Norm.NONE
    yield Embedding(vocab_size, config.n_embd, generator)
    for index, level in enumerate(level_shapes(config)):
        if config.dilations:
            yield FlattenDilated(config.dilations[index])
        else:
            yield FlattenConsecutive(len(level.offsets))
        yield Linear(level.fan_in, level.fan_out, generator, bias=not has_norm, gain=config.init_gain)
        if has_norm:
            positions = level.positions if config.norm == Norm.BATCH_BUG and level.positions > 1 else None
            yield BatchNorm1d(level.fan_out, positions)
        yield ACTIVATION_LAYERS[ACTIVATIONS[config.activation].layer]()
        if config.dilations and index > 0:
            yield Residual()
    if config.dilations:
        yield Skips(len(config.dilations))
        head_fan_in *= len(config.dilations)
    yield Linear(head_fan_in, vocab_size, generator, gain=config.output_scale)


@dataclass(frozen=True, slots=True)
class LevelModules:
    """The layers of one level; `offsets` are how many positions back its taps are, the farthest first."""

    flatten: FlattenConsecutive | FlattenDilated
    offsets: tuple[int, ...]
    linear: Linear
    norm: BatchNorm1d | None
    activation: Activation
    residual: bool


@dataclass(frozen=True, slots=True)
class ModelStructure:
    """A model as embedding, levels and head; with `skips` the head reads every level, else the last one."""

    embedding: Embedding
    levels: tuple[LevelModules, ...]
    head: Linear
    skips: bool

    @staticmethod
    def of(model: Sequential) -> ModelStructure:
        """Return the structure of a model that `build_model` returned."""
        embedding, *layers, head = model.layers
        assert isinstance(embedding, Embedding)
        assert isinstance(head, Linear)
        return ModelStructure(embedding, tuple(_levels(layers)), head, isinstance(layers[-1], Skips))


def _levels(layers: Sequence[nn.Module]) -> Iterator[LevelModules]:
    starts = [index for index, layer in enumerate(layers) if isinstance(layer, FlattenConsecutive | FlattenDilated)]
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
        residual = any(isinstance(layer, Residual) for layer in rest)
        yield LevelModules(flatten, offsets, linear, norm, activation, residual)
