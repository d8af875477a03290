"""What an open screen costs training."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self

from charwave_tui.bench.results import UNLIMITED_STEPS, Measurement, OnProgress, interleaved, median_cost
from charwave_tui.bench.terminal_driver import (
    FIRST_LOSS,
    PATIENCE,
    PtyProcess,
    open_playground,
    read_for,
    stop_bench_engine,
    wait_for_text,
)
from charwave_tui.client.connection import EngineUnavailable
from charwave_tui.client.engine_client import EngineClient
from charwave_tui.core.config.presets import get_preset
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.metrics import Split
from charwave_tui.core.protocol.commands import StartRun
from charwave_tui.core.protocol.events import CommandRefused, EngineFailed, SplitEvaluated


class BackgroundRun:
    """Starts an engine and trains `config` in it for as long as the block lasts; others may look at it meanwhile.

    `looks` are the evaluations of val so far: the moment on time.monotonic's clock, and the step.
    """

    def __init__(self, config: RunConfig, preset: str) -> None:
        self.looks: list[tuple[float, int]] = []
        self._asked = StartRun(config, preset)
        self._engine = EngineClient()
        self._problem = ""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._watch()), name="viewer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with suppress(RuntimeError):  # the loop has ended, and the engine with it
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._engine.close)
        self._thread.join(PATIENCE)
        stop_bench_engine()

    def check(self) -> None:
        """Raise RuntimeError where the engine could not train, or is gone."""
        if self._problem or not self._thread.is_alive():
            raise RuntimeError(f"the engine does not train: {self._problem or 'it is gone'}")

    async def _watch(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._engine.send(self._asked)
        try:
            async for event in self._engine.events():
                match event:
                    case SplitEvaluated(evaluation=evaluation) if evaluation.split is Split.VAL:
                        self.looks.append((time.monotonic(), evaluation.step))
                    case CommandRefused(problem=problem) | EngineFailed(problem=problem):
                        self._problem = problem
        except EngineUnavailable as error:
            self._problem = str(error)


PRESET = "tree-76k"
"""What is trained: the lecture's best model, looked at as often as its recipe says."""


def recipe(corpus: str) -> RunConfig:
    """What the engine trains all the while."""
    return replace(get_preset(PRESET).config, corpus=corpus, max_steps=UNLIMITED_STEPS)


def playground_overhead(corpus: str, pairs: int, tick: OnProgress) -> Measurement:
    """By how many per cent an open playground slows an engine that trains on, by the clock on the wall.

    Each reading is the time from one evaluation of val to the next, told to a viewer that is there in both cases: so
    many steps, that evaluation, and whatever else the engine does for its screen.
    """
    with BackgroundRun(recipe(corpus), PRESET) as viewer:

        def plain() -> float:
            tick("training without a screen")
            return _speed(viewer, time.sleep)

        def burdened() -> float:
            tick("training in the playground")
            with open_playground() as terminal:
                wait_for_text(terminal, FIRST_LOSS, PATIENCE)
                return _speed(viewer, partial(_read, terminal))

        _speed(viewer, time.sleep)  # the start is nobody's burden
        measured = list(interleaved(pairs, plain, burdened))
    meaning = f"slower with the playground open ({PRESET}, steps by the clock on the wall, median of pairs)"
    return median_cost("playground_cost", meaning, measured, plain="headless", burdened="playground")


def _read(terminal: PtyProcess, seconds: float) -> None:
    read_for(terminal, seconds)
    if terminal.gone:
        raise RuntimeError("the playground has closed by itself")


def _speed(viewer: BackgroundRun, wait: Callable[[float], object]) -> float:
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
