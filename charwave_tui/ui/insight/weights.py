"""The figures of a matrix, what is healthy of them, and what the layer does with it in terms of shapes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from charwave_tui.core.readings import LayerStats
from charwave_tui.ui import numbers
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.insight.figures import Figure
from charwave_tui.ui.insight.healthy import Healthy, healthy
from charwave_tui.ui.pieces import Line, Piece

MEAN = Healthy(-math.inf, math.inf, "near 0", "Small beside the std: the weights pull both ways alike.")
"""What is healthy of the mean of a matrix."""

GRAD_DATA = Healthy(
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


def figures(stats: LayerStats, usual_std: float, about: str, mean: float | None = None) -> tuple[Figure, ...]:
    """The figures of a layer's matrix, whose std begins near `usual_std` and is told `about`; `mean` where known."""
    health = healthy(stats.name)
    usual = f"near {numbers.spread(usual_std)} at first"
    std = Healthy(1e-12, math.inf, usual, about, below="All weights are alike, and so are all units.")
    known = [
        Figure("update", "update", stats.update_ratio, numbers.update(stats.update_ratio), health["update"]),
        Figure("grad:data", "grad:data", stats.grad_data, numbers.ratio(stats.grad_data), GRAD_DATA),
        Figure("grad std", "grad std", stats.gradient_std, numbers.small(stats.gradient_std), health["grad std"]),
        Figure("weight std", "std", stats.weight_std, _spread(stats.weight_std), std),
    ]
    if mean is not None:
        known.append(Figure("weight mean", "mean", mean, numbers.signed(mean), MEAN))
    return tuple(known)


def product(layers: Sequence[LayerStats], stats: LayerStats, place: int, sizes: tuple[int, int]) -> tuple[Line, ...]:
    """What the Linear at `place` does, in groups: `[B,4,48] @ [48,128] + b → [B,4,128]`, B, and what is broadcast.

    What comes in is what the layer before it puts out; a leading dimension that both have is broadcast over.
    """
    came = layers[place - 1].output_shape if 0 < place <= len(layers) else (*stats.output_shape[:-1], sizes[0])
    biased = stats.parameters > sizes[0] * sizes[1]
    form: Line = (
        Piece(_shape(("B", *came[1:])), "fg"),
        Piece(" @ ", "muted"),
        Piece(_shape(sizes), "bright", True),
        *((Piece(" + ", "muted"), Piece(f"b {_shape(sizes[1:])}", "fg")) if biased else ()),
        Piece(f" {GLYPHS.to} ", "muted"),
        Piece(_shape(("B", *stats.output_shape[1:])), "fg"),
    )
    groups: list[Line] = [form, (Piece(f"B = {stats.output_shape[0]:,} examples", "muted"),)]
    if len(came) > 2:
        groups.append((Piece(f"one matrix for all {came[1]:,} positions", "muted"),))
    return tuple(groups)


def source(layers: Sequence[LayerStats], place: int, fan_in: int, row: int) -> str:
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
        return numbers.small(value)
    return numbers.spread(value) if value >= 0.01 or value == 0 else numbers.small(value)
