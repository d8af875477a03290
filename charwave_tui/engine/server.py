"""The engine's socket: many viewers, each of whom skips what it is too slow for."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from itertools import count
from typing import BinaryIO

from charwave_tui import __version__
from charwave_tui.core.atomic import identity
from charwave_tui.core.engine_lock import LEAVES_WITHIN, take_lock
from charwave_tui.core.framing import MAX_COMMAND, MalformedFrame, frame
from charwave_tui.core.peer import peer_of
from charwave_tui.core.places import ensure_runtime_dir, runs_dir, socket_path
from charwave_tui.core.protocol import (
    CommandRefused,
    EngineFailed,
    EngineReady,
    EngineStarted,
    Event,
    Ping,
    Ponged,
    ReportStatus,
)
from charwave_tui.core.runs import RunStore
from charwave_tui.engine.connection import Connection
from charwave_tui.engine.lifetime import Lifetime
from charwave_tui.engine.session import Session, Viewer

log = logging.getLogger(__name__)

MOST_WAITING = 64
"""Commands that may wait for the session, from all viewers together: more are not read yet, a viewer's turn by turn."""

MOST_VIEWERS = 64
"""Viewers that an engine has at once."""

LINGER = 1.0
"""Seconds that an engine which cannot compute stays to tell why."""

FAREWELL = 1.0
"""Seconds in which a viewer must read what an engine that ends still had for it."""


class Server:
    """Carries commands from viewers to the session and its events back; lives on one asyncio loop."""

    def __init__(self) -> None:
        self._session = Session(self._tell_from_session, RunStore(runs_dir()), self._taken_from_session)
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Semaphore(MOST_WAITING)
        self._viewers: dict[Viewer, Connection] = {}
        self._looking: set[Viewer] = set()
        self._failure = b""
        self._numbers = count(1)
        self._over = asyncio.Event()
        self._lifetime = Lifetime(self._over.set)
        self._catching_up: set[asyncio.Task[None]] = set()
        self._attending: set[asyncio.Task[None]] = set()

    async def serve(self, listener: socket.socket) -> int:
        """Serve until the engine is not needed any more, or a signal ends it in order; the run is saved by then.

        The exit code is 1 where nothing could be computed.
        """
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._loop.add_signal_handler(name, self._over.set)
        worker = threading.Thread(target=self._work, name="session")
        server = await asyncio.start_unix_server(self._meet, sock=listener, limit=MAX_COMMAND)
        worker.start()
        await self._over.wait()
        server.close()
        self._session.close()
        await asyncio.to_thread(worker.join)
        await asyncio.sleep(0)
        await self._part()
        return 1 if self._session.failure else 0

    async def _part(self) -> None:
        """Hang up on all viewers, who may still read what waits for them."""
        connections = tuple(self._viewers.values())
        for task in self._attending:
            task.cancel()
        await asyncio.gather(*(connection.part(FAREWELL) for connection in connections))

    def _work(self) -> None:
        try:
            self._session.run()
        finally:
            # who is just coming shall learn of a failure too
            linger = LINGER if self._session.failure else 0.0
            self._loop.call_soon_threadsafe(self._loop.call_later, linger, self._over.set)

    def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._over.is_set():
            writer.close()  # without a greeting, which tells the viewer to start another engine
        elif (uid := peer_of(writer.get_extra_info("socket")).uid) not in (None, os.getuid()):
            log.warning("a process of user %d was turned away", uid)
            writer.close()
        elif len(self._viewers) == MOST_VIEWERS:
            writer.write(_greeting() + frame(_full()))
            writer.close()
        else:
            writer.write(_greeting() + self._failure)
            viewer = next(self._numbers)
            self._viewers[viewer] = Connection(reader, writer)
            _keep(self._attending, self._attend(viewer))

    async def _attend(self, viewer: Viewer) -> None:
        connection = self._viewers[viewer]
        try:
            await self._introduce(viewer)
            while True:
                command = await connection.command()
                if isinstance(command, Ping):
                    connection.answer(frame(Ponged(command.sent)))
                    continue
                if not isinstance(command, ReportStatus):  # who only asks how it is does not keep it
                    self._looking.add(viewer)
                    self._lifetime.viewers(len(self._looking))
                await self._room.acquire()
                self._session.submit(command, viewer)
        except MalformedFrame as error:
            log.warning("viewer %d sent what is no command (%s) and was let go", viewer, error)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            del self._viewers[viewer]
            connection.close()
            self._looking.discard(viewer)
            self._lifetime.viewers(len(self._looking))

    def _tell_from_session(self, event: Event, viewer: Viewer | None) -> None:
        with suppress(RuntimeError):  # the loop has ended: nobody is left to be told
            self._loop.call_soon_threadsafe(self._tell, event, frame(event), viewer)

    def _taken_from_session(self) -> None:
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._room.release)

    def _tell(self, event: Event, message: bytes, viewer: Viewer | None) -> None:
        self._lifetime.heard(event)
        if viewer is not None:
            if viewer in self._viewers:
                if isinstance(event, EngineReady):  # every introduction begins with it
                    self._viewers[viewer].introduced()
                self._viewers[viewer].answer(message)
        elif isinstance(event, EngineFailed) and self._session.failure:
            self._failure = message
            for connection in self._viewers.values():
                connection.answer(message)
        else:
            for number, connection in self._viewers.items():
                if connection.tell(message):
                    _keep(self._catching_up, self._catch_up(number, connection))

    async def _catch_up(self, viewer: Viewer, connection: Connection) -> None:
        with suppress(ConnectionError):
            await connection.catch_up()
            await self._introduce(viewer)

    async def _introduce(self, viewer: Viewer) -> None:
        await self._room.acquire()
        self._session.introduce(viewer)


def _keep(tasks: set[asyncio.Task[None]], work: Coroutine[None, None, None]) -> None:
    """Have `work` done by a task that is in `tasks` until it has ended: the loop itself forgets it."""
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


def _greeting() -> bytes:
    return frame(EngineStarted(__version__, os.getpid()))


def _full() -> CommandRefused:
    return CommandRefused(f"{MOST_VIEWERS} screens look at this engine already", "close one of them")


def _lock() -> BinaryIO | None:
    """The lock of the one engine of this user, host and data folder; None where another serves already."""
    give_up = time.monotonic() + LEAVES_WITHIN
    while time.monotonic() < give_up:
        lock = take_lock()
        if lock is not None:
            return lock
        with socket.socket(socket.AF_UNIX) as other, suppress(OSError):
            other.connect(str(socket_path()))
            return None
        time.sleep(0.05)
    return None


def _listener() -> socket.socket:
    path = socket_path()
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)  # the socket is 0600 from its first moment
    try:
        listener.bind(str(path))
    finally:
        os.umask(mask)
    listener.listen()
    return listener


async def _serve() -> int:
    listener = _listener()
    ours = identity(socket_path())
    try:
        return await Server().serve(listener)
    finally:
        if identity(socket_path()) == ours:  # another engine may have put its own there
            socket_path().unlink(missing_ok=True)


def main() -> int:
    """Be the engine until it is not needed any more; where another one serves, leave it to that. The exit code."""
    ensure_runtime_dir()
    lock = _lock()
    if lock is None:
        return 0
    with lock:
        return asyncio.run(_serve())
