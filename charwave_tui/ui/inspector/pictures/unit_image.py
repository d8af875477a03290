"""An activation's outputs as an image: a row for each example, a column for each unit, and a cursor."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from charwave_tui.core.config.layer_shapes import DEAD_THRESHOLD, ActivationSpec
from charwave_tui.core.protocol.float_matrix import FloatMatrix
from charwave_tui.core.protocol.layer_insights import ActivationInsight
from charwave_tui.ui.drawing.block_graphics import axis_labels, half_block_image, legend_swatch, supports_shades
from charwave_tui.ui.drawing.number_format import format_signed
from charwave_tui.ui.drawing.styled_text import GAP, Span, StyledLine, cell_width, fit_groups, readable
from charwave_tui.ui.state.inspector_state import ViewCursor
from charwave_tui.ui.terminal.glyphs import GLYPHS, with_local_glyphs

GUTTER = 7  # columns left of an image: row numbers and the cursor's mark
FRAME = 2  # lines around an image: the cursor's mark above, column numbers below
READOUT_LABEL_COLUMNS = 14
LABELLED_ROWS, LABELLED_COLUMNS = 8, 16  # examples, and units, between two numbers at the edges


@dataclass(frozen=True, slots=True)
class UnitColoring:
    """Which outputs of an activation are coloured `bright` or `muted`, with a legend label for each.

    `derivative` is that of the activation as a function of its output; None if the output does not determine it.
    """

    bright_label: str
    muted_label: str
    is_bright: Callable[[float], bool]
    is_muted: Callable[[float], bool]
    derivative: Callable[[float], float] | None
    derivative_label: str

    def role(self, value: float, is_dead: bool) -> str:
        """Return the colour role of one output; empty for the background."""
        if not math.isfinite(value):
            return "error"
        if is_dead:
            return "warning"
        return "bright" if self.is_bright(value) else "muted" if self.is_muted(value) else ""


def unit_coloring(spec: ActivationSpec) -> UnitColoring:
    """Return which outputs of an activation are coloured: those at which a tanh is flat, else large ones."""
    label = f"dh/dx {spec.derivative_formula}".rstrip()
    if spec.is_gated:
        bright, muted = 0.9, 0.5
    elif spec.saturation_threshold is not None:
        bright, muted = DEAD_THRESHOLD, spec.saturation_threshold
    else:
        return UnitColoring("h > 1", "> 0", lambda h: h > 1, lambda h: h > 0, spec.derivative, label)
    is_bright, is_muted = (lambda h: abs(h) > bright), (lambda h: abs(h) > muted)
    return UnitColoring(f"|h| > {bright}", f"> {muted}", is_bright, is_muted, spec.derivative, label)


def draw_units(
    insight: ActivationInsight, cursor: ViewCursor, coloring: UnitColoring, height: int
) -> tuple[StyledLine, ...]:
    values = insight.values
    rows = min(values.rows, 2 * (height - FRAME))
    image = _image(values, insight.left, insight.dead, coloring, rows, supports_shades())
    examples = range(insight.top, insight.top + 2 * len(image), 2)
    row_labels = [f"{example:,}" if example % LABELLED_ROWS == 0 else "" for example in examples]
    column = cursor.unit - insight.left
    mark_column = column if 0 <= column < values.columns else None
    cursor_line = (cursor.example - insight.top) // 2
    return framed_image(image, row_labels, unit_labels(insight.left, values.columns), cursor_line, mark_column)


def framed_image(
    image: Sequence[StyledLine],
    row_labels: Sequence[str],
    column_labels: str,
    cursor_line: int,
    cursor_column: int | None,
) -> tuple[StyledLine, ...]:
    mark = () if cursor_column is None else (Span(" " * (GUTTER + cursor_column) + GLYPHS.marker, "accent"),)
    body = (
        (
            Span(f"{label:>{GUTTER - 2}} ", "muted"),
            Span(GLYPHS.cursor if index == cursor_line else " ", "accent"),
            *line,
        )
        for index, (label, line) in enumerate(zip(row_labels, image, strict=True))
    )
    return (mark, *body, (Span(" " * GUTTER + column_labels, "muted"),))


@lru_cache(maxsize=2)  # moving the cursor repeats the same image
def _image(
    values: FloatMatrix, left: int, dead: tuple[int, ...], coloring: UnitColoring, rows: int, _has_shades: bool
) -> tuple[StyledLine, ...]:
    dead_units = frozenset(dead)
    return half_block_image(
        [
            [coloring.role(value, unit in dead_units) for unit, value in enumerate(values.row(row), start=left)]
            for row in range(rows)
        ]
    )


def unit_legend(coloring: UnitColoring, can_die: bool) -> tuple[StyledLine, ...]:
    dead: tuple[StyledLine, ...] = ((Span("dead unit ", "muted"), legend_swatch("warning")),) if can_die else ()
    return (
        (Span(f"{coloring.bright_label} ", "muted"), legend_swatch("bright")),
        *dead,
        (Span(f"{coloring.muted_label} ", "muted"), legend_swatch("muted")),
    )


def cursor_readout(insight: ActivationInsight, cursor: ViewCursor, coloring: UnitColoring) -> tuple[StyledLine, ...]:
    """Return what is under the cursor, as groups: unit, example and, within the window, context, output, derivative."""
    unit, example = min(cursor.unit, insight.units - 1), min(cursor.example, insight.examples - 1)
    state = " dead" if unit in insight.dead else " nearly dead" if unit in insight.nearly_dead else ""
    groups: list[StyledLine] = [
        (Span("unit ", "muted"), Span(f"{unit:>3,}", "accent", True), Span(state, "warning")),
        (Span("example ", "muted"), Span(f"{example:>2,}", "accent", True)),
    ]
    row, column = example - insight.top, unit - insight.left
    if 0 <= row < insight.values.rows and 0 <= column < insight.values.columns:
        value = insight.values.at(row, column)
        context = readable(insight.contexts[row].replace("\0", GLYPHS.dot)) if row < len(insight.contexts) else ""
        groups.append((Span("context ", "muted"), Span(context)))
        text = f"{value:+.4f}".replace("-", GLYPHS.minus) if abs(value) < 1_000 else format_signed(value)
        groups.append((Span("h ", "muted"), Span(text, "bright", True)))
        if coloring.derivative and math.isfinite(value):
            label = Span(f"{with_local_glyphs(coloring.derivative_label)} ", "muted")
            groups.append((label, Span(f"{coloring.derivative(value):.4f}", "bright")))
    return tuple(groups)


def cursor_readout_column(
    insight: ActivationInsight, cursor: ViewCursor, coloring: UnitColoring
) -> tuple[StyledLine, ...]:
    return tuple(
        (replace(label, text=f"{label.text:{READOUT_LABEL_COLUMNS}}"), replace(value, text=value.text.lstrip()), *rest)
        for label, value, *rest in cursor_readout(insight, cursor, coloring)
    )


def cursor_readout_line(
    insight: ActivationInsight, cursor: ViewCursor, coloring: UnitColoring, width: int
) -> StyledLine:
    """Render the readout in one line; if not all fits, the output comes before the example and its context."""
    groups = cursor_readout(insight, cursor, coloring)
    if sum(map(cell_width, groups)) + GAP * (len(groups) - 1) > width:
        groups = (*groups[:1], *groups[3:4], *groups[1:3])
    return fit_groups(groups, width)


def unit_labels(left: int, count: int) -> str:
    """Return the numbers below `count` columns, of which the first is the unit `left`."""
    first = -(-left // LABELLED_COLUMNS) * LABELLED_COLUMNS
    return axis_labels(((unit - left, unit) for unit in range(first, left + count, LABELLED_COLUMNS)), count)


def window_start(cursor: int, size: int) -> int:
    """Return the first index of a window of `size` around the cursor.

    It moves by half a window, so that few steps of the cursor need another request.
    """
    half = max(size // 2, 1)
    return 0 if cursor < size else cursor // half * half - half // 2
