"""Widths that do not depend on the neighbours, clusters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.strip import Strip

from charwave_tui.ui.terminal.cell_width import clusters, is_disputed, leading_marks

DEVANAGARI, SINHALA, FAMILY, FLAG = "पानी", "ශ්‍රී", "👩‍👩‍👧", "🇩🇪"
TEXTS = st.text(alphabet=sorted({*DEVANAGARI, *SINHALA, *FAMILY, *FLAG, *"ab日❤\ufe0f👍🏽คำe\u0301\u200cᄀ\u1161"}))


@pytest.mark.parametrize(
    ("text", "width"),
    [
        (DEVANAGARI, 4),
        (SINHALA, 2),
        (FAMILY, 6),
        (FLAG, 4),
        ("❤\ufe0f", 2),
        ("👍🏽", 4),
        ("คำ", 2),
        ("e\u0301", 1),
        ("ᄀ\u1161", 2),
        ("日本", 4),
    ],
)
def test_width_is_the_larger_one_where_terminals_disagree(text: str, width: int) -> None:
    assert cell_len(text) == width
    assert Strip([Segment(text)]).cell_length == width


@given(TEXTS, TEXTS)
def test_widths_add_up_wherever_a_text_is_cut(left: str, right: str) -> None:
    assert cell_len(left + right) == cell_len(left) + cell_len(right)


@given(TEXTS, st.integers(0, 12))
def test_text_is_cut_to_exactly_a_width(text: str, width: int) -> None:
    assert cell_len(set_cell_size(text, width)) == width
    assert Strip([Segment(text)]).adjust_cell_length(width).cell_length == width


@given(TEXTS)
def test_clusters_make_up_the_text_and_only_the_first_begins_with_a_mark(text: str) -> None:
    assert "".join(clusters(text)) == text
    assert not any(leading_marks(cluster) for cluster in clusters(text)[1:])


@pytest.mark.parametrize("cluster", ["पा", "ශ්\u200d", "🇩", "❤\ufe0f", "👍🏽", "ำ", "e\u0301", "\u093e", "👩"])
def test_terminals_dispute(cluster: str) -> None:
    assert is_disputed(cluster)


@pytest.mark.parametrize("cluster", ["", "a", "é", "日", "ж", "ן", "─", "▸", "⣿", "…"])
def test_terminals_agree(cluster: str) -> None:
    assert not is_disputed(cluster)
