"""Characters in the plane: true to scale, none over another, a cursor that walks, and no flips from look to look."""

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
    points,
)
from charwave_tui.ui.inspector.views.registry import view_for_layer

VIEW = EmbeddingView()


SQUARE = [(0.0, 0.0), (1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)]


def insight(at, symbol=1, near=(2, 3), shares=(0.3, 0.2)):
    grid = FloatMatrix.of(2, (number for point in at for number in point))
    return EmbeddingInsight(24, grid, shares, symbol, near, tuple(1.5 * place for place in range(len(near))))


def plane_canvas(at, symbols, width=40, height=11, first=(), near=()):
    view = PlaneTransform.of(at, width, height)
    spots = place_points(at, symbols, view, (width, height), first)
    return spots, draw_plane(spots, symbols, view, (width, height), next(iter(first), -1), near)


def test_horizontal_and_vertical_distances_look_equal():
    spots, _ = plane_canvas(SQUARE, "abcd")
    (top, right), (_, left), (bottom, _) = spots.cells[1], spots.cells[2], spots.cells[4]
    assert right - left == 2 * (bottom - top)
    assert spots.cells[0] == ((top + bottom) // 2, (left + right) // 2)
    assert bottom - top >= 6


def test_colliding_character_moved_beside_or_listed_without_space():
    spots, lines = plane_canvas([(0.0, 0.0)] * 30, "a" * 29, 9, 3, first=(7,))
    assert len(set(spots.cells.values())) == len(spots.cells) == 11
    assert spots.cells[7] == (1, 4)
    assert len(spots.hidden) == 19
    look = view_data(insight([(0.0, 0.0)] * 30), 0, symbols="abcdefghijklmnopqrstuvwxyzABC", symbol=1)
    drawn = [to_plain_text(line) for line in VIEW.lines(look, 76, 24)]
    assert any(line.rstrip().endswith("behind others 19") for line in drawn)
    assert len(lines) == 3


def test_cursor_bright_and_marked_with_neighbours_bold_and_listed():
    look = view_data(insight(SQUARE), 0, symbols="abcd", symbol=1)
    lines = VIEW.lines(look, 76, 20)
    pieces = [piece for line in lines[2:] for piece in line if piece.background]
    assert {piece.text for piece in pieces if piece.role == "bright" and piece.bold} == {"a"}
    assert {piece.text for piece in pieces if piece.role == "fg" and piece.bold} == {"b", "c"}
    assert {piece.text for piece in pieces if piece.role == "accent"} == {"▸"}
    drawn = [to_plain_text(line) for line in lines]
    assert any(line[-20:].split() == ["c", "1.500"] for line in drawn)
    assert drawn[1] == "characters in the plane   shows 50 % of the variance of 24 dimensions"
    other = replace(look, gaze=replace(look.gaze, symbol=2))
    assert not any("1.500" in to_plain_text(line) for line in VIEW.lines(other, 76, 20))


CROSS = [(0.0, 0.0), (3.0, 0.5), (-3.0, 0.2), (0.5, 3.0), (0.3, -3.0), (1.0, 1.2)]


@pytest.mark.parametrize(("key", "to"), [("h", 2), ("l", 1), ("j", 4), ("k", 5), ("p", 1), ("P", 5)])
def test_keys_go_to_nearest_character_or_next_in_vocabulary(key, to):
    look = view_data(insight(CROSS), 0, symbols="abcde", symbol=0)
    assert VIEW.move_cursor(look, key).symbol == to
    assert VIEW.move_cursor(look, "x") is None
    assert VIEW.query(VIEW.move_cursor(look, key), 80, 20).symbol == to


def test_cursor_stays_without_character_ahead_and_accepts_diagonal():
    look = view_data(insight([(0.0, 0.0), (1.0, 5.0)]), 0, symbols="a", symbol=0)
    assert [VIEW.move_cursor(look, key).symbol for key in "hjlk"] == [0, 0, 1, 1]
    assert VIEW.move_cursor(replace(look, gaze=replace(look.gaze, symbol=99)), "j").symbol == 0


@pytest.mark.parametrize("turn", [lambda x, y: (-x, y), lambda x, y: (x, -y), lambda x, y: (y, x),
                                  lambda x, y: (-y, -x), lambda x, y: (x, y)])  # fmt: skip
def test_embedding_keeps_orientation_when_axes_flip_or_rotate(turn):
    draw = random.Random(5)
    old = [(draw.gauss(0, 2), draw.gauss(0, 1)) for _ in range(27)]
    moved = [(x + draw.gauss(0, 0.05), y + draw.gauss(0, 0.05)) for x, y in old]
    now = insight([turn(x, y) for x, y in moved], shares=turn(0.3, 0.2))
    found = align_axes(insight(old), now)
    assert isinstance(found, EmbeddingInsight)
    for (x, y), (wanted_x, wanted_y) in zip(points(found.plane), moved, strict=True):
        assert (x, y) == pytest.approx((wanted_x, wanted_y), abs=1e-5)
    assert tuple(map(abs, found.shares)) == (0.3, 0.2)


def test_nonfinite_or_resized_embedding_is_not_aligned():
    now = insight(SQUARE)
    for before in (None, OutputInsight(None), insight(SQUARE[:2]), insight([(math.nan, 0.0)] * 5)):
        assert align_axes(before, now) is now
    assert align_axes(now, OutputInsight(None)) == OutputInsight(None)


def test_wide_combining_and_unprintable_characters_keep_columns():
    symbols = "字\u0301\x1b b"
    spots, lines = plane_canvas([*SQUARE, (0.5, 0.2)], symbols, 41, 11, first=(1,))
    assert [cell_width(line) for line in lines] == [41] * 11
    text = "\n".join(map(to_plain_text, lines))
    assert {"字", "?", "·", "_", "b"} <= set(text)
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert len(spots.cells) == 6


def test_nonfinite_embedding_says_so():
    look = view_data(insight([(math.nan, math.nan)] * 5, shares=(math.nan, math.nan)), 0, symbols="abcd")
    lines = VIEW.lines(look, 100, 20)
    assert lines[2][0].role == "error"
    assert to_plain_text(lines[1]) == "characters in the plane"


def test_embedding_tabs_end_with_updates_of_all_matrices():
    assert view_for_layer("Embedding").parts == ("plane", "updates")


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(*(st.floats(-1e30, 1e30) | st.just(math.nan),) * 2), max_size=40),
    st.text(max_size=45),
    st.integers(0, 1),
    st.integers(1, 196),
    st.integers(0, 46),
    st.integers(-1, 50),
)
def test_embedding_fits_any_space(at, symbols, part, width, height, cursor):
    look = view_data(insight(at, cursor, (0, 3, 60)), 0, symbols=symbols, symbol=cursor, part=part)
    view = view_for_layer("Embedding")
    assert fits_space(view.lines(look, width, height), width, height)
    for key in "hjklpP":
        view.move_cursor(look, key)
    assert align_axes(look.insight, msgspec.structs.replace(look.insight, symbol=0))
