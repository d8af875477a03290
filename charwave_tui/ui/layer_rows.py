"""The table of layers as text: what stands in each cell, and which columns a width has room for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from charwave_tui.core.readings import LayerStats
from charwave_tui.core.shapes import LayerShape
from charwave_tui.ui import numbers
from charwave_tui.ui.bars import eighths
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.pieces import Line, Piece, columns

WORRYING = 5.0
"""Per cent of saturation above which a figure is a warning."""

RUINOUS = 50.0
"""Per cent of saturation above which a figure is an error: half the layer passes no gradient."""

FULL_BAR = 20.0
"""Per cent of saturation that fills the bar; beyond, the figure tells."""

HEADERS = {
    "layer": "layer",
    "out": "out",
    "params": "params",
    "mean": "mean",
    "std": "std",
    "sat": "sat %",
    "bar": "",
    "dead": "dead",
}
"""The column headers by key, in the order of the table."""

FORMS: tuple[tuple[bool, frozenset[str]], ...] = (
    (False, frozenset()),
    (True, frozenset()),
    (True, frozenset({"mean"})),
    (True, frozenset({"mean", "bar"})),
    (True, frozenset({"mean", "bar", "params"})),
    (True, frozenset({"mean", "bar", "params", "dead"})),
)
"""The forms of the table, richest first: whether names are short, and the columns left out."""

SHORT_NAMES = {"FlattenConsecutive": "Flatten", "FlattenDilated": "Dilated"}
"""What the layers with long names are called where there is no room for those."""

REARRANGING = frozenset({*SHORT_NAMES, "Skips"})
"""Layers that only put numbers elsewhere."""

SATURATING, DYING = frozenset({"Tanh", "Gated"}), frozenset({"Tanh", "ReLU"})
"""Layers that have a saturation, and such that have dead units."""

NARROWEST = {"mean": 6, "std": 5, "sat": 5}
"""Columns that figures have at least, so that the table stands still as they come and change."""

SMALLEST_BAR, LARGEST_BAR = 4, 20
"""Columns that the bar has at least, and is widened to at most."""

Layer = LayerStats | LayerShape
"""A layer with figures, or one that nobody has measured yet."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the table is laid out: the width of every column in it, and whether names are short."""

    widths: tuple[tuple[str, int], ...]
    short: bool

    @property
    def bar(self) -> int:
        """Columns of the saturation bar."""
        return max(0, dict(self.widths).get("bar", 0) - 1)


def plan_for(layers: Sequence[Layer], width: int) -> Plan:
    """The richest form that `width` columns have room for; spare room goes to the gaps and the bar."""
    telling = _telling({_kind(layer) for layer in layers})
    for short, left_out in FORMS:
        needs = {key: _need(key, layers, short) for key in telling if key not in left_out}
        if "bar" in needs and "dead" in needs:
            needs["dead"] -= 1  # the bar is seldom full, so its own emptiness is the gap
        if sum(needs.values()) <= width:
            break
    spare = max(0, width - sum(needs.values()))
    bar = ("bar",) if "bar" in needs else ()
    figures = tuple(key for key in needs if key not in ("layer", "bar"))
    # A column of the bar first, then wider gaps, a longer bar, still wider gaps, and what is left to the names.
    for keys, most in (
        (bar, 1),
        (figures, 1),
        (bar, LARGEST_BAR - SMALLEST_BAR - 1),
        (figures, 2),
        (("layer",), spare),
    ):
        columns_each = min(most, spare // max(1, len(keys)))
        for key in keys:
            needs[key] += columns_each
        spare -= columns_each * len(keys)
    return Plan(tuple(needs.items()), short)


def cells(layer: Layer, plan: Plan, *, first_spoilt: bool = False) -> dict[str, Line]:
    """The text of each column for one layer; `first_spoilt` marks the one where NaN begins."""
    every = _cells(layer, plan.short, plan.bar, first_spoilt)
    return {key: every[key] for key, _ in plan.widths}


def first_spoilt(layers: Sequence[Layer]) -> int | None:
    """The place of the first layer whose output is not finite."""
    places = (
        place
        for place, layer in enumerate(layers)
        if isinstance(layer, LayerStats) and not (math.isfinite(layer.mean) and math.isfinite(layer.std))
    )
    return next(places, None)


def title(layer: Layer) -> str:
    """A layer's name with its detail: `Linear 48→128`."""
    return f"{_kind(layer)} {layer.detail}".rstrip().replace("→", GLYPHS.to)


def _kind(layer: Layer) -> str:
    return layer.name if isinstance(layer, LayerStats) else layer.kind


def _telling(kinds: set[str]) -> list[str]:
    """The columns that layers of these kinds have something to put into; all of them while there are none."""
    empty = {"sat", "bar"} if kinds and not kinds & SATURATING else set()
    if kinds and not kinds & DYING:
        empty.add("dead")
    return [key for key in HEADERS if key not in empty]


def _need(key: str, layers: Sequence[Layer], short: bool) -> int:
    if key == "bar":
        return 1 + SMALLEST_BAR
    widest = max((columns(_cells(layer, short, 0, False)[key]) for layer in layers), default=0)
    return (key != "layer") + max(len(HEADERS[key]), NARROWEST.get(key, 0), widest)


def _cells(layer: Layer, short: bool, bar: int, first: bool) -> dict[str, Line]:
    role = "muted" if _kind(layer) in REARRANGING else "fg"
    output = layer.output_shape[1:] if isinstance(layer, LayerStats) else layer.output
    saturation, share, dead = _saturation(layer, bar)
    return {
        "layer": _name(layer, short, role, first),
        "out": (Piece(GLYPHS.times.join(map(str, output)), role),),
        "params": (Piece(f"{layer.parameters:,}", role),) if layer.parameters else (),
        "mean": _figure(numbers.signed(layer.mean), layer.mean, role) if isinstance(layer, LayerStats) else _NONE,
        "std": _figure(numbers.spread(layer.std), layer.std, role) if isinstance(layer, LayerStats) else _NONE,
        "sat": saturation,
        "bar": share,
        "dead": dead,
    }


_NONE: Line = (Piece(GLYPHS.none, "muted"),)


def _name(layer: Layer, short: bool, role: str, first: bool) -> Line:
    if first:
        return (Piece(title(layer), "error", True),)
    kind = _kind(layer)
    return (
        Piece(SHORT_NAMES.get(kind, kind) if short else kind, role),
        Piece(title(layer).removeprefix(kind), "muted"),
    )


def _figure(text: str, value: float, role: str) -> Line:
    return (Piece(text, role if math.isfinite(value) else "error"),)


def _saturation(layer: Layer, bar: int) -> tuple[Line, Line, Line]:
    """The cells for the share of saturated outputs, its bar, and the dead units."""
    if isinstance(layer, LayerShape):
        return _NONE if layer.kind in SATURATING else (), (), _NONE if layer.kind in DYING else ()
    percent = layer.saturation
    role = "fg" if percent is None or percent <= WORRYING else "warning" if percent <= RUINOUS else "error"
    if percent is None:
        return (), (), _dead(layer.dead, role)
    if math.isnan(percent):
        return (Piece("nan", "error"),), (), () if layer.dead is None else _NONE
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
