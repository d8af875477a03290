"""The way to an engine: find the one that runs or start one, send commands, receive events."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress

from charwave_tui.client.ending import end_engine
from charwave_tui.client.logout import ENDED, past_logout
from charwave_tui.client.starting import start
from charwave_tui.client.transport import EngineOutdated, EngineUnavailable, Line, connect
from charwave_tui.core.framing import AnyEvent, frame
from charwave_tui.core.places import log_path
from charwave_tui.core.protocol import Command, CommandRefused

__all__ = ["Engine", "EngineOutdated", "EngineUnavailable"]

STARTED_WITHIN = 15.0
"""Seconds in which a started engine must open its socket."""


class Engine:
    """The engine as a screen knows it: commands in, events out; a command sent before there is one is remembered.

    `found` is whether the engine had been there already; `warning` what a person should know of one that had not.
    """

    def __init__(self) -> None:
        self.found = False
        self.warning = ""
        self._line: Line | None = None
        self._waiting: list[Command] = []
        self._reaping: set[asyncio.Task[None]] = set()

    def send(self, command: Command) -> None:
        """Put a command on its way; one to an engine that has just gone is lost, and `events` ends."""
        if self._line is None:
            self._waiting.append(command)
        else:
            self._line.writer.write(frame(command))

    async def events(self) -> AsyncIterator[AnyEvent]:
        """Reach the engine of this user and data folder, started if need be, and pass on what it tells until it goes.

        Raises EngineUnavailable, of which EngineOutdated has a remedy: `restart`.
        """
        line, child = await self._reach()
        self._line = line
        waiting, self._waiting = self._waiting, []
        for command in waiting:
            self.send(command)
        try:
            yield line.greeting
            first = await line.hear()
            if isinstance(first, CommandRefused):  # before anything else: it has no room for one more
                raise EngineUnavailable(f"{first.problem}; {first.remedy}")
            yield first
            while True:
                yield await line.hear()
        except (asyncio.IncompleteReadError, ConnectionError):
            if self._line is not None:  # it was not we who hung up
                await _reap(child)
        finally:
            self.close()

    async def restart(self) -> None:
        """End the engine that is there in order, its run saved, so that `events` starts another.

        Raises EngineUnavailable where it does not leave.
        """
        self.close()
        await end_engine()

    def close(self) -> None:
        """Hang up; `events` ends."""
        if self._line is not None:
            self._line.close()
            self._line = None

    async def _reach(self) -> tuple[Line, subprocess.Popen[bytes] | None]:
        """The way to an engine, and the process where one was started, be it that another was quicker."""
        with suppress(OSError):
            line = await connect()
            line.check()
            self.found, self.warning = True, ""
            return line, None
        before, warning = past_logout()
        child = start(*before)
        loop = asyncio.get_running_loop()
        give_up = loop.time() + STARTED_WITHIN
        ours = False
        try:
            while loop.time() < give_up:
                with suppress(OSError):
                    line = await connect()
                    line.check()
                    ours = line.greeting.pid == child.pid
                    self.found, self.warning = not ours, warning if ours else ""
                    return line, child
                if child.poll() not in (None, 0):
                    if not before:
                        break
                    before, warning = (), ENDED  # the user's own systemd does not take it
                    child = start()
                await asyncio.sleep(0.02)
            raise EngineUnavailable(f"the engine did not start; its log is {log_path()}")
        finally:
            if not ours:  # it leaves the field to another
                reaping = asyncio.create_task(_reap(child))
                self._reaping.add(reaping)
                reaping.add_done_callback(self._reaping.discard)


async def _reap(child: subprocess.Popen[bytes] | None) -> None:
    """Take note of an engine's end, so that it does not stay behind as a zombie for as long as the screen is open."""
    for _ in range(40):
        if child is None or child.poll() is not None:
            return
        await asyncio.sleep(0.05)
