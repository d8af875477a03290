"""TreeView, compact form."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from charwave_tui.core.metrics import LayerStats
from charwave_tui.core.protocol.layer_insights import InsightQuery, TreeInsight
from charwave_tui.ui.drawing.block_graphics import vertical_bars
from charwave_tui.ui.drawing.canvas import canvas_lines, crop_line, display_char
from charwave_tui.ui.drawing.styled_text import (
    GAP,
    Span,
    StyledLine,
    cell_width,
    readable,
    scroll_top,
    shorten,
    wrap,
)
from charwave_tui.ui.inspector.views.base import CursorAxes, ViewData
from charwave_tui.ui.inspector.views.diagnostics import Diagnostic
from charwave_tui.ui.inspector.views.tree_diagram import (
    DOWN,
    JOINTS,
    UP,
    TreeLayout,
    TreeTopology,
    draw_tree,
    highest,
    number,
)
from charwave_tui.ui.inspector.views.unit_image import joined
from charwave_tui.ui.state.inspector_state import ViewCursor
from charwave_tui.ui.state.layer_health import HealthyRange
from charwave_tui.ui.tables.layers_table import layer_title
from charwave_tui.ui.terminal.glyphs import GLYPHS

FIGURE = 5
"""Columns of a node's strength as a number, with the blank before it."""


def compact_levels(
    insight: TreeInsight,
    family: TreeTopology,
    at: tuple[int, int],
    names: Sequence[StyledLine],
    width: int,
    lines: int,
    head: StyledLine,
) -> tuple[StyledLine, ...]:
    """The head's word, the levels from the last one down, and the characters, in at most `lines` lines.

    The level and node `at` the cursor stay in sight, and what that node is made of stands out.
    """
    marked, node = at
    seen = family.receptive_range(marked, node)
    margin = max(map(cell_width, names)) + GAP
    if width - margin < 24:
        names, margin = [name[:1] for name in names], 4
    listed: list[StyledLine] = [(Span(" " * margin), *head)]
    for level in range(len(insight.levels), 0, -1):
        name = names[level - 1]
        within = seen[level] if level < len(seen) else frozenset[int]()
        figures = _level(insight, level, within, node if level == marked else None, width - margin)
        listed.append((*name, Span(" " * (margin - cell_width(name))), *figures))
    listed.append((Span(" " * margin), *_characters(insight.context, seen[0], width - margin)))
    top = scroll_top(len(insight.levels) + 1 - marked, len(listed), lines)
    return tuple(listed[top : top + max(lines, 0)])


def _level(insight: TreeInsight, level: int, within: frozenset[int], here: int | None, width: int) -> StyledLine:
    """The strengths of a level as numbers where they fit, else as bars a column wide."""
    strengths = insight.levels[level - 1].strengths
    inks = [("bright" if one == here else "fg" if one in within else "muted") for one in range(len(strengths))]
    if len(strengths) * FIGURE <= width:
        return tuple(
            Span(f"{number(strength, FIGURE - 1):>{FIGURE - 1}} ", ink if math.isfinite(strength) else "error")
            for strength, ink in zip(strengths, inks, strict=True)
        )
    middle = here if here is not None else min(within, default=0)
    left = scroll_top(middle, len(strengths), width)
    most = highest(insight)
    shares = [max(strength / most, 0.0) if math.isfinite(strength) else 0.0 for strength in strengths]
    return vertical_bars(shares[left : left + width], 1, inks[left : left + width])[0]


def _characters(context: str, within: frozenset[int], width: int) -> StyledLine:
    """The context, or the stretch of it around what the cursor's node sees."""
    left = scroll_top((min(within) + max(within)) // 2 if within else 0, len(context), width)
    cells = [(place in within, letter) for place, letter in enumerate(context)][left : left + width]
    return tuple(
        Span("".join(GLYPHS.dot if letter == "\0" else readable(letter) for _, letter in run), ink, bold)
        for bold, run in groupby(cells, key=lambda cell: cell[0])
        for ink in (("bright" if bold else "muted"),)
    )


DILATED = "FlattenDilated"
"""The kind of layer whose levels overlap."""


FEWEST_MARGIN = 4
"""Columns at the left of a tree for the sign and number of a level, where there is no room for its name."""


MEANING = (
    "Strength is the root mean square over a node's units: near 0 the node has nothing to say, and tanh ends at 1."
)
"""What the figure on a node means."""


STRENGTH = HealthyRange(-math.inf, math.inf, "0.4 … 0.8 of a tanh", MEANING)
"""The same with what is healthy of it."""


class TreeView:
    """The tree of a typed context, with the level that the layer feeds marked; `h` and `l` walk that level's nodes."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The tree alone."""
        return ("tree",)

    def nouns(self, part: int) -> CursorAxes:
        """The nodes of the level."""
        return CursorAxes("node")

    def diagnostics(self, shown: ViewData) -> tuple[Diagnostic, ...]:
        """The strength of the node under the cursor."""
        if not isinstance(shown.insight, TreeInsight) or not shown.insight.levels:
            return ()
        level, node = _marked(shown, shown.insight)
        nodes = shown.insight.levels[level - 1].strengths
        if not nodes:
            return ()
        return (Diagnostic("strength", "strength", nodes[node], number(nodes[node], 8), STRENGTH),)

    def query(self, gaze: ViewCursor, width: int, height: int) -> InsightQuery:
        """The tree of the typed text."""
        return InsightQuery(gaze.layer, text=gaze.text)

    def move_cursor(self, shown: ViewData, key: str) -> ViewCursor | None:
        """One node of the marked level to the left or right."""
        by = {"h": -1, "l": 1, "P": -1, "p": 1}.get(key)
        if by is None or not isinstance(shown.insight, TreeInsight):
            return None
        level, node = _marked(shown, shown.insight)
        nodes = len(shown.insight.levels[level - 1].strengths) if level else 1
        return replace(shown.gaze, position=min(max(node + by, 0), nodes - 1))

    def lines(self, shown: ViewData, width: int, height: int) -> tuple[StyledLine, ...]:
        """What was typed, the tree, and what the node under the cursor is made of."""
        insight = shown.insight
        if not isinstance(insight, TreeInsight) or not insight.levels or not insight.context:
            return (crop_line((Span("This model has no levels to draw a tree of.", "muted"),), width),)
        level, node = _marked(shown, insight)
        family = TreeTopology.of(insight, shown.stats.name == DILATED)
        above = _heading(insight, width)
        readout = (_readout(insight, family, level, node, width),)
        meaning = tuple((Span(line, "muted"),) for line in wrap(MEANING, width, 2))
        spacious = len(insight.levels) * 3 + len(above) + 5 + len(meaning) <= height
        below = (*readout, (), *meaning) if spacious else readout
        room = height - len(above) - len(below) - 2 * spacious
        body = _body(shown, insight, family, (level, node), width, room)
        gap: tuple[StyledLine, ...] = ((),) if spacious else ()
        return tuple(crop_line(line, width) for line in (*above, *gap, *body, *gap, *below))[:height]


def _body(
    shown: ViewData, insight: TreeInsight, family: TreeTopology, at: tuple[int, int], width: int, lines: int
) -> tuple[StyledLine, ...]:
    """The tree with the head's word above it, or the levels in a list where there is no room for a tree."""
    names = [_name(shown, insight, family, level) for level in range(1, len(insight.levels) + 1)]
    wide = max(cell_width(name) for name in names) + GAP
    room = TreeLayout.within(family, (wide, FEWEST_MARGIN), width, lines - 2)
    head = _head(shown, insight, width - (room.margin if room else wide))
    if room is None:
        return compact_levels(insight, family, at, names, width, lines - 1, head)
    sheet = draw_tree(insight, family, room, *at, width)
    drawn = list(canvas_lines(sheet))
    for level, name in enumerate(names, start=1):
        label = name if room.margin == wide else name[:1]
        foot = room.foot(len(names), level)
        drawn[foot] = (*label, *_from(drawn[foot], cell_width(label)))
    if family.dilated:  # its head reads every level
        return ((Span(" " * room.margin), *head), (), *drawn)
    top = room.column(family.stands()[-1][-1])
    start = max(min(top - cell_width(head) // 2, width - cell_width(head)), room.margin)
    stem = Span(" " * top + JOINTS[UP + DOWN], "line")
    return ((Span(" " * start), *head), (stem,), *drawn)


def _from(line: StyledLine, column: int) -> Iterator[Span]:
    """What stands in a line of one-column characters from a column on."""
    for piece in line:
        if column < len(piece.text):
            yield replace(piece, text=piece.text[column:])
        column = max(column - len(piece.text), 0)


def _marked(shown: ViewData, insight: TreeInsight) -> tuple[int, int]:
    """The level that the layer feeds, from 1 up, and the node under the cursor; 0 and 0 without a level."""
    if not insight.levels:
        return 0, 0
    above = (place for place, level in enumerate(insight.levels, start=1) if level.layer > shown.gaze.layer)
    level = next(above, len(insight.levels))
    nodes = len(insight.levels[level - 1].strengths)
    return level, min(max(shown.gaze.position, 0), max(nodes - 1, 0))


def _heading(insight: TreeInsight, width: int) -> tuple[StyledLine, ...]:
    """What is looked at, how to type something else, and what of the text is not known."""
    text = shorten(readable(insight.context.lstrip("\0").replace("\0", GLYPHS.dot)), width - 8)
    typed: StyledLine = (Span("typed   "), Span(text, "bright", True) if text else Span("nothing yet", "muted"))
    keys: StyledLine = (Span("   "), Span("/", "accent", True), Span(" type another", "muted"))
    walk: StyledLine = (Span("   "), Span("hl", "accent", True), Span(" node", "muted"))
    wide = cell_width(typed) + cell_width(keys) + cell_width(walk) <= width
    lines: list[StyledLine] = [(*typed, *keys, *(walk if wide else ()))]
    if cell_width(typed) + cell_width(keys) > width:
        lines = [typed, (*keys[1:], *walk)]
    if insight.unknown:
        unknown = " ".join(dict.fromkeys(readable(insight.unknown)))
        text = f"{GLYPHS.warning} The corpus has no {unknown}: the tree is of what is left."
        lines.append((Span(text, "warning"),))
    return tuple(lines)


def _name(shown: ViewData, insight: TreeInsight, family: TreeTopology, level: int) -> StyledLine:
    """A level's sign, number and activation; a dilated one says how far apart the two that it joins are."""
    marked = level == _marked(shown, insight)[0]
    place = insight.levels[level - 1].layer
    layer: LayerStats | None = shown.layers[place] if 0 <= place < len(shown.layers) else None
    sizes = GLYPHS.times.join(map(str, layer.output_shape[1:])) if layer else ""
    title = f"{layer_title(layer)} {sizes}" if layer else "level"
    joins = f"  {family.apart(level)} apart" if family.dilated else ""
    sign = GLYPHS.cursor if marked else " "
    ink = "bright" if marked else "muted"
    return Span(f"{sign} {level}", "accent" if marked else ink, marked), Span(f"  {title}{joins}", ink)


def _head(shown: ViewData, insight: TreeInsight, width: int) -> StyledLine:
    """The head's word: the likeliest characters to come next, as many as fit."""
    last = shown.layers[-1] if shown.layers else None
    groups: list[StyledLine] = [(Span(layer_title(last) if last else "head", "muted"),)]
    if shown.stats.name == DILATED:
        groups.append((Span("reads the last node of each level", "muted"),))
    for place, (following, probability) in enumerate(insight.following):
        letter = Span(f"{display_char(shown.symbols, following)} ", "bright", True)
        says = () if place else (Span("says  ", "muted"),)
        groups.append((*says, letter, Span(f"{probability:.2f}")))
    return joined(tuple(groups), width)


def _readout(insight: TreeInsight, family: TreeTopology, level: int, node: int, width: int) -> StyledLine:
    """What the node under the cursor is made of."""
    nodes = insight.levels[level - 1].strengths
    if not nodes:
        return (Span("This level has no nodes.", "muted"),)
    seen = sorted(family.receptive_range(level, node)[0])
    letters = "".join(GLYPHS.dot if insight.context[one] == "\0" else readable(insight.context[one]) for one in seen)
    joins = [str(one + 1) for one in family.children(level, node)]
    kind, of = ("characters", "") if level == 1 else ("nodes", f" of level {level - 1}")
    places = f"{joins[0]} to {joins[-1]}" if len(joins) > 2 and not family.dilated else " and ".join(joins)
    groups: tuple[StyledLine, ...] = (
        (Span("node ", "muted"), Span(f"{node + 1}", "accent", True), Span(f" of {len(nodes)}", "muted")),
        (Span("strength ", "muted"), Span(number(nodes[node], 8), "bright", True)),
        (Span("sees ", "muted"), Span(letters, "bright", True)),
        (Span(f"joins {kind} ", "muted"), Span(places), Span(of, "muted")),
    )
    return joined(groups, width)
