"""Marks, wide characters and long words wherever a character of a word is drawn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from support.layer_views import tree_insight, view_data

from charwave_tui.core.metrics import SampledName
from charwave_tui.core.protocol.events import WordScored
from charwave_tui.ui.drawing.canvas import Canvas, display_char
from charwave_tui.ui.drawing.name_style import novelty_shares, style_name
from charwave_tui.ui.drawing.styled_text import Span, cell_width, readable, shorten, tail_within, wrap
from charwave_tui.ui.drawing.theme import to_plain_text
from charwave_tui.ui.inspector.views.tree import TreeView
from charwave_tui.ui.sampler.score_mode import character_lines
from charwave_tui.ui.sampler.step_views import NextCharView, context_spans, scored_chars

MARKS = "\u0301\u093e\u0e34\u094d\u064b\u05b8"
SCRIPTS = "\u0301\u093e\u0e34\u094d\u200dab日न🇩👍🏽"


@pytest.mark.parametrize("mark", MARKS)
def test_mark_is_drawn_on_a_circle_wherever_it_stands_first(mark: str) -> None:
    shown = f"◌{mark}"
    assert readable(mark) == shown
    assert display_char(f"a{mark}", 2) == shown
    assert scored_chars(f"a{mark}", (1.0, 1.0, 1.0))[1].text == shown
    lines = NextCharView.from_nlls((2.0, 1.0, 1.5), 1, f"a{mark}").lines("", None, 80, 20)
    assert any(shown in to_plain_text(line) for line in lines)
    word = WordScored(1, 0, f"{mark}a", (1.0, 2.0, 3.0), "")
    assert shown in to_plain_text(character_lines(word, 60, 20)[1])
    assert to_plain_text(style_name(SampledName(f"{mark}a", 1.0, False, nlls=(1.0, 9.0, 1.0)), 20)) == f"{shown}a"
    assert to_plain_text(style_name(SampledName(f"{mark}a", 1.0, False), 20)) == f"{shown}a"
    assert shown in to_plain_text(context_spans(f"{mark}d", 4))


def test_joiners_of_a_word_are_kept_and_other_invisible_characters_are_dots() -> None:
    assert readable("ක්\u200dර\u202e") == "ක්\u200dර·"
    assert readable("\u200d") == "U+200D"


@given(st.text(SCRIPTS, max_size=20), st.integers(0, 12))
def test_texts_are_shortened_to_a_width_between_whole_characters(text: str, width: int) -> None:
    assert cell_len(shorten(text, width)) <= width
    tail = tail_within(text, width)
    assert cell_len(tail) <= width
    assert text.endswith(tail)


@given(st.text(f"{SCRIPTS} ", max_size=60), st.integers(8, 20))
def test_text_is_wrapped_by_columns_without_loss(text: str, width: int) -> None:
    lines = wrap(text, width, 100)
    assert all(cell_len(line) <= width or len(line) > 8 for line in lines)  # no more than one character with its marks
    assert "".join(lines).replace(" ", "") == readable(text).replace(" ", "")


def test_wide_words_are_wrapped_where_they_end() -> None:
    assert wrap("山川 水火 木石 金土", 10, 5) == ["山川 水火", "木石 金土"]
    assert wrap("山川水火木石 金", 8, 5) == ["山川水火", "木石 金"]


@given(st.text(SCRIPTS, max_size=12), st.integers(1, 12))
def test_context_takes_its_columns(text: str, length: int) -> None:
    assert cell_width(context_spans(text, length)) == length


def test_context_has_a_dot_for_each_boundary() -> None:
    assert to_plain_text(context_spans("ab", 4)) == "··ab"
    assert to_plain_text(context_spans("日", 4)) == "··日"
    assert to_plain_text(context_spans("日本語", 4)) == "本語"


@given(st.lists(st.tuples(st.integers(-2, 12), st.text(SCRIPTS, max_size=4)), max_size=8))
def test_canvas_row_keeps_its_width_whatever_is_written(writes: list[tuple[int, str]]) -> None:
    canvas = Canvas(12, 1)
    for column, text in writes:
        canvas.write(0, column, text, "fg")
        canvas.overlay(0, column + 1, ["│"], "line")
        assert cell_len(canvas.line(0)) == 12


def test_tree_shows_wide_characters_and_marks() -> None:
    lines = TreeView().render(view_data(tree_insight(text="日न\u093ea"), 5, position=1), 136, 34)
    assert any(all(symbol in to_plain_text(line) for symbol in ("日", "न", "◌\u093e")) for line in lines)
    assert all(cell_width(line) <= 136 for line in lines)


CUT = SampledName("m" * 30, 2.0, False, nlls=(0.1,) * 29 + (9.0,), is_cut=True)


@pytest.mark.parametrize(("width", "text"), [(40, "m" * 30 + "…"), (31, "m" * 30 + "…"), (12, "m" * 11 + "…")])
def test_cut_name_ends_with_ellipsis_in_any_width(width: int, text: str) -> None:
    assert to_plain_text(style_name(CUT, width)) == text


def test_last_character_of_cut_name_has_its_own_colour() -> None:
    *_, last, ellipsis = style_name(CUT, 40)
    assert last == Span("m", "warning", underline=True)
    assert ellipsis.text == "…"


def test_cut_names_do_not_count_as_new_near_or_in_corpus() -> None:
    names = (CUT, SampledName("mae", 1.0, True), SampledName("zoe", 1.0, False))
    assert (novelty_shares(names).new, novelty_shares(names).corpus) == (0.5, 0.5)
