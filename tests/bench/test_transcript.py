"""Words among escapes, as a terminal would show them."""

from __future__ import annotations

import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charwave_tui.bench.terminal_driver import PtyProcess, TextNotSeen, read_for, visible_text, wait_for_text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (b"plain", "plain"),
        (b"\x1b[1;38;2;1;2;3mtrain\x1b[0m     \x1b[38:2::1:2:3m1.9\x1b[m", "train     1.9"),
        (b"one\x1b[3;7Htwo\x1b[Hthree", "one\ntwo\nthree"),
        (b"a\x1b[2Cb\x1b[Gc", "a\nb\nc"),
        (b"\x1b[?2026h\x1b[?1049h\x1b[>1uform\x1b[?2026$p\x1b[<u", "form"),
        (b"\x1b]0;title\x07x\x1b]8;;http://a\x1b\\y", "xy"),
        (b"\x1bP+q544e\x1b\\z\x1b(B\x1b7\x1b8", "z"),
        ("имена 2·2 ⣿".encode(), "имена 2·2 ⣿"),
        (b"whole\x1b[38;2;1", "whole"),
        (b"whole\x1b", "whole"),
        (b"whole\x1b]0;half a title", "whole"),
        ("wholeé".encode()[:-1], "whole"),
    ],
)
def test_transcript_keeps_only_text(written: bytes, text: str) -> None:
    assert visible_text(written) == text


@given(
    words=st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1), min_size=1),
    colours=st.lists(st.integers(0, 255), min_size=1),
)
def test_transcript_text_unaffected_by_colours(words: list[str], colours: list[int]) -> None:
    written = b"".join(
        f"\x1b[38;5;{colours[place % len(colours)]}m{word}\x1b[0m".encode() for place, word in enumerate(words)
    )
    assert visible_text(written) == "".join(words)


def python(code: str) -> PtyProcess:
    return PtyProcess([sys.executable, "-c", code], 80, 24)


def test_expected_text_found_across_chunks_with_its_time() -> None:
    parts = "import time\nfor part in ('tra', 'in  1', '.2345'): print(end=part, flush=True); time.sleep(0.1)"
    with python(parts) as terminal:
        before = time.monotonic()
        seen = wait_for_text(terminal, r"train\s+\d\.\d{4}", 30)
        assert before < seen <= time.monotonic()


def test_missing_text_reported_with_received_output() -> None:
    with python("print('something else')") as terminal, pytest.raises(TextNotSeen, match=r"train .*something else"):
        wait_for_text(terminal, "train", 30)
    with python("import time; time.sleep(60)") as terminal, pytest.raises(TextNotSeen, match=r"within 0\.1 s"):
        wait_for_text(terminal, "train", 0.1)
    assert terminal.process.returncode is not None


def test_timed_reading_keeps_verbose_program_running() -> None:
    with python("while True: print('x' * 1000)") as terminal:
        assert read_for(terminal, 0.3) > 200_000


def test_cursor_position_reported_for_every_request() -> None:
    ask = "stty raw -echo; printf '\\033[6n\\033[6n'; head -c 12 | tr '\\033' '^'; printf ' heard'"
    with PtyProcess(["/bin/sh", "-c", ask], 40, 5) as terminal:
        wait_for_text(terminal, r"\^\[1;1R\^\[1;1R heard", 20)
