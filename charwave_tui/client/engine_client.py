"""EngineClient: commands to an engine and events from it, on this machine or another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

from charwave_tui.client.connection import EngineConnection, EngineUnavailable
from charwave_tui.client.corpus_sync import RemoteCommandQueue
from charwave_tui.client.endpoints import EngineEndpoint, LocalEndpoint
from charwave_tui.core.protocol.commands import Command, Ping
from charwave_tui.core.protocol.events import CommandRefused, Event, Pong
from charwave_tui.core.protocol.framing import encode_frame

PING_INTERVAL = 2.0  # seconds
RECONNECT_DELAYS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # seconds before the first, second … attempt, the last for ever


class EngineClient:
    """A viewer's client of the engine at `endpoint`, by default this machine's; keeps commands sent before it connects.

    `latency` is the seconds of a round trip to an engine on another machine, None while unknown.
    """

    def __init__(self, endpoint: EngineEndpoint | None = None) -> None:
        self.latency: float | None = None
        self._endpoint = endpoint or LocalEndpoint()
        self._connection: EngineConnection | None = None
        self._remote_queue: RemoteCommandQueue | None = None
        self._local_paths: dict[str, str] = {}
        self._unsent: list[Command] = []
        self._is_closed = self._has_connected = False
        self._failures = 0

    @property
    def was_running(self) -> bool:
        """Whether the engine was running before this client connected."""
        return self._endpoint.was_running

    @property
    def warning(self) -> str:
        """What a person should know of where the engine runs, empty if nothing."""
        return self._endpoint.warning

    @property
    def host(self) -> str:
        """The engine's machine, empty for this one."""
        return self._endpoint.host

    def send(self, command: Command) -> None:
        """Send a command; one to an engine that has just exited is lost, and `events` ends."""
        if self._connection is None:
            self._unsent.append(command)
        elif self._remote_queue is not None:
            self._remote_queue.send(command)
        else:
            self._connection.writer.write(encode_frame(command))

    async def events(self) -> AsyncIterator[Event]:
        """Connect to the engine, started if need be, and yield its events until it exits.

        Raises EngineUnavailable, of which EngineOutdated can be solved by `restart`.
        """
        self._failures += 1
        connection = await self._endpoint.connect()
        self._connection, self._is_closed = connection, False
        self._remote_queue = RemoteCommandQueue(connection.writer, self._local_paths) if self.host else None
        unsent, self._unsent = self._unsent, []
        for command in unsent:
            self.send(command)
        pinging = asyncio.create_task(self._ping(connection)) if self.host else None
        try:
            yield connection.greeting
            event = await connection.read_event()
            if isinstance(event, CommandRefused):  # as the first event: the engine has too many viewers
                raise EngineUnavailable(f"{event.problem}; {event.remedy}")
            self._has_connected, self._failures = True, 0
            while True:
                if isinstance(event, Pong):
                    self.latency = monotonic() - event.sent
                elif self._remote_queue is None:
                    yield event
                elif (local_event := self._remote_queue.localize(event)) is not None:
                    yield local_event
                event = await connection.read_event()
        except (asyncio.IncompleteReadError, ConnectionError):
            if not self._is_closed:
                await self._endpoint.clean_up()
        finally:
            if pinging is not None:
                pinging.cancel()
            self.close()

    @property
    def retry_in(self) -> float | None:
        """Seconds until `events` should be called again; None if that is for a person to decide.

        Only a connection to another machine, once made, is retried.
        """
        if not self.host or not self._has_connected:
            return None
        return RECONNECT_DELAYS[min(self._failures, len(RECONNECT_DELAYS) - 1)]

    async def restart(self) -> None:
        """Stop the engine, which saves its run, so that `events` starts another.

        Raises EngineUnavailable if it does not exit.
        """
        self.close()
        await self._endpoint.restart()

    def close(self) -> None:
        """Close the connection; `events` ends."""
        self.latency = None
        if self._remote_queue is not None:
            self._remote_queue.close()
            self._remote_queue = None
        if self._connection is not None:
            self._is_closed = True
            self._connection.close()
            self._connection = None

    async def _ping(self, connection: EngineConnection) -> None:
        while True:
            connection.writer.write(encode_frame(Ping(monotonic())))
            await asyncio.sleep(PING_INTERVAL)
