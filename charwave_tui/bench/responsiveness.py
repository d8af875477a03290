"""First frame, first loss, terminal bytes, key to paint."""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from charwave_tui.bench.results import (
    UNLIMITED_STEPS,
    BenchCorpus,
    BenchmarkCase,
    BenchmarkSettings,
    Measurement,
    OnProgress,
    Run,
    median_of,
)
from charwave_tui.bench.screen_emulator import Emulator
from charwave_tui.bench.terminal_driver import (
    FIRST_LOSS,
    FORM,
    PATIENCE,
    PtyProcess,
    ThrottledLink,
    command,
    open_playground,
    quit_playground,
    stop_bench_engine,
    wait_for_text,
)
from charwave_tui.core.config.run_config import RunConfig

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


class MeasuredSession:
    """A playground on a line, with the process whose time is counted."""

    def __init__(self, line: ThrottledLink, pid: int) -> None:
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


def terminal_traffic(corpus: str, seconds: float, keys: int, tick: OnProgress) -> Iterator[Measurement]:
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
    yield Measurement("terminal_bytes", kilobytes, "KB/s", f"to the terminal, training {PRESET} at full speed")
    known = not any(map(math.isnan, shares.values()))
    meaning = "of a core taken by the screen's process" if known else "this system has no /proc to tell processor time"
    yield Measurement("screen_cpu", shares if known else None, "%", meaning)
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
    yield Measurement("key_to_paint_p50", halves, "ms", meaning)
    yield Measurement(
        "key_to_paint_p99", slowest, "ms", "the same, of 99 in a hundred keys", tuple(runs), (f"{keys} keys",)
    )


def _settled(session: MeasuredSession, seconds: float) -> tuple[float, float]:
    session.watch(SETTLE)
    return session.watch(seconds)


@contextmanager
def _playground(
    corpus: str, size: tuple[int, int], rate: float = math.inf, delay: float = 0.0
) -> Iterator[MeasuredSession]:
    program = command("--preset", PRESET, "--corpus", corpus, "--set", f"max_steps={UNLIMITED_STEPS}")
    # 256 colours, as over SSH, which does not pass on that a terminal has more
    with PtyProcess(program, *size, {"COLORTERM": ""}) as terminal:
        yield MeasuredSession(ThrottledLink(terminal, Emulator(*size), rate, delay), terminal.process.pid)
    stop_bench_engine()


def _take(material: BenchCorpus, effort: BenchmarkSettings, tick: OnProgress) -> Iterator[Measurement]:
    yield from terminal_traffic(material.path, effort.watched, effort.keys, tick)


TRAFFIC = BenchmarkCase(
    ("terminal_bytes", "screen_cpu", "key_to_paint_p50", "key_to_paint_p99"),
    lambda effort: 3 * len(SIZES) + len(LINES),
    _take,
)
"""All of it; some six minutes."""


def first_frame(runs: int, tick: OnProgress) -> Measurement:
    """Seconds from starting the program to the form on the screen; one opening before them warms the caches."""
    _first_frame()
    taken = []
    for _ in range(runs):
        tick("opening the playground")
        taken.append(_first_frame())
    return median_of("first_frame", "s", "from the command to the form on the screen, warm", taken)


def first_loss(runs: int, tick: OnProgress) -> Measurement:
    """Seconds from `t`, pressed as soon as the form is there, to a loss on the chart; torch's import is in it."""
    taken = []
    for _ in range(runs):
        tick("training from the first frame on")
        taken.append(_first_loss())
    return median_of("first_loss", "s", "from t, right after the first frame, to a loss on the chart", taken)


def _first_frame() -> float:
    begun = time.monotonic()
    with open_playground() as terminal:
        painted = wait_for_text(terminal, FORM, PATIENCE)
        terminal.write(b"q")
        terminal.wait(PATIENCE)
    stop_bench_engine()
    return painted - begun


def _first_loss() -> float:
    # another seed than the model in the box, whose curve has a loss beside it before any training
    with open_playground("--set", f"seed={RunConfig().seed + 1}") as terminal:
        wait_for_text(terminal, FORM, PATIENCE)
        pressed = time.monotonic()
        terminal.write(b"t")
        drawn = wait_for_text(terminal, FIRST_LOSS, PATIENCE)
        quit_playground(terminal)
    return drawn - pressed
