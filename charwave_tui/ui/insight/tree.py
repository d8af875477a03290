"""The view of FlattenConsecutive and FlattenDilated: how the characters of a typed context meet, level by level."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from charwave_tui.core.insights import Lens, TreeInsight
from charwave_tui.core.readings import LayerStats
from charwave_tui.ui import layer_cells
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.insight import branches, tree_list
from charwave_tui.ui.insight.family import Family
from charwave_tui.ui.insight.figures import Figure
from charwave_tui.ui.insight.healthy import Healthy
from charwave_tui.ui.insight.shown import Gaze, Nouns, Shown
from charwave_tui.ui.insight.units import joined
from charwave_tui.ui.insight.written import cropped, sheet_lines, symbol
from charwave_tui.ui.pieces import GAP, Line, Piece, columns, readable, shortened, wrapped

DILATED = "FlattenDilated"
"""The kind of layer whose levels overlap."""

FEWEST_MARGIN = 4
"""Columns at the left of a tree for the sign and number of a level, where there is no room for its name."""

MEANING = (
    "Strength is the root mean square over a node's units: near 0 the node has nothing to say, and tanh ends at 1."
)
"""What the figure on a node means."""

STRENGTH = Healthy(-math.inf, math.inf, "0.4 … 0.8 of a tanh", MEANING)
"""The same with what is healthy of it."""


class TreeView:
    """The tree of a typed context, with the level that the layer feeds marked; `h` and `l` walk that level's nodes."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The tree alone."""
        return ("tree",)

    def nouns(self, part: int) -> Nouns:
        """The nodes of the level."""
        return Nouns("node")

    def figures(self, shown: Shown) -> tuple[Figure, ...]:
        """The strength of the node under the cursor."""
        if not isinstance(shown.insight, TreeInsight) or not shown.insight.levels:
            return ()
        level, node = _marked(shown, shown.insight)
        nodes = shown.insight.levels[level - 1].strengths
        if not nodes:
            return ()
        return (Figure("strength", "strength", nodes[node], branches.number(nodes[node], 8), STRENGTH),)

    def lens(self, gaze: Gaze, width: int, height: int) -> Lens:
        """The tree of the typed text."""
        return Lens(gaze.layer, text=gaze.text)

    def moved(self, shown: Shown, key: str) -> Gaze | None:
        """One node of the marked level to the left or right."""
        by = {"h": -1, "l": 1, "P": -1, "p": 1}.get(key)
        if by is None or not isinstance(shown.insight, TreeInsight):
            return None
        level, node = _marked(shown, shown.insight)
        nodes = len(shown.insight.levels[level - 1].strengths) if level else 1
        return replace(shown.gaze, position=min(max(node + by, 0), nodes - 1))

    def lines(self, shown: Shown, width: int, height: int) -> tuple[Line, ...]:
        """What was typed, the tree, and what the node under the cursor is made of."""
        insight = shown.insight
        if not isinstance(insight, TreeInsight) or not insight.levels or not insight.context:
            return (cropped((Piece("This model has no levels to draw a tree of.", "muted"),), width),)
        level, node = _marked(shown, insight)
        family = Family.of(insight, shown.stats.name == DILATED)
        above = _heading(insight, width)
        readout = (_readout(insight, family, level, node, width),)
        meaning = tuple((Piece(line, "muted"),) for line in wrapped(MEANING, width, 2))
        spacious = len(insight.levels) * 3 + len(above) + 5 + len(meaning) <= height
        below = (*readout, (), *meaning) if spacious else readout
        room = height - len(above) - len(below) - 2 * spacious
        body = _body(shown, insight, family, (level, node), width, room)
        gap: tuple[Line, ...] = ((),) if spacious else ()
        return tuple(cropped(line, width) for line in (*above, *gap, *body, *gap, *below))[:height]


def _body(
    shown: Shown, insight: TreeInsight, family: Family, at: tuple[int, int], width: int, lines: int
) -> tuple[Line, ...]:
    """The tree with the head's word above it, or the levels in a list where there is no room for a tree."""
    names = [_name(shown, insight, family, level) for level in range(1, len(insight.levels) + 1)]
    wide = max(columns(name) for name in names) + GAP
    room = branches.Room.within(family, (wide, FEWEST_MARGIN), width, lines - 2)
    head = _head(shown, insight, width - (room.margin if room else wide))
    if room is None:
        return tree_list.levels(insight, family, at, names, width, lines - 1, head)
    sheet = branches.drawn(insight, family, room, *at, width)
    drawn = list(sheet_lines(sheet))
    for level, name in enumerate(names, start=1):
        label = name if room.margin == wide else name[:1]
        foot = room.foot(len(names), level)
        drawn[foot] = (*label, *_from(drawn[foot], columns(label)))
    if family.dilated:  # its head reads every level
        return ((Piece(" " * room.margin), *head), (), *drawn)
    top = room.column(family.stands()[-1][-1])
    start = max(min(top - columns(head) // 2, width - columns(head)), room.margin)
    stem = Piece(" " * top + branches.JOINTS[branches.UP + branches.DOWN], "line")
    return ((Piece(" " * start), *head), (stem,), *drawn)


def _from(line: Line, column: int) -> Iterator[Piece]:
    """What stands in a line of one-column characters from a column on."""
    for piece in line:
        if column < len(piece.text):
            yield replace(piece, text=piece.text[column:])
        column = max(column - len(piece.text), 0)


def _marked(shown: Shown, insight: TreeInsight) -> tuple[int, int]:
    """The level that the layer feeds, from 1 up, and the node under the cursor; 0 and 0 without a level."""
    if not insight.levels:
        return 0, 0
    above = (place for place, level in enumerate(insight.levels, start=1) if level.layer > shown.gaze.layer)
    level = next(above, len(insight.levels))
    nodes = len(insight.levels[level - 1].strengths)
    return level, min(max(shown.gaze.position, 0), max(nodes - 1, 0))


def _heading(insight: TreeInsight, width: int) -> tuple[Line, ...]:
    """What is looked at, how to type something else, and what of the text is not known."""
    text = shortened(readable(insight.context.lstrip("\0").replace("\0", GLYPHS.dot)), width - 8)
    typed: Line = (Piece("typed   "), Piece(text, "bright", True) if text else Piece("nothing yet", "muted"))
    keys: Line = (Piece("   "), Piece("/", "accent", True), Piece(" type another", "muted"))
    walk: Line = (Piece("   "), Piece("hl", "accent", True), Piece(" node", "muted"))
    wide = columns(typed) + columns(keys) + columns(walk) <= width
    lines: list[Line] = [(*typed, *keys, *(walk if wide else ()))]
    if columns(typed) + columns(keys) > width:
        lines = [typed, (*keys[1:], *walk)]
    if insight.unknown:
        unknown = " ".join(dict.fromkeys(readable(insight.unknown)))
        text = f"{GLYPHS.warning} The corpus has no {unknown}: the tree is of what is left."
        lines.append((Piece(text, "warning"),))
    return tuple(lines)


def _name(shown: Shown, insight: TreeInsight, family: Family, level: int) -> Line:
    """A level's sign, number and activation; a dilated one says how far apart the two that it joins are."""
    marked = level == _marked(shown, insight)[0]
    place = insight.levels[level - 1].layer
    layer: LayerStats | None = shown.layers[place] if 0 <= place < len(shown.layers) else None
    sizes = GLYPHS.times.join(map(str, layer.output_shape[1:])) if layer else ""
    title = f"{layer_cells.title(layer)} {sizes}" if layer else "level"
    joins = f"  {family.apart(level)} apart" if family.dilated else ""
    sign = GLYPHS.here if marked else " "
    ink = "bright" if marked else "muted"
    return Piece(f"{sign} {level}", "accent" if marked else ink, marked), Piece(f"  {title}{joins}", ink)


def _head(shown: Shown, insight: TreeInsight, width: int) -> Line:
    """The head's word: the likeliest characters to come next, as many as fit."""
    last = shown.layers[-1] if shown.layers else None
    groups: list[Line] = [(Piece(layer_cells.title(last) if last else "head", "muted"),)]
    if shown.stats.name == DILATED:
        groups.append((Piece("reads the last node of each level", "muted"),))
    for place, (following, probability) in enumerate(insight.following):
        letter = Piece(f"{symbol(shown.symbols, following)} ", "bright", True)
        says = () if place else (Piece("says  ", "muted"),)
        groups.append((*says, letter, Piece(f"{probability:.2f}")))
    return joined(tuple(groups), width)


def _readout(insight: TreeInsight, family: Family, level: int, node: int, width: int) -> Line:
    """What the node under the cursor is made of."""
    nodes = insight.levels[level - 1].strengths
    if not nodes:
        return (Piece("This level has no nodes.", "muted"),)
    seen = sorted(family.seen(level, node)[0])
    letters = "".join(GLYPHS.dot if insight.context[one] == "\0" else readable(insight.context[one]) for one in seen)
    joins = [str(one + 1) for one in family.joined(level, node)]
    kind, of = ("characters", "") if level == 1 else ("nodes", f" of level {level - 1}")
    places = f"{joins[0]} to {joins[-1]}" if len(joins) > 2 and not family.dilated else " and ".join(joins)
    groups: tuple[Line, ...] = (
        (Piece("node ", "muted"), Piece(f"{node + 1}", "accent", True), Piece(f" of {len(nodes)}", "muted")),
        (Piece("strength ", "muted"), Piece(branches.number(nodes[node], 8), "bright", True)),
        (Piece("sees ", "muted"), Piece(letters, "bright", True)),
        (Piece(f"joins {kind} ", "muted"), Piece(places), Piece(of, "muted")),
    )
    return joined(groups, width)
