"""The cells of the loss chart: gutter labels, braille, and changed runs."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from charwave_tui.ui.charts.plot import space_labels
from charwave_tui.ui.charts.rasterize import rasterize, thicken
from charwave_tui.ui.drawing.canvas import Canvas


@given(st.lists(st.integers(-50, 50), max_size=12), st.integers(12, 40))
def test_gutter_labels_stay_ordered_inside_and_unique_per_row(preferred: list[int], rows: int) -> None:
    preferred.sort()
    placed = space_labels(preferred, rows)
    assert all(above < below for above, below in pairwise(placed))
    assert all(0 <= row < rows for row in placed)
    if len(set(preferred)) == len(preferred) and all(0 <= row < rows for row in preferred):
        assert placed == preferred


def test_plotext_draws_dots_in_place_and_clips_outside() -> None:
    assert rasterize((((0, 0), (7, 0)), ((0, 7), (0, 7))), 4, 2, "thin") == ("⠁   ", "⣀⣀⣀⣀")
    assert rasterize((((0, 0), (0, 11)),), 2, 2, "thin") == ("⡇ ", "⡇ ")
    assert rasterize((((0, 0), (3, 0)),), 4, 2, "o") == ("    ", "oooo")


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 11)), min_size=1, max_size=30))
def test_thick_line_adds_dot_below_each_dot(dots: list[tuple[int, int]]) -> None:
    bits = {(0, 0): 1, (0, 1): 2, (0, 2): 4, (0, 3): 64, (1, 0): 8, (1, 1): 16, (1, 2): 32, (1, 3): 128}

    def rows(on: set[tuple[int, int]]) -> list[str]:
        cells = [
            [sum(bits[x % 2, y % 4] for x, y in on if (x // 2, y // 4) == (c, r)) for c in range(5)] for r in range(3)
        ]
        return ["".join(chr(0x2800 + cell) if cell else " " for cell in row) for row in cells]

    thin = set(dots)
    assert thicken(rows(thin)) == rows(thin | {(x, y + 1) for x, y in thin if y + 1 < 12})


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 40), st.text("ab", min_size=1, max_size=9)), max_size=6))
def test_only_spans_of_changed_cells_are_repainted(writes: list[tuple[int, int, str]]) -> None:
    old = Canvas(40, 4)
    new = old.copy()
    for row, column, words in writes:
        new.write(row, column, words, "train")
    runs = new.changes(old)
    for row, start, end in runs:
        old.characters[row][start:end] = new.characters[row][start:end]
        old.styles[row][start:end] = new.styles[row][start:end]
    assert (old.characters, old.styles) == (new.characters, new.styles)
    assert new.copy().changes(new) == []


def test_double_width_character_keeps_line_width() -> None:
    canvas = Canvas(6, 1)
    canvas.write(0, 0, "a世b", "fg")
    assert canvas.line(0) == "a世b  "
    canvas.write(0, 2, "x", "fg")
    assert canvas.line(0) == "a xb  "
