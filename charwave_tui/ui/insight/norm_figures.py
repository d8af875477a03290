"""What a BatchNorm1d keeps of one unit or of all, beside what the batch has, in plain numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from charwave_tui.core.grids import Grid
from charwave_tui.core.insights import NormInsight

EPSILON = 1e-5
"""What the layer adds to variances before it divides by them."""


@dataclass(frozen=True, slots=True)
class UnitFigures:
    """One unit: how its output is scaled and shifted, and the statistics that are kept beside those of the batch."""

    gamma: float
    beta: float
    running_mean: float
    batch_mean: float
    running_var: float
    batch_var: float

    @property
    def mean_apart(self) -> float:
        """|running − batch mean| in the batch's std."""
        return abs(self.running_mean - self.batch_mean) / _std(self.batch_var)

    @property
    def var_apart(self) -> float:
        """|log10(running var / batch var)|."""
        ratio = (self.running_var + EPSILON) / (self.batch_var + EPSILON)
        return abs(math.log10(ratio)) if ratio > 0 and math.isfinite(ratio) else math.nan


def has_bug(insight: NormInsight) -> bool:
    """Whether the layer keeps statistics of each position, as with the norm batch-bug."""
    return insight.running_mean.rows > 1


def columns_of(insight: NormInsight, position: int) -> tuple[UnitFigures, ...]:
    """The units of the window; where statistics are kept for each position, those of that one on both sides."""
    if has_bug(insight):
        own = (insight.running_mean, insight.position_mean, insight.running_var, insight.position_var)
    else:
        own = (insight.running_mean, insight.batch_mean, insight.running_var, insight.batch_var)
    grids = (insight.gamma, insight.beta, *own)
    rows = [_row(each, position) for each in grids]
    return tuple(UnitFigures(*values) for values in zip(*rows, strict=True))


def positions_of(insight: NormInsight, column: int) -> tuple[tuple[float, float, float], ...]:
    """For each position a unit's mean and variance, and how far its mean is from the shared one, in the shared std."""
    shared, var = insight.batch_mean.at(0, column), insight.batch_var.at(0, column)
    return tuple(
        (
            mean := insight.position_mean.at(place, column),
            insight.position_var.at(place, column),
            _far(mean, shared, var),
        )
        for place in range(insight.position_mean.rows)
    )


def _far(mean: float, shared: float, var: float) -> float:
    return abs(mean - shared) / _std(var)


def _std(var: float) -> float:
    return math.sqrt(var + EPSILON) if var >= 0 else math.nan


def _row(grid: Grid, position: int) -> Sequence[float]:
    return grid.row(min(position, grid.rows - 1)) if grid.rows else ()
