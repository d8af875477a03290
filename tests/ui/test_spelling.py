"""What is written for characters that the terminal lacks: always one a column, and only such as it has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charwave_tui.ui.terminal.capabilities import CharacterSet
from charwave_tui.ui.terminal.glyphs import character_fallback

FRAME = "╭─ 1 Loss ─╮│┊└┴┘▁▄█▌▏⠁⣿●◆→…"


@pytest.mark.parametrize(
    ("characters", "expected"),
    [
        (CharacterSet.ASCII, "+- 1 Loss -+||+++.+#+..o@%>."),
        (CharacterSet.CONSOLE, "┌─ 1 Loss ─┐││└┴┘░▒█▒░.o@■→."),
    ],
)
def test_frames_blocks_dots_and_marks_have_ascii_fallbacks(characters: CharacterSet, expected: str) -> None:
    spelt = character_fallback(characters)
    assert spelt is not None
    assert "".join(map(spelt.one, FRAME)) == expected


@given(st.characters() | st.sampled_from(["", "e\u0301", "日", "👩\u200d🚀"]))
def test_every_column_is_one_available_character(column: str) -> None:
    plain, console = character_fallback(CharacterSet.ASCII), character_fallback(CharacterSet.CONSOLE)
    assert plain is not None
    assert console is not None
    assert len(plain.one(column)) == 1
    assert plain.one(column).isascii()
    assert len(console.one(column)) == 1


def test_other_letters_are_question_marks_except_on_console() -> None:
    plain, console = character_fallback(CharacterSet.ASCII), character_fallback(CharacterSet.CONSOLE)
    assert plain is not None
    assert console is not None
    letters = ["é", "Ж", "e\u0301", "日", ""]
    assert "".join(map(plain.one, letters)) == "?????"
    assert "".join(map(console.one, letters)) == "éЖé??"


def test_full_character_set_is_unchanged() -> None:
    assert character_fallback(CharacterSet.ALL) is None
