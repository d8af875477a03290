"""The picture of what units put out, example by example, with a cursor that reads one of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from charwave_tui.core.config.layer_shapes import DEAD_THRESHOLD, ActivationSpec
from charwave_tui.core.protocol.float_matrix import FloatMatrix
from charwave_tui.core.protocol.layer_insights import ActivationInsight
from charwave_tui.ui.drawing.block_graphics import half_block_image, legend_swatch, supports_shades
from charwave_tui.ui.drawing.number_format import format_signed
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, cell_width
from charwave_tui.ui.state.inspector_state import ViewCursor
from charwave_tui.ui.terminal.glyphs import GLYPHS, with_local_glyphs

GUTTER = 7
"""Columns left of the picture: numbers of examples, and the cursor's mark."""


FRAME = 2
"""Lines around the picture: the cursor's mark above, numbers of units below."""


LABEL = 14
"""Columns of what is read's name where it stands by itself."""


EVERY_ROW, EVERY_COLUMN = 8, 16
"""Examples, and units, between two numbers at the edges."""


@dataclass(frozen=True, slots=True)
class UnitColoring:
    """Which outputs of one kind of activation stand out: `bright` ones and `muted` ones, each with its words.

    `slope` is what the derivative of the activation is, from its output alone; None where that does not tell.
    """

    bright: str
    muted: str
    is_bright: Callable[[float], bool]
    is_muted: Callable[[float], bool]
    slope: Callable[[float], float] | None = None
    slope_name: str = "slope"

    def role(self, value: float, dead: bool) -> str:
        """The ink of one output."""
        if not math.isfinite(value):
            return "error"
        if dead:
            return "warning"
        return "bright" if self.is_bright(value) else "muted" if self.is_muted(value) else ""


def unit_coloring(spec: ActivationSpec) -> UnitColoring:
    """Return which outputs of an activation stand out: flat parts of a tanh, else large ones."""
    slope_name = f"slope {spec.derivative_formula}".rstrip()
    if spec.is_gated:
        bright, muted = 0.9, 0.5
    elif spec.saturation_threshold is not None:
        bright, muted = DEAD_THRESHOLD, spec.saturation_threshold
    else:
        return UnitColoring("h > 1", "> 0", lambda h: h > 1, lambda h: h > 0, spec.derivative, slope_name)
    return UnitColoring(
        f"|h| > {bright}",
        f"> {muted}",
        lambda h: abs(h) > bright,
        lambda h: abs(h) > muted,
        spec.derivative,
        slope_name,
    )


def draw_units(
    insight: ActivationInsight, gaze: ViewCursor, scale: UnitColoring, height: int
) -> tuple[StyledLine, ...]:
    """The window of the insight in `height` lines, the cursor's marks and the numbers at the edges among them."""
    values = insight.values
    shades = _shades(
        values, insight.left, insight.dead, scale, min(values.rows, 2 * (height - FRAME)), supports_shades()
    )
    column, line = gaze.unit - insight.left, (gaze.example - insight.top) // 2
    above = (Span(" " * (GUTTER + column) + GLYPHS.marker, "accent"),) if 0 <= column < values.columns else ()
    body = (
        (Span(_example(insight.top + 2 * at), "muted"), Span(_mark(at == line), "accent"), *shade)
        for at, shade in enumerate(shades)
    )
    return (above, *body, (Span(" " * GUTTER + unit_numbers(insight.left, values.columns), "muted"),))


@lru_cache(maxsize=2)
def _shades(
    values: FloatMatrix, left: int, dead: tuple[int, ...], scale: UnitColoring, rows: int, blocks: bool
) -> tuple[StyledLine, ...]:
    """So many rows of a window that begins at the unit `left`; the same again costs nothing as the cursor moves on."""
    gone = frozenset(dead)
    return half_block_image(
        [
            [scale.role(value, left + place in gone) for place, value in enumerate(values.row(row))]
            for row in range(rows)
        ]
    )


def legend(scale: UnitColoring, mortal: bool) -> tuple[StyledLine, ...]:
    """What the inks of the picture stand for, each a group that may be left out; `mortal` units can be dead."""
    known: list[StyledLine] = [
        (Span(f"{scale.bright} ", "muted"), legend_swatch("bright")),
        (Span(f"{scale.muted} ", "muted"), legend_swatch("muted")),
    ]
    if mortal:
        known.insert(1, (Span("dead unit ", "muted"), legend_swatch("warning")))
    return tuple(known)


def readings(insight: ActivationInsight, gaze: ViewCursor, scale: UnitColoring) -> tuple[StyledLine, ...]:
    """What stands under the cursor, a line each, all values below one another."""
    lines = cursor_readout(insight, gaze, scale)
    return tuple(
        (replace(label, text=f"{label.text:{LABEL}}"), replace(value, text=value.text.lstrip()), *more)
        for label, value, *more in lines
    )


def cursor_readout(insight: ActivationInsight, gaze: ViewCursor, scale: UnitColoring) -> tuple[StyledLine, ...]:
    """What stands under the cursor, in groups of which the last may be left out."""
    unit, example = min(gaze.unit, insight.units - 1), min(gaze.example, insight.examples - 1)
    state = "dead" if unit in insight.dead else "nearly dead" if unit in insight.nearly_dead else ""
    groups: list[StyledLine] = [
        (Span("unit ", "muted"), Span(f"{unit:>3,}", "accent", True), Span(f" {state}" if state else "", "warning")),
        (Span("example ", "muted"), Span(f"{example:>2,}", "accent", True)),
    ]
    row, column = example - insight.top, unit - insight.left
    if 0 <= row < insight.values.rows and 0 <= column < insight.values.columns:
        value = insight.values.at(row, column)
        context = insight.contexts[row].replace("\0", GLYPHS.dot) if row < len(insight.contexts) else ""
        groups.append((Span("context ", "muted"), Span(context)))
        groups.append((Span("h ", "muted"), Span(_four(value), "bright", True)))
        if scale.slope and math.isfinite(value):
            name = Span(f"{with_local_glyphs(scale.slope_name)} ", "muted")
            groups.append((name, Span(f"{scale.slope(value):.4f}", "bright")))
    return tuple(groups)


def reading_within(insight: ActivationInsight, gaze: ViewCursor, scale: UnitColoring, width: int) -> StyledLine:
    """The same in one line, the output before the example and its context where there is no room for all."""
    groups = cursor_readout(insight, gaze, scale)
    if sum(map(cell_width, groups)) + 3 * (len(groups) - 1) > width:
        groups = (*groups[:1], *groups[3:4], *groups[1:3])
    return joined(groups, width)


def joined(groups: tuple[StyledLine, ...], width: int) -> StyledLine:
    """The groups in one line, without the last ones that do not fit."""
    line: StyledLine = ()
    for group in groups:
        longer = (*line, Span("   "), *group) if line else group
        if cell_width(longer) > width:
            break
        line = longer
    return line


def unit_numbers(left: int, count: int) -> str:
    """The numbers of units under a picture of `count` columns that begins with the unit `left`."""
    text = ""
    for place in range(count):
        if (left + place) % EVERY_COLUMN == 0:
            number = f"{left + place:,}"
            if place + len(number) <= count:
                text = text.ljust(place) + number
    return text


def window_start(cursor: int, room: int) -> int:
    """The first of what a window of `room` shows; it moves by half a window, so that not every step asks anew."""
    half = max(room // 2, 1)
    return 0 if cursor < room else cursor // half * half - half // 2


def _four(value: float) -> str:
    """One output with its sign, four places."""
    return f"{value:+.4f}".replace("-", GLYPHS.minus) if abs(value) < 1_000 else format_signed(value)


def _example(number: int) -> str:
    return f"{number:>{GUTTER - 2},} " if number % EVERY_ROW == 0 else " " * (GUTTER - 1)


def _mark(here: bool) -> str:
    return GLYPHS.cursor if here else " "
