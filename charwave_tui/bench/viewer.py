"""A run in an engine of its own, watched from outside as any screen watches it."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from charwave_tui.bench.playground import PATIENCE, stop_engine
from charwave_tui.client.engine import Engine, EngineUnavailable
from charwave_tui.core.config import RunConfig
from charwave_tui.core.protocol import CommandRefused, EngineFailed, SplitEvaluated, StartRun
from charwave_tui.core.readings import Split


class Viewer:
    """Starts an engine and trains `config` in it for as long as the block lasts; others may look at it meanwhile.

    `looks` are the evaluations of val so far: the moment on time.monotonic's clock, and the step.
    """

    def __init__(self, config: RunConfig, preset: str) -> None:
        self.looks: list[tuple[float, int]] = []
        self._asked = StartRun(config, preset)
        self._engine = Engine()
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
        stop_engine()

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
