"""The layers of a config with output shapes and parameter counts, by arithmetic alone; the registry of activations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charwave_tui.core.config.choices import Norm

if TYPE_CHECKING:  # run_config reads ACTIVATIONS
    from charwave_tui.core.config.run_config import RunConfig


@dataclass(frozen=True, slots=True)
class ActivationSpec:
    """What the config, the tables, the views and the engine know of an activation.

    `layer`: class in `engine.model.layers`. `description`: continues the name in the help of the hyperparameter.
    `fan_out_factor`: channels of the Linear before it per unit; 2 where it is gated, signal · gate.
    `saturation_threshold`: |tanh| above this counts as saturated, of a gated one the tanh of the signal.
    `can_die`: units may be stuck for every example, beyond `DEAD_THRESHOLD` or, where nothing saturates, at 0.
    `derivative`: computed from the output, where that determines it; `derivative_formula` in `h`.
    """

    layer: str
    description: str
    fan_out_factor: int = 1
    saturation_threshold: float | None = None
    can_die: bool = False
    derivative: Callable[[float], float] | None = None
    derivative_formula: str = ""

    @property
    def is_gated(self) -> bool:
        return self.fan_out_factor == 2


SATURATION_THRESHOLD = 0.97  # |tanh|, as in the lecture
DEAD_THRESHOLD = 0.99  # |tanh|, as in the lecture
BATCHNORM_EPS = 1e-5  # added to a variance before its square root

# By the values of the hyperparameter `activation`.
ACTIVATIONS: dict[str, ActivationSpec] = {
    "tanh": ActivationSpec(
        "Tanh",
        "squashes to −1 … 1 and can saturate",
        saturation_threshold=SATURATION_THRESHOLD,
        can_die=True,
        derivative=lambda h: 1 - h * h,
        derivative_formula="1 − h²",
    ),
    "relu": ActivationSpec("ReLU", "cuts off below 0 and can die", can_die=True, derivative=lambda h: float(h > 0)),
    "gelu": ActivationSpec("GELU", "is relu with a soft knee"),
    "gated": ActivationSpec(
        "Gated",
        "is WaveNet's tanh · sigmoid, from a Linear twice as wide",
        fan_out_factor=2,
        saturation_threshold=SATURATION_THRESHOLD,
    ),
}
ACTIVATION_OF_LAYER = {spec.layer: spec for spec in ACTIVATIONS.values()}


@dataclass(frozen=True, slots=True)
class LayerShape:
    """A layer of a config: class name, size (`48→128`), output shape without the batch, parameter count."""

    kind: str
    detail: str
    output: tuple[int, ...]
    parameters: int


@dataclass(frozen=True, slots=True)
class LevelShape:
    """A level of a config: its taps, its positions and the shape of its Linear.

    `offsets`: how many characters before the last one of a window the concatenated inputs are, the farthest first.
    `positions` are its outputs per window; `fan_out` is n_hidden times the activation's factor.
    """

    offsets: tuple[int, ...]
    positions: int
    fan_in: int
    fan_out: int


def level_shapes(config: RunConfig) -> tuple[LevelShape, ...]:
    """Return the levels of a validated `config`, that of the characters first."""
    fan_out = config.n_hidden * ACTIVATIONS[config.activation].fan_out_factor
    levels, positions, channels, stride = [], config.context, config.n_embd, 1
    for size in config.dilations or config.fuse:
        if config.dilations:
            offsets: tuple[int, ...] = (size, 0)
            positions -= size
        else:
            offsets = tuple(stride * back for back in reversed(range(size)))
            positions, stride = positions // size, stride * size
        levels.append(LevelShape(offsets, positions, channels * len(offsets), fan_out))
        channels = config.n_hidden
    return tuple(levels)


def layer_shapes(config: RunConfig, vocab_size: int) -> tuple[LayerShape, ...]:
    """Return the layers of a validated `config`, from the Embedding to the head."""
    return tuple(_layers(config, vocab_size))


def parameter_count(config: RunConfig, vocab_size: int) -> int:
    return sum(layer.parameters for layer in _layers(config, vocab_size))


def _layers(config: RunConfig, vocab_size: int) -> Iterator[LayerShape]:
    hidden = config.n_hidden
    yield LayerShape("Embedding", "", (config.context, config.n_embd), vocab_size * config.n_embd)
    for index, level in enumerate(level_shapes(config)):
        positions = (level.positions,) if level.positions > 1 else ()
        if config.dilations:
            yield LayerShape("FlattenDilated", str(config.dilations[index]), (*positions, level.fan_in), 0)
        else:
            yield LayerShape("FlattenConsecutive", str(len(level.offsets)), (*positions, level.fan_in), 0)
        fan_out = level.fan_out
        bias = fan_out if config.norm == Norm.NONE else 0
        linear = f"{level.fan_in}→{fan_out}"
        yield LayerShape("Linear", linear, (*positions, fan_out), level.fan_in * fan_out + bias)
        if config.norm != Norm.NONE:
            yield LayerShape("BatchNorm1d", str(fan_out), (*positions, fan_out), 2 * fan_out)
        yield LayerShape(ACTIVATIONS[config.activation].layer, "", (*positions, hidden), 0)
        if config.dilations and index > 0:
            yield LayerShape("Residual", "", (*positions, hidden), 0)
    if config.dilations:
        hidden *= len(config.dilations)
        yield LayerShape("Skips", str(len(config.dilations)), (hidden,), 0)
    yield LayerShape("Linear", f"{hidden}→{vocab_size}", (vocab_size,), hidden * vocab_size + vocab_size)
