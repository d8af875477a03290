"""A program in a pseudo-terminal: size, keys, exit, and what is on its screen."""

from __future__ import annotations

import signal
import sys
import time

import pytest

from charwave_tui.bench import terminal_driver
from charwave_tui.bench.screen_emulator import ScreenEmulator
from charwave_tui.bench.terminal_driver import PtyProcess, ThrottledLink


def link_to(terminal: PtyProcess) -> ThrottledLink:
    return ThrottledLink(terminal, ScreenEmulator(90, 30))


def running(code: str) -> PtyProcess:
    return PtyProcess([sys.executable, "-c", code], 80, 24)


def test_expected_text_found_across_chunks_with_its_time() -> None:
    parts = "import time\nfor part in ('tra', 'in  1', '.2345'): print(end=part, flush=True); time.sleep(0.1)"
    with running(parts) as terminal:
        before = time.monotonic()
        seen = link_to(terminal).press(b"", r"train\s+\d\.\d{4}")
        assert before < seen <= time.monotonic()


def test_missing_text_reported_with_received_output(monkeypatch: pytest.MonkeyPatch) -> None:
    with running("print('something else')") as terminal, pytest.raises(TimeoutError, match=r"train .*something else"):
        link_to(terminal).press(b"", "train")
    monkeypatch.setattr(terminal_driver, "TIMEOUT_SECONDS", 0.1)
    with running("import time; time.sleep(60)") as terminal, pytest.raises(TimeoutError, match=r"within 0\.1 s"):
        link_to(terminal).press(b"", "train")
    assert terminal.process.returncode is not None


def test_timed_reading_keeps_verbose_program_running() -> None:
    with running("while True: print('x' * 1000)") as terminal:
        assert link_to(terminal).carry_for(0.3) > 100_000


def test_cursor_position_reported_for_every_request() -> None:
    ask = "stty raw -echo; printf '\\033[6n\\033[6n'; head -c 12 | tr '\\033' '^'; printf ' heard'"
    with PtyProcess(["/bin/sh", "-c", ask], 40, 5) as terminal:
        link_to(terminal).press(b"", r"\^\[1;1R\^\[1;1R heard")


def python(code: str, **environment: str) -> PtyProcess:
    return PtyProcess([sys.executable, "-c", code], 90, 30, environment)


def test_program_finds_terminal_of_requested_size() -> None:
    code = "import os; print(os.get_terminal_size(), os.ttyname(0) == os.ttyname(1) == os.ttyname(2), os.environ['A'])"
    with python(code, A="b") as terminal:
        link_to(terminal).press(b"", r"columns=90, lines=30\) True b")
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
        link_to(terminal).press(b"", "ready")
        link_to(terminal).press("тест\r".encode(), "<тест>")
        terminal.resize(77, 20)
        link_to(terminal).press(b"", "77")


def test_hang_up_sends_sighup_and_later_typing_raises() -> None:
    with python("import time; print('ready', flush=True); time.sleep(60)") as terminal:
        link_to(terminal).press(b"", "ready")
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
        link_to(terminal).press(b"", "ready")
    assert terminal.process.returncode == -signal.SIGKILL


def test_missing_program_leaves_no_terminal_open() -> None:
    with pytest.raises(FileNotFoundError):
        PtyProcess(["/no/such/program"], 80, 24)
