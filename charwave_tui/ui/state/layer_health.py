"""Reference ranges of the layer statistics, and what a value outside of its range means."""

from __future__ import annotations

import math
from dataclasses import dataclass

from charwave_tui.core.config.layer_shapes import ACTIVATION_OF_LAYER, SATURATION_THRESHOLD


@dataclass(frozen=True, slots=True)
class HealthyRange:
    """The range `low` … `high` of a statistic, written as `range_text`, and texts for a value in and outside of it."""

    low: float
    high: float
    range_text: str
    about: str
    below: str = ""
    above: str = ""
    error_above: float = math.inf

    def severity(self, value: float | None) -> str:
        """Return `warning` or `error` for a value outside of the range, else an empty text."""
        if value is None or self.low <= value <= self.high:
            return ""
        return "warning" if math.isfinite(value) and value <= self.error_above else "error"

    def word(self, value: float | None) -> str:
        """Return the text for the value."""
        if value is None or math.isnan(value):
            return self.about
        return (self.below if value < self.low else self.above if value > self.high else "") or self.about


NOT_FINITE = "NaN spreads to every weight within a step. A smaller lr, or w in the lab, which rewinds."


# by statistic, for a tanh where it depends on the layer; the most important ones first
HEALTHY: dict[str, HealthyRange] = {
    "saturation": HealthyRange(
        0.0,
        5.0,
        "under 5 %",
        f"The share of outputs beyond {SATURATION_THRESHOLD} either way, where tanh is flat and hardly passes a "
        "gradient.",
        above="Where tanh is flat hardly any gradient passes. A smaller init_gain, or BatchNorm, makes it less.",
        error_above=50.0,
    ),
    "dead": HealthyRange(
        0.0,
        0.0,
        "0",
        "A dead unit is saturated for every example: its slope is 0, so nothing below it learns through it.",
        above="A dead unit is saturated for every example: its slope is 0, so nothing below it learns through it. "
        "Smaller init_gain helps.",
    ),
    "std": HealthyRange(
        0.4,
        0.8,
        "0.4 … 0.8",
        "How wide the outputs spread: well inside ±1, and alike in all layers, is where tanh both bends and learns.",
        below="The outputs shrink towards 0, and with them the layer: it is hardly more than linear.",
        above="The outputs crowd at ±1, where tanh is flat. A smaller init_gain, or BatchNorm, spreads them.",
    ),
    "mean": HealthyRange(
        -0.2,
        0.2,
        "−0.2 … 0.2",
        "Outputs on both sides of 0 let the next layer's weights move in every direction.",
        below="The outputs lean to one side, which the next layer has to undo. BatchNorm centres them.",
        above="The outputs lean to one side, which the next layer has to undo. BatchNorm centres them.",
    ),
    "grad mean": HealthyRange(
        -math.inf, math.inf, "near 0", "Small beside the std of the gradient: pulled both ways alike."
    ),
    "grad std": HealthyRange(
        1e-12,
        math.inf,
        "alike in all layers",
        "Alike in all layers: one that shrinks from layer to layer vanishes, one that grows explodes.",
        below="No gradient comes back here: nothing below this layer learns.",
    ),
    "update": HealthyRange(
        -4.0,
        -2.0,
        "near −3",
        "log10 of std(Δp)/std(p), from the step's real change: about a thousandth of the weight's size a step.",
        below="The weights hardly move. A larger lr speeds this layer up.",
        above="The weights move too far in a step. A smaller lr calms this layer.",
    ),
    "mean apart": HealthyRange(
        0.0,
        0.1,
        "under 0.1",
        "How far running means are from this batch's, in the batch's std: eval mode uses the running ones.",
        above="Running means lag behind, so that eval mode sees another layer. Hundreds of steps mend it, more where "
        "momentum is small.",
    ),
    "var apart": HealthyRange(
        0.0,
        0.1,
        "under 0.1",
        "How far running variances are from this batch's, as |log10| of the one by the other.",
        above="Running variances lag behind: eval mode scales this layer otherwise than training does.",
    ),
}


RELU: dict[str, HealthyRange] = {
    "dead": HealthyRange(
        0.0,
        0.0,
        "0",
        "A dead ReLU is 0 for every example: its slope is 0, so nothing below it learns through it.",
        above="A dead ReLU is 0 for every example: its slope is 0, so nothing below it learns through it. "
        "A smaller lr, or BatchNorm, keeps them alive.",
    ),
    "std": HealthyRange(
        0.05,
        5.0,
        "alike in all layers",
        "Alike in all layers: what shrinks or grows from layer to layer does so exponentially.",
        below="The outputs shrink towards 0. BatchNorm, or a larger init_gain, keeps them up.",
        above="The outputs grow. BatchNorm, or a smaller init_gain, keeps them down.",
    ),
    "mean": HealthyRange(
        -math.inf, math.inf, "at or above 0", "ReLU lets through what is above 0, so its mean is too."
    ),
}


GATED: dict[str, HealthyRange] = {
    "std": HealthyRange(
        0.05,
        0.8,
        "0.05 … 0.8",
        "A gate between 0 and 1 times a tanh: smaller than a tanh alone.",
        below="The gates are shut, or the tanh is near 0: little comes through.",
        above="The gates are open and the tanh crowds at ±1. A smaller init_gain spreads it.",
    ),
}


def ranges_for(kind: str) -> dict[str, HealthyRange]:
    """Return the reference ranges of a layer class."""
    spec = ACTIVATION_OF_LAYER.get(kind)
    if spec is None or (spec.saturation_threshold is not None and not spec.is_gated):
        return HEALTHY
    if spec.is_gated:
        return HEALTHY | GATED
    return HEALTHY | {name: RELU[name] for name in ("dead", "std", "mean") if name != "dead" or spec.can_die}
