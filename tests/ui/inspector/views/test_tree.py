"""The tree of a typed context: which characters meet where, drawn or in a list, in any room."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.lab_states import CONFIG, DILATED_CONFIG
from support.layer_views import fits_space, tree_insight, view_data

from charwave_tui.core.protocol.layer_insights import OutputInsight, TreeInsight
from charwave_tui.ui.drawing import block_graphics
from charwave_tui.ui.drawing.theme import to_plain_text
from charwave_tui.ui.inspector.views import tree, tree_diagram
from charwave_tui.ui.inspector.views.tree import TreeView
from charwave_tui.ui.inspector.views.tree_diagram import TreeTopology
from charwave_tui.ui.terminal.glyphs import ASCII

VIEW = TreeView()


DEEP = replace(CONFIG, context=64, fuse=(2,) * 6)


LONG = replace(DILATED_CONFIG, context=64, dilations=(1, 2, 4, 8, 16, 32))


WIDE = replace(CONFIG, fuse=(8,))


def text(look, width=136, height=34):
    return [to_plain_text(line) for line in VIEW.lines(look, width, height)]


def test_each_node_between_and_connected_to_its_inputs():
    drawn = text(view_data(tree_insight(text="emma"), 5, position=1), 76, 20)
    feet = [line for line in drawn if "Tanh" in line]
    characters = drawn[
        drawn.index(next(line for line in drawn if " e " in line and " m " in line and "says" not in line))
    ]
    joints = drawn[drawn.index(characters) - 1]
    assert [characters[at] for at, sign in enumerate(joints) if sign in "┌┐"] == list("····emma")
    for at, sign in enumerate(joints):
        if sign == "┴":
            assert feet[-1][at] in "▁▂▃▄▅▆▇█"
    assert len([line for line in drawn if "┴" in line]) == 3


def test_level_of_layer_marked_and_node_under_cursor_shown():
    drawn = text(view_data(tree_insight(text="emma"), 5, position=1))
    assert [line[:14] for line in drawn if line.startswith("▸")] == ["▸ 2  Tanh 2×12"]
    (readout,) = [line for line in drawn if line.startswith("node")]
    assert re.fullmatch(r"node 2 of 2   strength 0\.\d\d   sees emma   joins nodes 3 and 4 of level 1", readout)
    assert any("Linear 128→27   says  a 0.32" in line for line in drawn)


@pytest.mark.parametrize(
    ("config", "level", "node", "seen", "joined"),
    [
        (CONFIG, 1, 1, {2, 3}, (2, 3)),
        (CONFIG, 2, 1, {4, 5, 6, 7}, (2, 3)),
        (WIDE, 1, 0, set(range(8)), tuple(range(8))),
        # Dilations 1 1 2 1 2 (van den Oord et al. 2016, figure 3): each joins one so far back.
        (DILATED_CONFIG, 1, 0, {0, 1}, (0, 1)),
        (DILATED_CONFIG, 3, 1, {1, 2, 3, 4, 5}, (1, 3)),
        (DILATED_CONFIG, 5, 0, set(range(8)), (0, 2)),
    ],
)
def test_node_receptive_field_joins_levels_below(config, level, node, seen, joined):
    family = TreeTopology.of(tree_insight(config), bool(config.dilations))
    assert family.receptive_range(level, node)[0] == seen
    assert family.children(level, node) == joined


def test_dilated_stack_nodes_above_last_character_seen():
    family = TreeTopology.of(tree_insight(DILATED_CONFIG), True)
    for level, stands in enumerate(family.stands()):
        for node, place in enumerate(stands):
            assert place == max(family.receptive_range(level, node)[0])
    drawn = text(view_data(tree_insight(DILATED_CONFIG, "emma"), 15, DILATED_CONFIG, position=2))
    assert any("▸ 4  Gated 3×256  1 apart" in line for line in drawn)
    assert any("reads the last node of each level" in line for line in drawn)


def test_long_context_listed_by_level_with_cursor_visible():
    drawn = text(view_data(tree_insight(DEEP, "the quick brown fox"), 1, DEEP, position=31), 76, 20)
    assert [line.split()[0] for line in drawn if "Tanh" in line] == ["6", "5", "4", "3", "2", "▸"]
    assert drawn[-2].endswith("brown fox")
    assert "sees ox   joins characters 63 and 64" in drawn[-1]
    assert any("┴" in line for line in text(view_data(tree_insight(DEEP), 1, DEEP)))


def test_keys_move_through_nodes_of_marked_level_and_stop_at_ends():
    look = view_data(tree_insight(), 1)
    assert [VIEW.move_cursor(replace(look, gaze=replace(look.gaze, position=at)), key).position for at, key in
            ((0, "h"), (0, "l"), (3, "l"), (9, "h"))] == [0, 1, 3, 2]  # fmt: skip
    assert VIEW.move_cursor(look, "j") is None
    assert VIEW.query(look.gaze, 80, 20).text == ""
    assert VIEW.move_cursor(replace(look, insight=TreeInsight("", ())), "l").position == 0


def test_character_outside_corpus_named_and_nan_is_error():
    look = view_data(tree_insight(text="emma", strength=math.nan, unknown="7\x1b"), 1)
    lines = VIEW.lines(look, 120, 30)
    assert any("The corpus has no 7 ·" in to_plain_text(line) for line in lines)
    assert {piece.role for line in lines for piece in line if piece.text == "nan"} >= {"error"}


@pytest.mark.parametrize(
    ("strength", "columns", "written"),
    [(0.614, 4, "0.61"), (0.614, 3, ".61"), (0.614, 2, ".6"), (1.27, 3, "1.3"), (12.7, 2, "13"), (1234.5, 4, "1234"),
     (12345.0, 4, "↑"), (math.nan, 2, "na"), (0.6, 1, "")],
)  # fmt: skip
def test_strength_formatted_to_available_width(strength, columns, written):
    assert tree_diagram.number(strength, columns) == written


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
def test_tree_fits_any_space(where, width, height, strength, typed, position):
    config, layer = where
    look = view_data(tree_insight(config, typed, strength, typed[:3]), layer, config, position=position)
    assert fits_space(VIEW.lines(look, width, height), width, height)


@pytest.mark.parametrize("insight", [TreeInsight("", ()), TreeInsight("\0\0", ()), OutputInsight(None)])
def test_without_levels_text_is_shown(insight):
    assert "no levels" in text(view_data(insight, 1))[0]


def test_ascii_tree_has_ascii_lines_and_bars(monkeypatch):
    for module in (tree_diagram, block_graphics, tree):
        monkeypatch.setattr(module, "GLYPHS", ASCII)
    for module in (tree_diagram, tree):
        monkeypatch.setattr(module, "JOINTS", tree_diagram.joints(ASCII))
    drawn = text(view_data(tree_insight(text="emma"), 5), 76, 18)
    assert any("+-----+-----+" in line for line in drawn)
    body = [line for line in drawn if "Linear" not in line and "Tanh" not in line]
    assert all(line.isascii() for line in body)
