"""View data, insights and update ratios for tests of the views."""

from __future__ import annotations

import math
import random

from support.lab_states import CARD, CONFIG, _layers

from charwave_tui.core.config.layer_shapes import level_shapes
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.protocol.events import UpdateRatiosReported
from charwave_tui.core.protocol.float_matrix import EMPTY_MATRIX, FloatMatrix
from charwave_tui.core.protocol.layer_insights import (
    AnyInsight,
    EmbeddingInsight,
    Histogram,
    InsightQuery,
    LinearInsight,
    TreeInsight,
    TreeLevel,
)
from charwave_tui.ui.drawing.styled_text import cell_width
from charwave_tui.ui.inspector.views.base import ViewData
from charwave_tui.ui.state.inspector_state import ViewCursor


def view_data(
    insight: AnyInsight, layer: int, config: RunConfig = CONFIG, symbols: str = CARD.symbols, **cursor
) -> ViewData:
    layers = _layers(config)
    return ViewData(layers, layers[layer], insight, ViewCursor(layer=layer, **cursor), symbols)


def tree_insight(
    config: RunConfig = CONFIG, text: str = "", strength: float | None = None, unknown: str = ""
) -> TreeInsight:
    layers = _layers(config)
    activations = [index for index, layer in enumerate(layers) if layer.name in ("Tanh", "Gated")]
    levels = tuple(
        TreeLevel(
            index,
            tuple(0.45 + 0.3 * math.sin(3 * i + index) if strength is None else strength for i in range(n)),
            tuple((i, i) for i in range(n)),
        )
        for index, n in zip(activations, (level.positions for level in level_shapes(config)), strict=True)
    )
    context = ("\0" * config.context + text)[-config.context :]
    return TreeInsight(context, levels, unknown, ((1, 0.32), (5, 0.2), (0, 0.1)))


def update_ratios_reported(
    layers: tuple[int, ...] = (0, 2, 6, 10, 13), steps: int = 200, spoilt: bool = False
) -> UpdateRatiosReported:
    ratios = [
        math.nan
        if spoilt and step > steps // 2
        else -2.4 - 0.3 * at + 0.8 * math.exp(-step / 20) + 0.1 * math.sin(step)
        for step in range(steps)
        for at in range(len(layers))
    ]
    return UpdateRatiosReported(tuple(range(0, steps * 100, 100)), layers, FloatMatrix.from_values(len(layers), ratios))


def embedding_insight(query: InsightQuery, count: int = 27) -> EmbeddingInsight:
    """Characters on a spiral; the neighbours are the next ones of the vocabulary."""
    points = [(math.sqrt(at) * math.cos(2.4 * at), 0.6 * math.sqrt(at) * math.sin(2.4 * at)) for at in range(count)]
    neighbours = tuple((query.symbol + step) % count for step in range(1, 11))
    grid = FloatMatrix.from_values(2, (number for point in points for number in point))
    return EmbeddingInsight(24, grid, (0.34, 0.18), query.symbol, neighbours, tuple(1.2 + i / 10 for i in range(10)))


NORMAL_HISTOGRAM = Histogram(-0.5, 0.5, tuple(math.exp(-((at / 8 - 4) ** 2)) for at in range(64)), 0.001, 0.13)


def linear_insight(
    fan_in: int, fan_out: int, query: InsightQuery, value: float | None = None, singular: FloatMatrix = EMPTY_MATRIX
) -> LinearInsight:
    """A matrix with `value` everywhere, else random, in as many blocks as the engine would give."""
    block_rows, block_columns = -(-fan_in // max(query.rows, 1)), -(-fan_out // max(query.columns, 1))
    rows, columns = -(-fan_in // block_rows), -(-fan_out // block_columns)
    generator = random.Random(fan_in)
    values = (generator.gauss(0, 0.13) if value is None else value for _ in range(rows * columns))
    norms = [FloatMatrix.from_values(n, (abs(1 + math.sin(at)) if value is None else abs(value) for at in range(n)))
             for n in (fan_in, fan_out)]  # fmt: skip
    is_nonfinite = value is not None and not math.isfinite(value)
    histogram = Histogram(0.0, 0.0, (), math.nan, math.nan) if is_nonfinite else NORMAL_HISTOGRAM
    return LinearInsight(
        fan_in, fan_out, histogram, histogram, FloatMatrix.from_values(columns, values), *norms, singular
    )


def fits_space(lines, width: int, height: int) -> bool:
    """Whether the lines fit and contain no line break."""
    return len(lines) <= height and all(
        cell_width(line) <= width and all(span.text.isprintable() for span in line) for line in lines
    )
