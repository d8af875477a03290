"""What an open playground costs training: the same run with a screen and without one, by turns."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable

from charwave_tui.bench.figures import Figure, Tick, interleaved, median_cost
from charwave_tui.bench.playground import FIRST_LOSS, FORM, PATIENCE, command, leave, open_playground
from charwave_tui.bench.transcript import read_for, wait_for
from charwave_tui.core.places import runs_dir
from charwave_tui.core.runs import RunStore

RECIPE = ("--preset", "tree-76k", "--corpus", "names")
"""What is trained in both: the lecture's best model on the corpus in the box."""


def playground_cost(pairs: int, seconds: float, tick: Tick) -> Figure:
    """By how many per cent an open playground slows training; each run trains for about `seconds`."""
    measured = interleaved(
        pairs,
        plain=_ticking(tick, "training without a screen", lambda: _headless(seconds)),
        burdened=_ticking(tick, "training in the playground", lambda: _in_playground(seconds)),
    )
    meaning = f"slower with the playground open ({RECIPE[1]}, median of pairs)"
    return median_cost("playground_cost", meaning, list(measured), plain="headless", burdened="playground")


def _in_playground(seconds: float) -> float:
    with open_playground(*RECIPE) as terminal:
        wait_for(terminal, FORM, PATIENCE)
        terminal.write(b"t")
        wait_for(terminal, FIRST_LOSS, PATIENCE)
        read_for(terminal, seconds)
        leave(terminal)
    return _newest_speed()


def _headless(seconds: float) -> float:
    known = RunStore(runs_dir()).numbers()
    with subprocess.Popen(
        command("train", *RECIPE), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            deadline = time.monotonic() + PATIENCE
            while RunStore(runs_dir()).numbers() == known and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(seconds)
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)
        except BaseException:
            process.kill()
            raise
    return _newest_speed()


def _newest_speed() -> float:
    """Steps a second of training alone, as the newest run's record has it."""
    return RunStore(runs_dir()).read().steps_per_second


def _ticking(tick: Tick, text: str, measure: Callable[[], float]) -> Callable[[], float]:
    def ticked() -> float:
        tick(text)
        return measure()

    return ticked
