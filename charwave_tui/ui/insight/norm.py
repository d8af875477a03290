"""The view of a BatchNorm1d: what it scales and shifts by, and how far what it keeps is from what the batch has."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from charwave_tui.core.insights import Lens, NormInsight
from charwave_tui.core.readings import LayerStats
from charwave_tui.ui import numbers
from charwave_tui.ui.glyphs import GLYPHS, plainly
from charwave_tui.ui.insight import figures, norm_tables
from charwave_tui.ui.insight.figures import Figure
from charwave_tui.ui.insight.healthy import healthy
from charwave_tui.ui.insight.histogram import bars
from charwave_tui.ui.insight.norm_figures import UnitFigures, columns_of, has_bug
from charwave_tui.ui.insight.shown import Gaze, Nouns, Shown
from charwave_tui.ui.insight.units import GUTTER, first_of, joined, unit_numbers
from charwave_tui.ui.pieces import GAP, Line, Piece, beside

OVERVIEW, UNITS, POSITIONS = range(3)
"""The parts."""

FIGURES = 45
"""Columns of the table of figures."""

ROOMY = (100, 26)
"""Columns and lines from which figures and the table of units stand beside each other above the bars."""

TOP = 11
"""Lines of those."""

UNIT_WORRY = 0.3
"""How far apart one unit's statistics may be before its bar is a warning: single units scatter more than their mean."""


@dataclass(frozen=True, slots=True)
class Strip:
    """A bar for each unit: what it `shows` under its `name`, and from what height on it worries."""

    name: str
    about: str
    shows: Callable[[UnitFigures], float]
    worry: float = math.inf

    def drawn(self, units: Sequence[UnitFigures], at: int, rows: int, width: int) -> tuple[Line, ...]:
        """A heading with the value at the cursor, and bars of the sizes in so many rows."""
        values = [self.shows(unit) for unit in units]
        sizes = [abs(value) for value in values]
        highest = max((size for size in sizes if math.isfinite(size)), default=0.0)
        top = max(highest, self.worry if math.isfinite(self.worry) else 0.0) or 1.0
        shares = [size / top if math.isfinite(size) else 1.0 for size in sizes]
        roles = ["muted" if size <= self.worry else "warning" if math.isfinite(size) else "error" for size in sizes]
        groups: list[Line] = [(Piece(self.name),)]
        if 0 <= at < len(values):
            groups.append((Piece("here ", "muted"), Piece(numbers.signed(values[at]), "bright", True)))
        groups.append((Piece(f"at most {numbers.spread(highest)}", "muted"),))
        groups.append((Piece(plainly(self.about), "muted"),))
        return (joined(tuple(groups), width), *((Piece(" " * GUTTER), *line) for line in bars(shares, rows, roles)))


STRIPS = (
    Strip("mean apart", "|running − batch mean| in std", lambda unit: unit.mean_apart, UNIT_WORRY),
    Strip("var apart", "|log10(running / batch var)|", lambda unit: unit.var_apart, UNIT_WORRY),
    Strip("gamma", "what a unit is multiplied by", lambda unit: unit.gamma),
    Strip("beta", "what is added to it", lambda unit: unit.beta),
)
"""What is drawn of every unit, the most telling first."""


class NormView:
    """A BatchNorm1d."""

    @property
    def parts(self) -> tuple[str, ...]:
        """Bars of all units, a table of them, one unit at each position."""
        return ("overview", "units", "positions")

    def nouns(self, part: int) -> Nouns:
        """Units, in the table also up and down, and positions where each keeps statistics of its own."""
        return Nouns("unit", "unit" if part == UNITS else "", "position")

    def figures(self, shown: Shown) -> tuple[Figure, ...]:
        """How far apart statistics are, and how gamma is pulled and moved."""
        return _figures(shown.stats, shown.insight) if isinstance(shown.insight, NormInsight) else ()

    def lens(self, gaze: Gaze, width: int, height: int) -> Lens:
        """The window of units with the cursor in it."""
        columns = max(height - norm_tables.AROUND, 1) if gaze.part == UNITS else max(width - GUTTER, 1)
        return Lens(gaze.layer, gaze.position, left=first_of(gaze.unit, columns), rows=0, columns=columns)

    def moved(self, shown: Shown, key: str) -> Gaze | None:
        """The cursor on a neighbouring unit; at another position, where each has statistics of its own."""
        gaze, insight = shown.gaze, shown.insight
        if not isinstance(insight, NormInsight):
            return None
        if key in ("p", "P"):
            step, here = (1 if key == "p" else -1), min(gaze.position, insight.positions - 1)
            return replace(gaze, position=(here + step) % insight.positions) if has_bug(insight) else None
        step = {"h": -1, "l": 1}.get(key, 0) or (gaze.part == UNITS and {"k": -1, "j": 1}.get(key, 0)) or 0
        if not step:
            return None
        return replace(gaze, unit=min(max(min(gaze.unit, insight.units - 1) + step, 0), insight.units - 1))

    def lines(self, shown: Shown, width: int, height: int) -> tuple[Line, ...]:
        """The part at hand."""
        insight = shown.insight
        if not isinstance(insight, NormInsight):
            return ()
        gaze = replace(shown.gaze, unit=min(shown.gaze.unit, insight.units - 1))
        known = _figures(shown.stats, insight)
        if gaze.part == UNITS:
            lines = (figures.row(known, width), *norm_tables.units(insight, gaze, width, height - 1))
        elif gaze.part == POSITIONS:
            lines = (figures.row(known, width), *norm_tables.positions(insight, gaze, width, height - 1))
        elif width >= ROOMY[0] and height >= ROOMY[1]:
            lines = (*_roomy(insight, gaze, known, width), (), *_strips(insight, gaze, width, height - TOP - 1))
        else:
            said = ((), *figures.words(known, width, 2), ()) if height >= 20 else ()
            lines = (figures.row(known, width), *said, *_strips(insight, gaze, width, height - 1 - len(said)))
        return lines[:height]


def _figures(stats: LayerStats, insight: NormInsight) -> tuple[Figure, ...]:
    health = healthy("BatchNorm1d")
    known = [
        Figure("mean apart", "mean apart", insight.mean_apart, f"{insight.mean_apart:.3f}", health["mean apart"]),
        Figure("var apart", "var apart", insight.var_apart, f"{insight.var_apart:.3f}", health["var apart"]),
    ]
    if stats.update_ratio is not None:
        text = numbers.update(stats.update_ratio)
        known.append(Figure("update", "update", stats.update_ratio, text, health["update"]))
    if stats.gradient_std is not None:
        text = numbers.small(stats.gradient_std)
        known.append(Figure("grad std", "grad std", stats.gradient_std, text, health["grad std"]))
    return tuple(known)


def _roomy(insight: NormInsight, gaze: Gaze, known: tuple[Figure, ...], width: int) -> tuple[Line, ...]:
    left = figures.table(known, FIGURES)
    left = (*left, (), *figures.words(known, FIGURES, TOP - len(left) - 1))
    rest = width - FIGURES - GAP
    right = norm_tables.units(insight, gaze, rest, TOP)
    cells = ((side[at] if at < len(side) else () for side in (left, right)) for at in range(TOP))
    return tuple(beside(pair, (FIGURES, rest)) for pair in cells)


def _strips(insight: NormInsight, gaze: Gaze, width: int, height: int) -> tuple[Line, ...]:
    """As many strips as there is room for, the cursor's mark above and the units' numbers below."""
    units, at = columns_of(insight, gaze.position), gaze.unit - insight.left
    room = height - 2
    count = min(len(STRIPS), max(room // 2, 1))
    each, spare = max(room // count, 2), max(room % count, 0)
    place: Line = (Piece("unit ", "muted"), Piece(f"{gaze.unit:,}", "accent", True))
    if has_bug(insight):
        where = f"{min(gaze.position, insight.positions - 1) + 1} of {insight.positions}"
        place = (*place, Piece("   position ", "muted"), Piece(where, "accent"))
    mark = " " * max(GUTTER + at - sum(len(piece.text) for piece in place), 1) + GLYPHS.choices
    above = (*place, Piece(mark, "accent")) if 0 <= at < len(units) else place
    strips = (
        line
        for number, strip in enumerate(STRIPS[:count])
        for line in strip.drawn(units, at, each - 1 + (number < spare), width)
    )
    return (above, *strips, (Piece(" " * GUTTER + _numbers(insight, len(units)), "muted"),))


def _numbers(insight: NormInsight, count: int) -> str:
    """The numbers of `count` units under their bars, at the end how many there are where these are not all."""
    numbered = unit_numbers(insight.left, count)
    if count == insight.units:
        return numbered
    span = f" to {insight.left + count - 1:,} of {insight.units:,}"
    begun = numbered[: max(count - len(span), 0)]
    return begun.rpartition(" ")[0].ljust(count - len(span)) + span  # a number is not cut in two
