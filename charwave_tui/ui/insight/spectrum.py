"""A Linear's matrix by its rows, its columns and its directions: how long each is, as profiles."""

from __future__ import annotations

import math

from charwave_tui.core.insights import LinearInsight, singular_values_told
from charwave_tui.ui import numbers
from charwave_tui.ui.glyphs import GLYPHS, plainly
from charwave_tui.ui.insight import profiles, weights
from charwave_tui.ui.insight.figures import Figure
from charwave_tui.ui.insight.healthy import Healthy
from charwave_tui.ui.insight.shown import Shown
from charwave_tui.ui.insight.units import joined
from charwave_tui.ui.insight.written import symbol
from charwave_tui.ui.pieces import Line, Piece, wrapped

SINGULAR = (
    "Singular values say how far the matrix stretches each of its directions. A steep fall means that few directions "
    "carry the layer: effective rank is exp of the entropy of the shares of σ². Condition is the largest by the least."
)
"""What the singular values are to be read for."""


CONDITION = Healthy(
    -math.inf,
    math.inf,
    "tens",
    "The largest singular value by the smallest: how unevenly the matrix stretches its directions.",
)
"""What the condition means."""

RANK = Healthy(
    -math.inf,
    math.inf,
    "most of the matrix",
    "How many directions the matrix really uses: exp of the entropy of the shares of σ².",
)
"""What the effective rank means."""


def directions(insight: LinearInsight) -> tuple[Figure, ...]:
    """The figures of the singular values, where they are known."""
    values = list(insight.singular_values.row(0)) if insight.singular_values.rows else []
    if not values:
        return ()
    condition, rank = profiles.condition(values), profiles.effective_rank(values)
    return (
        Figure("condition", "condition", condition, _figure(condition, ".1f").text, CONDITION),
        Figure("effective rank", "rank", rank, f"{_figure(rank, '.1f').text} of {len(values):,}", RANK),
    )


def cursor(shown: Shown, insight: LinearInsight) -> tuple[int, int]:
    """The row and column of the matrix under the cursor."""
    gaze = shown.gaze
    return min(max(gaze.example, 0), insight.fan_in - 1), min(max(gaze.unit, 0), insight.fan_out - 1)


def target(shown: Shown, insight: LinearInsight, column: int) -> str:
    """What a column of the matrix puts out: the head's a character, a gated one's signal or gate."""
    place, layers = shown.gaze.layer, shown.layers
    if place == len(layers) - 1 and insight.fan_out == len(shown.symbols) + 1:
        return "the boundary" if column == 0 else symbol(shown.symbols, column)
    gated = any(layer.name == "Gated" for layer in layers[place + 1 : place + 3])
    return ("signal" if column < insight.fan_out // 2 else "gate") if gated else ""


def norms(shown: Shown, insight: LinearInsight, width: int, height: int) -> tuple[Line, ...]:
    """Three profiles one above the other: the rows' norms, the columns', and the singular values."""
    row, column = cursor(shown, insight)
    rows, columns = (list(each.row(0)) if each.rows else [] for each in (insight.row_norms, insight.column_norms))
    roomy, marked = height >= 24, height >= 14
    said = ((), *((Piece(text, "muted"),) for text in wrapped(plainly(SINGULAR), width, 3))) if roomy else ()
    bars = max((height - len(said) - 6 - 2 * marked - 3 * roomy) // 3, 1)
    gap: tuple[Line, ...] = ((),) if roomy else ()
    drawn: list[Line] = []
    for name, values, at, meant in (
        ("row", rows, row, weights.source(shown.layers, shown.gaze.layer, insight.fan_in, row)),
        ("column", columns, column, target(shown, insight, column)),
    ):
        heading = profiles.told(f"{name} norms", values)
        value = numbers.spread(values[at]) if at < len(values) else GLYPHS.none
        read = (Piece(f"{name} ", "muted"), Piece(f"{at:>3}", "accent", True), Piece(f"  {value}", "bright", True))
        groups = (heading[0], read, *heading[1:], *(((Piece(meant),),) if meant else ()))
        drawn += [*gap, joined(groups, width), *profiles.profile(values, width, bars, at if marked else None)]
    return (*drawn, *gap, *_singular(insight, width, bars), *said)


def _singular(insight: LinearInsight, width: int, bars: int) -> tuple[Line, ...]:
    """The singular values from the largest down with what they come to, or why there are none."""
    heading: Line = (Piece("singular values"),)
    if not singular_values_told(insight.fan_in, insight.fan_out):
        size = plainly(f"{insight.fan_in:,} × {insight.fan_out:,}")
        return ((*heading, Piece(f"   none: the matrix is too large for them, {size}", "muted")),)
    if not insight.singular_values.rows:
        return ((*heading, Piece("   working them out", "muted")),)
    values = list(insight.singular_values.row(0))
    rank = profiles.effective_rank(values)
    groups: tuple[Line, ...] = (
        heading,
        (Piece("condition ", "muted"), _figure(profiles.condition(values), ".1f")),
        (
            Piece("effective rank ", "muted"),
            _figure(rank, ".1f"),
            Piece(f" of {len(values):,}" * (width > 64), "muted"),
        ),
        (Piece("largest ", "muted"), _figure(max(values), ".3f")),
        (Piece("from the largest down", "muted"),),
    )
    return (joined(groups, width), *profiles.profile(values, width, bars))


def _figure(value: float, form: str) -> Piece:
    if not math.isfinite(value):
        return Piece("nan" if math.isnan(value) else "inf", "error" if math.isnan(value) else "warning", True)
    return Piece(f"{value:{form}}" if value < 100_000 else f"{value:.1e}", "bright", True)
