"""Weight diagnostics, norms, singular values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from charwave_tui.core.config.layer_shapes import ACTIVATION_OF_LAYER
from charwave_tui.core.metrics import LayerStats
from charwave_tui.core.protocol.layer_insights import LinearInsight, can_compute_singular_values
from charwave_tui.ui.drawing.block_graphics import vertical_bars
from charwave_tui.ui.drawing.canvas import display_char
from charwave_tui.ui.drawing.number_format import (
    format_gradient_std,
    format_ratio,
    format_signed,
    format_std,
    format_update_ratio,
)
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, wrap
from charwave_tui.ui.inspector.views.base import ViewData
from charwave_tui.ui.inspector.views.diagnostics import Diagnostic
from charwave_tui.ui.inspector.views.unit_image import joined
from charwave_tui.ui.state.layer_health import HealthyRange, ranges_for
from charwave_tui.ui.terminal.glyphs import GLYPHS, with_local_glyphs

EVERY = 16
"""Columns between two numbers at the edge, at least."""


def draw_profile(values: Sequence[float], width: int, rows: int, cursor: int | None = None) -> tuple[StyledLine, ...]:
    """Bars from 0 to the largest of `values` in `rows` lines, and the numbers under them.

    One that is not finite is a whole column in error; with a `cursor` a line above has its mark.
    """
    if not values or width < 1 or rows < 1:
        return ()
    shown = resized(values, width)
    most = max((value for value in shown if math.isfinite(value)), default=0.0) or 1.0
    shares = [value / most if math.isfinite(value) else 1.0 for value in shown]
    roles = ["muted" if math.isfinite(value) else "error" for value in shown]
    above: tuple[StyledLine, ...] = ()
    if cursor is not None:
        at = (2 * min(cursor, len(values) - 1) + 1) * width // (2 * len(values))
        above = ((Span(" " * at + GLYPHS.marker, "accent"),),)
    return (*above, *vertical_bars(shares, rows, roles), (Span(_edge(len(values), width), "muted"),))


def resized(values: Sequence[float], width: int) -> list[float]:
    """The values in `width` columns: each as wide as there is room, or the largest of those that share a column.

    One that is not finite is larger than all others.
    """
    count = len(values)
    if count <= width:
        return [values[(2 * at + 1) * count // (2 * width)] for at in range(width)]
    groups = (values[at * count // width : (at + 1) * count // width] for at in range(width))
    return [max(group, key=lambda value: value if math.isfinite(value) else math.inf) for group in groups]


def profile_heading(name: str, values: Sequence[float]) -> tuple[StyledLine, ...]:
    """A heading in groups: what the profile is of, and its smallest, mean and largest value."""
    finite = [value for value in values if math.isfinite(value)]
    groups: list[StyledLine] = [(Span(name),)]
    if len(finite) < len(values):
        groups.append((Span(f"{GLYPHS.cross} {len(values) - len(finite):,} not finite", "error"),))
    if finite:
        for label, value in (("least", min(finite)), ("mean", sum(finite) / len(finite)), ("most", max(finite))):
            groups.append((Span(f"{label} ", "muted"), Span(format_std(value), "bright", True)))
    return tuple(groups)


def condition_number(values: Sequence[float]) -> float:
    """The largest singular value by the smallest; infinite where that is 0, NaN where one is not finite."""
    if not values or not all(map(math.isfinite, values)):
        return math.nan
    return max(values) / min(values) if min(values) > 0 else math.inf


def effective_rank(values: Sequence[float]) -> float:
    """How many directions a matrix really uses: exp of the entropy −Σ p ln p of the shares p = σ²/Σσ².

    After Roy and Vetterli 2007, "The effective rank", who take the shares of σ itself; those of σ² are shares of the
    squared Frobenius norm. NaN where a value is not finite or all are 0.
    """
    if not values or not all(map(math.isfinite, values)) or max(values) <= 0:
        return math.nan
    most = max(values)
    squares = [(value / most) ** 2 for value in values]  # of shares of the largest: squares of large ones are infinite
    total = sum(squares)
    return math.exp(-sum(square / total * math.log(square / total) for square in squares if square > 0))


def _edge(count: int, width: int) -> str:
    """Numbers of rows, columns or values under the columns where they begin."""
    text = ""
    every = 1 << (max(-(-EVERY * count // width), 1) - 1).bit_length()  # the next power of two
    for number in range(0, count, every):
        start = number * width // count
        label = f"{number:,}"
        if start + len(label) <= width:
            text = text.ljust(start) + label
    return text


MEAN = HealthyRange(-math.inf, math.inf, "near 0", "Small beside the std: the weights pull both ways alike.")
"""What is healthy of the mean of a matrix."""


GRAD_DATA = HealthyRange(
    0.0,
    1.0,
    "well under 1",
    "grad:data is std(gradient)/std(weight): how large a move the gradient asks for, beside what is there.",
    above="The gradient is larger than the weights themselves: a step with this lr may undo what was learned.",
)
"""What is healthy of the gradient's std by the weight's."""


LINEAR = "At first it puts out what is spread as widely as what it gets; training adds to it."
"""What the std of a Linear's matrix means."""


EMBEDDING = "Drawn with std 1; training draws characters that are used alike together, and others apart."
"""What the std of an embedding means."""


def weight_diagnostics(
    stats: LayerStats, usual_std: float, about: str, mean: float | None = None
) -> tuple[Diagnostic, ...]:
    """The figures of a layer's matrix, whose std begins near `usual_std` and is told `about`; `mean` where known."""
    health = ranges_for(stats.name)
    usual = f"near {format_std(usual_std)} at first"
    std = HealthyRange(1e-12, math.inf, usual, about, below="All weights are alike, and so are all units.")
    known = [
        Diagnostic("update", "update", stats.update_ratio, format_update_ratio(stats.update_ratio), health["update"]),
        Diagnostic("grad:data", "grad:data", stats.grad_data, format_ratio(stats.grad_data), GRAD_DATA),
        Diagnostic(
            "grad std",
            "grad std",
            stats.gradient_std,
            format_gradient_std(stats.gradient_std),
            health["grad std"],
        ),
        Diagnostic("weight std", "std", stats.weight_std, _spread(stats.weight_std), std),
    ]
    if mean is not None:
        known.append(Diagnostic("weight mean", "mean", mean, format_signed(mean), MEAN))
    return tuple(known)


def matmul_text(
    layers: Sequence[LayerStats], stats: LayerStats, place: int, sizes: tuple[int, int]
) -> tuple[StyledLine, ...]:
    """What the Linear at `place` does, in groups: `[B,4,48] @ [48,128] + b → [B,4,128]`, B, and what is broadcast.

    What comes in is what the layer before it puts out; a leading dimension that both have is broadcast over.
    """
    came = layers[place - 1].output_shape if 0 < place <= len(layers) else (*stats.output_shape[:-1], sizes[0])
    biased = stats.parameters > sizes[0] * sizes[1]
    form: StyledLine = (
        Span(_shape(("B", *came[1:])), "fg"),
        Span(" @ ", "muted"),
        Span(_shape(sizes), "bright", True),
        *((Span(" + ", "muted"), Span(f"b {_shape(sizes[1:])}", "fg")) if biased else ()),
        Span(f" {GLYPHS.arrow} ", "muted"),
        Span(_shape(("B", *stats.output_shape[1:])), "fg"),
    )
    groups: list[StyledLine] = [form, (Span(f"B = {stats.output_shape[0]:,} examples", "muted"),)]
    if len(came) > 2:
        groups.append((Span(f"one matrix for all {came[1]:,} positions", "muted"),))
    return tuple(groups)


def input_source_text(layers: Sequence[LayerStats], place: int, fan_in: int, row: int) -> str:
    """What a row of the matrix of the Linear at `place` is of: which of those that are joined, and which channel."""
    before = layers[place - 1] if 0 < place <= len(layers) else None
    joined = _joined(before)
    if before is None or joined < 2 or fan_in % joined:
        return ""
    part, channel = divmod(row, fan_in // joined)
    match before.name:
        case "FlattenDilated":
            which = f"{before.detail} back" if part == 0 else "here"
        case "Skips":
            which = f"level {part + 1} of {joined}"
        case _:
            which = ("left", "right")[part] + " of the pair" if joined == 2 else f"{part + 1} of {joined} joined"
    return f"{which}, channel {channel}"


def _joined(before: LayerStats | None) -> int:
    """How many outputs of the level below a row of what comes in holds side by side."""
    if before is None or before.name not in ("FlattenConsecutive", "FlattenDilated", "Skips"):
        return 1
    if before.name == "FlattenDilated":
        return 2
    return int(before.detail) if before.detail.isdecimal() else 1


def _shape(sizes: Iterable[int | str]) -> str:
    return f"[{','.join(map(str, sizes))}]"


def _spread(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return format_gradient_std(value)
    return format_std(value) if value >= 0.01 or value == 0 else format_gradient_std(value)


SINGULAR = (
    "Singular values say how far the matrix stretches each of its directions. A steep fall means that few directions "
    "carry the layer: effective rank is exp of the entropy of the shares of σ². Condition is the largest by the least."
)
"""What the singular values are to be read for."""


CONDITION = HealthyRange(
    -math.inf,
    math.inf,
    "tens",
    "The largest singular value by the smallest: how unevenly the matrix stretches its directions.",
)
"""What the condition means."""


RANK = HealthyRange(
    -math.inf,
    math.inf,
    "most of the matrix",
    "How many directions the matrix really uses: exp of the entropy of the shares of σ².",
)
"""What the effective rank means."""


def spectrum_diagnostics(insight: LinearInsight) -> tuple[Diagnostic, ...]:
    """The figures of the singular values, where they are known."""
    values = list(insight.singular_values.row(0)) if insight.singular_values.rows else []
    if not values:
        return ()
    condition, rank = condition_number(values), effective_rank(values)
    return (
        Diagnostic("condition", "condition", condition, _figure(condition, ".1f").text, CONDITION),
        Diagnostic("effective rank", "rank", rank, f"{_figure(rank, '.1f').text} of {len(values):,}", RANK),
    )


def cursor(shown: ViewData, insight: LinearInsight) -> tuple[int, int]:
    """The row and column of the matrix under the cursor."""
    gaze = shown.gaze
    return min(max(gaze.example, 0), insight.fan_in - 1), min(max(gaze.unit, 0), insight.fan_out - 1)


def target(shown: ViewData, insight: LinearInsight, column: int) -> str:
    """What a column of the matrix puts out: the head's a character, a gated one's signal or gate."""
    place, layers = shown.gaze.layer, shown.layers
    if place == len(layers) - 1 and insight.fan_out == len(shown.symbols) + 1:
        return "the boundary" if column == 0 else display_char(shown.symbols, column)
    specs = (ACTIVATION_OF_LAYER.get(layer.name) for layer in layers[place + 1 : place + 3])
    gated = any(spec is not None and spec.is_gated for spec in specs)
    return ("signal" if column < insight.fan_out // 2 else "gate") if gated else ""


def draw_norms(shown: ViewData, insight: LinearInsight, width: int, height: int) -> tuple[StyledLine, ...]:
    """Three profiles one above the other: the rows' norms, the columns', and the singular values."""
    row, column = cursor(shown, insight)
    rows, columns = (list(each.row(0)) if each.rows else [] for each in (insight.row_norms, insight.column_norms))
    roomy, marked = height >= 24, height >= 14
    said = ((), *((Span(text, "muted"),) for text in wrap(with_local_glyphs(SINGULAR), width, 3))) if roomy else ()
    bars = max((height - len(said) - 6 - 2 * marked - 3 * roomy) // 3, 1)
    gap: tuple[StyledLine, ...] = ((),) if roomy else ()
    drawn: list[StyledLine] = []
    for name, values, at, meant in (
        ("row", rows, row, input_source_text(shown.layers, shown.gaze.layer, insight.fan_in, row)),
        ("column", columns, column, target(shown, insight, column)),
    ):
        heading = profile_heading(f"{name} norms", values)
        value = format_std(values[at]) if at < len(values) else GLYPHS.dash
        read = (Span(f"{name} ", "muted"), Span(f"{at:>3}", "accent", True), Span(f"  {value}", "bright", True))
        groups = (heading[0], read, *heading[1:], *(((Span(meant),),) if meant else ()))
        drawn += [*gap, joined(groups, width), *draw_profile(values, width, bars, at if marked else None)]
    return (*drawn, *gap, *_singular(insight, width, bars), *said)


def _singular(insight: LinearInsight, width: int, bars: int) -> tuple[StyledLine, ...]:
    """The singular values from the largest down with what they come to, or why there are none."""
    heading: StyledLine = (Span("singular values"),)
    if not can_compute_singular_values(insight.fan_in, insight.fan_out):
        size = with_local_glyphs(f"{insight.fan_in:,} × {insight.fan_out:,}")
        return ((*heading, Span(f"   none: the matrix is too large for them, {size}", "muted")),)
    if not insight.singular_values.rows:
        return ((*heading, Span("   working them out", "muted")),)
    values = list(insight.singular_values.row(0))
    rank = effective_rank(values)
    groups: tuple[StyledLine, ...] = (
        heading,
        (Span("condition ", "muted"), _figure(condition_number(values), ".1f")),
        (
            Span("effective rank ", "muted"),
            _figure(rank, ".1f"),
            Span(f" of {len(values):,}" * (width > 64), "muted"),
        ),
        (Span("largest ", "muted"), _figure(max(values), ".3f")),
        (Span("from the largest down", "muted"),),
    )
    return (joined(groups, width), *draw_profile(values, width, bars))


def _figure(value: float, form: str) -> Span:
    if not math.isfinite(value):
        return Span("nan" if math.isnan(value) else "inf", "error" if math.isnan(value) else "warning", True)
    return Span(f"{value:{form}}" if value < 100_000 else f"{value:.1e}", "bright", True)
