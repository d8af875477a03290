"""The embedding view: true to scale, no overlapping characters, cursor keys, and no flips during training."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.layer_views import fits_space, view_data

from charwave_tui.core.protocol.float_matrix import FloatMatrix
from charwave_tui.core.protocol.layer_insights import EmbeddingInsight, OutputInsight
from charwave_tui.ui.drawing.styled_text import cell_width
from charwave_tui.ui.drawing.theme import to_plain_text
from charwave_tui.ui.inspector.views.embedding import (
    EmbeddingView,
    PlaneTransform,
    align_axes,
    draw_plane,
    place_points,
    plane_points,
)
from charwave_tui.ui.inspector.views.registry import view_for_layer

VIEW = EmbeddingView()


SQUARE = [(0.0, 0.0), (1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)]


def insight(points, symbol=1, near=(2, 3), shares=(0.3, 0.2)):
    grid = FloatMatrix.from_values(2, (number for point in points for number in point))
    return EmbeddingInsight(24, grid, shares, symbol, near, tuple(1.5 * index for index in range(len(near))))


def plane_canvas(points, symbols, width=40, height=11, first=(), near=()):
    transform = PlaneTransform.of(points, width, height)
    placed = place_points(points, symbols, transform, (width, height), first)
    return placed, draw_plane(placed, symbols, transform, (width, height), next(iter(first), -1), near)


def test_horizontal_and_vertical_distances_look_equal():
    placed, _ = plane_canvas(SQUARE, "abcd")
    (top, right), (_, left), (bottom, _) = placed.cells[1], placed.cells[2], placed.cells[4]
    assert right - left == 2 * (bottom - top)
    assert placed.cells[0] == ((top + bottom) // 2, (left + right) // 2)
    assert bottom - top >= 6


def test_colliding_character_moved_beside_or_listed_without_space():
    placed, lines = plane_canvas([(0.0, 0.0)] * 30, "a" * 29, 9, 3, first=(7,))
    assert len(set(placed.cells.values())) == len(placed.cells) == 11
    assert placed.cells[7] == (1, 4)
    assert len(placed.hidden) == 19
    data = view_data(insight([(0.0, 0.0)] * 30), 0, symbols="abcdefghijklmnopqrstuvwxyzABC", symbol=1)
    texts = [to_plain_text(line) for line in VIEW.render(data, 76, 24)]
    assert any(line.rstrip().endswith("overlapped 19") for line in texts)
    assert len(lines) == 3


def test_cursor_bright_and_marked_with_neighbours_bold_and_listed():
    data = view_data(insight(SQUARE), 0, symbols="abcd", symbol=1)
    lines = VIEW.render(data, 76, 20)
    spans = [span for line in lines[2:] for span in line if span.background]
    assert {span.text for span in spans if span.role == "bright" and span.bold} == {"a"}
    assert {span.text for span in spans if span.role == "fg" and span.bold} == {"b", "c"}
    assert {span.text for span in spans if span.role == "accent"} == {"▸"}
    texts = [to_plain_text(line) for line in lines]
    assert any(line[-20:].split() == ["c", "1.500"] for line in texts)
    assert texts[1] == "principal components   50 % of the variance of 24 dimensions"
    other = replace(data, cursor=replace(data.cursor, symbol=2))
    assert not any("1.500" in to_plain_text(line) for line in VIEW.render(other, 76, 20))


CROSS = [(0.0, 0.0), (3.0, 0.5), (-3.0, 0.2), (0.5, 3.0), (0.3, -3.0), (1.0, 1.2)]


@pytest.mark.parametrize(("key", "to"), [("h", 2), ("l", 1), ("j", 4), ("k", 5), ("p", 1), ("P", 5)])
def test_keys_go_to_nearest_character_or_next_in_vocabulary(key, to):
    data = view_data(insight(CROSS), 0, symbols="abcde", symbol=0)
    assert VIEW.move_cursor(data, key).symbol == to
    assert VIEW.move_cursor(data, "x") is None
    assert VIEW.query(VIEW.move_cursor(data, key), 80, 20).symbol == to


def test_cursor_stays_without_character_ahead_and_accepts_diagonal():
    data = view_data(insight([(0.0, 0.0), (1.0, 5.0)]), 0, symbols="a", symbol=0)
    assert [VIEW.move_cursor(data, key).symbol for key in "hjlk"] == [0, 0, 1, 1]
    assert VIEW.move_cursor(replace(data, cursor=replace(data.cursor, symbol=99)), "j").symbol == 0


@pytest.mark.parametrize("turn", [lambda x, y: (-x, y), lambda x, y: (x, -y), lambda x, y: (y, x),
                                  lambda x, y: (-y, -x), lambda x, y: (x, y)])  # fmt: skip
def test_embedding_keeps_orientation_when_axes_flip_or_rotate(turn):
    draw = random.Random(5)
    old = [(draw.gauss(0, 2), draw.gauss(0, 1)) for _ in range(27)]
    moved = [(x + draw.gauss(0, 0.05), y + draw.gauss(0, 0.05)) for x, y in old]
    current = insight([turn(x, y) for x, y in moved], shares=turn(0.3, 0.2))
    aligned = align_axes(insight(old), current)
    assert isinstance(aligned, EmbeddingInsight)
    for (x, y), (expected_x, expected_y) in zip(plane_points(aligned.projection), moved, strict=True):
        assert (x, y) == pytest.approx((expected_x, expected_y), abs=1e-5)
    assert tuple(map(abs, aligned.explained_variance)) == (0.3, 0.2)


def test_nonfinite_or_resized_embedding_is_not_aligned():
    current = insight(SQUARE)
    for previous in (None, OutputInsight(None), insight(SQUARE[:2]), insight([(math.nan, 0.0)] * 5)):
        assert align_axes(previous, current) is current
    assert align_axes(current, OutputInsight(None)) == OutputInsight(None)


def test_wide_combining_and_unprintable_characters_keep_columns():
    symbols = "字\u0301\x1b b"
    placed, lines = plane_canvas([*SQUARE, (0.5, 0.2)], symbols, 41, 11, first=(1,))
    assert [cell_width(line) for line in lines] == [41] * 11
    text = "\n".join(map(to_plain_text, lines))
    assert {"字", "◌", "\u0301", "·", "_", "b"} <= set(text)
    assert all(character.isprintable() or character == "\n" for character in text)
    assert len(placed.cells) == 6


def test_nonfinite_embedding_says_so():
    data = view_data(insight([(math.nan, math.nan)] * 5, shares=(math.nan, math.nan)), 0, symbols="abcd")
    lines = VIEW.render(data, 100, 20)
    assert lines[2][0].role == "error"
    assert to_plain_text(lines[1]) == "principal components"


def test_embedding_tabs_end_with_updates_of_all_matrices():
    assert view_for_layer("Embedding").tabs == ("plane", "updates")


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(*(st.floats(-1e30, 1e30) | st.just(math.nan),) * 2), max_size=40),
    st.text(max_size=45),
    st.integers(0, 1),
    st.integers(1, 196),
    st.integers(0, 46),
    st.integers(-1, 50),
)
def test_embedding_fits_any_space(points, symbols, tab, width, height, cursor):
    data = view_data(insight(points, cursor, (0, 3, 60)), 0, symbols=symbols, symbol=cursor, tab=tab)
    view = view_for_layer("Embedding")
    assert fits_space(view.render(data, width, height), width, height)
    for key in "hjklpP":
        view.move_cursor(data, key)
    assert align_axes(data.insight, msgspec.structs.replace(data.insight, symbol=0))
