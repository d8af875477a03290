"""What an open playground costs training: one run, watched by turns with a screen and without one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from charwave_tui.bench.figures import Figure, Tick, interleaved, median_cost
from charwave_tui.bench.material import ENDLESS
from charwave_tui.bench.playground import FIRST_LOSS, PATIENCE, open_playground
from charwave_tui.bench.terminal import Terminal
from charwave_tui.bench.transcript import read_for, wait_for
from charwave_tui.bench.viewer import Viewer
from charwave_tui.core.config import RunConfig
from charwave_tui.core.presets import preset

PRESET = "tree-76k"
"""What is trained: the lecture's best model, looked at as often as its recipe says."""


def recipe(corpus: str) -> RunConfig:
    """What the engine trains all the while."""
    return replace(preset(PRESET).config, corpus=corpus, max_steps=ENDLESS)


def playground_cost(corpus: str, pairs: int, tick: Tick) -> Figure:
    """By how many per cent an open playground slows an engine that trains on, by the clock on the wall.

    Each reading is the time from one evaluation of val to the next, told to a viewer that is there in both cases: so
    many steps, that evaluation, and whatever else the engine does for its screen.
    """
    with Viewer(recipe(corpus), PRESET) as viewer:

        def plain() -> float:
            tick("training without a screen")
            return _speed(viewer, time.sleep)

        def burdened() -> float:
            tick("training in the playground")
            with open_playground() as terminal:
                wait_for(terminal, FIRST_LOSS, PATIENCE)
                return _speed(viewer, partial(_read, terminal))

        _speed(viewer, time.sleep)  # the start is nobody's burden
        measured = list(interleaved(pairs, plain, burdened))
    meaning = f"slower with the playground open ({PRESET}, steps by the clock on the wall, median of pairs)"
    return median_cost("playground_cost", meaning, measured, plain="headless", burdened="playground")


def _read(terminal: Terminal, seconds: float) -> None:
    read_for(terminal, seconds)
    if terminal.gone:
        raise RuntimeError("the playground has closed by itself")


def _speed(viewer: Viewer, wait: Callable[[float], object]) -> float:
    """Steps/s from the next evaluation of val to the one after it; raises TimeoutError, or RuntimeError."""
    first = len(viewer.looks)
    for wanted in (first + 1, first + 2):
        deadline = time.monotonic() + PATIENCE
        while len(viewer.looks) < wanted:
            viewer.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{PRESET} was not evaluated within {PATIENCE:g} s")
            wait(0.05)
    (begun, before), (ended, after) = viewer.looks[first : first + 2]
    return (after - before) / (ended - begun)
