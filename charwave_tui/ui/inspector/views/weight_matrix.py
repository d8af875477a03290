"""What a Linear's view says of its matrix: shapes, what rows and columns stand for, norms and singular values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from charwave_tui.core.config.layer_shapes import ACTIVATION_OF_LAYER
from charwave_tui.core.metrics import LayerStats
from charwave_tui.core.protocol.float_matrix import FloatMatrix
from charwave_tui.core.protocol.layer_insights import LinearInsight, can_compute_singular_values
from charwave_tui.ui.drawing.block_graphics import axis_labels, vertical_bars
from charwave_tui.ui.drawing.canvas import display_char
from charwave_tui.ui.drawing.number_format import (
    format_gradient_std,
    format_ratio,
    format_signed,
    format_std,
    format_update_ratio,
)
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, fit_groups, muted_lines
from charwave_tui.ui.inspector.views.base import ViewData
from charwave_tui.ui.inspector.views.diagnostics import Diagnostic
from charwave_tui.ui.state.layer_health import HealthyRange, ranges_for
from charwave_tui.ui.terminal.glyphs import GLYPHS, with_local_glyphs

MIN_LABEL_DISTANCE = 16  # columns between two numbers below a profile
SINGULAR_VALUES_TEXT = (
    "Singular values are the factors by which the matrix scales its principal directions. A steep drop means that few "
    "directions matter: effective rank is exp of the entropy of σ²/Σσ². Condition is the largest / the smallest."
)
LINEAR_STD_TEXT = "Initialized so that the output has the std of the input; training usually increases it."
EMBEDDING_STD_TEXT = "Initialized with std 1; training moves characters with similar use together, and others away."
MEAN_RANGE = HealthyRange(-math.inf, math.inf, "near 0", "Small compared with the std: both signs balance.")
GRAD_DATA_RANGE = HealthyRange(
    0.0,
    1.0,
    "well under 1",
    "grad:data is std(gradient) / std(weights): the size of the gradient relative to the weights.",
    above="The gradient is larger than the weights: with a large lr a step may undo what was learned.",
)
CONDITION_RANGE = HealthyRange(
    -math.inf,
    math.inf,
    "tens",
    "The largest singular value divided by the smallest: how unevenly the matrix scales its directions.",
)
RANK_RANGE = HealthyRange(
    -math.inf,
    math.inf,
    "near the full rank",
    "How many directions the matrix uses in effect: exp of the entropy of σ²/Σσ².",
)


def weight_diagnostics(
    stats: LayerStats, initial_std: float, std_text: str, mean: float | None = None
) -> tuple[Diagnostic, ...]:
    """Return the diagnostics of a layer's matrix, which was initialized with about `initial_std`."""
    ranges = ranges_for(stats.name)
    initial = f"near {format_std(initial_std)} at step 0"
    std_range = HealthyRange(1e-12, math.inf, initial, std_text, below="All weights are equal, and so are all units.")
    diagnostics = [
        Diagnostic("update", stats.update_ratio, format_update_ratio(stats.update_ratio), ranges["update"]),
        Diagnostic("grad:data", stats.grad_data, format_ratio(stats.grad_data), GRAD_DATA_RANGE),
        Diagnostic("grad std", stats.gradient_std, format_gradient_std(stats.gradient_std), ranges["grad std"]),
        Diagnostic("weight std", stats.weight_std, _format_weight_std(stats.weight_std), std_range, "std"),
    ]
    if mean is not None:
        diagnostics.append(Diagnostic("weight mean", mean, format_signed(mean), MEAN_RANGE, "mean"))
    return tuple(diagnostics)


def _format_weight_std(value: float | None) -> str:
    if value is not None and math.isfinite(value) and (value >= 0.01 or value == 0):
        return format_std(value)
    return format_gradient_std(value)


def matmul_text(data: ViewData[LinearInsight]) -> tuple[StyledLine, ...]:
    """Return what the Linear computes, as groups: `[B,4,48] @ [48,128] + b → [B,4,128]`, and what B is.

    Its input has the shape of the previous layer's output; the matrix is broadcast over a position dimension.
    """
    stats, insight, index = data.stats, data.insight, data.cursor.layer
    shape = (insight.fan_in, insight.fan_out)
    input_shape = data.layers[index - 1].output_shape if index > 0 else (*stats.output_shape[:-1], insight.fan_in)
    has_bias = stats.parameters > insight.fan_in * insight.fan_out
    product: StyledLine = (
        Span(_shape_text(("B", *input_shape[1:])), "fg"),
        Span(" @ ", "muted"),
        Span(_shape_text(shape), "bright", True),
        *((Span(" + ", "muted"), Span(f"b {_shape_text(shape[1:])}", "fg")) if has_bias else ()),
        Span(f" {GLYPHS.arrow} ", "muted"),
        Span(_shape_text(("B", *stats.output_shape[1:])), "fg"),
    )
    groups: list[StyledLine] = [product, (Span(f"B = {stats.output_shape[0]:,} examples", "muted"),)]
    if len(input_shape) > 2:
        groups.append((Span(f"one matrix for all {input_shape[1]:,} positions", "muted"),))
    return tuple(groups)


def _shape_text(sizes: Iterable[int | str]) -> str:
    return f"[{','.join(map(str, sizes))}]"


def input_source_text(layers: Sequence[LayerStats], index: int, fan_in: int, row: int) -> str:
    """Return what a row of the matrix of the Linear at `index` multiplies: which concatenated input, which channel.

    Empty if the previous layer concatenates nothing.
    """
    previous = layers[index - 1] if 0 < index <= len(layers) else None
    match previous:
        case LayerStats(name="FlattenDilated"):
            count = 2
        case LayerStats(name="FlattenConsecutive" | "Skips", detail=detail) if detail.isdecimal():
            count = int(detail)
        case _:
            return ""
    if count < 2 or fan_in % count:
        return ""
    part, channel = divmod(row, fan_in // count)
    match previous.name:
        case "FlattenDilated":
            source = f"{previous.detail} back" if part == 0 else "current position"
        case "Skips":
            source = f"level {part + 1} of {count}"
        case _:
            source = ("left", "right")[part] + " of the pair" if count == 2 else f"{part + 1} of {count} concatenated"
    return f"{source}, channel {channel}"


def output_text(data: ViewData[LinearInsight], column: int) -> str:
    """Return what a column of the matrix computes: the head's a character's logit, a gated layer's signal or gate."""
    index, layers, fan_out = data.cursor.layer, data.layers, data.insight.fan_out
    if index == len(layers) - 1 and fan_out == len(data.symbols) + 1:
        return "the boundary" if column == 0 else display_char(data.symbols, column)
    specs = (ACTIVATION_OF_LAYER.get(layer.name) for layer in layers[index + 1 : index + 3])
    is_gated = any(spec is not None and spec.is_gated for spec in specs)
    return ("signal" if column < fan_out // 2 else "gate") if is_gated else ""


def matrix_cursor(data: ViewData[LinearInsight]) -> tuple[int, int]:
    cursor, insight = data.cursor, data.insight
    return min(max(cursor.example, 0), insight.fan_in - 1), min(max(cursor.unit, 0), insight.fan_out - 1)


def condition_number(singular_values: Sequence[float]) -> float:
    """Return the ratio of the largest to the smallest; infinite if that is 0, NaN if one is not finite."""
    if not singular_values or not all(map(math.isfinite, singular_values)):
        return math.nan
    return max(singular_values) / min(singular_values) if min(singular_values) > 0 else math.inf


def effective_rank(singular_values: Sequence[float]) -> float:
    """Return exp of the entropy −Σ p ln p of the fractions p = σ²/Σσ²; NaN if one is not finite or all are 0.

    After Roy and Vetterli 2007, "The effective rank", who take fractions of σ itself; those of σ² are fractions of the
    squared Frobenius norm.
    """
    if not singular_values or not all(map(math.isfinite, singular_values)) or max(singular_values) <= 0:
        return math.nan
    largest = max(singular_values)
    squares = [(value / largest) ** 2 for value in singular_values]  # relative, for squares of large ones overflow
    total = sum(squares)
    return math.exp(-sum(square / total * math.log(square / total) for square in squares if square > 0))


def spectrum_diagnostics(insight: LinearInsight) -> tuple[Diagnostic, ...]:
    values = _row_values(insight.singular_values)
    if not values:
        return ()
    condition, rank = condition_number(values), effective_rank(values)
    return (
        Diagnostic("condition", condition, _number(condition).text, CONDITION_RANGE),
        Diagnostic("effective rank", rank, f"{_number(rank).text} of {len(values):,}", RANK_RANGE, "rank"),
    )


def draw_norms(data: ViewData[LinearInsight], width: int, height: int) -> tuple[StyledLine, ...]:
    insight, (row, column) = data.insight, matrix_cursor(data)
    is_spacious, has_marks = height >= 24, height >= 14
    text = ((), *muted_lines(with_local_glyphs(SINGULAR_VALUES_TEXT), width, 3)) if is_spacious else ()
    bar_rows = max((height - len(text) - 6 - 2 * has_marks - 3 * is_spacious) // 3, 1)
    gap: tuple[StyledLine, ...] = ((),) if is_spacious else ()
    lines: list[StyledLine] = []
    for name, norms, index, meaning in (
        ("row", insight.row_norms, row, input_source_text(data.layers, data.cursor.layer, insight.fan_in, row)),
        ("column", insight.column_norms, column, output_text(data, column)),
    ):
        values = _row_values(norms)
        heading, *statistics = profile_heading(f"{name} norms", values)
        norm = format_std(values[index]) if index < len(values) else GLYPHS.dash
        readout = (Span(f"{name} ", "muted"), Span(f"{index:>3}", "accent", True), Span(f"  {norm}", "bright", True))
        groups = (heading, readout, *statistics, *(((Span(meaning),),) if meaning else ()))
        profile = draw_profile(values, width, bar_rows, index if has_marks else None)
        lines += [*gap, fit_groups(groups, width), *profile]
    return (*lines, *gap, *_singular_values(insight, width, bar_rows), *text)


def _singular_values(insight: LinearInsight, width: int, bar_rows: int) -> tuple[StyledLine, ...]:
    heading = Span("singular values")
    if not can_compute_singular_values(insight.fan_in, insight.fan_out):
        size = with_local_glyphs(f"{insight.fan_in:,} × {insight.fan_out:,}")
        return ((heading, Span(f"   not computed: the matrix is too large, {size}", "muted")),)
    values = _row_values(insight.singular_values)
    if not values:
        return ((heading, Span("   computing", "muted")),)
    count = Span(f" of {len(values):,}" if width > 64 else "", "muted")
    groups: tuple[StyledLine, ...] = (
        (heading,),
        (Span("condition ", "muted"), _number(condition_number(values))),
        (Span("effective rank ", "muted"), _number(effective_rank(values)), count),
        (Span("largest ", "muted"), _number(max(values), ".3f")),
        (Span("in descending order", "muted"),),
    )
    return (fit_groups(groups, width), *draw_profile(values, width, bar_rows))


def profile_heading(name: str, values: Sequence[float]) -> tuple[StyledLine, ...]:
    finite = [value for value in values if math.isfinite(value)]
    groups: list[StyledLine] = [(Span(name),)]
    if len(finite) < len(values):
        groups.append((Span(f"{GLYPHS.cross} {len(values) - len(finite):,} not finite", "error"),))
    if finite:
        for label, value in (("min", min(finite)), ("mean", sum(finite) / len(finite)), ("max", max(finite))):
            groups.append((Span(f"{label} ", "muted"), Span(format_std(value), "bright", True)))
    return tuple(groups)


def draw_profile(values: Sequence[float], width: int, rows: int, cursor: int | None = None) -> tuple[StyledLine, ...]:
    """Render bars from 0 to the largest of `values` in `rows` lines, and the values' numbers below.

    A value that is not finite is a full column in error. With a `cursor` there is a line above with its mark.
    """
    if not values or width < 1 or rows < 1:
        return ()
    resized = resize_profile(values, width)
    largest = max((value for value in resized if math.isfinite(value)), default=0.0) or 1.0
    heights = [value / largest if math.isfinite(value) else 1.0 for value in resized]
    roles = ["muted" if math.isfinite(value) else "error" for value in resized]
    mark: tuple[StyledLine, ...] = ()
    count = len(values)
    if cursor is not None:
        column = (2 * min(cursor, count - 1) + 1) * width // (2 * count)
        mark = ((Span(" " * column + GLYPHS.marker, "accent"),),)
    # a power of two
    label_step = 1 << (max(-(-MIN_LABEL_DISTANCE * count // width), 1) - 1).bit_length()
    labels = axis_labels(((number * width // count, number) for number in range(0, count, label_step)), width)
    return (*mark, *vertical_bars(heights, rows, roles), (Span(labels, "muted"),))


def resize_profile(values: Sequence[float], width: int) -> list[float]:
    """Return a value for each of `width` columns: repeated if there are fewer values, else the largest of each group.

    A value that is not finite counts as larger than all others.
    """
    count = len(values)
    if count <= width:
        return [values[(2 * column + 1) * count // (2 * width)] for column in range(width)]
    groups = (values[column * count // width : (column + 1) * count // width] for column in range(width))
    return [max(group, key=lambda value: value if math.isfinite(value) else math.inf) for group in groups]


def _row_values(matrix: FloatMatrix) -> list[float]:
    return list(matrix.row(0)) if matrix.rows else []


def _number(value: float, format_spec: str = ".1f") -> Span:
    if not math.isfinite(value):
        return Span("nan" if math.isnan(value) else "inf", "error" if math.isnan(value) else "warning", True)
    return Span(f"{value:{format_spec}}" if value < 100_000 else f"{value:.1e}", "bright", True)
