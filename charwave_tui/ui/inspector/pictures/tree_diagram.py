"""The tree of a hierarchical model: which nodes it has (`TreeTopology`), where they are drawn, and the drawing."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from charwave_tui.core.protocol.layer_insights import TreeInsight
from charwave_tui.ui.drawing.block_graphics import vertical_bars
from charwave_tui.ui.drawing.canvas import Canvas
from charwave_tui.ui.drawing.styled_text import readable
from charwave_tui.ui.terminal.glyphs import ASCII, GLYPHS, Glyphs

MAX_BAR_HEIGHT = 6
MIN_CHARACTER_COLUMNS, MAX_CHARACTER_COLUMNS = 2, 24


@dataclass(frozen=True, slots=True)
class TreeTopology:
    """Number of nodes in each level, level 0 being the characters. The levels of a dilated stack overlap."""

    counts: tuple[int, ...]
    is_dilated: bool

    @staticmethod
    def of(insight: TreeInsight, is_dilated: bool) -> TreeTopology:
        return TreeTopology((len(insight.context), *(len(level.rms) for level in insight.levels)), is_dilated)

    def stride(self, level: int) -> int:
        """Return how many nodes of the previous level one node of `level` concatenates; if dilated, the dilation."""
        previous, own = self.counts[level - 1], self.counts[level]
        return previous - own if self.is_dilated else previous // max(own, 1)

    def children(self, level: int, node: int) -> tuple[int, ...]:
        stride, previous = self.stride(level), self.counts[level - 1]
        children = (node, node + stride) if self.is_dilated else range(node * stride, (node + 1) * stride)
        return tuple(child for child in dict.fromkeys(children) if 0 <= child < previous)

    def receptive_range(self, level: int, node: int) -> tuple[frozenset[int], ...]:
        """Return the nodes that one node depends on, for each level from the characters up to its own."""
        levels = [frozenset({node})]
        for current in range(level, 0, -1):
            levels.append(frozenset(child for parent in levels[-1] for child in self.children(current, parent)))
        return tuple(reversed(levels))

    def node_positions(self) -> tuple[tuple[float, ...], ...]:
        """Return the horizontal position of each node, in characters, for each level from the characters up.

        A node is in the middle of its children; in a dilated stack above the last one, whose prediction it serves.
        """
        levels = [tuple(map(float, range(self.counts[0])))]
        for level in range(1, len(self.counts)):
            positions = []
            for node in range(self.counts[level]):
                children = [levels[-1][child] for child in self.children(level, node)] or [float(node)]
                positions.append(children[-1] if self.is_dilated else (children[0] + children[-1]) / 2)
            levels.append(tuple(positions))
        return tuple(levels)


UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8  # directions of the lines in a cell, to be added


def edge_glyphs(glyphs: Glyphs) -> str:
    """Return the characters for lines that meet in a cell, indexed by the sum of their directions."""
    return " |||-+++-+++-+++" if glyphs is ASCII else " ╵╷│╴┘┐┤╶└┌├─┴┬┼"


EDGE_GLYPHS = edge_glyphs(GLYPHS)


@dataclass(frozen=True, slots=True)
class TreeLayout:
    """Columns of the level names and of each character, and lines of each node's bar.

    With an even number of columns for each character the parent of two is exactly between them.
    """

    name_columns: int
    character_columns: int
    bar_height: int

    @staticmethod
    def within(topology: TreeTopology, name_columns: Iterable[int], width: int, height: int) -> TreeLayout | None:
        """Return the largest layout, with the first of `name_columns` that leaves enough width; None if none does."""
        levels, characters = len(topology.counts) - 1, topology.counts[0]
        bar_height = min((height - 1) // max(levels, 1) - 1, MAX_BAR_HEIGHT)
        if bar_height < 1 or not levels or not characters:
            return None
        for columns in name_columns:
            character_columns = min((width - columns) // characters, MAX_CHARACTER_COLUMNS)
            if character_columns >= MIN_CHARACTER_COLUMNS:
                character_columns -= character_columns % 2 if character_columns > 4 else 0
                return TreeLayout(columns, character_columns, bar_height)
        return None

    def column(self, position: float) -> int:
        return self.name_columns + 1 + math.floor(position * self.character_columns + 0.5)

    def bottom_line(self, levels: int, level: int) -> int:
        return (levels - level + 1) * (self.bar_height + 1) - 2 if level else levels * (self.bar_height + 1)


def draw_tree(
    insight: TreeInsight, topology: TreeTopology, layout: TreeLayout, cursor: tuple[int, int], width: int
) -> Canvas:
    """Draw the tree; the receptive field of the level and node at the `cursor` is highlighted."""
    levels = len(insight.levels)
    canvas = Canvas(width, layout.bottom_line(levels, 0) + 1)
    columns = [[layout.column(position) for position in level] for level in topology.node_positions()]
    field = topology.receptive_range(*cursor)
    strongest = max_strength(insight)
    for level in range(1, levels + 1):
        highlighted = field[level] if level < len(field) else frozenset[int]()
        bottom = layout.bottom_line(levels, level)
        background_nodes = () if topology.is_dilated else range(topology.counts[level])
        for nodes, role in ((background_nodes, "line"), (highlighted, "fg")):
            edges = [
                (columns[level][node], [columns[level - 1][child] for child in topology.children(level, node)])
                for node in nodes
            ]
            _draw_edges(canvas, bottom + 1, edges, role)
        gap = min((right - left for left, right in pairwise((*columns[level], width + 1))), default=0)
        for node, strength in enumerate(insight.levels[level - 1].rms):
            column = columns[level][node]
            if not topology.is_dilated or (node in highlighted and level < cursor[0]):
                top = bottom - layout.bar_height + 1
                canvas.overlay(top, column, [EDGE_GLYPHS[UP + DOWN]] * layout.bar_height, "line")
            role = "bright" if (level, node) == cursor else "fg" if node in highlighted else "muted"
            fraction = max(strength / strongest, 0.0) if math.isfinite(strength) else 0.0
            _draw_node(canvas, bottom, column, strength, fraction, role, gap, layout.bar_height)
    for index, character in enumerate(insight.context):
        role = "bold bright" if index in field[0] else "muted"
        text = GLYPHS.dot if character == "\0" else readable(character)
        canvas.write(layout.bottom_line(levels, 0), columns[0][index], text, role)
    return canvas


def _draw_node(
    canvas: Canvas, bottom: int, column: int, strength: float, fraction: float, role: str, gap: int, bar_height: int
) -> None:
    half_width = 1 if gap >= 10 else 0
    bar_columns = 2 * half_width + 1
    bar = vertical_bars([fraction] * bar_columns, bar_height, ["muted"] * bar_columns)
    rows = ["".join(span.text for span in line) for line in bar]
    canvas.overlay(bottom - bar_height + 1, column - half_width, rows, role)
    space = 0 if gap < 7 else 1  # between bar and strength
    text = format_strength(strength, min(gap - 2 - space, 4))
    text_role = "bold bright" if role == "bright" else role
    canvas.write(bottom, column + half_width + 1 + space, text, text_role if math.isfinite(strength) else "error")


def _draw_edges(canvas: Canvas, row: int, edges: Iterable[tuple[int, Sequence[int]]], role: str) -> None:
    """Draw lines in one row: each edge is the column of a node, above, and those of its children, below."""
    directions: defaultdict[int, int] = defaultdict(int)
    for parent, children in edges:
        first, last = min((parent, *children)), max((parent, *children))
        for column in range(first, last + 1):
            directions[column] |= UP * (column == parent) | DOWN * (column in children)
            directions[column] |= LEFT * (column > first) | RIGHT * (column < last)
    for column, direction in directions.items():
        canvas.write(row, column, EDGE_GLYPHS[direction], role)


def max_strength(insight: TreeInsight) -> float:
    """Return the strength of a full bar: the largest there is, at least 1."""
    strengths = (strength for level in insight.levels for strength in level.rms)
    return max((1.0, *(strength for strength in strengths if math.isfinite(strength))))


def format_strength(strength: float, columns: int) -> str:
    """Return a strength in at most `columns` columns: `0.61`, `.61`, `.6`; empty if there is no room."""
    if columns < 2:
        return ""
    if not math.isfinite(strength):
        return "nan"[:columns]
    for decimals in range(min(columns - 1, 2), -1, -1):
        text = f"{strength:.{decimals}f}"
        for candidate in (text, text.removeprefix("0") if decimals else text):
            if len(candidate) <= columns:
                return candidate
    return GLYPHS.up
