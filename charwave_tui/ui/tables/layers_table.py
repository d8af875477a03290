"""Cells and columns of the layer table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from charwave_tui.core.config.layer_shapes import ACTIVATIONS, LayerShape
from charwave_tui.core.metrics import LayerStats
from charwave_tui.ui.drawing.block_graphics import horizontal_bar, sparkline
from charwave_tui.ui.drawing.number_format import (
    Written,
    format_gradient_std,
    format_ratio,
    format_signed,
    format_std,
    format_update_ratio,
)
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, cell_width
from charwave_tui.ui.state.layer_health import HEALTHY
from charwave_tui.ui.state.run_state import TREND
from charwave_tui.ui.terminal.glyphs import GLYPHS

FULL_BAR = 20.0
"""Per cent of saturation that fills the bar; beyond, the figure tells."""


UPDATES = (-4.5, -1.5)
"""The update ratios that a trend shows as its lowest and its highest block."""


SHORT_NAMES = {"FlattenConsecutive": "Flatten", "FlattenDilated": "Dilated"}
"""What the layers with long names are called where there is no room for those."""


REARRANGING = frozenset({*SHORT_NAMES, "Skips"})
"""Layers that only put numbers elsewhere."""


SATURATING = frozenset(spec.layer for spec in ACTIVATIONS.values() if spec.saturation_threshold is not None)
"""Layers that have a saturation."""


DYING = frozenset(spec.layer for spec in ACTIVATIONS.values() if spec.can_die)
"""Layers that have dead units."""


Layer = LayerStats | LayerShape
"""A layer with figures, or one that nobody has measured yet."""


NONE: StyledLine = (Span(GLYPHS.none, "muted"),)
"""What stands where a figure is missing."""


def kind_of(layer: Layer) -> str:
    """The name of its class."""
    return layer.name if isinstance(layer, LayerStats) else layer.kind


def output_of(layer: Layer) -> tuple[int, ...]:
    """The shape of what it puts out, without the batch."""
    return layer.output_shape[1:] if isinstance(layer, LayerStats) else layer.output


def layer_title(layer: Layer) -> str:
    """A layer's name with its detail: `Linear 48→128`."""
    return f"{kind_of(layer)} {layer.detail}".rstrip().replace("→", GLYPHS.to)


def first_nonfinite(layers: Sequence[Layer]) -> int | None:
    """The place of the first layer whose output is not finite."""
    places = (
        place
        for place, layer in enumerate(layers)
        if isinstance(layer, LayerStats) and not (math.isfinite(layer.mean) and math.isfinite(layer.std))
    )
    return next(places, None)


def layer_cells(
    layer: Layer, *, short: bool = False, bar: int = 0, first: bool = False, course: Sequence[LayerStats] = ()
) -> dict[str, StyledLine]:
    """The text of every column; `first` marks the layer where NaN begins, `course` are its figures so far."""
    role = "muted" if kind_of(layer) in REARRANGING else "fg"
    saturation, share, dead = _saturation(layer, bar)
    return {
        "layer": _name(layer, short, role, first),
        "out": (Span(GLYPHS.times.join(map(str, output_of(layer))), role),),
        "params": (Span(f"{layer.parameters:,}", role),) if layer.parameters else (),
        "mean": _figure(format_signed(layer.mean), layer.mean, role) if isinstance(layer, LayerStats) else NONE,
        "std": _figure(format_std(layer.std), layer.std, role) if isinstance(layer, LayerStats) else NONE,
        "sat": saturation,
        "bar": share,
        "dead": dead,
        **_weights(layer),
        "trend": _trend(layer, course),
    }


def _name(layer: Layer, short: bool, role: str, first: bool) -> StyledLine:
    if first:
        return (Span(layer_title(layer), "error", True),)
    kind = kind_of(layer)
    return (
        Span(SHORT_NAMES.get(kind, kind) if short else kind, role),
        Span(layer_title(layer).removeprefix(kind), "muted"),
    )


def _figure(text: str, value: float, role: str) -> StyledLine:
    return (Span(text, role if math.isfinite(value) else "error"),)


def _saturation(layer: Layer, bar: int) -> tuple[StyledLine, StyledLine, StyledLine]:
    """The cells for the share of saturated outputs, its bar, and the dead units."""
    if isinstance(layer, LayerShape):
        return NONE if layer.kind in SATURATING else (), (), NONE if layer.kind in DYING else ()
    percent = layer.saturation
    role = HEALTHY["saturation"].severity(percent) or "fg"
    if percent is None:
        return (), (), _dead(layer.dead, role)
    if math.isnan(percent):
        return (Span("nan", "error"),), (), () if layer.dead is None else NONE
    blocks = horizontal_bar(percent / FULL_BAR, bar)
    return (
        (Span(f"{percent:.1f}", role),),
        (Span(f" {blocks}", "muted" if role == "fg" else role),),
        _dead(layer.dead, role),
    )


def _dead(units: int | None, role: str) -> StyledLine:
    if not units:
        return () if units is None else (Span("0", "muted"),)
    return (Span(f"{units:,}", "error" if role == "error" else "warning"),)


def _weights(layer: Layer) -> dict[str, StyledLine]:
    """The cells for the weight, its gradient and its last change; dashes where those are not known yet."""
    if not layer.parameters:
        return {"gradient": (), "weight": (), "share": (), "update": ()}
    if isinstance(layer, LayerShape):
        return {"gradient": NONE, "weight": NONE, "share": NONE, "update": NONE}
    return {
        "gradient": _known(layer.gradient_std, format_gradient_std),
        "weight": _known(layer.weight_std, format_ratio),
        "share": _known(layer.grad_data, format_ratio),
        "update": _update(layer.update_ratio),
    }


def _known(value: float | None, written: Written) -> StyledLine:
    return NONE if value is None else _figure(written(value), value, "fg")


def _update(ratio: float | None) -> StyledLine:
    if ratio is None:
        return NONE
    role = HEALTHY["update"].severity(ratio)
    mark = {"warning": f"{GLYPHS.warning} "}.get(role, "")
    return (Span(f"{mark}{format_update_ratio(ratio)}", role or "fg"),)


def _trend(layer: Layer, course: Sequence[LayerStats]) -> StyledLine:
    """The layer's last update ratios, or of an activation its saturation, as blocks."""
    if isinstance(layer, LayerShape):
        return ()
    if layer.saturation is not None:
        low, high, values = 0.0, FULL_BAR, [stats.saturation for stats in course]
    else:
        low, high, values = *UPDATES, [stats.update_ratio for stats in course]
    shares = [None if value is None else (value - low) / (high - low) for value in values]
    return (Span(sparkline(shares).rjust(TREND), "muted"),) if any(share is not None for share in shares) else ()


HEADERS = {
    "layer": "layer",
    "out": "out",
    "params": "params",
    "mean": "mean",
    "std": "std",
    "sat": "sat %",
    "bar": "",
    "dead": "dead",
    "gradient": "grad std",
    "weight": "weight std",
    "share": "grad:data",
    "update": "update",
    "trend": "trend",
}
"""The column headers by key, in the order of the table."""


WEIGHTS = frozenset({"gradient", "weight", "share", "update", "trend"})
"""The columns about a layer's weight."""


FORMS: tuple[tuple[bool, frozenset[str]], ...] = (
    (False, frozenset()),
    (False, frozenset({"weight"})),
    (False, frozenset({"weight", "share"})),
    (False, frozenset({"weight", "share", "trend"})),
    (False, frozenset({"weight", "share", "trend", "gradient"})),
    (False, WEIGHTS),
    (True, WEIGHTS),
    (True, WEIGHTS | {"mean"}),
    (True, WEIGHTS | {"mean", "bar"}),
    (True, WEIGHTS | {"mean", "bar", "params"}),
    (True, WEIGHTS | {"mean", "bar", "params", "dead"}),
)
"""The forms of the table, richest first: whether names are short, and the columns left out."""


NARROWEST = {"mean": 6, "std": 5, "sat": 5, "update": 6, "trend": TREND}
"""Columns that figures have at least, so that the table stands still as they come and change."""


SMALLEST_BAR, LARGEST_BAR = 4, 20
"""Columns that the bar has at least, and is widened to at most."""


AT_THE_LEFT = ("layer", "bar")
"""Columns whose text stands at the left."""


UNSORTED = ("layer", "bar", "trend")
"""Columns that rows are not sorted by: in the order of the model, and such that show another column's figure."""


@dataclass(frozen=True, slots=True)
class ColumnLayout:
    """How the table is laid out: the width of every column in it, and whether names are short."""

    widths: tuple[tuple[str, int], ...]
    short: bool

    @property
    def bar(self) -> int:
        """Columns of the saturation bar."""
        return max(0, dict(self.widths).get("bar", 0) - 1)

    def following(self, order: str) -> str:
        """The column to sort by after `order`; empty, for the order of the model, after the last."""
        keys = ["", *(key for key, _ in self.widths if key not in UNSORTED)]
        return keys[(keys.index(order) + 1) % len(keys)] if order in keys else ""


def fit_columns(layers: Sequence[Layer], width: int) -> ColumnLayout:
    """The richest form that `width` columns have room for; spare room goes to the gaps and the bar."""
    telling = _telling({kind_of(layer) for layer in layers})
    known = {short: _needs(layers, short) for short in (False, True)}
    for short, left_out in FORMS:
        needs = {key: known[short][key] for key in telling if key not in left_out}
        if "bar" in needs and "dead" in needs:
            needs["dead"] -= 1  # the bar is seldom full, so its own emptiness is the gap
        if sum(needs.values()) <= width:
            break
    spare = max(0, width - sum(needs.values()))
    bar = ("bar",) if "bar" in needs else ()
    figures = tuple(key for key in needs if key not in AT_THE_LEFT)
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
    return ColumnLayout(tuple(needs.items()), short)


def cells(
    layer: Layer, plan: ColumnLayout, *, first_spoilt: bool = False, course: Sequence[LayerStats] = ()
) -> dict[str, StyledLine]:
    """The text of each column for one layer; `first_spoilt` marks the one where NaN begins."""
    every = layer_cells(layer, short=plan.short, bar=plan.bar, first=first_spoilt, course=course)
    return {key: every[key] for key, _ in plan.widths}


def header(key: str, order: str) -> StyledLine:
    """What stands above a column, with a mark where the rows are sorted by it."""
    if key and key == order:
        return (Span(GLYPHS.choices, "accent"), Span(HEADERS[key]))
    return (Span(HEADERS[key], "muted"),)


def row_order(layers: Sequence[Layer], order: str) -> tuple[int, ...]:
    """The places of the layers in the order of the rows: of the model, or the largest of a column first.

    Means count by their size; those that have no figure come last, NaN first.
    """
    if not order:
        return tuple(range(len(layers)))
    values = [_value(layer, order) for layer in layers]
    sizes = [-math.inf if value is None else math.inf if math.isnan(value) else value for value in values]
    return tuple(sorted(range(len(layers)), key=lambda place: -sizes[place]))


def _value(layer: Layer, order: str) -> float | None:
    """The figure of a column."""
    if order == "out":
        return math.prod(output_of(layer))
    if order == "params":
        return layer.parameters or None
    if not isinstance(layer, LayerStats):
        return None
    return {
        "mean": abs(layer.mean),
        "std": layer.std,
        "sat": layer.saturation,
        "dead": layer.dead,
        "gradient": layer.gradient_std,
        "weight": layer.weight_std,
        "share": layer.grad_data,
        "update": layer.update_ratio,
    }[order]


def _telling(kinds: set[str]) -> list[str]:
    """The columns that layers of these kinds have something to put into; all of them while there are none."""
    empty = {"sat", "bar"} if kinds and not kinds & SATURATING else set()
    if kinds and not kinds & DYING:
        empty.add("dead")
    return [key for key in HEADERS if key not in empty]


def _needs(layers: Sequence[Layer], short: bool) -> dict[str, int]:
    """The columns that each column needs at least, its gap to the left among them."""
    rows = [layer_cells(layer, short=short) for layer in layers]
    return {
        key: (key != "layer")
        + max(len(name), NARROWEST.get(key, 0), max((cell_width(row[key]) for row in rows), default=0))
        for key, name in HEADERS.items()
    } | {"bar": 1 + SMALLEST_BAR}
