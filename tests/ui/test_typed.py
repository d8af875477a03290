"""What is typed, in whatever encoding and with noise in it, and the terminal's answer about its background."""

from __future__ import annotations

import pytest
from textual._xterm_parser import XTermParser

from charwave_tui.ui.terminal.driver import InputDecoder

WHITE, BLACK = b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\", b"\x1b]11;rgba:0000/0000/0000/ffff\x07"


@pytest.mark.parametrize(
    ("encoding", "typed", "text"),
    [
        ("utf-8", "né".encode(), "né"),
        ("iso-8859-1", b"n\xe9", "né"),
        ("utf-8", b"n\xe9t\xff", "nt"),
        ("ascii", b"n\xc3\xa9", "n"),
    ],
)
def test_invalid_text_bytes_dropped(encoding: str, typed: bytes, text: str) -> None:
    assert InputDecoder(encoding).take(typed) == text


def test_character_split_across_reads_is_joined() -> None:
    typed = InputDecoder("utf-8")
    assert typed.take(b"\xc3") + typed.take(b"\xa9") == "é"


@pytest.mark.parametrize(("answer", "light"), [(WHITE, True), (BLACK, False), (b"\x1b]11;rgb:f/f/e\x07", True)])
def test_query_reply_recognized_and_is_no_key(answer: bytes, light: bool) -> None:
    typed = InputDecoder("utf-8")
    assert typed.light is None
    assert typed.take(b"t" + answer + b"\x1b[A") == "t\x1b[A"
    assert typed.light is light


@pytest.mark.parametrize("cut", range(1, len(WHITE)))
def test_split_query_reply_gives_no_key_except_escape(cut: int) -> None:
    typed = InputDecoder("utf-8")
    passed = typed.take(WHITE[:cut]) + typed.take(WHITE[cut:])
    assert passed in ("", "\x1b", "\x1b]")
    assert typed.light is True


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("\x1br", ["escape", "r"]),
        ("\x1b3\x1b[B\r", ["escape", "3", "down", "enter"]),
        ("q\x1bgs", ["q", "escape", "g", "s"]),
        ("\x1b \x1b\r", ["escape", "space", "escape", "enter"]),
        ("\x1b\x1b", ["escape", "escape"]),
        ("\x1b[A\x1bOP\x1bb", ["up", "f1", "ctrl+left"]),
        ("\x1b[200~pasted\x1b[201~x", [None, "x"]),
    ],
)
def test_esc_then_key_is_two_keys_and_sequence_is_one(typed: str, keys: list[str | None]) -> None:
    parser = XTermParser()
    heard = [*parser.feed(InputDecoder("utf-8").take(typed.encode())), *parser.feed("")]
    assert [getattr(event, "key", None) for event in heard] == keys


def test_keys_with_prefix_of_reply_not_delayed() -> None:
    typed = InputDecoder("utf-8")
    keys = ["\x1b", "\x1b]", "1", "]", "\x1b[A"]
    assert [typed.take(key.encode()) for key in keys] == keys
