"""Tree topology and drawing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from charwave_tui.core.protocol.layer_insights import TreeInsight
from charwave_tui.ui.drawing.block_graphics import vertical_bars
from charwave_tui.ui.drawing.canvas import Canvas
from charwave_tui.ui.drawing.styled_text import readable
from charwave_tui.ui.terminal.glyphs import ASCII, GLYPHS, Glyphs


@dataclass(frozen=True, slots=True)
class TreeTopology:
    """How many nodes each level has, the characters being level 0, and whether levels overlap (dilated)."""

    counts: tuple[int, ...]
    dilated: bool

    @staticmethod
    def of(insight: TreeInsight, dilated: bool) -> TreeTopology:
        """That of an insight."""
        return TreeTopology((len(insight.context), *(len(level.strengths) for level in insight.levels)), dilated)

    def apart(self, level: int) -> int:
        """How many nodes of the level below one of `level` joins; where levels overlap, how far apart the two stand."""
        below, here = self.counts[level - 1], self.counts[level]
        return below - here if self.dilated else below // max(here, 1)

    def children(self, level: int, node: int) -> tuple[int, ...]:
        """The nodes of the level below that one node joins, from the left."""
        apart, below = self.apart(level), self.counts[level - 1]
        found = (node, node + apart) if self.dilated else range(node * apart, (node + 1) * apart)
        return tuple(place for place in dict.fromkeys(found) if 0 <= place < below)

    def receptive_range(self, level: int, node: int) -> tuple[frozenset[int], ...]:
        """What one node is made of: the nodes of each level from the characters up to its own, itself among them."""
        levels = [frozenset({node})]
        for at in range(level, 0, -1):
            levels.append(frozenset(below for one in levels[-1] for below in self.children(at, one)))
        return tuple(reversed(levels))

    def stands(self) -> tuple[tuple[float, ...], ...]:
        """The place among the characters above which each node stands, level by level from the characters up.

        Between those that it joins; where levels overlap above the last one, for that is whose turn it is.
        """
        levels: list[tuple[float, ...]] = [tuple(float(place) for place in range(self.counts[0]))]
        for level in range(1, len(self.counts)):
            below, places = levels[-1], []
            for node in range(self.counts[level]):
                under = [below[one] for one in self.children(level, node)] or [float(node)]
                places.append(under[-1] if self.dilated else (under[0] + under[-1]) / 2)
            levels.append(tuple(places))
        return tuple(levels)


UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
"""Where a line in a cell goes, to be added up."""


def joints(glyphs: Glyphs) -> str:
    """Lines that meet in a cell, by the sum of where they go."""
    return " |||-+++-+++-+++" if glyphs is ASCII else " ╵╷│╴┘┐┤╶└┌├─┴┬┼"


JOINTS = joints(GLYPHS)
"""Those of this process."""


TALLEST = 6
"""Lines that a bar has at most."""


WIDEST = 24
"""Columns that a character has at most, so that the lines stay easy to follow."""


NARROWEST = 2
"""Columns that a character has at least; a tree with less room is not drawn, but listed."""


@dataclass(frozen=True, slots=True)
class TreeLayout:
    """The room for a tree: `margin` columns for names, `slot` for each character, `tall` lines for each node's bar.

    An even slot has what joins two stand just between them.
    """

    margin: int
    slot: int
    tall: int

    @staticmethod
    def within(family: TreeTopology, margins: Iterable[int], width: int, lines: int) -> TreeLayout | None:
        """The most room in `width` columns and `lines` lines, with the first of `margins` that leaves enough."""
        levels, characters = len(family.counts) - 1, family.counts[0]
        tall = min((lines - 1) // max(levels, 1) - 1, TALLEST)
        if tall < 1 or not levels or not characters:
            return None
        for margin in margins:
            slot = min((width - margin) // characters, WIDEST)
            if slot >= NARROWEST:
                return TreeLayout(margin, slot - slot % 2 if slot > 4 else slot, tall)
        return None

    def column(self, stands: float) -> int:
        """The column of what stands above so many characters."""
        return self.margin + 1 + math.floor(stands * self.slot + 0.5)

    def foot(self, levels: int, level: int) -> int:
        """The line on which the bars of a level stand, or that of the characters (level 0)."""
        return (levels - level + 1) * (self.tall + 1) - 2 if level else levels * (self.tall + 1)


def draw_tree(
    insight: TreeInsight, family: TreeTopology, room: TreeLayout, marked: int, node: int, width: int
) -> Canvas:
    """The tree on a sheet; what `node` of level `marked` is made of stands out from the rest."""
    levels = len(insight.levels)
    sheet = Canvas(width, room.foot(levels, 0) + 1)
    columns = [[room.column(stands) for stands in level] for level in family.stands()]
    seen = family.receptive_range(marked, node)
    most = highest(insight)
    for level in range(1, levels + 1):
        within = seen[level] if level < len(seen) else frozenset[int]()
        foot = room.foot(levels, level)
        drawn_joints = () if family.dilated else range(family.counts[level])
        for nodes, ink in ((drawn_joints, "line"), (within, "fg")):
            _draw_edges(sheet, foot + 1, columns, level, [(one, family.children(level, one)) for one in nodes], ink)
        gap = min((right - left for left, right in pairwise((*columns[level], width + 1))), default=0)
        for one, strength in enumerate(insight.levels[level - 1].strengths):
            ink = "bright" if (level, one) == (marked, node) else "fg" if one in within else "muted"
            if not family.dilated or (one in within and level < marked):
                column = columns[level][one]
                sheet.overlay(foot - room.tall + 1, column, [JOINTS[UP + DOWN]] * room.tall, "line")
            _draw_node(sheet, foot, columns[level][one], (strength, most), ink, (gap, room.tall))
    for place, letter in enumerate(insight.context):
        ink = "bold bright" if place in seen[0] else "muted"
        sheet.write(room.foot(levels, 0), columns[0][place], GLYPHS.dot if letter == "\0" else readable(letter), ink)
    return sheet


def highest(insight: TreeInsight) -> float:
    """The strength that fills a bar: the largest there is, at least 1."""
    every = (strength for level in insight.levels for strength in level.strengths)
    return max((1.0, *(strength for strength in every if math.isfinite(strength))))


def number(strength: float, columns: int) -> str:
    """A strength in at most so many columns: `0.61`, `.61`, `.6`; nothing where there is no room for it."""
    if columns < 2:
        return ""
    if not math.isfinite(strength):
        return "nan"[:columns]
    for places in range(min(columns - 1, 2), -1, -1):
        text = f"{strength:.{places}f}"
        for written in (text, text.removeprefix("0") if places else text):
            if len(written) <= columns:
                return written
    return GLYPHS.up


def _draw_node(
    sheet: Canvas, foot: int, column: int, strength: tuple[float, float], ink: str, room: tuple[int, int]
) -> None:
    """A node: its bar, and its number at the right, in so many columns and lines."""
    value, most = strength
    gap, tall = room
    reach = 1 if gap >= 10 else 0
    share = value / most if math.isfinite(value) else 0.0
    wide = 2 * reach + 1
    rows = [
        "".join(piece.text for piece in line)
        for line in vertical_bars([max(share, 0.0)] * wide, tall, ["muted"] * wide)
    ]
    sheet.overlay(foot - tall + 1, column - reach, rows, ink)
    tight = gap < 7
    text = number(value, min(gap - 2 - (not tight), 4))
    weight = "bold bright" if ink == "bright" else ink
    sheet.write(foot, column + reach + 2 - tight, text, weight if math.isfinite(value) else "error")


def _draw_edges(
    sheet: Canvas,
    row: int,
    columns: list[list[int]],
    level: int,
    joined: Iterable[tuple[int, tuple[int, ...]]],
    ink: str,
) -> None:
    """Lines in one row from nodes to those below that they join."""
    ways: dict[int, int] = {}
    for node, below in joined:
        for column, way in _ways(columns[level][node], [columns[level - 1][one] for one in below]):
            ways[column] = ways.get(column, 0) | way
    for column, way in ways.items():
        sheet.write(row, column, JOINTS[way], ink)


def _ways(upper: int, lower: list[int]) -> Iterator[tuple[int, int]]:
    """Where lines go in each column between a node and those below it."""
    first, last = min((upper, *lower)), max((upper, *lower))
    for column in range(first, last + 1):
        way = UP * (column == upper) | DOWN * (column in lower)
        yield column, way | LEFT * (column > first) | RIGHT * (column < last)
