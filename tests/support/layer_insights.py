"""Insights into the layers of the lab states: invented, but the same each time."""

from __future__ import annotations

import math
import random

from support import layer_views

from charwave_tui.core.metrics import LayerStats
from charwave_tui.core.protocol.commands import InspectLayer
from charwave_tui.core.protocol.events import LayerInspected
from charwave_tui.core.protocol.float_matrix import EMPTY_MATRIX, FloatMatrix
from charwave_tui.core.protocol.layer_insights import (
    ActivationInsight,
    AnyInsight,
    BatchNormInsight,
    Histogram,
    InsightQuery,
    OutputInsight,
)

DEAD_UNIT = 37  # saturated for every example


def normal_histogram(bound: float, mean: float, std: float, bins: int = 64) -> Histogram:
    """A normal density, as the engine bins it."""
    width = 2 * bound / bins
    centres = [-bound + (i + 0.5) * width for i in range(bins)]
    heights = [math.exp(-(((x - mean) / std) ** 2) / 2) for x in centres]
    scale = sum(heights) * width
    return Histogram(-bound, bound, tuple(height / scale for height in heights), mean, std)


def tanh_insight(
    units: int = 128, positions: int = 2, query: InsightQuery | None = None, examples: int = 512
) -> ActivationInsight:
    """A tanh with one dead unit and a few saturated outputs."""
    query = query or InsightQuery(4)
    rows, columns = min(query.rows, examples), min(query.columns, units)
    top, left = min(query.top, examples - rows), min(query.left, units - columns)
    dead = min(DEAD_UNIT, units - 1)
    window = [
        [0.9987 if left + column == dead else value for column, value in enumerate(_row(query.position, row, columns))]
        for row in range(top, top + rows)
    ]
    normal = normal_histogram(1.0, -0.003, 0.9)
    heights = (normal.densities[0] * 1.6, *normal.densities[1:-1], normal.densities[-1] * 1.6)
    return ActivationInsight(
        output=Histogram(-1.0, 1.0, heights, -0.003, 0.644),
        gradient=normal_histogram(1.5e-3, 1.2e-6, 3.6e-4),
        examples=examples,
        positions=positions,
        units=units,
        dead=(min(DEAD_UNIT, units - 1),),
        dead_units=1,
        nearly_dead=tuple(unit for unit in (0, 64, 78) if unit < units - 1),
        position=min(query.position, positions - 1),
        top=top,
        left=left,
        values=FloatMatrix.from_values(columns, (value for row in window for value in row))
        if columns
        else FloatMatrix(0, 0, b""),
        contexts=tuple("\0\0\0\0oliv"[-8:] for _ in range(rows)),
    )


def _row(position: int, example: int, columns: int) -> list[float]:
    generator = random.Random(1_000 * position + example)
    return [math.tanh(1.6 * (sum(generator.random() for _ in range(4)) - 2)) for _ in range(columns)]


def norm_insight(
    units: int = 128, positions: int = 4, query: InsightQuery | None = None, bug: bool = False
) -> BatchNormInsight:
    """Running statistics a little behind those of the batch; with `bug` they are kept for each position."""
    query = query or InsightQuery(3)
    columns = min(query.columns, units)
    left = min(query.left, units - columns)
    generator = random.Random(7)

    def row(mean: float, std: float, rows: int = 1) -> FloatMatrix:
        rows_of_values = [[mean + generator.gauss(0.0, std) for _ in range(units)] for _ in range(rows)]
        return FloatMatrix.from_values(
            columns, (value for line in rows_of_values for value in line[left : left + columns])
        )

    return BatchNormInsight(
        units=units,
        positions=positions,
        examples=512,
        left=left,
        gamma=row(1.1, 0.1),
        beta=row(0.0, 0.2),
        running_mean=row(0.0, 0.4, positions if bug else 1),
        running_var=row(1.6, 0.2, positions if bug else 1),
        batch_mean=row(0.0, 0.4),
        batch_var=row(1.6, 0.2),
        position_mean=row(0.0, 0.4, positions),
        position_var=row(1.6, 0.2, positions),
        mean_deviation=0.04,
        var_deviation=0.13,
    )


def layer_insight(stats: LayerStats, query: InsightQuery) -> AnyInsight:
    """Return an insight into a layer with these statistics."""
    *_, units = stats.output_shape
    positions = stats.output_shape[1] if len(stats.output_shape) == 3 else 1
    match stats.name:
        case "Tanh" | "Gated":
            return tanh_insight(units, positions, query, stats.output_shape[0])
        case "BatchNorm1d":
            return norm_insight(units, positions, query)
        case "Linear":
            fan_in, fan_out = map(int, stats.detail.split("→"))
            count = min(fan_in, fan_out) if query.singular_values else 0
            singular = FloatMatrix.from_values(count, (2.5 * 0.97**i for i in range(count))) if count else EMPTY_MATRIX
            return layer_views.linear_insight(fan_in, fan_out, query, singular=singular)
        case "Embedding":
            return layer_views.embedding_insight(query)
        case "FlattenConsecutive":
            return layer_views.tree_insight(text=query.text)
        case _:
            return OutputInsight(normal_histogram(4.0, stats.mean, stats.std))


def inspect_reply(layers: tuple[LayerStats, ...], step: int, request: InspectLayer) -> LayerInspected:
    """Return the engine's response about one of these layers."""
    stats = layers[request.query.layer]
    return LayerInspected(step, request.request, stats, layer_insight(stats, request.query), 0.02)
