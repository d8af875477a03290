"""The table of layers as text: which columns a width has room for, and in what order its rows stand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from charwave_tui.core.readings import LayerStats
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.layer_cells import DYING, SATURATING, Layer, every_cell, kind_of, output_of
from charwave_tui.ui.layers_view import TREND
from charwave_tui.ui.pieces import Line, Piece, columns

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
class Plan:
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


def plan_for(layers: Sequence[Layer], width: int) -> Plan:
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
    return Plan(tuple(needs.items()), short)


def cells(
    layer: Layer, plan: Plan, *, first_spoilt: bool = False, course: Sequence[LayerStats] = ()
) -> dict[str, Line]:
    """The text of each column for one layer; `first_spoilt` marks the one where NaN begins."""
    every = every_cell(layer, short=plan.short, bar=plan.bar, first=first_spoilt, course=course)
    return {key: every[key] for key, _ in plan.widths}


def header(key: str, order: str) -> Line:
    """What stands above a column, with a mark where the rows are sorted by it."""
    if key and key == order:
        return (Piece(GLYPHS.choices, "accent"), Piece(HEADERS[key]))
    return (Piece(HEADERS[key], "muted"),)


def sorted_places(layers: Sequence[Layer], order: str) -> tuple[int, ...]:
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
    rows = [every_cell(layer, short=short) for layer in layers]
    return {
        key: (key != "layer")
        + max(len(name), NARROWEST.get(key, 0), max((columns(row[key]) for row in rows), default=0))
        for key, name in HEADERS.items()
    } | {"bar": 1 + SMALLEST_BAR}
