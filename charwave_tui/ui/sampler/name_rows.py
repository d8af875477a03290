"""Names to walk along, as lines: in columns, with a cursor and stars, and one of them character by character."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from charwave_tui.core.readings import SampledName
from charwave_tui.core.sampling import Sampling
from charwave_tui.ui import numbers
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.name_inks import LEGEND, known_from
from charwave_tui.ui.panes.name_list import BETWEEN, entry
from charwave_tui.ui.pieces import Line, Piece, columns, raised, readable, spread
from charwave_tui.ui.sampler import path
from charwave_tui.ui.view import NamesView

NARROWEST = 36
"""Columns that a name needs before another may stand beside it."""

_MARKS = 3


def across(width: int) -> int:
    """How many names stand side by side."""
    return max(1, (width + BETWEEN) // (NARROWEST + BETWEEN))


def name_rows(
    names: Sequence[SampledName], here: int, active: bool, starred: Collection[str], width: int, rows: int
) -> list[Line]:
    """The page of names on which the cursor is, from the top down in columns, in exactly `rows` lines.

    The cursor is lit while the list is `active`.
    """
    beside = across(width)
    each = (width - BETWEEN * (beside - 1)) // beside
    capacity = max(rows * beside, 1)
    first = here // capacity * capacity
    lines: list[Line] = [()] * rows
    for place, sampled in enumerate(names[first : first + rows * beside]):
        row, chosen = place % rows, first + place == here
        marks = (
            Piece(GLYPHS.here if chosen else " ", "accent" if active else "muted"),
            Piece(GLYPHS.star if sampled.name in starred else " ", "warning"),
            Piece(" "),
        )
        made: Line = (*marks, *entry(sampled, each - _MARKS))
        between = (Piece(" " * BETWEEN),) if lines[row] else ()
        lines[row] = (*lines[row], *between, *(raised(made) if chosen and active else made))
    return lines


def origin(sampled: SampledName) -> Line:
    """Where a name is known from, with the word that it is near to."""
    mark, word = known_from(sampled)
    said = {"corpus": " in the corpus", "near": f" one edit from {readable(sampled.near)}"}.get(word, f" {word}")
    return (mark, Piece(said, "muted"))


def readout(sampled: SampledName, width: int, height: int) -> list[Line]:
    """A name character by character in at most `height` lines, as a table where there is room for it."""
    marked = path.marks(sampled.name, sampled.surprises)
    figures = (Piece(numbers.nll(sampled.nll), "bright", True), Piece(" nll   ", "muted"), *origin(sampled))
    figures = spread(figures, (), width)
    if not marked:
        return [figures][:height]
    if height < len(marked) + 4:
        return [figures, *path.block(marked, width)][:height]
    legend = [(), LEGEND] if height >= len(marked) + 6 and columns(LEGEND) <= width else []
    return [path.HEAD, *(path.row(mark, (), width) for mark in marked), (), figures, *legend]


def remark(names: NamesView, sampling: Sampling) -> str:
    """What has to be said of the names that were drawn: that fewer were found than asked, or that more come."""
    step = f"step {numbers.steps(names.step)}"
    if not names.done:
        return f"{step} {GLYPHS.dot} more to come"
    if sampling.only_new == "yes" and len(names.names) < sampling.count:
        return f"{len(names.names)} new of {sampling.count:,} asked, {names.drawn:,} drawn"
    return step
