"""How soon the playground is there: its first frame, and the first loss after `t`."""

from __future__ import annotations

import time

from charwave_tui.bench.figures import Figure, Tick, median_of
from charwave_tui.bench.playground import FIRST_LOSS, FORM, PATIENCE, leave, open_playground, stop_engine
from charwave_tui.bench.transcript import wait_for
from charwave_tui.core.config import RunConfig


def first_frame(runs: int, tick: Tick) -> Figure:
    """Seconds from starting the program to the form on the screen; one opening before them warms the caches."""
    _first_frame()
    taken = []
    for _ in range(runs):
        tick("opening the playground")
        taken.append(_first_frame())
    return median_of("first_frame", "s", "from the command to the form on the screen, warm", taken)


def first_loss(runs: int, tick: Tick) -> Figure:
    """Seconds from `t`, pressed as soon as the form is there, to a loss on the chart; torch's import is in it."""
    taken = []
    for _ in range(runs):
        tick("training from the first frame on")
        taken.append(_first_loss())
    return median_of("first_loss", "s", "from t, right after the first frame, to a loss on the chart", taken)


def _first_frame() -> float:
    begun = time.monotonic()
    with open_playground() as terminal:
        painted = wait_for(terminal, FORM, PATIENCE)
        terminal.write(b"q")
        terminal.wait(PATIENCE)
    stop_engine()
    return painted - begun


def _first_loss() -> float:
    # another seed than the model in the box, whose curve has a loss beside it before any training
    with open_playground("--set", f"seed={RunConfig().seed + 1}") as terminal:
        wait_for(terminal, FORM, PATIENCE)
        pressed = time.monotonic()
        terminal.write(b"t")
        drawn = wait_for(terminal, FIRST_LOSS, PATIENCE)
        leave(terminal)
    return drawn - pressed
