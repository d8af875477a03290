"""The ways to an engine: the one of this machine, found or started, or that of another one over ssh."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import suppress
from typing import Protocol

from charwave_tui.client.ending import end_engine
from charwave_tui.client.logout import ENDED, past_logout
from charwave_tui.client.starting import start
from charwave_tui.client.transport import EngineUnavailable, Line, NoEngine, connect
from charwave_tui.core.places import log_path

STARTED_WITHIN = 15.0
"""Seconds in which a started engine must open its socket."""


class Way(Protocol):
    """How an engine is reached."""

    @property
    def found(self) -> bool:
        """Whether it had been there before it was reached."""

    @property
    def warning(self) -> str:
        """What a person should know of one that had not, empty where there is nothing."""

    @property
    def host(self) -> str:
        """The machine that it is on, empty for this one."""

    async def reach(self) -> Line:
        """The line to the engine, started if need be, of this very version.

        Raises EngineUnavailable, of which EngineOutdated has a remedy: `restart`.
        """

    async def restart(self) -> None:
        """End an engine of another version in order, its run saved; raises EngineUnavailable where it stays."""

    async def left(self) -> None:
        """Clear up after a line that the engine has ended."""


NONE_RUNS = "no engine is running; charwave-tui start begins a run in one"
"""What is said where there is no engine, and none is to be started."""


class LocalWay:
    """The way to the engine of this user and data folder, which is started where there is none if it `starts` one."""

    host = ""

    def __init__(self, *, starts: bool = True) -> None:
        self._starts = starts
        self.found = False
        self.warning = ""
        self._child: subprocess.Popen[bytes] | None = None
        self._reaping: set[asyncio.Task[None]] = set()

    async def reach(self, *, any_version: bool = False) -> Line:
        """As `Way` says; with `any_version` one of another version will do."""
        with suppress(OSError):
            line = await _connected(any_version)
            self.found, self.warning, self._child = True, "", None
            return line
        if not self._starts:
            raise NoEngine(NONE_RUNS)
        before, warning = past_logout()
        child = self._child = start(*before)
        loop = asyncio.get_running_loop()
        give_up = loop.time() + STARTED_WITHIN
        ours = False
        try:
            while loop.time() < give_up:
                with suppress(OSError):
                    line = await _connected(any_version)
                    ours = line.greeting.pid == child.pid
                    self.found, self.warning = not ours, warning if ours else ""
                    return line
                if child.poll() not in (None, 0):
                    if not before:
                        break
                    before, warning = (), ENDED  # the user's own systemd does not take it
                    child = self._child = start()
                await asyncio.sleep(0.02)
            raise EngineUnavailable(f"the engine did not start; its log is {log_path()}")
        finally:
            if not ours:  # it leaves the field to another
                reaping = asyncio.create_task(_reap(child))
                self._reaping.add(reaping)
                reaping.add_done_callback(self._reaping.discard)

    async def restart(self) -> None:
        """As `Way` says."""
        await end_engine()

    async def left(self) -> None:
        """As `Way` says: an engine that was started here must not stay behind as a zombie."""
        await _reap(self._child)


async def _connected(any_version: bool) -> Line:
    line = await connect()
    if not any_version:
        line.check()
    return line


async def _reap(child: subprocess.Popen[bytes] | None) -> None:
    """Take note of an engine's end, for as long as the screen is open."""
    for _ in range(40):
        if child is None or child.poll() is not None:
            return
        await asyncio.sleep(0.05)
