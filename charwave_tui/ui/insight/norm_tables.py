"""Tables of a BatchNorm1d: unit by unit, and one unit position by position."""

from __future__ import annotations

from collections.abc import Sequence

from charwave_tui.core.insights import NormInsight
from charwave_tui.ui import numbers
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.insight.norm_figures import UnitFigures, columns_of, has_bug, positions_of
from charwave_tui.ui.insight.shown import Gaze
from charwave_tui.ui.pieces import Line, Piece, raised, scrolled, wrapped

HEADERS = 2
"""Lines above the units of the table."""

AROUND = HEADERS + 1
"""Lines of a part that are not the table's units: its headers, and the figures above."""

WIDTHS = (7, 8, 7, 9, 8, 9, 8)
"""Columns of unit, gamma, beta, running and batch mean, running and batch variance."""

FORMS = (range(7), (0, 3, 4, 5, 6), (0, 3, 4))
"""Which of those are shown, the fullest first."""


def units(insight: NormInsight, gaze: Gaze, width: int, height: int) -> tuple[Line, ...]:
    """The units around the cursor in a table of so many columns and lines."""
    fitting = (form for form in FORMS if sum(WIDTHS[place] for place in form) <= width)
    form = tuple(next(fitting, FORMS[-1]))
    every = columns_of(insight, gaze.position)
    room, at = max(height - HEADERS, 1), gaze.unit - insight.left
    top = scrolled(at, len(every), room)
    over = _cells(("", "", "", "mean", "", "var", ""), form)
    names = _cells(("unit", "gamma", "beta", "running", "batch", "running", "batch"), form)
    seen = range(top, min(top + room, len(every)))
    rows = (_unit(insight.left + place, every[place], place == at, form) for place in seen)
    return ((Piece(over, "muted"),), (Piece(names, "muted"),), *rows)


def positions(insight: NormInsight, gaze: Gaze, width: int, height: int) -> tuple[Line, ...]:
    """One unit at each position beside what it is at all together, and what averaging over the batch alone makes of it.

    That is the lecture's bug: statistics of its own for each position.
    """
    at = gaze.unit - insight.left
    if not 0 <= at < insight.position_mean.columns:
        return ()
    rows = positions_of(insight, at)
    widths = (12 if width >= 40 else 8, 9, 9, 8)
    heading: Line = (
        Piece("unit ", "muted"),
        Piece(f"{gaze.unit:,}", "accent", True),
        Piece(" at each position", "muted"),
    )
    names = "".join(f"{name:>{room}}" for name, room in zip(("position", "mean", "var", "apart"), widths, strict=True))
    said = _words(insight, rows, gaze.unit, width)
    room = max(height - len(said) - 5, 1)
    top = scrolled(gaze.position, len(rows), room)
    shared = (insight.batch_mean.at(0, at), insight.batch_var.at(0, at))
    lines = [
        (
            Piece(f"{place + 1:>{widths[0]}}", "muted"),
            Piece(f"{numbers.signed(mean):>{widths[1]}}{numbers.spread(var):>{widths[2]}}"),
            Piece(f"{apart:>{widths[3]}.2f}", "warning" if apart > 0.5 else "fg"),
            Piece(f" {GLYPHS.warning}" if apart > 0.5 else "", "warning", True),
        )
        for place, (mean, var, apart) in list(enumerate(rows))[top : top + room]
    ]
    together = f"{numbers.signed(shared[0]):>{widths[1]}}{numbers.spread(shared[1]):>{widths[2]}}"
    every: Line = (Piece(f"{'all':>{widths[0]}}", "muted"), Piece(together, "bright", True))
    return (heading, (Piece(names, "muted"),), *lines, every, (), *said)


def _words(insight: NormInsight, rows: Sequence[tuple[float, float, float]], unit: int, width: int) -> tuple[Line, ...]:
    places, count, examples = insight.positions, insight.units, insight.examples
    if places == 1:
        said = "There is one position left here, so that averaging over the batch dimension alone is the same."
        return tuple((Piece(text, "muted"),) for text in wrapped(said, width, 2))
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
    return tuple((Piece(text, "muted"),) for one in told for text in wrapped(one, width, 4))


def _unit(number: int, unit: UnitFigures, here: bool, form: Sequence[int]) -> Line:
    figures = (
        "",
        numbers.signed(unit.gamma),
        numbers.signed(unit.beta),
        numbers.signed(unit.running_mean),
        numbers.signed(unit.batch_mean),
        numbers.spread(unit.running_var),
        numbers.spread(unit.batch_var),
    )
    mark = GLYPHS.here if here else " "
    label = Piece(f"{mark} {number:>{WIDTHS[0] - 2},}", "accent" if here else "muted")
    rest = _cells(figures, form[1:])
    return raised((label, Piece(rest))) if here else (label, Piece(rest))


def _cells(texts: Sequence[str], form: Sequence[int]) -> str:
    return "".join(f"{texts[place]:>{WIDTHS[place]}}" for place in form)
