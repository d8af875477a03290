"""Engine endpoints: how the engine of this machine is found or started, and what all endpoints have in common."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import suppress
from typing import Protocol

from charwave_tui.client.connection import EngineConnection, EngineNotRunning, EngineUnavailable, connect
from charwave_tui.client.launcher import ENDS_AT_LOGOUT, start_engine, stop_engine, survive_logout_prefix
from charwave_tui.core.paths import log_path

START_TIMEOUT = 15.0  # seconds in which a started engine must open its socket
NO_ENGINE = "no engine is running; charwave-tui start begins a run in one"


class EngineEndpoint(Protocol):
    """How an engine is reached."""

    @property
    def was_running(self) -> bool:
        """Whether the engine was running before `connect`."""

    @property
    def warning(self) -> str:
        """What a person should know of an engine that was started, empty if nothing."""

    @property
    def host(self) -> str:
        """The engine's machine, empty for this one."""

    async def connect(self) -> EngineConnection:
        """Connect to the engine, started if need be, of this version.

        Raises EngineUnavailable, of which EngineOutdated can be solved by `restart`.
        """

    async def restart(self) -> None:
        """Stop an engine of another version, which saves its run; raises EngineUnavailable if it does not exit."""

    async def clean_up(self) -> None:
        """Release what a connection that the engine has closed leaves behind."""


class LocalEndpoint:
    """The engine of this user and data folder; without one, `connect` starts it unless `starts` is False."""

    host = ""

    def __init__(self, *, starts: bool = True) -> None:
        self._starts = starts
        self.was_running = False
        self.warning = ""
        self._child: subprocess.Popen[bytes] | None = None
        self._reapers: set[asyncio.Task[None]] = set()

    async def connect(self, *, any_version: bool = False) -> EngineConnection:
        with suppress(OSError):
            connection = await _connect(any_version)
            self.was_running, self.warning, self._child = True, "", None
            return connection
        if not self._starts:
            raise EngineNotRunning(NO_ENGINE)
        prefix, warning = survive_logout_prefix()
        child = self._child = start_engine(*prefix)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_TIMEOUT
        is_ours = False
        try:
            while loop.time() < deadline:
                with suppress(OSError):
                    connection = await _connect(any_version)
                    is_ours = connection.greeting.pid == child.pid
                    self.was_running, self.warning = not is_ours, warning if is_ours else ""
                    return connection
                if child.poll() not in (None, 0):
                    if not prefix:
                        break
                    prefix, warning = (), ENDS_AT_LOGOUT  # the user's systemd cannot run it
                    child = self._child = start_engine()
                await asyncio.sleep(0.02)
            raise EngineUnavailable(f"the engine did not start; its log is {log_path()}")
        finally:
            if not is_ours:  # it exits in favour of another engine
                reaper = asyncio.create_task(_reap(child))
                self._reapers.add(reaper)
                reaper.add_done_callback(self._reapers.discard)

    async def restart(self) -> None:
        await stop_engine()

    async def clean_up(self) -> None:
        await _reap(self._child)


async def _connect(any_version: bool) -> EngineConnection:
    connection = await connect()
    if not any_version:
        connection.require_same_version()
    return connection


async def _reap(child: subprocess.Popen[bytes] | None) -> None:
    """Wait up to 2 seconds for an engine started here to exit, so that it does not stay a zombie."""
    for _ in range(40):
        if child is None or child.poll() is not None:
            return
        await asyncio.sleep(0.05)
