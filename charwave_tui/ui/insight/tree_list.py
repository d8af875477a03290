"""The tree where there is no room to draw it: its levels in a list, a node a column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

from charwave_tui.core.insights import TreeInsight
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.insight.branches import highest, number
from charwave_tui.ui.insight.family import Family
from charwave_tui.ui.insight.histogram import bars
from charwave_tui.ui.pieces import GAP, Line, Piece, columns, readable, scrolled

FIGURE = 5
"""Columns of a node's strength as a number, with the blank before it."""


def levels(
    insight: TreeInsight,
    family: Family,
    at: tuple[int, int],
    names: Sequence[Line],
    width: int,
    lines: int,
    head: Line,
) -> tuple[Line, ...]:
    """The head's word, the levels from the last one down, and the characters, in at most `lines` lines.

    The level and node `at` the cursor stay in sight, and what that node is made of stands out.
    """
    marked, node = at
    seen = family.seen(marked, node)
    margin = max(map(columns, names)) + GAP
    if width - margin < 24:
        names, margin = [name[:1] for name in names], 4
    listed: list[Line] = [(Piece(" " * margin), *head)]
    for level in range(len(insight.levels), 0, -1):
        name = names[level - 1]
        within = seen[level] if level < len(seen) else frozenset[int]()
        figures = _level(insight, level, within, node if level == marked else None, width - margin)
        listed.append((*name, Piece(" " * (margin - columns(name))), *figures))
    listed.append((Piece(" " * margin), *_characters(insight.context, seen[0], width - margin)))
    top = scrolled(len(insight.levels) + 1 - marked, len(listed), lines)
    return tuple(listed[top : top + max(lines, 0)])


def _level(insight: TreeInsight, level: int, within: frozenset[int], here: int | None, width: int) -> Line:
    """The strengths of a level as numbers where they fit, else as bars a column wide."""
    strengths = insight.levels[level - 1].strengths
    inks = [("bright" if one == here else "fg" if one in within else "muted") for one in range(len(strengths))]
    if len(strengths) * FIGURE <= width:
        return tuple(
            Piece(f"{number(strength, FIGURE - 1):>{FIGURE - 1}} ", ink if math.isfinite(strength) else "error")
            for strength, ink in zip(strengths, inks, strict=True)
        )
    middle = here if here is not None else min(within, default=0)
    left = scrolled(middle, len(strengths), width)
    most = highest(insight)
    shares = [max(strength / most, 0.0) if math.isfinite(strength) else 0.0 for strength in strengths]
    return bars(shares[left : left + width], 1, inks[left : left + width])[0]


def _characters(context: str, within: frozenset[int], width: int) -> Line:
    """The context, or the stretch of it around what the cursor's node sees."""
    left = scrolled((min(within) + max(within)) // 2 if within else 0, len(context), width)
    cells = [(place in within, letter) for place, letter in enumerate(context)][left : left + width]
    return tuple(
        Piece("".join(GLYPHS.dot if letter == "\0" else readable(letter) for _, letter in run), ink, bold)
        for bold, run in groupby(cells, key=lambda cell: cell[0])
        for ink in (("bright" if bold else "muted"),)
    )
