"""Marks and invisible characters that stand alone."""

from __future__ import annotations

import pytest

from charwave_tui.core.escaping import shown_alone


@pytest.mark.parametrize("mark", ["\u0301", "\u093e", "\u0e34", "\u094d", "\u064b", "\u05b8", "\u20dd", "\u1161"])
def test_lone_mark_stands_on_dotted_circle(mark: str) -> None:
    assert shown_alone(mark) == f"◌{mark}"
    assert shown_alone(f"{mark}क") == f"◌{mark}क"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("\u200d", "U+200D"), ("\u200c", "U+200C"), ("\ufe0f", "U+FE0F"), ("\u200dක", "◌\u200dක"), ("कि", "कि"), ("", "")],
)
def test_invisible_character_alone_is_shown_as_its_code(text: str, shown: str) -> None:
    assert shown_alone(text) == shown
