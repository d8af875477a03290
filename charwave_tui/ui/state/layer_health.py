"""Reference ranges of the layer statistics, and what a value outside of its range means."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from charwave_tui.core.config.layer_shapes import ACTIVATION_OF_LAYER, SATURATION_THRESHOLD


class Severity(StrEnum):
    """How far a value is from healthy, named after the style it is drawn in."""

    NONE = ""
    WARNING = "warning"
    ERROR = "error"


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

    def severity(self, value: float | None) -> Severity:
        if value is None or self.low <= value <= self.high:
            return Severity.NONE
        return Severity.WARNING if math.isfinite(value) and value <= self.error_above else Severity.ERROR

    def word(self, value: float | None) -> str:
        if value is None or math.isnan(value):
            return self.about
        return (self.below if value < self.low else self.above if value > self.high else "") or self.about


NOT_FINITE = "NaN or infinity spreads to every weight within a step. Use a smaller lr, or w in the lab to rewind."

# by statistic, for a tanh where it depends on the layer; the most important ones first
HEALTHY: dict[str, HealthyRange] = {
    "saturation": HealthyRange(
        0.0,
        5.0,
        "under 5 %",
        f"The percentage of outputs beyond ±{SATURATION_THRESHOLD}, where tanh is flat and hardly any gradient passes.",
        above="Where tanh is flat, hardly any gradient passes. A smaller init_gain, or BatchNorm, reduces saturation.",
        error_above=50.0,
    ),
    "dead": HealthyRange(
        0.0,
        0.0,
        "0",
        "A dead unit is saturated for every example: with hardly any gradient it does not learn.",
        above="A dead unit is saturated for every example: with hardly any gradient it does not learn. "
        "A smaller init_gain helps.",
    ),
    "std": HealthyRange(
        0.4,
        0.8,
        "0.4 … 0.8",
        "The spread of the outputs. Well inside ±1, and similar in all layers, tanh is non-linear and still learns.",
        below="The outputs shrink towards 0, where tanh is almost linear.",
        above="The outputs crowd at ±1, where tanh is flat. A smaller init_gain, or BatchNorm, prevents it.",
    ),
    "mean": HealthyRange(
        -0.2,
        0.2,
        "−0.2 … 0.2",
        "Outputs on both sides of 0 let the next layer's weights move in every direction.",
        below="The outputs are off-centre, which the next layer has to undo. BatchNorm centres its inputs.",
        above="The outputs are off-centre, which the next layer has to undo. BatchNorm centres its inputs.",
    ),
    "grad mean": HealthyRange(-math.inf, math.inf, "near 0", "Small compared with the std of the gradient."),
    "grad std": HealthyRange(
        1e-12,
        math.inf,
        "similar in all layers",
        "Similar in all layers: gradients that shrink from layer to layer vanish, growing ones explode.",
        below="No gradient reaches this layer: it does not learn, nor do the layers before it.",
    ),
    "update": HealthyRange(
        -4.0,
        -2.0,
        "near −3",
        "log10 of std(Δp)/std(p), measured from the weights before and after a step: −3 is a thousandth.",
        below="The weights hardly change. A larger lr speeds this layer up.",
        above="The weights change too much in a step. A smaller lr stabilizes this layer.",
    ),
    "mean diff": HealthyRange(
        0.0,
        0.1,
        "under 0.1",
        "|running mean − batch mean| in the batch's std, averaged over units: evaluation uses the running mean.",
        above="Running means lag behind, so evaluation differs from training. More steps reduce it, many more if "
        "momentum is small.",
    ),
    "var diff": HealthyRange(
        0.0,
        0.1,
        "under 0.1",
        "|log10(running variance / batch variance)|, averaged over units: evaluation uses the running variance.",
        above="Running variances lag behind: evaluation scales this layer differently than training does.",
    ),
}

RELU: dict[str, HealthyRange] = {
    "dead": HealthyRange(
        0.0,
        0.0,
        "0",
        "A dead ReLU is 0 for every example: its gradient is 0, so its weights do not learn.",
        above="A dead ReLU is 0 for every example: its gradient is 0, so its weights do not learn. "
        "A smaller lr, or BatchNorm, keeps them alive.",
    ),
    "std": HealthyRange(
        0.05,
        5.0,
        "similar in all layers",
        "Similar in all layers: what shrinks or grows from layer to layer does so exponentially.",
        below="The outputs shrink towards 0. BatchNorm, or a larger init_gain, keeps them up.",
        above="The outputs grow. BatchNorm, or a smaller init_gain, keeps them down.",
    ),
    "mean": HealthyRange(
        -math.inf, math.inf, "at or above 0", "The outputs of a ReLU are never negative, so neither is their mean."
    ),
}

GATED: dict[str, HealthyRange] = {
    "std": HealthyRange(
        0.05,
        0.8,
        "0.05 … 0.8",
        "The output is a tanh times a gate between 0 and 1, so smaller than a tanh alone.",
        below="The gates are closed, or the tanh is near 0.",
        above="The gates are open and the tanh crowds at ±1. A smaller init_gain prevents it.",
    ),
}


def ranges_for(kind: str) -> dict[str, HealthyRange]:
    spec = ACTIVATION_OF_LAYER.get(kind)
    if spec is None or (spec.saturation_threshold is not None and not spec.is_gated):
        return HEALTHY
    if spec.is_gated:
        return HEALTHY | GATED
    return HEALTHY | {name: RELU[name] for name in ("dead", "std", "mean") if name != "dead" or spec.can_die}
