"""Viewers, their connections, back-pressure, idle shutdown."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from itertools import count
from typing import BinaryIO

from charwave_tui import __version__
from charwave_tui.core.atomic_write import file_identity
from charwave_tui.core.metrics import RunState
from charwave_tui.core.paths import ensure_runtime_dir, runs_dir, socket_path
from charwave_tui.core.protocol.commands import AnyCommand, Ping, ReportStatus
from charwave_tui.core.protocol.engine_socket import SHUTDOWN_TIMEOUT, acquire_engine_lock, peer_credentials
from charwave_tui.core.protocol.events import (
    CommandRefused,
    EngineFailed,
    EngineReady,
    EngineStarted,
    Event,
    Pong,
    RunChanged,
    RunOpened,
    RunSaved,
    SaveFailed,
)
from charwave_tui.core.protocol.framing import MAX_COMMAND, MalformedFrame, decode_command, encode_frame, read_payload
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.service.worker import EngineWorker, Viewer

MAX_BACKLOG = 256 * 1024
"""Bytes that may wait for a viewer beyond what it was last told alone; one with more is behind.

It is told nothing of what all are told until it has read those, and then everything.
"""


class ViewerConnection:
    """Both directions of a viewer's socket, of which neither may grow: who floods or does not read holds up itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._limit = MAX_BACKLOG
        self._behind = True  # it knows nothing yet

    def reply(self, message: bytes) -> None:
        """Send what this viewer alone is told, however much that is: it was asked for."""
        self._writer.write(message)
        self._limit = self._writer.transport.get_write_buffer_size() + MAX_BACKLOG

    def broadcast(self, message: bytes) -> bool:
        """Send what all are told, unless the viewer is behind; whether it has just fallen behind by this."""
        if self._behind:
            return False
        self._writer.write(message)
        self._behind = self._writer.transport.get_write_buffer_size() > self._limit
        return self._behind

    async def catch_up(self) -> None:
        """Wait until a viewer that is behind has read what it was sent; raises ConnectionError."""
        await self._writer.drain()

    def introduced(self) -> None:
        """Take in that everything is being told to this viewer, which is behind no more."""
        self._behind = False

    async def command(self) -> AnyCommand:
        """The next command, once the viewer has read its answers.

        Raises MalformedFrame, and ConnectionError or asyncio.IncompleteReadError at the end.
        """
        await self._writer.drain()
        return decode_command(await read_payload(self._reader, MAX_COMMAND))

    def close(self) -> None:
        """Hang up; what waits is still sent."""
        self._writer.close()

    async def drain_and_close(self, within: float) -> None:
        """Hang up and wait until what waits is sent, at most `within` seconds."""
        self.close()
        try:
            async with asyncio.timeout(within):
                await self._writer.wait_closed()
        except TimeoutError:
            self._writer.transport.abort()
        except OSError:
            pass


FIRST_VIEWER_WITHIN = 5.0
"""Seconds after which an engine that nobody ever came to ends."""


IDLE_FOR = 300.0
"""Seconds that an engine stays with nothing in training and nobody who looks."""


class IdleShutdown:
    """The clock of the engine's end; it stands still while there is a viewer, a run in training, or one not on disk."""

    def __init__(self, end: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = end
        self._viewers = 0
        self._training = self._unsaved = False
        self._clock: asyncio.TimerHandle | None = self._loop.call_later(FIRST_VIEWER_WITHIN, end)

    def viewers(self, count: int) -> None:
        """Take in how many viewers there are."""
        self._viewers = count
        self._set()

    def heard(self, event: Event) -> None:
        """Take in what the session tells."""
        if isinstance(event, RunOpened | RunChanged):
            self._training = event.state is RunState.TRAINING
            self._set()
        elif isinstance(event, SaveFailed | RunSaved):
            self._unsaved = isinstance(event, SaveFailed)
            self._set()

    def _set(self) -> None:
        if self._viewers or self._training or self._unsaved:
            if self._clock:
                self._clock.cancel()
            self._clock = None
        elif self._clock is None:
            self._clock = self._loop.call_later(IDLE_FOR, self._end)


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
        self._session = EngineWorker(self._tell_from_session, RunStore(runs_dir()), self._taken_from_session)
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Semaphore(MOST_WAITING)
        self._viewers: dict[Viewer, ViewerConnection] = {}
        self._looking: set[Viewer] = set()
        self._failure = b""
        self._numbers = count(1)
        self._over = asyncio.Event()
        self._lifetime = IdleShutdown(self._over.set)
        self._catching_up: set[asyncio.Task[None]] = set()
        self._attending: set[asyncio.Task[None]] = set()

    async def serve(self, listener: socket.socket) -> int:
        """Serve until the engine is not needed any more, or a signal ends it in order; the run is saved by then.

        The exit code is 1 where nothing could be computed.
        """
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._loop.add_signal_handler(name, self._over.set)
        worker = threading.Thread(target=self._work, name="session")
        server = await asyncio.start_unix_server(self._accept, sock=listener, limit=MAX_COMMAND)
        worker.start()
        await self._over.wait()
        server.close()
        self._session.close()
        await asyncio.to_thread(worker.join)
        await asyncio.sleep(0)
        await self._disconnect_all()
        return 1 if self._session.failure else 0

    async def _disconnect_all(self) -> None:
        """Hang up on all viewers, who may still read what waits for them."""
        connections = tuple(self._viewers.values())
        for task in self._attending:
            task.cancel()
        await asyncio.gather(*(connection.drain_and_close(FAREWELL) for connection in connections))

    def _work(self) -> None:
        try:
            self._session.run()
        finally:
            # who is just coming shall learn of a failure too
            linger = LINGER if self._session.failure else 0.0
            self._loop.call_soon_threadsafe(self._loop.call_later, linger, self._over.set)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._over.is_set():
            writer.close()  # without a greeting, which tells the viewer to start another engine
        elif (uid := peer_credentials(writer.get_extra_info("socket")).uid) not in (None, os.getuid()):
            log.warning("a process of user %d was turned away", uid)
            writer.close()
        elif len(self._viewers) == MOST_VIEWERS:
            writer.write(_greeting() + encode_frame(_full()))
            writer.close()
        else:
            writer.write(_greeting() + self._failure)
            viewer = next(self._numbers)
            self._viewers[viewer] = ViewerConnection(reader, writer)
            _spawn(self._attending, self._serve_viewer(viewer))

    async def _serve_viewer(self, viewer: Viewer) -> None:
        connection = self._viewers[viewer]
        try:
            await self._introduce(viewer)
            while True:
                command = await connection.command()
                if isinstance(command, Ping):
                    connection.reply(encode_frame(Pong(command.sent)))
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
            self._loop.call_soon_threadsafe(self._tell, event, encode_frame(event), viewer)

    def _taken_from_session(self) -> None:
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._room.release)

    def _tell(self, event: Event, message: bytes, viewer: Viewer | None) -> None:
        self._lifetime.heard(event)
        if viewer is not None:
            if viewer in self._viewers:
                if isinstance(event, EngineReady):  # every introduction begins with it
                    self._viewers[viewer].introduced()
                self._viewers[viewer].reply(message)
        elif isinstance(event, EngineFailed) and self._session.failure:
            self._failure = message
            for connection in self._viewers.values():
                connection.reply(message)
        else:
            for number, connection in self._viewers.items():
                if connection.broadcast(message):
                    _spawn(self._catching_up, self._catch_up(number, connection))

    async def _catch_up(self, viewer: Viewer, connection: ViewerConnection) -> None:
        with suppress(ConnectionError):
            await connection.catch_up()
            await self._introduce(viewer)

    async def _introduce(self, viewer: Viewer) -> None:
        await self._room.acquire()
        self._session.introduce(viewer)


def _spawn(tasks: set[asyncio.Task[None]], work: Coroutine[None, None, None]) -> None:
    """Have `work` done by a task that is in `tasks` until it has ended: the loop itself forgets it."""
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


def _greeting() -> bytes:
    return encode_frame(EngineStarted(__version__, os.getpid()))


def _full() -> CommandRefused:
    return CommandRefused(f"{MOST_VIEWERS} screens look at this engine already", "close one of them")


def _lock() -> BinaryIO | None:
    """The lock of the one engine of this user, host and data folder; None where another serves already."""
    give_up = time.monotonic() + SHUTDOWN_TIMEOUT
    while time.monotonic() < give_up:
        lock = acquire_engine_lock()
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
    ours = file_identity(socket_path())
    try:
        return await Server().serve(listener)
    finally:
        if file_identity(socket_path()) == ours:  # another engine may have put its own there
            socket_path().unlink(missing_ok=True)


def main() -> int:
    """Be the engine until it is not needed any more; where another one serves, leave it to that. The exit code."""
    ensure_runtime_dir()
    lock = _lock()
    if lock is None:
        return 0
    with lock:
        return asyncio.run(_serve())
