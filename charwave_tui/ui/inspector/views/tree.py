"""View of a hierarchical or dilated model: the tree of a typed context, from its characters to the prediction."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    fit_groups,
    muted_lines,
    readable,
    scroll_top,
    shorten,
)
from charwave_tui.ui.inspector.pictures.tree_diagram import (
    DOWN,
    EDGE_GLYPHS,
    UP,
    TreeLayout,
    TreeTopology,
    draw_tree,
    format_strength,
    max_strength,
)
from charwave_tui.ui.inspector.views.base import CursorAxes, LayerView, ViewData
from charwave_tui.ui.inspector.views.diagnostics import Diagnostic
from charwave_tui.ui.state.inspector_state import ViewCursor
from charwave_tui.ui.state.layer_health import HealthyRange
from charwave_tui.ui.tables.layers_table import layer_title
from charwave_tui.ui.terminal.glyphs import GLYPHS

DILATED_LAYER = "FlattenDilated"
MIN_NAME_COLUMNS = 4  # the cursor's mark and a level's number, without its name
STRENGTH_COLUMNS = 5  # with the blank behind it
STRENGTH_TEXT = (
    "rms is the root mean square of a node's units: near 0 the node passes on almost nothing; a tanh has at most 1."
)
STRENGTH_RANGE = HealthyRange(-math.inf, math.inf, "0.4 … 0.8 of a tanh", STRENGTH_TEXT)


class TreeView(LayerView):
    """The tree with the level that the inspected layer feeds marked; the cursor moves along the nodes of that level."""

    tabs = ("tree",)
    insight_type = TreeInsight

    def cursor_axes(self, tab: int) -> CursorAxes:
        return CursorAxes("node")

    def query(self, cursor: ViewCursor, width: int, height: int) -> InsightQuery:
        return InsightQuery(cursor.layer, text=cursor.text)

    def diagnostics(self, data: ViewData[TreeInsight]) -> tuple[Diagnostic, ...]:
        if not data.insight.levels:
            return ()
        level, node = _tree_cursor(data)
        strengths = data.insight.levels[level - 1].rms
        if not strengths:
            return ()
        return (Diagnostic("rms", strengths[node], format_strength(strengths[node], 8), STRENGTH_RANGE),)

    def move_cursor(self, data: ViewData[TreeInsight], key: str) -> ViewCursor | None:
        step = {"h": -1, "l": 1, "P": -1, "p": 1}.get(key)
        if step is None:
            return None
        level, node = _tree_cursor(data)
        nodes = len(data.insight.levels[level - 1].rms) if level else 1
        return replace(data.cursor, position=min(max(node + step, 0), nodes - 1))

    def render(self, data: ViewData[TreeInsight], width: int, height: int) -> tuple[StyledLine, ...]:
        insight = data.insight
        if not insight.levels or not insight.context:
            return (crop_line((Span("This model has no levels, so there is no tree.", "muted"),), width),)
        cursor = _tree_cursor(data)
        topology = TreeTopology.of(insight, data.stats.name == DILATED_LAYER)
        header = _heading(insight, width)
        readout = _readout(insight, topology, cursor, width)
        text = muted_lines(STRENGTH_TEXT, width, 2)
        is_spacious = len(insight.levels) * 3 + len(header) + 5 + len(text) <= height
        footer = (readout, (), *text) if is_spacious else (readout,)
        tree_height = height - len(header) - len(footer) - 2 * is_spacious
        tree = _tree(data, topology, cursor, width, tree_height)
        gap: tuple[StyledLine, ...] = ((),) if is_spacious else ()
        return tuple(crop_line(line, width) for line in (*header, *gap, *tree, *gap, *footer))[:height]


def _tree_cursor(data: ViewData[TreeInsight]) -> tuple[int, int]:
    """Return the level that the inspected layer feeds, from 1, and the node at the cursor; 0 and 0 without levels."""
    cursor, insight = data.cursor, data.insight
    if not insight.levels:
        return 0, 0
    later_levels = (number for number, level in enumerate(insight.levels, start=1) if level.layer > cursor.layer)
    level = next(later_levels, len(insight.levels))
    nodes = len(insight.levels[level - 1].rms)
    return level, min(max(cursor.position, 0), max(nodes - 1, 0))


def _heading(insight: TreeInsight, width: int) -> tuple[StyledLine, ...]:
    text = shorten(readable(insight.context.lstrip("\0").replace("\0", GLYPHS.dot)), width - 8)
    typed: StyledLine = (Span("context "), Span(text, "bright", True) if text else Span("empty", "muted"))
    type_key: StyledLine = (Span("/", "accent", True), Span(" type one", "muted"))
    move_key: StyledLine = (Span("   "), Span("hl", "accent", True), Span(" node", "muted"))
    type_width = cell_width(typed) + GAP + cell_width(type_key)
    if type_width > width:
        lines: list[StyledLine] = [typed, (*type_key, *move_key)]
    else:
        fits_all = type_width + cell_width(move_key) <= width
        lines = [(*typed, Span(" " * GAP), *type_key, *(move_key if fits_all else ()))]
    if insight.unknown:
        unknown = " ".join(map(readable, dict.fromkeys(insight.unknown)))
        text = f"{GLYPHS.warning} Left out, not in the vocabulary: {unknown}"
        lines.append((Span(text, "warning"),))
    return tuple(lines)


def _tree(
    data: ViewData[TreeInsight], topology: TreeTopology, cursor: tuple[int, int], width: int, height: int
) -> tuple[StyledLine, ...]:
    insight = data.insight
    names = [_level_name(data, topology, level) for level in range(1, len(insight.levels) + 1)]
    full_columns = max(map(cell_width, names)) + GAP
    layout = TreeLayout.within(topology, (full_columns, MIN_NAME_COLUMNS), width, height - 2)
    prediction = _prediction(data, width - (layout.name_columns if layout else full_columns))
    if layout is None:
        return compact_levels(insight, topology, cursor, names, width, height - 1, prediction)
    canvas = draw_tree(insight, topology, layout, cursor, width)
    for level, name in enumerate(names, start=1):
        column = 0
        for span in name if layout.name_columns == full_columns else name[:1]:
            role = f"bold {span.role}" if span.bold else span.role
            canvas.write(layout.bottom_line(len(names), level), column, span.text, role)
            column += len(span.text)
    lines = canvas_lines(canvas)
    if topology.is_dilated:  # the head reads every level, not only the last
        return ((Span(" " * layout.name_columns), *prediction), (), *lines)
    root_column = layout.column(topology.node_positions()[-1][-1])
    centred = min(root_column - cell_width(prediction) // 2, width - cell_width(prediction))
    stem = Span(" " * root_column + EDGE_GLYPHS[UP + DOWN], "line")
    return ((Span(" " * max(centred, layout.name_columns)), *prediction), (stem,), *lines)


def _level_name(data: ViewData[TreeInsight], topology: TreeTopology, level: int) -> StyledLine:
    is_marked = level == _tree_cursor(data)[0]
    index = data.insight.levels[level - 1].layer
    layer: LayerStats | None = data.layers[index] if 0 <= index < len(data.layers) else None
    sizes = GLYPHS.times.join(map(str, layer.output_shape[1:])) if layer else ""
    title = f"{layer_title(layer)} {sizes}" if layer else "level"
    dilation = f"  dilation {topology.stride(level)}" if topology.is_dilated else ""
    mark, role = (GLYPHS.cursor, "bright") if is_marked else (" ", "muted")
    number = Span(f"{mark} {level}", "accent" if is_marked else role, is_marked)
    return number, Span(f"  {title}{dilation}", role)


def _prediction(data: ViewData[TreeInsight], width: int) -> StyledLine:
    head = data.layers[-1] if data.layers else None
    groups: list[StyledLine] = [(Span(layer_title(head) if head else "head", "muted"),)]
    if data.stats.name == DILATED_LAYER:
        groups.append((Span("reads the last node of each level", "muted"),))
    for index, (char_id, probability) in enumerate(data.insight.next_chars):
        verb = () if index else (Span("predicts  ", "muted"),)
        char = Span(f"{display_char(data.symbols, char_id)} ", "bright", True)
        groups.append((*verb, char, Span(f"{probability:.2f}")))
    return fit_groups(groups, width)


def _readout(insight: TreeInsight, topology: TreeTopology, cursor: tuple[int, int], width: int) -> StyledLine:
    level, node = cursor
    strengths = insight.levels[level - 1].rms
    if not strengths:
        return (Span("This level has no nodes.", "muted"),)
    field = [insight.context[index] for index in sorted(topology.receptive_range(level, node)[0])]
    characters = readable("".join(field).replace("\0", GLYPHS.dot))
    children = [str(child + 1) for child in topology.children(level, node)]
    is_range = len(children) > 2 and not topology.is_dilated
    children_text = f"{children[0]} to {children[-1]}" if is_range else " and ".join(children)
    kind, suffix = ("characters", "") if level == 1 else ("nodes", f" of level {level - 1}")
    groups: tuple[StyledLine, ...] = (
        (Span("node ", "muted"), Span(f"{node + 1}", "accent", True), Span(f" of {len(strengths)}", "muted")),
        (Span("rms ", "muted"), Span(format_strength(strengths[node], 8), "bright", True)),
        (Span("depends on ", "muted"), Span(characters, "bright", True)),
        (Span(f"joins {kind} ", "muted"), Span(children_text), Span(suffix, "muted")),
    )
    return fit_groups(groups, width)


def compact_levels(
    insight: TreeInsight,
    topology: TreeTopology,
    cursor: tuple[int, int],
    names: Sequence[StyledLine],
    width: int,
    height: int,
    prediction: StyledLine,
) -> tuple[StyledLine, ...]:
    """Render prediction, levels from the last one down and characters as a list, scrolled to the level at the cursor.

    The receptive field of the node at the cursor is highlighted.
    """
    cursor_level, cursor_node = cursor
    field = topology.receptive_range(cursor_level, cursor_node)
    name_columns = max(map(cell_width, names)) + GAP
    if width - name_columns < 24:
        names, name_columns = [name[:1] for name in names], MIN_NAME_COLUMNS
    indent, value_columns = Span(" " * name_columns), width - name_columns
    lines: list[StyledLine] = [(indent, *prediction)]
    for level in range(len(insight.levels), 0, -1):
        name = names[level - 1]
        highlighted = field[level] if level < len(field) else frozenset[int]()
        node = cursor_node if level == cursor_level else None
        values = _level_values(insight, level, highlighted, node, value_columns)
        lines.append((*name, Span(" " * (name_columns - cell_width(name))), *values))
    lines.append((indent, *_context_line(insight.context, field[0], value_columns)))
    top = scroll_top(len(insight.levels) + 1 - cursor_level, len(lines), height)
    return tuple(lines[top : top + max(height, 0)])


def _level_values(
    insight: TreeInsight, level: int, highlighted: frozenset[int], cursor_node: int | None, width: int
) -> StyledLine:
    strengths = insight.levels[level - 1].rms
    roles = [
        "bright" if node == cursor_node else "fg" if node in highlighted else "muted" for node in range(len(strengths))
    ]
    if len(strengths) * STRENGTH_COLUMNS <= width:
        digits = STRENGTH_COLUMNS - 1
        return tuple(
            Span(f"{format_strength(strength, digits):>{digits}} ", role if math.isfinite(strength) else "error")
            for strength, role in zip(strengths, roles, strict=True)
        )
    centre = cursor_node if cursor_node is not None else min(highlighted, default=0)
    left = scroll_top(centre, len(strengths), width)
    strongest = max_strength(insight)
    heights = [max(strength / strongest, 0.0) if math.isfinite(strength) else 0.0 for strength in strengths]
    return vertical_bars(heights[left : left + width], 1, roles[left : left + width])[0]


def _context_line(context: str, highlighted: frozenset[int], width: int) -> StyledLine:
    left = scroll_top((min(highlighted) + max(highlighted)) // 2 if highlighted else 0, len(context), width)
    cells = [(index in highlighted, character) for index, character in enumerate(context)][left : left + width]
    spans = []
    for is_highlighted, run in groupby(cells, key=lambda cell: cell[0]):
        text = readable("".join(character for _, character in run).replace("\0", GLYPHS.dot))
        spans.append(Span(text, "bright" if is_highlighted else "muted", is_highlighted))
    return tuple(spans)
