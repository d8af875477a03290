"""The tree view: which characters each node concatenates, drawn or as a list, in any space."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.lab_states import CONFIG, DILATED_CONFIG
from support.layer_views import fits_space, tree_insight, view_data

from charwave_tui.core.protocol.layer_insights import TreeInsight
from charwave_tui.ui.drawing import block_graphics
from charwave_tui.ui.drawing.theme import to_plain_text
from charwave_tui.ui.inspector.pictures import tree_diagram
from charwave_tui.ui.inspector.pictures.tree_diagram import TreeTopology
from charwave_tui.ui.inspector.views import tree
from charwave_tui.ui.inspector.views.tree import TreeView
from charwave_tui.ui.terminal.glyphs import ASCII

VIEW = TreeView()


DEEP = replace(CONFIG, context=64, fuse=(2,) * 6)


LONG = replace(DILATED_CONFIG, context=64, dilations=(1, 2, 4, 8, 16, 32))


WIDE = replace(CONFIG, fuse=(8,))


def rendered(data, width=136, height=34):
    return [to_plain_text(line) for line in VIEW.render(data, width, height)]


def test_each_node_between_and_connected_to_its_inputs():
    lines = rendered(view_data(tree_insight(text="emma"), 5, position=1), 76, 20)
    bar_lines = [line for line in lines if "Tanh" in line]
    characters = lines[
        lines.index(next(line for line in lines if " e " in line and " m " in line and "predicts" not in line))
    ]
    edges = lines[lines.index(characters) - 1]
    assert [characters[column] for column, sign in enumerate(edges) if sign in "┌┐"] == list("····emma")
    for column, sign in enumerate(edges):
        if sign == "┴":
            assert bar_lines[-1][column] in "▁▂▃▄▅▆▇█"
    assert len([line for line in lines if "┴" in line]) == 3


def test_level_of_layer_marked_and_node_under_cursor_shown():
    lines = rendered(view_data(tree_insight(text="emma"), 5, position=1))
    assert [line[:14] for line in lines if line.startswith("▸")] == ["▸ 2  Tanh 2×12"]
    (readout,) = [line for line in lines if line.startswith("node")]
    assert re.fullmatch(r"node 2 of 2   rms 0\.\d\d   depends on emma   joins nodes 3 and 4 of level 1", readout)
    assert any("Linear 128→27   predicts  a 0.32" in line for line in lines)


@pytest.mark.parametrize(
    ("config", "level", "node", "field", "children"),
    [
        (CONFIG, 1, 1, {2, 3}, (2, 3)),
        (CONFIG, 2, 1, {4, 5, 6, 7}, (2, 3)),
        (WIDE, 1, 0, set(range(8)), tuple(range(8))),
        # Dilations 1 1 2 1 2 (van den Oord et al. 2016, figure 3): each node joins one that many positions back.
        (DILATED_CONFIG, 1, 0, {0, 1}, (0, 1)),
        (DILATED_CONFIG, 3, 1, {1, 2, 3, 4, 5}, (1, 3)),
        (DILATED_CONFIG, 5, 0, set(range(8)), (0, 2)),
    ],
)
def test_node_receptive_field_joins_levels_below(config, level, node, field, children):
    topology = TreeTopology.of(tree_insight(config), bool(config.dilations))
    assert topology.receptive_range(level, node)[0] == field
    assert topology.children(level, node) == children


def test_dilated_stack_nodes_above_last_character_seen():
    topology = TreeTopology.of(tree_insight(DILATED_CONFIG), True)
    for level, positions in enumerate(topology.node_positions()):
        for node, position in enumerate(positions):
            assert position == max(topology.receptive_range(level, node)[0])
    lines = rendered(view_data(tree_insight(DILATED_CONFIG, "emma"), 15, DILATED_CONFIG, position=2))
    assert any("▸ 4  Gated 3×256  dilation 1" in line for line in lines)
    assert any("reads the last node of each level" in line for line in lines)


def test_long_context_listed_by_level_with_cursor_visible():
    lines = rendered(view_data(tree_insight(DEEP, "the quick brown fox"), 1, DEEP, position=31), 76, 20)
    assert [line.split()[0] for line in lines if "Tanh" in line] == ["6", "5", "4", "3", "2", "▸"]
    assert lines[-2].endswith("brown fox")
    assert "depends on ox   joins characters 63 and 64" in lines[-1]
    assert any("┴" in line for line in rendered(view_data(tree_insight(DEEP), 1, DEEP)))


def test_keys_move_through_nodes_of_marked_level_and_stop_at_ends():
    data = view_data(tree_insight(), 1)
    for position, key, moved in ((0, "h", 0), (0, "l", 1), (3, "l", 3), (9, "h", 2)):
        cursor = replace(data.cursor, position=position)
        assert VIEW.move_cursor(replace(data, cursor=cursor), key).position == moved
    assert VIEW.move_cursor(data, "j") is None
    assert VIEW.query(data.cursor, 80, 20).text == ""
    assert VIEW.move_cursor(replace(data, insight=TreeInsight("", ())), "l").position == 0


def test_character_outside_corpus_named_and_nan_is_error():
    data = view_data(tree_insight(text="emma", strength=math.nan, unknown="7\x1b"), 1)
    lines = VIEW.render(data, 120, 30)
    assert any("not in the vocabulary: 7 ·" in to_plain_text(line) for line in lines)
    assert {span.role for line in lines for span in line if span.text == "nan"} >= {"error"}


@pytest.mark.parametrize(
    ("strength", "columns", "text"),
    [(0.614, 4, "0.61"), (0.614, 3, ".61"), (0.614, 2, ".6"), (1.27, 3, "1.3"), (12.7, 2, "13"), (1234.5, 4, "1234"),
     (12345.0, 4, "↑"), (math.nan, 2, "na"), (0.6, 1, "")],
)  # fmt: skip
def test_strength_formatted_to_available_width(strength, columns, text):
    assert tree_diagram.format_strength(strength, columns) == text


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(
        [(CONFIG, 1), (CONFIG, 9), (DILATED_CONFIG, 1), (DILATED_CONFIG, 20), (DEEP, 5), (LONG, 5), (WIDE, 1)]
    ),
    st.integers(1, 196),
    st.integers(1, 46),
    st.sampled_from([None, 0.0, 1e30, math.nan, math.inf, -1.0]),
    st.text(max_size=20),
    st.integers(0, 70),
)
def test_tree_fits_any_space(model, width, height, strength, typed, position):
    config, layer = model
    data = view_data(tree_insight(config, typed, strength, typed[:3]), layer, config, position=position)
    assert fits_space(VIEW.render(data, width, height), width, height)


@pytest.mark.parametrize("insight", [TreeInsight("", ()), TreeInsight("\0\0", ())])
def test_without_levels_text_is_shown(insight):
    assert "no levels" in rendered(view_data(insight, 1))[0]


def test_ascii_tree_has_ascii_lines_and_bars(monkeypatch):
    for module in (tree_diagram, block_graphics, tree):
        monkeypatch.setattr(module, "GLYPHS", ASCII)
    for module in (tree_diagram, tree):
        monkeypatch.setattr(module, "EDGE_GLYPHS", tree_diagram.edge_glyphs(ASCII))
    lines = rendered(view_data(tree_insight(text="emma"), 5), 76, 18)
    assert any("+-----+-----+" in line for line in lines)
    body = [line for line in lines if "Linear" not in line and "Tanh" not in line]
    assert all(line.isascii() for line in body)
