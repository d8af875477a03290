"""The ways to an engine: the one of this machine, found or started, or that of another one over ssh."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import suppress
from typing import Protocol

from charwave_tui.client.connection import EngineConnection, EngineNotRunning, EngineUnavailable, connect
from charwave_tui.client.launcher import ENDED, start_engine, stop_engine, survive_logout_prefix
from charwave_tui.core.paths import log_path

STARTED_WITHIN = 15.0
"""Seconds in which a started engine must open its socket."""


class EngineEndpoint(Protocol):
    """How an engine is reached."""

    @property
    def was_running(self) -> bool:
        """Whether it had been there before it was reached."""

    @property
    def warning(self) -> str:
        """What a person should know of one that had not, empty where there is nothing."""

    @property
    def host(self) -> str:
        """The machine that it is on, empty for this one."""

    async def connect(self) -> EngineConnection:
        """The line to the engine, started if need be, of this very version.

        Raises EngineUnavailable, of which EngineOutdated has a remedy: `restart`.
        """

    async def restart(self) -> None:
        """End an engine of another version in order, its run saved; raises EngineUnavailable where it stays."""

    async def clean_up(self) -> None:
        """Clear up after a line that the engine has ended."""


NONE_RUNS = "no engine is running; charwave-tui start begins a run in one"
"""What is said where there is no engine, and none is to be started."""


class LocalEndpoint:
    """The way to the engine of this user and data folder, which is started where there is none if it `starts` one."""

    host = ""

    def __init__(self, *, starts: bool = True) -> None:
        self._starts = starts
        self.was_running = False
        self.warning = ""
        self._child: subprocess.Popen[bytes] | None = None
        self._reaping: set[asyncio.Task[None]] = set()

    async def connect(self, *, any_version: bool = False) -> EngineConnection:
        """As `Way` says; with `any_version` one of another version will do."""
        with suppress(OSError):
            line = await _connected(any_version)
            self.was_running, self.warning, self._child = True, "", None
            return line
        if not self._starts:
            raise EngineNotRunning(NONE_RUNS)
        before, warning = survive_logout_prefix()
        child = self._child = start_engine(*before)
        loop = asyncio.get_running_loop()
        give_up = loop.time() + STARTED_WITHIN
        ours = False
        try:
            while loop.time() < give_up:
                with suppress(OSError):
                    line = await _connected(any_version)
                    ours = line.greeting.pid == child.pid
                    self.was_running, self.warning = not ours, warning if ours else ""
                    return line
                if child.poll() not in (None, 0):
                    if not before:
                        break
                    before, warning = (), ENDED  # the user's own systemd does not take it
                    child = self._child = start_engine()
                await asyncio.sleep(0.02)
            raise EngineUnavailable(f"the engine did not start; its log is {log_path()}")
        finally:
            if not ours:  # it leaves the field to another
                reaping = asyncio.create_task(_reap(child))
                self._reaping.add(reaping)
                reaping.add_done_callback(self._reaping.discard)

    async def restart(self) -> None:
        """As `Way` says."""
        await stop_engine()

    async def clean_up(self) -> None:
        """As `Way` says: an engine that was started here must not stay behind as a zombie."""
        await _reap(self._child)


async def _connected(any_version: bool) -> EngineConnection:
    line = await connect()
    if not any_version:
        line.require_same_version()
    return line


async def _reap(child: subprocess.Popen[bytes] | None) -> None:
    """Take note of an engine's end, for as long as the screen is open."""
    for _ in range(40):
        if child is None or child.poll() is not None:
            return
        await asyncio.sleep(0.05)
