"""The throttled link: rate, delay, replies; and one small real measurement of the terminal."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

import pytest

from charwave_tui.bench import responsiveness, suite, terminal_driver
from charwave_tui.bench.responsiveness import TERMINAL_CASE, MeasuredSession, terminal_traffic
from charwave_tui.bench.results import BenchCase
from charwave_tui.bench.screen_emulator import ScreenEmulator
from charwave_tui.bench.terminal_driver import PtyProcess, ThrottledLink, isolated_home
from charwave_tui.cli import main

ECHO = r"""
import os, tty
tty.setraw(0)
os.write(1, b"ready\x1b[6n")
while (read := os.read(0, 64)):
    os.write(1, b"\x1b[2;1H" + (b"> context" if read == b"\x1b[B" else b"> preset " if read == b"\x1b[A" else read[1:]))
"""


def python(code: str) -> PtyProcess:
    return PtyProcess([sys.executable, "-c", code], 40, 5)


def test_keys_pressed_in_turn_and_replies_sent() -> None:
    with python(ECHO) as terminal:
        line = ThrottledLink(terminal, ScreenEmulator(40, 5))
        session = MeasuredSession(line)
        line.press(b"", "ready")
        assert line.carry(lambda: r"\[1;1R" in line.screen, 30)
        assert len(session.reactions(3)) == 3
        assert "> context" in line.screen


def test_simulated_line_limits_rate_and_adds_latency() -> None:
    with python("import os; os.write(1, b'x' * 3000 + b'end'); input()") as terminal:
        line = ThrottledLink(terminal, ScreenEmulator(40, 5), rate=10_000, delay=0.1)
        began = time.monotonic()
        assert line.carry(lambda: line.delivered == 3003, 30)
        assert time.monotonic() - began >= 0.4


def test_exited_and_silent_programs_are_distinguished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal_driver, "TIMEOUT_SECONDS", 0.1)
    silent = pytest.raises(TimeoutError, match=r"never was not seen within 0\.1 s")
    with python("import time; time.sleep(60)") as terminal, silent:
        ThrottledLink(terminal, ScreenEmulator(40, 5)).press(b"x", "never")
    with python("") as terminal, pytest.raises(RuntimeError, match="closed by itself"):
        ThrottledLink(terminal, ScreenEmulator(40, 5)).carry_for(30)


def test_responsiveness_small_real_measurement(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responsiveness, "SIZES", ((80, 24),))
    monkeypatch.setattr(responsiveness, "LINKS", {})
    monkeypatch.setattr(responsiveness, "SETTLE_SECONDS", 0.3)
    progress: list[str] = []
    with isolated_home():
        kilobytes, fraction, *_ = terminal_traffic("imena", 0.7, 1, progress.append)
    assert isinstance(kilobytes.value, dict)
    assert kilobytes.value["80x24"] > kilobytes.value["80x24 paused"] >= 0
    assert 0 <= kilobytes.value["80x24 idle"] < 1
    assert fraction.value is None or not math.isnan(max(fraction.value.values()))  # type: ignore[union-attr]
    assert progress == ["80x24, no run yet", "80x24, training", "80x24, paused"]


def test_responsiveness_command_measures_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[BenchCase]] = []
    monkeypatch.setattr(suite, "run_cases", lambda measurements, *rest: calls.append(measurements) or [])
    assert main.main(["bench", "--terminal", "--json"]) == 0
    assert calls == [[TERMINAL_CASE]]
