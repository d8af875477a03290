"""The terminal's input: keys, replies and noise."""

from __future__ import annotations

import pytest
from textual._xterm_parser import XTermParser

from charwave_tui.ui.terminal.identity import TerminalIdentity
from charwave_tui.ui.terminal.input_decoder import KITTY_ESCAPE, InputDecoder

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
    assert InputDecoder(encoding).decode(typed) == text


def test_character_split_across_reads_is_joined() -> None:
    typed = InputDecoder("utf-8")
    assert typed.decode(b"\xc3") + typed.decode(b"\xa9") == "é"


@pytest.mark.parametrize(("answer", "light"), [(WHITE, True), (BLACK, False), (b"\x1b]11;rgb:f/f/e\x07", True)])
def test_query_reply_recognized_and_is_no_key(answer: bytes, light: bool) -> None:
    typed = InputDecoder("utf-8")
    assert typed.has_light_background is None
    assert typed.decode(b"t" + answer + b"\x1b[A") == "t\x1b[A"
    assert typed.has_light_background is light


@pytest.mark.parametrize("cut", range(1, len(WHITE)))
def test_split_query_reply_gives_no_key_except_escape(cut: int) -> None:
    typed = InputDecoder("utf-8")
    passed = typed.decode(WHITE[:cut]) + typed.decode(WHITE[cut:])
    assert passed in ("", "\x1b]")
    assert typed.has_light_background is True


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
    parser, decoder = XTermParser(), InputDecoder("utf-8")
    events = [*parser.feed(decoder.decode(typed.encode()) + decoder.flush()), *parser.feed("")]
    assert [getattr(event, "key", None) for event in events] == keys


def test_esc_and_key_read_one_after_the_other_are_two_keys() -> None:
    typed = InputDecoder("utf-8")
    assert (typed.decode(b"\x1b"), typed.decode(b"q")) == ("", f"{KITTY_ESCAPE}q")
    assert (typed.decode(b"\x1b"), typed.decode(b"[A")) == ("", "\x1b[A")


def test_esc_alone_passed_on_when_nothing_follows() -> None:
    typed = InputDecoder("utf-8")
    assert typed.decode(b"\x1b") == ""
    assert (typed.flush(), typed.flush()) == (KITTY_ESCAPE, "")


def test_keys_with_prefix_of_reply_not_delayed() -> None:
    typed = InputDecoder("utf-8")
    keys = ["\x1b]", "1", "]", "\x1b[A"]
    assert [typed.decode(key.encode()) for key in keys] == keys


@pytest.mark.parametrize("cut", range(38))
def test_identity_read_from_replies_however_they_are_cut(cut: int) -> None:
    typed = InputDecoder("utf-8")
    typed.awaits_identity = True
    replies = b"t\x1b[>1;4000;26c\x1bP>|kitty(0.26.5)\x1b\\g"
    assert typed.decode(replies[:cut]) + typed.decode(replies[cut:]) == "tg"
    assert typed.identity == TerminalIdentity((1, 4000, 26), "kitty(0.26.5)")


@pytest.mark.parametrize("key", ["\x1b[", "\x1bP", "\x1b]"])
def test_key_held_back_while_identity_is_awaited_is_given_at_next_pause(key: str) -> None:
    typed = InputDecoder("utf-8")
    typed.awaits_identity = True
    assert typed.decode(key.encode()) == ""
    assert (typed.flush(), typed.flush()) == (key, "")


@pytest.mark.parametrize(("setting", "is_support"), [(0, False), (1, True), (2, True), (3, True), (4, False)])
@pytest.mark.parametrize("cut", [0, 4, 8, 10])
def test_mode_unknown_or_switched_off_for_good_is_no_support(setting: int, is_support: bool, cut: int) -> None:
    typed, reply = InputDecoder("utf-8"), f"\x1b[?2026;{setting}$y".encode()
    parser = XTermParser()
    text = typed.decode(reply[:cut]) + typed.decode(reply[cut:])
    heard = [type(message).__name__ for message in parser.feed(text or "x")]
    assert heard == ["TerminalSupportsSynchronizedOutput" if is_support else "Key"]


@pytest.mark.parametrize(("version", "key"), [("", "delete"), ("kitty(0.26.5)", "f1")])
def test_delete_of_st_is_no_f1(version: str, key: str) -> None:
    typed = InputDecoder("utf-8")
    typed.identity = TerminalIdentity((), version)
    assert [event.key for event in XTermParser().feed(typed.decode(b"\x1b[P"))] == [key]
