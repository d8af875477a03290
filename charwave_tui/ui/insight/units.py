"""The picture of what units put out, example by example, with a cursor that reads one of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from charwave_tui.core.grids import Grid
from charwave_tui.core.insights import ActivationInsight
from charwave_tui.ui.glyphs import GLYPHS, plainly
from charwave_tui.ui.insight.shades import picture, shaded, swatch
from charwave_tui.ui.insight.shown import Gaze
from charwave_tui.ui.numbers import signed
from charwave_tui.ui.pieces import Line, Piece, columns

GUTTER = 7
"""Columns left of the picture: numbers of examples, and the cursor's mark."""

FRAME = 2
"""Lines around the picture: the cursor's mark above, numbers of units below."""

LABEL = 14
"""Columns of what is read's name where it stands by itself."""

EVERY_ROW, EVERY_COLUMN = 8, 16
"""Examples, and units, between two numbers at the edges."""


@dataclass(frozen=True, slots=True)
class Scale:
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


TANH = Scale(
    "|h| > 0.99",
    "> 0.97",
    lambda h: abs(h) > 0.99,
    lambda h: abs(h) > 0.97,
    lambda h: 1 - h * h,
    "slope 1 − h²",
)
"""Where tanh is flat."""

SCALES = {
    "Tanh": TANH,
    "ReLU": Scale("h > 1", "> 0", lambda h: h > 1, lambda h: h > 0, lambda h: float(h > 0)),
    "GELU": Scale("h > 1", "> 0", lambda h: h > 1, lambda h: h > 0),
    "Gated": Scale("|h| > 0.9", "> 0.5", lambda h: abs(h) > 0.9, lambda h: abs(h) > 0.5),
}
"""What stands out of each kind."""


def drawn(insight: ActivationInsight, gaze: Gaze, scale: Scale, height: int) -> tuple[Line, ...]:
    """The window of the insight in `height` lines, the cursor's marks and the numbers at the edges among them."""
    values = insight.values
    shades = _shades(values, insight.left, insight.dead, scale, min(values.rows, 2 * (height - FRAME)), shaded())
    column, line = gaze.unit - insight.left, (gaze.example - insight.top) // 2
    above = (Piece(" " * (GUTTER + column) + GLYPHS.choices, "accent"),) if 0 <= column < values.columns else ()
    body = (
        (Piece(_example(insight.top + 2 * at), "muted"), Piece(_mark(at == line), "accent"), *shade)
        for at, shade in enumerate(shades)
    )
    return (above, *body, (Piece(" " * GUTTER + unit_numbers(insight.left, values.columns), "muted"),))


@lru_cache(maxsize=2)
def _shades(values: Grid, left: int, dead: tuple[int, ...], scale: Scale, rows: int, blocks: bool) -> tuple[Line, ...]:
    """So many rows of a window that begins at the unit `left`; the same again costs nothing as the cursor moves on."""
    gone = frozenset(dead)
    return picture(
        [
            [scale.role(value, left + place in gone) for place, value in enumerate(values.row(row))]
            for row in range(rows)
        ]
    )


def legend(scale: Scale, mortal: bool) -> tuple[Line, ...]:
    """What the inks of the picture stand for, each a group that may be left out; `mortal` units can be dead."""
    known: list[Line] = [
        (Piece(f"{scale.bright} ", "muted"), swatch("bright")),
        (Piece(f"{scale.muted} ", "muted"), swatch("muted")),
    ]
    if mortal:
        known.insert(1, (Piece("dead unit ", "muted"), swatch("warning")))
    return tuple(known)


def readings(insight: ActivationInsight, gaze: Gaze, scale: Scale) -> tuple[Line, ...]:
    """What stands under the cursor, a line each, all values below one another."""
    lines = reading(insight, gaze, scale)
    return tuple(
        (replace(label, text=f"{label.text:{LABEL}}"), replace(value, text=value.text.lstrip()), *more)
        for label, value, *more in lines
    )


def reading(insight: ActivationInsight, gaze: Gaze, scale: Scale) -> tuple[Line, ...]:
    """What stands under the cursor, in groups of which the last may be left out."""
    unit, example = min(gaze.unit, insight.units - 1), min(gaze.example, insight.examples - 1)
    state = "dead" if unit in insight.dead else "nearly dead" if unit in insight.nearly_dead else ""
    groups: list[Line] = [
        (Piece("unit ", "muted"), Piece(f"{unit:>3,}", "accent", True), Piece(f" {state}" if state else "", "warning")),
        (Piece("example ", "muted"), Piece(f"{example:>2,}", "accent", True)),
    ]
    row, column = example - insight.top, unit - insight.left
    if 0 <= row < insight.values.rows and 0 <= column < insight.values.columns:
        value = insight.values.at(row, column)
        context = insight.contexts[row].replace("\0", GLYPHS.dot) if row < len(insight.contexts) else ""
        groups.append((Piece("context ", "muted"), Piece(context)))
        groups.append((Piece("h ", "muted"), Piece(_four(value), "bright", True)))
        if scale.slope and math.isfinite(value):
            name = Piece(f"{plainly(scale.slope_name)} ", "muted")
            groups.append((name, Piece(f"{scale.slope(value):.4f}", "bright")))
    return tuple(groups)


def reading_within(insight: ActivationInsight, gaze: Gaze, scale: Scale, width: int) -> Line:
    """The same in one line, the output before the example and its context where there is no room for all."""
    groups = reading(insight, gaze, scale)
    if sum(map(columns, groups)) + 3 * (len(groups) - 1) > width:
        groups = (*groups[:1], *groups[3:4], *groups[1:3])
    return joined(groups, width)


def joined(groups: tuple[Line, ...], width: int) -> Line:
    """The groups in one line, without the last ones that do not fit."""
    line: Line = ()
    for group in groups:
        longer = (*line, Piece("   "), *group) if line else group
        if columns(longer) > width:
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


def first_of(cursor: int, room: int) -> int:
    """The first of what a window of `room` shows; it moves by half a window, so that not every step asks anew."""
    half = max(room // 2, 1)
    return 0 if cursor < room else cursor // half * half - half // 2


def _four(value: float) -> str:
    """One output with its sign, four places."""
    return f"{value:+.4f}".replace("-", GLYPHS.minus) if abs(value) < 1_000 else signed(value)


def _example(number: int) -> str:
    return f"{number:>{GUTTER - 2},} " if number % EVERY_ROW == 0 else " " * (GUTTER - 1)


def _mark(here: bool) -> str:
    return GLYPHS.here if here else " "
