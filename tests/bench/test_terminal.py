"""The pseudo-terminal: a controlling one, with a size, that ends what it started."""

from __future__ import annotations

import signal
import sys

import pytest

from charwave_tui.bench.terminal_driver import PtyProcess, wait_for_text


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
    monkeypatch.setattr("charwave_tui.bench.terminal_driver.LEAVES_WITHIN", 0.2)
    deaf = "from signal import *; import os, time; signal(SIGHUP, SIG_IGN); os.write(1, b'ready'); time.sleep(60)"
    with python(deaf) as terminal:
        wait_for_text(terminal, "ready", 30)
    assert terminal.process.returncode == -signal.SIGKILL


def test_missing_program_leaves_no_terminal_open() -> None:
    with pytest.raises(FileNotFoundError):
        PtyProcess(["/no/such/program"], 80, 24)
