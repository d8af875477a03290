"""A model's layers read as levels, for whoever does not run the layers themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from charwave_tui.engine.layers import Activation, BatchNorm1d, Embedding, FlattenConsecutive, Linear, Sequential
from charwave_tui.engine.stack import FlattenDilated, Residual, Skips


@dataclass(frozen=True, slots=True)
class LevelLayers:
    """The layers of one level, and `offsets`: how far back stands what it joins, furthest first."""

    flatten: FlattenConsecutive | FlattenDilated
    offsets: tuple[int, ...]
    linear: Linear
    norm: BatchNorm1d | None
    activation: Activation
    residual: bool


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A whole model; `skips`: the head sees what every level makes, else what the last one makes."""

    embedding: Embedding
    levels: tuple[LevelLayers, ...]
    head: Linear
    skips: bool

    @staticmethod
    def of(model: Sequential) -> Anatomy:
        """The anatomy of a model that `build_model` made."""
        embedding, *layers, head = model.layers
        assert isinstance(embedding, Embedding)
        assert isinstance(head, Linear)
        return Anatomy(embedding, tuple(_levels(layers)), head, isinstance(layers[-1], Skips))


def _levels(layers: Sequence[nn.Module]) -> Iterator[LevelLayers]:
    starts = [place for place, layer in enumerate(layers) if isinstance(layer, FlattenConsecutive | FlattenDilated)]
    stride = 1
    for start, end in zip(starts, [*starts[1:], len(layers)], strict=True):
        flatten, linear, *rest = layers[start:end]
        match flatten:
            case FlattenConsecutive():
                offsets = tuple(stride * back for back in reversed(range(flatten.joined)))
                stride *= flatten.joined
            case FlattenDilated():
                offsets = (flatten.dilation, 0)
            case _:
                raise AssertionError(flatten)
        assert isinstance(linear, Linear)
        norm = rest.pop(0) if isinstance(rest[0], BatchNorm1d) else None
        assert isinstance(norm, BatchNorm1d | None)
        activation = rest[0]
        assert isinstance(activation, Activation)
        yield LevelLayers(flatten, offsets, linear, norm, activation, any(isinstance(one, Residual) for one in rest))
