"""The cells and columns of the layers table."""

from __future__ import annotations

import math
from collections.abc import Sequence

from charwave_tui.core.config.layer_shapes import ACTIVATIONS, LayerShape
from charwave_tui.core.metrics import LayerStats
from charwave_tui.ui.drawing.block_graphics import horizontal_bar, sparkline
from charwave_tui.ui.drawing.number_format import (
    NumberFormat,
    format_gradient_std,
    format_ratio,
    format_signed,
    format_std,
    format_update_ratio,
)
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, cell_width
from charwave_tui.ui.state.layer_health import HEALTHY, Severity
from charwave_tui.ui.state.run_state import PROBES_KEPT
from charwave_tui.ui.tables.column_layout import ColumnLayout, widen
from charwave_tui.ui.terminal.glyphs import GLYPHS

FULL_BAR_PERCENT = 20.0  # per cent of saturation that fills the bar
TREND_UPDATE_RATIOS = (-4.5, -1.5)  # update ratios of the lowest and the highest block of a trend

SHORT_NAMES = {"FlattenConsecutive": "Flatten", "FlattenDilated": "Dilated"}
RESHAPING = frozenset({*SHORT_NAMES, "Skips"})  # layers that only reshape or copy
SATURATING = frozenset(spec.layer for spec in ACTIVATIONS.values() if spec.saturation_threshold is not None)
DYING = frozenset(spec.layer for spec in ACTIVATIONS.values() if spec.can_die)

Layer = LayerStats | LayerShape  # probed, or not yet

DASH: StyledLine = (Span(GLYPHS.dash, "muted"),)


def layer_kind(layer: Layer) -> str:
    return layer.name if isinstance(layer, LayerStats) else layer.kind


def output_shape(layer: Layer) -> tuple[int, ...]:
    """Return the shape of a layer's output without the batch dimension."""
    return layer.output_shape[1:] if isinstance(layer, LayerStats) else layer.output


def layer_title(layer: Layer) -> str:
    """Return a layer's name with its detail: `Linear 48→128`."""
    return f"{layer_kind(layer)} {layer.detail}".rstrip().replace("→", GLYPHS.arrow)


def first_nonfinite(layers: Sequence[Layer]) -> int | None:
    for index, layer in enumerate(layers):
        if isinstance(layer, LayerStats) and not (math.isfinite(layer.mean) and math.isfinite(layer.std)):
            return index
    return None


def layer_cells(
    layer: Layer,
    *,
    short: bool = False,
    bar: int = 0,
    is_first_nonfinite: bool = False,
    history: Sequence[LayerStats] = (),
) -> dict[str, StyledLine]:
    """Return the text of every column; `history` are the layer's statistics at earlier probes."""
    role = "muted" if layer_kind(layer) in RESHAPING else "fg"
    saturation, saturation_bar, dead = _saturation(layer, bar)
    return {
        "layer": _name(layer, short, role, is_first_nonfinite),
        "out": (Span(GLYPHS.times.join(map(str, output_shape(layer))), role),),
        "params": (Span(f"{layer.parameters:,}", role),) if layer.parameters else (),
        "mean": _number(format_signed(layer.mean), layer.mean, role) if isinstance(layer, LayerStats) else DASH,
        "std": _number(format_std(layer.std), layer.std, role) if isinstance(layer, LayerStats) else DASH,
        "sat": saturation,
        "bar": saturation_bar,
        "dead": dead,
        **_weights(layer),
        "trend": _trend(layer, history),
    }


def _name(layer: Layer, short: bool, role: str, is_first_nonfinite: bool) -> StyledLine:
    if is_first_nonfinite:
        return (Span(layer_title(layer), "error", True),)
    kind = layer_kind(layer)
    return (
        Span(SHORT_NAMES.get(kind, kind) if short else kind, role),
        Span(layer_title(layer).removeprefix(kind), "muted"),
    )


def _number(text: str, value: float, role: str) -> StyledLine:
    return (Span(text, role if math.isfinite(value) else "error"),)


def _saturation(layer: Layer, bar: int) -> tuple[StyledLine, StyledLine, StyledLine]:
    """Return the cells for the saturation, its bar and the dead units."""
    if isinstance(layer, LayerShape):
        return DASH if layer.kind in SATURATING else (), (), DASH if layer.kind in DYING else ()
    percent = layer.saturation
    severity = HEALTHY["saturation"].severity(percent)
    if percent is None:
        return (), (), _dead(layer.dead, severity)
    if math.isnan(percent):
        return (Span("nan", "error"),), (), () if layer.dead is None else DASH
    blocks = horizontal_bar(percent / FULL_BAR_PERCENT, bar)
    return (
        (Span(f"{percent:.1f}", severity or "fg"),),
        (Span(f" {blocks}", severity or "muted"),),
        _dead(layer.dead, severity),
    )


def _dead(units: int | None, saturation: Severity) -> StyledLine:
    if not units:
        return () if units is None else (Span("0", "muted"),)
    return (Span(f"{units:,}", saturation or Severity.WARNING),)


def _weights(layer: Layer) -> dict[str, StyledLine]:
    """Return the cells for the weight, its gradient and its last update; dashes before the first probe."""
    if not layer.parameters:
        return {"gradient": (), "weight": (), "share": (), "update": ()}
    if isinstance(layer, LayerShape):
        return {"gradient": DASH, "weight": DASH, "share": DASH, "update": DASH}
    return {
        "gradient": _optional(layer.gradient_std, format_gradient_std),
        "weight": _optional(layer.weight_std, format_ratio),
        "share": _optional(layer.grad_data, format_ratio),
        "update": _update(layer.update_ratio),
    }


def _optional(value: float | None, number_format: NumberFormat) -> StyledLine:
    return DASH if value is None else _number(number_format(value), value, "fg")


def _update(ratio: float | None) -> StyledLine:
    if ratio is None:
        return DASH
    severity = HEALTHY["update"].severity(ratio)
    mark = f"{GLYPHS.warning} " if severity is Severity.WARNING else ""
    return (Span(f"{mark}{format_update_ratio(ratio)}", severity or "fg"),)


def _trend(layer: Layer, history: Sequence[LayerStats]) -> StyledLine:
    """Draw the last update ratios, or of an activation the last saturations, as a sparkline."""
    if isinstance(layer, LayerShape):
        return ()
    if layer.saturation is not None:
        low, high, values = 0.0, FULL_BAR_PERCENT, [stats.saturation for stats in history]
    else:
        low, high, values = *TREND_UPDATE_RATIOS, [stats.update_ratio for stats in history]
    fractions = [None if value is None else (value - low) / (high - low) for value in values]
    if all(fraction is None for fraction in fractions):
        return ()
    return (Span(sparkline(fractions).rjust(PROBES_KEPT), "muted"),)


# the column headers by key, in the order of the table
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
WEIGHTS = frozenset({"gradient", "weight", "share", "update", "trend"})

# the forms of the table, widest first: whether names are short, and the columns left out
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

# minimum widths, so that the columns do not move as numbers come and change
MIN_WIDTHS = {"mean": 6, "std": 5, "sat": 5, "update": 6, "trend": PROBES_KEPT}
MIN_BAR_WIDTH, MAX_BAR_WIDTH = 4, 20  # columns

LEFT_ALIGNED = ("layer", "bar")  # left-aligned columns
UNSORTED = ("layer", "bar", "trend")  # columns that rows are not sorted by


def fit_columns(layers: Sequence[Layer], width: int) -> ColumnLayout:
    """Return the widest form that fits `width`; each column includes the gap before it and a part of the spare room."""
    keys = _keys({layer_kind(layer) for layer in layers})
    min_widths = {short: _min_widths(layers, short) for short in (False, True)}
    for short, left_out in FORMS:
        widths = {key: min_widths[short][key] for key in keys if key not in left_out}
        if "bar" in widths and "dead" in widths:
            widths["dead"] -= 1  # the bar is seldom full, so its own emptiness is the gap
        if sum(widths.values()) <= width:
            break
    spare = max(0, width - sum(widths.values()))
    bar = ("bar",) if "bar" in widths else ()
    numbers = tuple(key for key in widths if key not in LEFT_ALIGNED)
    # A column of the bar first, then wider gaps, a longer bar, still wider gaps, and what is left to the names.
    spare = widen(widths, bar, 1, spare)
    spare = widen(widths, numbers, 1, spare)
    spare = widen(widths, bar, MAX_BAR_WIDTH - MIN_BAR_WIDTH - 1, spare)
    spare = widen(widths, numbers, 2, spare)
    widen(widths, ("layer",), spare, spare)
    return ColumnLayout(tuple(widths.items()), short_names=short)


def next_sort_column(layout: ColumnLayout, order: str) -> str:
    """Return the column to sort by after `order`; empty, for the order of the model, after the last."""
    keys = ["", *(key for key in layout.keys if key not in UNSORTED)]
    return keys[(keys.index(order) + 1) % len(keys)] if order in keys else ""


def cells(
    layer: Layer, layout: ColumnLayout, *, is_first_nonfinite: bool = False, history: Sequence[LayerStats] = ()
) -> dict[str, StyledLine]:
    """Return the text of the columns in `layout`; see `layer_cells`."""
    bar = max(0, layout.width_of("bar") - 1)
    every = layer_cells(
        layer, short=layout.short_names, bar=bar, is_first_nonfinite=is_first_nonfinite, history=history
    )
    return {key: every[key] for key in layout.keys}


def header(key: str, order: str) -> StyledLine:
    """Return the header of a column, with a mark if the rows are sorted by it."""
    if key and key == order:
        return (Span(GLYPHS.marker, "accent"), Span(HEADERS[key]))
    return (Span(HEADERS[key], "muted"),)


def row_order(layers: Sequence[Layer], order: str) -> tuple[int, ...]:
    """Return the indices of the layers in the order of the rows: that of the model, or descending by a column.

    Means count by magnitude; NaN comes first, layers without a value last.
    """
    if not order:
        return tuple(range(len(layers)))
    values = [_value(layer, order) for layer in layers]
    sort_keys = [-math.inf if value is None else math.inf if math.isnan(value) else value for value in values]
    return tuple(sorted(range(len(layers)), key=lambda index: -sort_keys[index]))


def _value(layer: Layer, order: str) -> float | None:
    if order == "out":
        return math.prod(output_shape(layer))
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


def _keys(kinds: set[str]) -> list[str]:
    """Return the columns that apply to layers of these kinds; all of them without a layer."""
    empty = {"sat", "bar"} if kinds and not kinds & SATURATING else set()
    if kinds and not kinds & DYING:
        empty.add("dead")
    return [key for key in HEADERS if key not in empty]


def _min_widths(layers: Sequence[Layer], short: bool) -> dict[str, int]:
    """Return the minimum width of each column with the gap before it."""
    rows = [layer_cells(layer, short=short) for layer in layers]
    return {
        key: (key != "layer")
        + max(len(title), MIN_WIDTHS.get(key, 0), max((cell_width(row[key]) for row in rows), default=0))
        for key, title in HEADERS.items()
    } | {"bar": 1 + MIN_BAR_WIDTH}
