"""The layers of a config with output shapes and parameter counts, by arithmetic alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from charwave_tui.core.config.run_config import RunConfig

ACTIVATION_LAYERS = {"tanh": "Tanh", "relu": "ReLU", "gelu": "GELU", "gated": "Gated"}
"""The layer that each value of `activation` stands for."""


@dataclass(frozen=True, slots=True)
class LayerShape:
    """One layer as it will be built: its kind, its detail (`48→128`), output without the batch, and parameters."""

    kind: str
    detail: str
    output: tuple[int, ...]
    parameters: int


@dataclass(frozen=True, slots=True)
class LevelShape:
    """One level of a model: what it joins, and the sizes of its Linear.

    `offsets`: how many characters back from the last one of a window stand the outputs of the level below that it
    joins, furthest first. `positions` are left of the window; `fan_out` is twice the level's units where it is gated.
    """

    offsets: tuple[int, ...]
    positions: int
    fan_in: int
    fan_out: int


def level_shapes(config: RunConfig) -> tuple[LevelShape, ...]:
    """The levels of a checked `config`, from the characters up."""
    fan_out = config.n_hidden * (2 if config.activation == "gated" else 1)
    found, positions, channels, stride = [], config.context, config.n_embd, 1
    for step in config.dilations or config.fuse:
        if config.dilations:
            offsets: tuple[int, ...] = (step, 0)
            positions -= step
        else:
            offsets = tuple(stride * back for back in reversed(range(step)))
            positions, stride = positions // step, stride * step
        found.append(LevelShape(offsets, positions, channels * len(offsets), fan_out))
        channels = config.n_hidden
    return tuple(found)


def layer_shapes(config: RunConfig, vocab_size: int) -> tuple[LayerShape, ...]:
    """Every layer of the model of a checked `config`, from the Embedding to the last Linear."""
    return tuple(_layers(config, vocab_size))


def parameter_count(config: RunConfig, vocab_size: int) -> int:
    """How many numbers the model learns."""
    return sum(layer.parameters for layer in _layers(config, vocab_size))


def _layers(config: RunConfig, vocab_size: int) -> Iterator[LayerShape]:
    hidden = config.n_hidden
    yield LayerShape("Embedding", "", (config.context, config.n_embd), vocab_size * config.n_embd)
    for number, level in enumerate(level_shapes(config)):
        place = (level.positions,) if level.positions > 1 else ()
        joined = len(level.offsets)
        if config.dilations:
            yield LayerShape("FlattenDilated", str(config.dilations[number]), (*place, level.fan_in), 0)
        else:
            yield LayerShape("FlattenConsecutive", str(joined), (*place, level.fan_in), 0)
        out = level.fan_out
        bias = out if config.norm == "none" else 0
        yield LayerShape("Linear", f"{level.fan_in}→{out}", (*place, out), level.fan_in * out + bias)
        if config.norm != "none":
            yield LayerShape("BatchNorm1d", str(out), (*place, out), 2 * out)
        yield LayerShape(ACTIVATION_LAYERS[config.activation], "", (*place, hidden), 0)
        if config.dilations and number > 0:
            yield LayerShape("Residual", "", (*place, hidden), 0)
    if config.dilations:
        hidden *= len(config.dilations)
        yield LayerShape("Skips", str(len(config.dilations)), (hidden,), 0)
    yield LayerShape("Linear", f"{hidden}→{vocab_size}", (vocab_size,), hidden * vocab_size + vocab_size)
