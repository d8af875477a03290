"""What an open playground costs training."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from statistics import median
from types import TracebackType
from typing import Self

from charwave_tui.bench.results import UNLIMITED_STEPS, Measurement, OnProgress, interleaved
from charwave_tui.bench.terminal_driver import (
    FIRST_LOSS_PATTERN,
    TIMEOUT_SECONDS,
    open_playground,
    stop_bench_engine,
)
from charwave_tui.client.connection import EngineUnavailable
from charwave_tui.client.engine_client import EngineClient
from charwave_tui.core.config.presets import get_preset
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.metrics import Split
from charwave_tui.core.protocol.commands import StartRun
from charwave_tui.core.protocol.events import CommandRefused, EngineFailed, SplitEvaluated

PRESET = "tree-76k"  # the lecture's best model


class BackgroundRun:
    """An engine that trains within the block; `evaluations` of val so far are (time.monotonic(), step)."""

    def __init__(self, config: RunConfig, preset: str) -> None:
        self.evaluations: list[tuple[float, int]] = []
        self._command = StartRun(config, preset)
        self._engine = EngineClient()
        self._problem = ""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._watch()), name="viewer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(RuntimeError):  # the loop has ended, and the engine with it
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._engine.close)
        self._thread.join(TIMEOUT_SECONDS)
        stop_bench_engine()

    def check(self) -> None:
        """Raise RuntimeError if the engine could not train or is gone."""
        if self._problem or not self._thread.is_alive():
            raise RuntimeError(f"the engine does not train: {self._problem or 'it is gone'}")

    async def _watch(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._engine.send(self._command)
        try:
            async for event in self._engine.events():
                match event:
                    case SplitEvaluated(evaluation=evaluation) if evaluation.split is Split.VAL:
                        self.evaluations.append((time.monotonic(), evaluation.step))
                    case CommandRefused(problem=problem) | EngineFailed(problem=problem):
                        self._problem = problem
        except EngineUnavailable as error:
            self._problem = str(error)


def background_config(corpus: str) -> RunConfig:
    return replace(get_preset(PRESET).config, corpus=corpus, max_steps=UNLIMITED_STEPS)


def playground_overhead(corpus: str, pairs: int, on_progress: OnProgress) -> Measurement:
    """Measure by how many per cent an open playground slows an engine, in wall-clock time.

    A reading is the speed between two evaluations of val, as reported to a viewer that is attached in both cases: so
    it includes an evaluation, and whatever else the engine does for its viewers.
    """
    with BackgroundRun(background_config(corpus), PRESET) as run:

        def baseline() -> float:
            on_progress("training without a screen")
            return _speed(run, time.sleep)

        def loaded() -> float:
            on_progress("training in the playground")
            with open_playground() as link:
                link.press(b"", FIRST_LOSS_PATTERN)
                return _speed(run, link.carry_for)

        _speed(run, time.sleep)  # warm-up
        measured = list(interleaved(pairs, baseline, loaded))
    meaning = f"slower with the playground open ({PRESET}, steps by the clock on the wall, median of pairs)"
    runs = tuple({"playground": pair.loaded, "headless": pair.baseline, "cost": pair.cost} for pair in measured)
    return Measurement("playground_cost", median(pair.cost for pair in measured), "%", meaning, runs)


def _speed(run: BackgroundRun, wait: Callable[[float], object]) -> float:
    """Return steps/s from the next evaluation of val to the one after it; raises TimeoutError or RuntimeError."""
    first = len(run.evaluations)
    for count in (first + 1, first + 2):
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while len(run.evaluations) < count:
            run.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{PRESET} was not evaluated within {TIMEOUT_SECONDS:g} s")
            wait(0.05)
    (start, first_step), (end, last_step) = run.evaluations[first : first + 2]
    return (last_step - first_step) / (end - start)
