"""The layers of a config with output shapes and parameter counts, by arithmetic alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from charwave_tui.core.config import RunConfig

ACTIVATION_LAYERS = {"tanh": "Tanh", "relu": "ReLU"}
"""The layer that each value of `activation` stands for."""


@dataclass(frozen=True, slots=True)
class LayerShape:
    """One layer as it will be built: its kind, its detail (`48→128`), output without the batch, and parameters."""

    kind: str
    detail: str
    output: tuple[int, ...]
    parameters: int


def layer_shapes(config: RunConfig, vocab_size: int) -> tuple[LayerShape, ...]:
    """Every layer of the model of a checked `config`, from the Embedding to the last Linear."""
    return tuple(_layers(config, vocab_size))


def parameter_count(config: RunConfig, vocab_size: int) -> int:
    """How many numbers the model learns."""
    return sum(layer.parameters for layer in _layers(config, vocab_size))


def _layers(config: RunConfig, vocab_size: int) -> Iterator[LayerShape]:
    hidden = config.n_hidden
    positions, channels = config.context, config.n_embd
    yield LayerShape("Embedding", "", (positions, channels), vocab_size * channels)
    for joined in config.fuse:
        positions, fan_in = positions // joined, channels * joined
        place = (positions,) if positions > 1 else ()
        yield LayerShape("FlattenConsecutive", str(joined), (*place, fan_in), 0)
        bias = hidden if config.norm == "none" else 0
        yield LayerShape("Linear", f"{fan_in}→{hidden}", (*place, hidden), fan_in * hidden + bias)
        if config.norm != "none":
            yield LayerShape("BatchNorm1d", str(hidden), (*place, hidden), 2 * hidden)
        yield LayerShape(ACTIVATION_LAYERS[config.activation], "", (*place, hidden), 0)
        channels = hidden
    yield LayerShape("Linear", f"{hidden}→{vocab_size}", (vocab_size,), hidden * vocab_size + vocab_size)
