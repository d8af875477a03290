"""The screen emulator shows what pyte, a complete emulator, shows."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charwave_tui.bench.screen_emulator import ScreenEmulator

PIECES = [
    *("abc", "╭─ 1 Form", "⢸⣇⡴", " "),
    *(
        "\x1b[3;5H",
        "\x1b[H",
        "\x1b[2C",
        "\x1b[C",
        "\x1b[7G",
        "\x1b[2A",
        "\x1b[B",
        "\x1b[2D",
        "\x1b[4d",
        "\r",
        "\n",
        "\b",
    ),
    *("\x1b[1;38;5;79;48;5;233m", "\x1b[0m", "\x1b[?25l", "\x1b]2;a title\x07", "\x1b(B"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=6), st.integers(1, 5))
@example(["abc", *["╭─ 1 Form"] * 5], 1)
@example([*["╭─ 1 Form"] * 5, "\x1b[2D", "abc"], 2)
def test_screen_emulator_split_bytes_matches_pyte(pieces: list[str], cut: int) -> None:
    written = "\x1b[?7l\x1b[2;3H" + "".join(pieces)
    reference = pyte.Screen(40, 12)
    pyte.Stream(reference).feed(written)
    emulator = ScreenEmulator(40, 12)
    for start in range(0, len(data := written.encode()), cut):
        assert emulator.feed(data[start : start + cut]) == b""
    assert ["".join(row) for row in emulator._cells] == reference.display


@pytest.mark.parametrize(("query", "reply"), [(b"\x1b[?2026$p", b"\x1b[?2026;2$y"), (b"a\x1b[6nb", b"\x1b[1;1R")])
def test_screen_emulator_split_query_replies_once(query: bytes, reply: bytes) -> None:
    emulator = ScreenEmulator(10, 2)
    assert b"".join(emulator.feed(query[index : index + 1]) for index in range(len(query))) == reply
    assert emulator.feed(b"\x1b[1;1H") == b""


def test_find_pattern_searches_row_by_row() -> None:
    emulator = ScreenEmulator(10, 2)
    emulator.feed("loss 1.5\x1b[2;1H▸ lr".encode())
    assert r"loss\s+\d" in emulator
    assert "5.*lr" not in emulator
