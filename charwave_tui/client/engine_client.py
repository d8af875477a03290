"""An engine as a screen knows it: commands in, events out, wherever it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

from charwave_tui.client.connection import EngineConnection, EngineOutdated, EngineUnavailable
from charwave_tui.client.corpus_sync import RemoteCommandQueue
from charwave_tui.client.endpoints import EngineEndpoint, LocalEndpoint
from charwave_tui.core.protocol.commands import Command, Ping
from charwave_tui.core.protocol.events import AnyEvent, CommandRefused, Pong
from charwave_tui.core.protocol.framing import encode_frame

__all__ = ["EngineClient", "EngineOutdated", "EngineUnavailable"]


PING_EVERY = 2.0
"""Seconds between two measurements of the line to an engine elsewhere."""


RECONNECT_DELAYS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds until a line that dropped is tried again: the first time, the second time, and so on, the last for ever."""


class EngineClient:
    """The engine at the end of `way`, by default this machine's; a command sent before it is there is remembered."""

    def __init__(self, way: EngineEndpoint | None = None) -> None:
        self._latency: float | None = None
        self._way = way or LocalEndpoint()
        self._line: EngineConnection | None = None
        self._courier: RemoteCommandQueue | None = None
        self._places: dict[str, str] = {}
        self._waiting: list[Command] = []
        self._closed = self._reached = False
        self._failures = 0

    @property
    def was_running(self) -> bool:
        """Whether the engine was there before the screen came."""
        return self._way.was_running

    @property
    def warning(self) -> str:
        """What a person should know of where it runs, empty where there is nothing."""
        return self._way.warning

    @property
    def host(self) -> str:
        """The machine that the engine is on, empty for this one."""
        return self._way.host

    @property
    def latency(self) -> float | None:
        """Seconds of a round trip to an engine elsewhere, None while unknown."""
        return self._latency

    def send(self, command: Command) -> None:
        """Put a command on its way; one to an engine that has just gone is lost, and `events` ends."""
        if self._line is None:
            self._waiting.append(command)
        elif self._courier is not None:
            self._courier.send(command)
        else:
            self._line.writer.write(encode_frame(command))

    async def events(self) -> AsyncIterator[AnyEvent]:
        """Reach the engine, started if need be, and pass on what it tells until it goes.

        Raises EngineUnavailable, of which EngineOutdated has a remedy: `restart`.
        """
        self._failures += 1
        line = await self._way.connect()
        self._line, self._closed = line, False
        self._courier = RemoteCommandQueue(line.writer, self._places) if self.host else None
        waiting, self._waiting = self._waiting, []
        for command in waiting:
            self.send(command)
        pinging = asyncio.create_task(self._ping(line)) if self.host else None
        try:
            yield line.greeting
            first = await line.read_event()
            if isinstance(first, CommandRefused):  # before anything else: it has no room for one more
                raise EngineUnavailable(f"{first.problem}; {first.remedy}")
            self._reached, self._failures = True, 0
            event: AnyEvent = first
            while True:
                if (news := self._localize(event)) is not None:
                    yield news
                event = await line.read_event()
        except (asyncio.IncompleteReadError, ConnectionError):
            if not self._closed:
                await self._way.clean_up()
        finally:
            if pinging is not None:
                pinging.cancel()
            self.close()

    @property
    def retry_in(self) -> float | None:
        """Seconds until it is worth to call `events` again by itself; None where that is for a person to say.

        Only a line to another machine comes back by itself, and only one that had been there.
        """
        if not self.host or not self._reached:
            return None
        return RECONNECT_DELAYS[min(self._failures, len(RECONNECT_DELAYS) - 1)]

    async def restart(self) -> None:
        """End the engine that is there in order, its run saved, so that `events` starts another.

        Raises EngineUnavailable where it does not leave.
        """
        self.close()
        await self._way.restart()

    def _localize(self, event: AnyEvent) -> AnyEvent | None:
        """The event as it is for this machine; None where it was not for the screen."""
        if isinstance(event, Pong):
            self._latency = monotonic() - event.sent
            return None
        return event if self._courier is None else self._courier.heard(event)

    def close(self) -> None:
        """Hang up; `events` ends."""
        self._latency = None
        if self._courier is not None:
            self._courier.close()
            self._courier = None
        if self._line is not None:
            self._closed = True
            self._line.close()
            self._line = None

    async def _ping(self, line: EngineConnection) -> None:
        while True:
            line.writer.write(encode_frame(Ping(monotonic())))
            await asyncio.sleep(PING_EVERY)
