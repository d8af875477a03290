"""What the playground sends to its terminal, what that costs its processor, and how soon a key shows."""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from charwave_tui.bench.emulator import Emulator
from charwave_tui.bench.figures import Figure, Run, Tick
from charwave_tui.bench.line import Line
from charwave_tui.bench.material import ENDLESS, Material
from charwave_tui.bench.measurements import Effort, Measurement
from charwave_tui.bench.playground import FIRST_LOSS, FORM, PATIENCE, command, stop_engine
from charwave_tui.bench.terminal import Terminal

PRESET = "tree-287k"
"""What is trained."""

SIZES = ((120, 40), (80, 24))
"""Columns and rows at which bytes are counted: all four panes at once, and the loss alone."""

LINES = {"here": (float("inf"), 0.0), "20 KB/s": (20e3, 0.0), "20 KB/s, 300 ms there and back": (20e3, 0.15)}
"""The lines on which keys are pressed: bytes/s, and seconds each way."""

SETTLE = 5.0
"""Seconds after the first loss in which nothing is counted: the axes double often."""

UP, DOWN = (b"\x1b[A", r"[▸>] preset"), (b"\x1b[B", r"[▸>] context")
"""Two keys in the form, and what is on the screen once each has been heard."""


class Session:
    """A playground on a line, with the process whose time is counted."""

    def __init__(self, line: Line, pid: int) -> None:
        self._line = line
        self._clock = Path(f"/proc/{pid}/stat")

    def watch(self, seconds: float) -> tuple[float, float]:
        """KB/s that reach the screen, and per cent of a core that the screen's process takes; NaN without a /proc."""
        began, busy = time.monotonic(), self._busy()
        count = self._line.rest(seconds)
        taken = time.monotonic() - began
        return count / 1e3 / taken, 100 * (self._busy() - busy) / taken

    def reactions(self, count: int) -> list[float]:
        """Milliseconds from pressing a key to what it paints, for so many keys at moments of no pattern."""
        moments = random.Random(42)
        taken = []
        for number in range(count):
            self._line.rest(moments.uniform(0.1, 0.4))
            pressed = time.monotonic()
            self.press(*(UP if number % 2 else DOWN))
            taken.append(1e3 * (time.monotonic() - pressed))
        return taken

    def press(self, key: bytes, shown: str) -> None:
        """Press a key and wait for what it paints; raises TimeoutError."""
        self._line.type(key)
        if not self._line.carry(lambda: shown in self._line.screen, PATIENCE):
            raise TimeoutError(f"{shown} was not seen within {PATIENCE:g} s")

    def _busy(self) -> float:
        if not self._clock.exists():
            return math.nan
        times = self._clock.read_text("utf-8").rpartition(")")[2].split()
        return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")


def traffic_figures(corpus: str, seconds: float, keys: int, tick: Tick) -> Iterator[Figure]:
    """Bytes, processor time and reactions, each session in a playground of its own."""
    kilobytes: dict[str, float] = {}
    shares: dict[str, float] = {}
    for size in SIZES:
        label = "{}x{}".format(*size)
        with _playground(corpus, size) as session:
            tick(f"{label}, no run yet")
            session.press(b"", FORM)
            kilobytes[f"{label} idle"], shares[f"{label} idle"] = _settled(session, seconds)
            tick(f"{label}, training")
            session.press(b"t2", FIRST_LOSS)
            kilobytes[label], shares[label] = _settled(session, seconds)
            tick(f"{label}, paused")
            session.press(b" ", "paused")
            kilobytes[f"{label} paused"], shares[f"{label} paused"] = _settled(session, seconds)
    yield Figure("terminal_bytes", kilobytes, "KB/s", f"to the terminal, training {PRESET} at full speed")
    known = not any(map(math.isnan, shares.values()))
    meaning = "of a core taken by the screen's process" if known else "this system has no /proc to tell processor time"
    yield Figure("screen_cpu", shares if known else None, "%", meaning)
    halves: dict[str, float] = {}
    slowest: dict[str, float] = {}
    runs: list[Run] = []
    for label, (rate, delay) in LINES.items():
        tick(f"keys, line: {label}")
        with _playground(corpus, SIZES[0], rate, delay) as session:
            session.press(b"", FORM)
            session.press(b"t", FIRST_LOSS)
            session.watch(SETTLE)
            taken = session.reactions(keys)
        halves[label], slowest[label] = median(taken), sorted(taken)[math.ceil(0.99 * keys) - 1]
        runs.append({"line": label, "milliseconds": taken})
    meaning = f"from a key to what it paints, training {PRESET} at full speed"
    yield Figure("key_to_paint_p50", halves, "ms", meaning)
    yield Figure("key_to_paint_p99", slowest, "ms", "the same, of 99 in a hundred keys", tuple(runs), (f"{keys} keys",))


def _settled(session: Session, seconds: float) -> tuple[float, float]:
    session.watch(SETTLE)
    return session.watch(seconds)


@contextmanager
def _playground(corpus: str, size: tuple[int, int], rate: float = math.inf, delay: float = 0.0) -> Iterator[Session]:
    program = command("--preset", PRESET, "--corpus", corpus, "--set", f"max_steps={ENDLESS}")
    # 256 colours, as over SSH, which does not pass on that a terminal has more
    with Terminal(program, *size, {"COLORTERM": ""}) as terminal:
        yield Session(Line(terminal, Emulator(*size), rate, delay), terminal.process.pid)
    stop_engine()


def _take(material: Material, effort: Effort, tick: Tick) -> Iterator[Figure]:
    yield from traffic_figures(material.path, effort.watched, effort.keys, tick)


TRAFFIC = Measurement(
    ("terminal_bytes", "screen_cpu", "key_to_paint_p50", "key_to_paint_p99"),
    lambda effort: 3 * len(SIZES) + len(LINES),
    _take,
)
"""All of it; some six minutes."""
