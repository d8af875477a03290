"""First frame, first loss, terminal bytes, and the time from a key to what it paints."""

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
    BenchCase,
    Measurement,
    OnProgress,
    Run,
)
from charwave_tui.bench.terminal_driver import (
    FIRST_LOSS_PATTERN,
    FORM_PATTERN,
    TIMEOUT_SECONDS,
    ThrottledLink,
    open_playground,
    quit_playground,
    stop_bench_engine,
)
from charwave_tui.core.config.run_config import RunConfig

PRESET = "tree-287k"
SIZES = ((120, 40), (80, 24))  # columns and rows: all four panes at once, and the loss pane alone
LINKS = {  # bytes/s, and seconds each way
    "here": (float("inf"), 0.0),
    "20 KB/s": (20e3, 0.0),
    "20 KB/s, 300 ms there and back": (20e3, 0.15),
}
SETTLE_SECONDS = 5.0  # not counted after the first loss: the chart's axes still change often
UP, DOWN = (b"\x1b[A", r"[▸>] preset"), (b"\x1b[B", r"[▸>] context")  # keys in the form, and what each paints


class MeasuredSession:
    """A playground at the far end of `link`, and the processor time of its process."""

    def __init__(self, link: ThrottledLink) -> None:
        self._link = link
        self._stat = Path(f"/proc/{link.terminal.process.pid}/stat")

    def measure(self, seconds: float) -> tuple[float, float]:
        """Return KB/s that reach the screen, and per cent of a core that the process takes; NaN without /proc."""
        start, cpu_start = time.monotonic(), self._cpu_seconds()
        count = self._link.carry_for(seconds)
        elapsed = time.monotonic() - start
        return count / 1e3 / elapsed, 100 * (self._cpu_seconds() - cpu_start) / elapsed

    def reactions(self, count: int) -> list[float]:
        """Press `count` keys at random moments; return the milliseconds from each to what it paints."""
        pauses = random.Random(42)
        milliseconds = []
        for number in range(count):
            self._link.carry_for(pauses.uniform(0.1, 0.4))
            start = time.monotonic()
            self._link.press(*(UP if number % 2 else DOWN))
            milliseconds.append(1e3 * (time.monotonic() - start))
        return milliseconds

    def _cpu_seconds(self) -> float:
        if not self._stat.exists():
            return math.nan
        fields = self._stat.read_text("utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def terminal_traffic(corpus: str, seconds: float, keys: int, on_progress: OnProgress) -> Iterator[Measurement]:
    """Measure bytes, processor time and reactions, each session in a playground of its own."""
    kilobytes: dict[str, float] = {}
    cpu_percent: dict[str, float] = {}
    for size in SIZES:
        label = "{}x{}".format(*size)
        with _playground(corpus, size) as link:
            session = MeasuredSession(link)
            for suffix, about, key, pattern in (
                (" idle", "no run yet", b"", FORM_PATTERN),
                ("", "training", b"t2", FIRST_LOSS_PATTERN),
                (" paused", "paused", b" ", "paused"),
            ):
                on_progress(f"{label}, {about}")
                link.press(key, pattern)
                session.measure(SETTLE_SECONDS)
                kilobytes[label + suffix], cpu_percent[label + suffix] = session.measure(seconds)
    yield Measurement("terminal_bytes", kilobytes, "KB/s", f"to the terminal, training {PRESET} at full speed")
    if any(map(math.isnan, cpu_percent.values())):
        yield Measurement("screen_cpu", None, "%", "this system has no /proc to tell processor time")
    else:
        yield Measurement("screen_cpu", cpu_percent, "%", "of a core taken by the screen's process")
    p50: dict[str, float] = {}
    p99: dict[str, float] = {}
    runs: list[Run] = []
    for label, (rate, delay) in LINKS.items():
        on_progress(f"keys, line: {label}")
        with _playground(corpus, SIZES[0], rate, delay) as link:
            session = MeasuredSession(link)
            link.press(b"", FORM_PATTERN)
            link.press(b"t", FIRST_LOSS_PATTERN)
            session.measure(SETTLE_SECONDS)
            milliseconds = session.reactions(keys)
        p50[label], p99[label] = median(milliseconds), sorted(milliseconds)[math.ceil(0.99 * keys) - 1]
        runs.append({"line": label, "milliseconds": milliseconds})
    meaning = f"from a key to what it paints, training {PRESET} at full speed"
    yield Measurement("key_to_paint_p50", p50, "ms", meaning)
    meaning = "the same, of 99 in a hundred keys"
    yield Measurement("key_to_paint_p99", p99, "ms", meaning, tuple(runs), (f"{keys} keys",))


@contextmanager
def _playground(
    corpus: str, size: tuple[int, int], rate: float = math.inf, delay: float = 0.0
) -> Iterator[ThrottledLink]:
    arguments = ("--preset", PRESET, "--corpus", corpus, "--set", f"max_steps={UNLIMITED_STEPS}")
    # 256 colours, as over ssh, which does not pass COLORTERM on
    with open_playground(*arguments, size=size, environment={"COLORTERM": ""}, rate=rate, delay=delay) as link:
        yield link
    stop_bench_engine()


TERMINAL_CASE = BenchCase(
    ("terminal_bytes", "screen_cpu", "key_to_paint_p50", "key_to_paint_p99"),
    lambda settings: 3 * len(SIZES) + len(LINKS),
    lambda corpus, settings, tick: terminal_traffic(corpus.path, settings.traffic_seconds, settings.keys, tick),
)


def first_frame(runs: int, on_progress: OnProgress) -> Measurement:
    """Measure the seconds from the command to the form on the screen; one run before them warms the caches."""
    _time_first_frame()
    seconds = []
    for _ in range(runs):
        on_progress("opening the playground")
        seconds.append(_time_first_frame())
    meaning = "from the command to the form on the screen, warm"
    return Measurement("first_frame", median(seconds), "s", meaning, tuple(seconds))


def first_loss(runs: int, on_progress: OnProgress) -> Measurement:
    """Measure the seconds from key `t`, pressed at the first frame, to a loss on the chart; torch's import included."""
    seconds = []
    for _ in range(runs):
        on_progress("training from the first frame on")
        seconds.append(_time_first_loss())
    meaning = "from t, right after the first frame, to a loss on the chart"
    return Measurement("first_loss", median(seconds), "s", meaning, tuple(seconds))


def _time_first_frame() -> float:
    start = time.monotonic()
    with open_playground() as link:
        painted = link.press(b"", FORM_PATTERN)
        link.terminal.write(b"q")
        link.terminal.wait(TIMEOUT_SECONDS)
    stop_bench_engine()
    return painted - start


def _time_first_loss() -> float:
    # another seed than the pretrained model's, whose curve shows a loss before any training
    with open_playground("--set", f"seed={RunConfig().seed + 1}") as link:
        pressed = link.press(b"", FORM_PATTERN)
        painted = link.press(b"t", FIRST_LOSS_PATTERN)
        quit_playground(link)
    return painted - pressed
