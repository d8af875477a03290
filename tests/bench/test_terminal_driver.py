"""A program in a pseudo-terminal: size, keys, exit, and the visible text of its output."""

from __future__ import annotations

import signal
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
        f"\x1b[38;5;{colours[index % len(colours)]}m{word}\x1b[0m".encode() for index, word in enumerate(words)
    )
    assert visible_text(written) == "".join(words)


def running(code: str) -> PtyProcess:
    return PtyProcess([sys.executable, "-c", code], 80, 24)


def test_expected_text_found_across_chunks_with_its_time() -> None:
    parts = "import time\nfor part in ('tra', 'in  1', '.2345'): print(end=part, flush=True); time.sleep(0.1)"
    with running(parts) as terminal:
        before = time.monotonic()
        seen = wait_for_text(terminal, r"train\s+\d\.\d{4}", 30)
        assert before < seen <= time.monotonic()


def test_missing_text_reported_with_received_output() -> None:
    with running("print('something else')") as terminal, pytest.raises(TextNotSeen, match=r"train .*something else"):
        wait_for_text(terminal, "train", 30)
    with running("import time; time.sleep(60)") as terminal, pytest.raises(TextNotSeen, match=r"within 0\.1 s"):
        wait_for_text(terminal, "train", 0.1)
    assert terminal.process.returncode is not None


def test_timed_reading_keeps_verbose_program_running() -> None:
    with running("while True: print('x' * 1000)") as terminal:
        assert read_for(terminal, 0.3) > 200_000


def test_cursor_position_reported_for_every_request() -> None:
    ask = "stty raw -echo; printf '\\033[6n\\033[6n'; head -c 12 | tr '\\033' '^'; printf ' heard'"
    with PtyProcess(["/bin/sh", "-c", ask], 40, 5) as terminal:
        wait_for_text(terminal, r"\^\[1;1R\^\[1;1R heard", 20)


def python(code: str, **environment: str) -> PtyProcess:
    return PtyProcess([sys.executable, "-c", code], 90, 30, environment)


def test_program_finds_terminal_of_requested_size() -> None:
    code = "import os; print(os.get_terminal_size(), os.ttyname(0) == os.ttyname(1) == os.ttyname(2), os.environ['A'])"
    with python(code, A="b") as terminal:
        wait_for_text(terminal, r"columns=90, lines=30\) True b", 30)
        assert terminal.wait(30) == 0


def test_terminal_delivers_keys_and_resize() -> None:
    code = """
import os, signal, time
signal.signal(signal.SIGWINCH, lambda *_: os.write(1, str(os.get_terminal_size().columns).encode()))
print("ready", flush=True)
print("<" + input() + ">", flush=True)
while True: time.sleep(0.05)  # a signal that comes right before a read would wait for the next line
"""
    with python(code) as terminal:
        wait_for_text(terminal, "ready", 30)
        terminal.write("тест\r".encode())
        wait_for_text(terminal, "<тест>", 30)
        terminal.resize(77, 20)
        wait_for_text(terminal, "77", 30)


def test_hang_up_sends_sighup_and_later_typing_raises() -> None:
    with python("import time; print('ready', flush=True); time.sleep(60)") as terminal:
        wait_for_text(terminal, "ready", 30)
        assert not terminal.gone
        terminal.hang_up()
        assert terminal.gone
        assert terminal.process.wait(30) == -signal.SIGHUP
        with pytest.raises(BrokenPipeError):
            terminal.write(b"x")


def test_exit_code_is_the_programs_after_long_output() -> None:
    with python("print('x' * 3_000_000); raise SystemExit(3)") as terminal:
        assert terminal.wait(30) == 3


def test_wait_for_exit_times_out() -> None:
    with (
        python("import time; time.sleep(60)") as terminal,
        pytest.raises(TimeoutError, match=r"not ended after 0\.1 s"),
    ):
        terminal.wait(0.1)
    assert terminal.process.returncode == -signal.SIGHUP


def test_program_ignoring_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charwave_tui.bench.terminal_driver.EXIT_SECONDS", 0.2)
    deaf = "from signal import *; import os, time; signal(SIGHUP, SIG_IGN); os.write(1, b'ready'); time.sleep(60)"
    with python(deaf) as terminal:
        wait_for_text(terminal, "ready", 30)
    assert terminal.process.returncode == -signal.SIGKILL


def test_missing_program_leaves_no_terminal_open() -> None:
    with pytest.raises(FileNotFoundError):
        PtyProcess(["/no/such/program"], 80, 24)
