"""BatchNormView, unit and position tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from charwave_tui.core.metrics import LayerStats
from charwave_tui.core.protocol.float_matrix import FloatMatrix
from charwave_tui.core.protocol.layer_insights import BatchNormInsight, InsightQuery
from charwave_tui.ui.drawing.block_graphics import vertical_bars
from charwave_tui.ui.drawing.number_format import format_gradient_std, format_signed, format_std, format_update_ratio
from charwave_tui.ui.drawing.styled_text import GAP, Span, StyledLine, columns, highlight, scroll_top, wrap
from charwave_tui.ui.inspector.views.base import CursorAxes, ViewData
from charwave_tui.ui.inspector.views.diagnostics import Diagnostic, advice_lines, row, table
from charwave_tui.ui.inspector.views.unit_image import GUTTER, joined, unit_numbers, window_start
from charwave_tui.ui.state.inspector_state import ViewCursor
from charwave_tui.ui.state.layer_health import ranges_for
from charwave_tui.ui.terminal.glyphs import GLYPHS, with_local_glyphs

EPSILON = 1e-5
"""What the layer adds to variances before it divides by them."""


@dataclass(frozen=True, slots=True)
class UnitStatistics:
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


def has_bug(insight: BatchNormInsight) -> bool:
    """Whether the layer keeps statistics of each position, as with the norm batch-bug."""
    return insight.running_mean.rows > 1


def columns_of(insight: BatchNormInsight, position: int) -> tuple[UnitStatistics, ...]:
    """The units of the window; where statistics are kept for each position, those of that one on both sides."""
    if has_bug(insight):
        own = (insight.running_mean, insight.position_mean, insight.running_var, insight.position_var)
    else:
        own = (insight.running_mean, insight.batch_mean, insight.running_var, insight.batch_var)
    grids = (insight.gamma, insight.beta, *own)
    rows = [_row(each, position) for each in grids]
    return tuple(UnitStatistics(*values) for values in zip(*rows, strict=True))


def positions_of(insight: BatchNormInsight, column: int) -> tuple[tuple[float, float, float], ...]:
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


def _row(grid: FloatMatrix, position: int) -> Sequence[float]:
    return grid.row(min(position, grid.rows - 1)) if grid.rows else ()


HEADERS = 2
"""Lines above the units of the table."""


AROUND = HEADERS + 1
"""Lines of a part that are not the table's units: its headers, and the figures above."""


WIDTHS = (7, 8, 7, 9, 8, 9, 8)
"""Columns of unit, gamma, beta, running and batch mean, running and batch variance."""


FORMS = (range(7), (0, 3, 4, 5, 6), (0, 3, 4))
"""Which of those are shown, the fullest first."""


def unit_table(insight: BatchNormInsight, gaze: ViewCursor, width: int, height: int) -> tuple[StyledLine, ...]:
    """The units around the cursor in a table of so many columns and lines."""
    fitting = (form for form in FORMS if sum(WIDTHS[place] for place in form) <= width)
    form = tuple(next(fitting, FORMS[-1]))
    every = columns_of(insight, gaze.position)
    room, at = max(height - HEADERS, 1), gaze.unit - insight.left
    top = scroll_top(at, len(every), room)
    over = _cells(("", "", "", "mean", "", "var", ""), form)
    names = _cells(("unit", "gamma", "beta", "running", "batch", "running", "batch"), form)
    seen = range(top, min(top + room, len(every)))
    rows = (_unit(insight.left + place, every[place], place == at, form) for place in seen)
    return ((Span(over, "muted"),), (Span(names, "muted"),), *rows)


def position_table(insight: BatchNormInsight, gaze: ViewCursor, width: int, height: int) -> tuple[StyledLine, ...]:
    """One unit at each position beside what it is at all together, and what averaging over the batch alone makes of it.

    That is the lecture's bug: statistics of its own for each position.
    """
    at = gaze.unit - insight.left
    if not 0 <= at < insight.position_mean.columns:
        return ()
    rows = positions_of(insight, at)
    widths = (12 if width >= 40 else 8, 9, 9, 8)
    heading: StyledLine = (
        Span("unit ", "muted"),
        Span(f"{gaze.unit:,}", "accent", True),
        Span(" at each position", "muted"),
    )
    names = "".join(f"{name:>{room}}" for name, room in zip(("position", "mean", "var", "apart"), widths, strict=True))
    said = _words(insight, rows, gaze.unit, width)
    room = max(height - len(said) - 5, 1)
    top = scroll_top(gaze.position, len(rows), room)
    shared = (insight.batch_mean.at(0, at), insight.batch_var.at(0, at))
    lines = [
        (
            Span(f"{place + 1:>{widths[0]}}", "muted"),
            Span(f"{format_signed(mean):>{widths[1]}}{format_std(var):>{widths[2]}}"),
            Span(f"{apart:>{widths[3]}.2f}", "warning" if apart > 0.5 else "fg"),
            Span(f" {GLYPHS.warning}" if apart > 0.5 else "", "warning", True),
        )
        for place, (mean, var, apart) in list(enumerate(rows))[top : top + room]
    ]
    together = f"{format_signed(shared[0]):>{widths[1]}}{format_std(shared[1]):>{widths[2]}}"
    every: StyledLine = (Span(f"{'all':>{widths[0]}}", "muted"), Span(together, "bright", True))
    return (heading, (Span(names, "muted"),), *lines, every, (), *said)


def _words(
    insight: BatchNormInsight, rows: Sequence[tuple[float, float, float]], unit: int, width: int
) -> tuple[StyledLine, ...]:
    places, count, examples = insight.positions, insight.units, insight.examples
    if places == 1:
        said = "There is one position left here, so that averaging over the batch dimension alone is the same."
        return tuple((Span(text, "muted"),) for text in wrap(said, width, 2))
    times, apart = GLYPHS.times, max(far for _, _, far in rows)
    told = (
        f"Averaged over the batch dimension alone a layer keeps {places}{times}{count:,} = {places * count:,} means, "
        f"each from {examples:,} examples; over positions too it keeps {count:,}, each from "
        f"{places}{times}{examples:,} = {places * examples:,}.",
        f"The {places} means of unit {unit:,} lie up to {apart:.2f} std from the one they share"
        + (
            ". This run has norm batch-bug: it keeps them all, and each position has a scale of its own."
            if has_bug(insight)
            else "; with norm batch-bug each would be set to 0 by itself, and the difference be lost."
        ),
    )
    return tuple((Span(text, "muted"),) for one in told for text in wrap(one, width, 4))


def _unit(number: int, unit: UnitStatistics, here: bool, form: Sequence[int]) -> StyledLine:
    figures = (
        "",
        format_signed(unit.gamma),
        format_signed(unit.beta),
        format_signed(unit.running_mean),
        format_signed(unit.batch_mean),
        format_std(unit.running_var),
        format_std(unit.batch_var),
    )
    mark = GLYPHS.cursor if here else " "
    label = Span(f"{mark} {number:>{WIDTHS[0] - 2},}", "accent" if here else "muted")
    rest = _cells(figures, form[1:])
    return highlight((label, Span(rest))) if here else (label, Span(rest))


def _cells(texts: Sequence[str], form: Sequence[int]) -> str:
    return "".join(f"{texts[place]:>{WIDTHS[place]}}" for place in form)


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
class UnitBars:
    """A bar for each unit: what it `shows` under its `name`, and from what height on it worries."""

    name: str
    about: str
    shows: Callable[[UnitStatistics], float]
    worry: float = math.inf

    def drawn(self, units: Sequence[UnitStatistics], at: int, rows: int, width: int) -> tuple[StyledLine, ...]:
        """A heading with the value at the cursor, and bars of the sizes in so many rows."""
        values = [self.shows(unit) for unit in units]
        sizes = [abs(value) for value in values]
        highest = max((size for size in sizes if math.isfinite(size)), default=0.0)
        top = max(highest, self.worry if math.isfinite(self.worry) else 0.0) or 1.0
        shares = [size / top if math.isfinite(size) else 1.0 for size in sizes]
        roles = ["muted" if size <= self.worry else "warning" if math.isfinite(size) else "error" for size in sizes]
        groups: list[StyledLine] = [(Span(self.name),)]
        if 0 <= at < len(values):
            groups.append((Span("here ", "muted"), Span(format_signed(values[at]), "bright", True)))
        groups.append((Span(f"at most {format_std(highest)}", "muted"),))
        groups.append((Span(with_local_glyphs(self.about), "muted"),))
        return (
            joined(tuple(groups), width),
            *((Span(" " * GUTTER), *line) for line in vertical_bars(shares, rows, roles)),
        )


STRIPS = (
    UnitBars("mean apart", "|running − batch mean| in std", lambda unit: unit.mean_apart, UNIT_WORRY),
    UnitBars("var apart", "|log10(running / batch var)|", lambda unit: unit.var_apart, UNIT_WORRY),
    UnitBars("gamma", "what a unit is multiplied by", lambda unit: unit.gamma),
    UnitBars("beta", "what is added to it", lambda unit: unit.beta),
)
"""What is drawn of every unit, the most telling first."""


class BatchNormView:
    """A BatchNorm1d."""

    @property
    def parts(self) -> tuple[str, ...]:
        """Bars of all units, a table of them, one unit at each position."""
        return ("overview", "units", "positions")

    def nouns(self, part: int) -> CursorAxes:
        """Units, in the table also up and down, and positions where each keeps statistics of its own."""
        return CursorAxes("unit", "unit" if part == UNITS else "", "position")

    def diagnostics(self, shown: ViewData) -> tuple[Diagnostic, ...]:
        """How far apart statistics are, and how gamma is pulled and moved."""
        return _figures(shown.stats, shown.insight) if isinstance(shown.insight, BatchNormInsight) else ()

    def query(self, gaze: ViewCursor, width: int, height: int) -> InsightQuery:
        """The window of units with the cursor in it."""
        columns = max(height - AROUND, 1) if gaze.part == UNITS else max(width - GUTTER, 1)
        return InsightQuery(gaze.layer, gaze.position, left=window_start(gaze.unit, columns), rows=0, columns=columns)

    def move_cursor(self, shown: ViewData, key: str) -> ViewCursor | None:
        """The cursor on a neighbouring unit; at another position, where each has statistics of its own."""
        gaze, insight = shown.gaze, shown.insight
        if not isinstance(insight, BatchNormInsight):
            return None
        if key in ("p", "P"):
            step, here = (1 if key == "p" else -1), min(gaze.position, insight.positions - 1)
            return replace(gaze, position=(here + step) % insight.positions) if has_bug(insight) else None
        step = {"h": -1, "l": 1}.get(key, 0) or (gaze.part == UNITS and {"k": -1, "j": 1}.get(key, 0)) or 0
        if not step:
            return None
        return replace(gaze, unit=min(max(min(gaze.unit, insight.units - 1) + step, 0), insight.units - 1))

    def lines(self, shown: ViewData, width: int, height: int) -> tuple[StyledLine, ...]:
        """The part at hand."""
        insight = shown.insight
        if not isinstance(insight, BatchNormInsight):
            return ()
        gaze = replace(shown.gaze, unit=min(shown.gaze.unit, insight.units - 1))
        known = _figures(shown.stats, insight)
        if gaze.part == UNITS:
            lines = (row(known, width), *unit_table(insight, gaze, width, height - 1))
        elif gaze.part == POSITIONS:
            lines = (row(known, width), *position_table(insight, gaze, width, height - 1))
        elif width >= ROOMY[0] and height >= ROOMY[1]:
            lines = (*_roomy(insight, gaze, known, width), (), *_strips(insight, gaze, width, height - TOP - 1))
        else:
            said = ((), *advice_lines(known, width, 2), ()) if height >= 20 else ()
            lines = (row(known, width), *said, *_strips(insight, gaze, width, height - 1 - len(said)))
        return lines[:height]


def _figures(stats: LayerStats, insight: BatchNormInsight) -> tuple[Diagnostic, ...]:
    health = ranges_for("BatchNorm1d")
    known = [
        Diagnostic("mean apart", "mean apart", insight.mean_apart, f"{insight.mean_apart:.3f}", health["mean apart"]),
        Diagnostic("var apart", "var apart", insight.var_apart, f"{insight.var_apart:.3f}", health["var apart"]),
    ]
    if stats.update_ratio is not None:
        text = format_update_ratio(stats.update_ratio)
        known.append(Diagnostic("update", "update", stats.update_ratio, text, health["update"]))
    if stats.gradient_std is not None:
        text = format_gradient_std(stats.gradient_std)
        known.append(Diagnostic("grad std", "grad std", stats.gradient_std, text, health["grad std"]))
    return tuple(known)


def _roomy(
    insight: BatchNormInsight, gaze: ViewCursor, known: tuple[Diagnostic, ...], width: int
) -> tuple[StyledLine, ...]:
    left = table(known, FIGURES)
    left = (*left, (), *advice_lines(known, FIGURES, TOP - len(left) - 1))
    rest = width - FIGURES - GAP
    right = unit_table(insight, gaze, rest, TOP)
    cells = ((side[at] if at < len(side) else () for side in (left, right)) for at in range(TOP))
    return tuple(columns(pair, (FIGURES, rest)) for pair in cells)


def _strips(insight: BatchNormInsight, gaze: ViewCursor, width: int, height: int) -> tuple[StyledLine, ...]:
    """As many strips as there is room for, the cursor's mark above and the units' numbers below."""
    units, at = columns_of(insight, gaze.position), gaze.unit - insight.left
    room = height - 2
    count = min(len(STRIPS), max(room // 2, 1))
    each, spare = max(room // count, 2), max(room % count, 0)
    place: StyledLine = (Span("unit ", "muted"), Span(f"{gaze.unit:,}", "accent", True))
    if has_bug(insight):
        where = f"{min(gaze.position, insight.positions - 1) + 1} of {insight.positions}"
        place = (*place, Span("   position ", "muted"), Span(where, "accent"))
    mark = " " * max(GUTTER + at - sum(len(piece.text) for piece in place), 1) + GLYPHS.marker
    above = (*place, Span(mark, "accent")) if 0 <= at < len(units) else place
    strips = (
        line
        for number, strip in enumerate(STRIPS[:count])
        for line in strip.drawn(units, at, each - 1 + (number < spare), width)
    )
    return (above, *strips, (Span(" " * GUTTER + _numbers(insight, len(units)), "muted"),))


def _numbers(insight: BatchNormInsight, count: int) -> str:
    """The numbers of `count` units under their bars, at the end how many there are where these are not all."""
    numbered = unit_numbers(insight.left, count)
    if count == insight.units:
        return numbered
    span = f" to {insight.left + count - 1:,} of {insight.units:,}"
    begun = numbered[: max(count - len(span), 0)]
    return begun.rpartition(" ")[0].ljust(count - len(span)) + span  # a number is not cut in two
