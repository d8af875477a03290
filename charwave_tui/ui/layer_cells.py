"""What stands in each cell of the table of layers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from charwave_tui.core.readings import LayerStats
from charwave_tui.core.shapes import LayerShape
from charwave_tui.ui import numbers
from charwave_tui.ui.bars import eighths, spark
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.insight.healthy import HEALTHY
from charwave_tui.ui.layers_view import TREND
from charwave_tui.ui.pieces import Line, Piece

FULL_BAR = 20.0
"""Per cent of saturation that fills the bar; beyond, the figure tells."""

UPDATES = (-4.5, -1.5)
"""The update ratios that a trend shows as its lowest and its highest block."""

SHORT_NAMES = {"FlattenConsecutive": "Flatten", "FlattenDilated": "Dilated"}
"""What the layers with long names are called where there is no room for those."""

REARRANGING = frozenset({*SHORT_NAMES, "Skips"})
"""Layers that only put numbers elsewhere."""

SATURATING, DYING = frozenset({"Tanh", "Gated"}), frozenset({"Tanh", "ReLU"})
"""Layers that have a saturation, and such that have dead units."""

Layer = LayerStats | LayerShape
"""A layer with figures, or one that nobody has measured yet."""

NONE: Line = (Piece(GLYPHS.none, "muted"),)
"""What stands where a figure is missing."""


def kind_of(layer: Layer) -> str:
    """The name of its class."""
    return layer.name if isinstance(layer, LayerStats) else layer.kind


def output_of(layer: Layer) -> tuple[int, ...]:
    """The shape of what it puts out, without the batch."""
    return layer.output_shape[1:] if isinstance(layer, LayerStats) else layer.output


def title(layer: Layer) -> str:
    """A layer's name with its detail: `Linear 48→128`."""
    return f"{kind_of(layer)} {layer.detail}".rstrip().replace("→", GLYPHS.to)


def first_spoilt(layers: Sequence[Layer]) -> int | None:
    """The place of the first layer whose output is not finite."""
    places = (
        place
        for place, layer in enumerate(layers)
        if isinstance(layer, LayerStats) and not (math.isfinite(layer.mean) and math.isfinite(layer.std))
    )
    return next(places, None)


def every_cell(
    layer: Layer, *, short: bool = False, bar: int = 0, first: bool = False, course: Sequence[LayerStats] = ()
) -> dict[str, Line]:
    """The text of every column; `first` marks the layer where NaN begins, `course` are its figures so far."""
    role = "muted" if kind_of(layer) in REARRANGING else "fg"
    saturation, share, dead = _saturation(layer, bar)
    return {
        "layer": _name(layer, short, role, first),
        "out": (Piece(GLYPHS.times.join(map(str, output_of(layer))), role),),
        "params": (Piece(f"{layer.parameters:,}", role),) if layer.parameters else (),
        "mean": _figure(numbers.signed(layer.mean), layer.mean, role) if isinstance(layer, LayerStats) else NONE,
        "std": _figure(numbers.spread(layer.std), layer.std, role) if isinstance(layer, LayerStats) else NONE,
        "sat": saturation,
        "bar": share,
        "dead": dead,
        **_weights(layer),
        "trend": _trend(layer, course),
    }


def _name(layer: Layer, short: bool, role: str, first: bool) -> Line:
    if first:
        return (Piece(title(layer), "error", True),)
    kind = kind_of(layer)
    return (
        Piece(SHORT_NAMES.get(kind, kind) if short else kind, role),
        Piece(title(layer).removeprefix(kind), "muted"),
    )


def _figure(text: str, value: float, role: str) -> Line:
    return (Piece(text, role if math.isfinite(value) else "error"),)


def _saturation(layer: Layer, bar: int) -> tuple[Line, Line, Line]:
    """The cells for the share of saturated outputs, its bar, and the dead units."""
    if isinstance(layer, LayerShape):
        return NONE if layer.kind in SATURATING else (), (), NONE if layer.kind in DYING else ()
    percent = layer.saturation
    role = HEALTHY["saturation"].judged(percent) or "fg"
    if percent is None:
        return (), (), _dead(layer.dead, role)
    if math.isnan(percent):
        return (Piece("nan", "error"),), (), () if layer.dead is None else NONE
    blocks = eighths(percent / FULL_BAR, bar)
    return (
        (Piece(f"{percent:.1f}", role),),
        (Piece(f" {blocks}", "muted" if role == "fg" else role),),
        _dead(layer.dead, role),
    )


def _dead(units: int | None, role: str) -> Line:
    if not units:
        return () if units is None else (Piece("0", "muted"),)
    return (Piece(f"{units:,}", "error" if role == "error" else "warning"),)


def _weights(layer: Layer) -> dict[str, Line]:
    """The cells for the weight, its gradient and its last change; dashes where those are not known yet."""
    if not layer.parameters:
        return {"gradient": (), "weight": (), "share": (), "update": ()}
    if isinstance(layer, LayerShape):
        return {"gradient": NONE, "weight": NONE, "share": NONE, "update": NONE}
    return {
        "gradient": _known(layer.gradient_std, numbers.small),
        "weight": _known(layer.weight_std, numbers.ratio),
        "share": _known(layer.grad_data, numbers.ratio),
        "update": _update(layer.update_ratio),
    }


def _known(value: float | None, written: numbers.Written) -> Line:
    return NONE if value is None else _figure(written(value), value, "fg")


def _update(ratio: float | None) -> Line:
    if ratio is None:
        return NONE
    role = HEALTHY["update"].judged(ratio)
    mark = {"warning": f"{GLYPHS.warning} "}.get(role, "")
    return (Piece(f"{mark}{numbers.update(ratio)}", role or "fg"),)


def _trend(layer: Layer, course: Sequence[LayerStats]) -> Line:
    """The layer's last update ratios, or of an activation its saturation, as blocks."""
    if isinstance(layer, LayerShape):
        return ()
    if layer.saturation is not None:
        low, high, values = 0.0, FULL_BAR, [stats.saturation for stats in course]
    else:
        low, high, values = *UPDATES, [stats.update_ratio for stats in course]
    shares = [None if value is None else (value - low) / (high - low) for value in values]
    return (Piece(spark(shares).rjust(TREND), "muted"),) if any(share is not None for share in shares) else ()
