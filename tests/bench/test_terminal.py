"""The pseudo-terminal: a controlling one, with a size, that ends what it started."""

from __future__ import annotations

import signal
import sys

import pytest

from charwave_tui.bench.terminal import Terminal
from charwave_tui.bench.transcript import wait_for


def python(code: str, **environment: str) -> Terminal:
    return Terminal([sys.executable, "-c", code], 90, 30, environment)


def test_the_program_finds_a_terminal_of_the_size_that_was_asked_for() -> None:
    code = "import os; print(os.get_terminal_size(), os.ttyname(0) == os.ttyname(1) == os.ttyname(2), os.environ['A'])"
    with python(code, A="b") as terminal:
        wait_for(terminal, r"columns=90, lines=30\) True b", 30)
        assert terminal.wait(30) == 0


def test_keys_arrive_and_a_new_size_is_told() -> None:
    code = """
import os, signal, time
signal.signal(signal.SIGWINCH, lambda *_: os.write(1, str(os.get_terminal_size().columns).encode()))
print("ready", flush=True)
print("<" + input() + ">", flush=True)
while True: time.sleep(0.05)  # a signal that comes right before a read would wait for the next line
"""
    with python(code) as terminal:
        wait_for(terminal, "ready", 30)
        terminal.write("тест\r".encode())
        wait_for(terminal, "<тест>", 30)
        terminal.resize(77, 20)
        wait_for(terminal, "77", 30)


def test_hanging_up_is_a_sighup_and_typing_afterwards_an_error() -> None:
    with python("import time; print('ready', flush=True); time.sleep(60)") as terminal:
        wait_for(terminal, "ready", 30)
        assert not terminal.gone
        terminal.hang_up()
        assert terminal.gone
        assert terminal.process.wait(30) == -signal.SIGHUP
        with pytest.raises(BrokenPipeError):
            terminal.write(b"x")


def test_the_exit_code_is_that_of_the_program_however_much_it_wrote() -> None:
    with python("print('x' * 3_000_000); raise SystemExit(3)") as terminal:
        assert terminal.wait(30) == 3


def test_waiting_for_what_does_not_end_is_given_up() -> None:
    with (
        python("import time; time.sleep(60)") as terminal,
        pytest.raises(TimeoutError, match=r"not ended after 0\.1 s"),
    ):
        terminal.wait(0.1)
    assert terminal.process.returncode == -signal.SIGHUP


def test_a_program_that_will_not_hear_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charwave_tui.bench.terminal.LEAVES_WITHIN", 0.2)
    deaf = "from signal import *; import os, time; signal(SIGHUP, SIG_IGN); os.write(1, b'ready'); time.sleep(60)"
    with python(deaf) as terminal:
        wait_for(terminal, "ready", 30)
    assert terminal.process.returncode == -signal.SIGKILL


def test_a_program_that_is_not_there_leaves_no_terminal_behind() -> None:
    with pytest.raises(FileNotFoundError):
        Terminal(["/no/such/program"], 80, 24)
