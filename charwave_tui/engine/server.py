"""The engine's socket: many viewers, each of whom skips what it is too slow for."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
import socket
import threading
import time
from contextlib import suppress
from itertools import count
from typing import BinaryIO

from charwave_tui import __version__
from charwave_tui.core.framing import MAX_FRAME, MalformedFrame, decode_command, frame, read_payload
from charwave_tui.core.places import ensure_runtime_dir, runs_dir, socket_path
from charwave_tui.core.protocol import EngineFailed, EngineStarted, Event, RunOpened
from charwave_tui.core.runs import RunStore
from charwave_tui.engine.peer import peer_uid
from charwave_tui.engine.session import Session, Viewer

log = logging.getLogger(__name__)

PATIENCE = 256 * 1024
"""Bytes that may wait for a viewer beyond what it was last introduced with; one with more is behind.

It is told nothing until it has read those, then everything.
"""

FIRST_VIEWER_WITHIN = 5.0
"""Seconds after which an engine that nobody ever came to ends."""

LEAVES_WITHIN = 10.0
"""Seconds that an engine which is saving its run is given to leave, before a new one gives up."""

LINGER = 1.0
"""Seconds that an engine stays after its last viewer went, or to tell why it cannot compute."""

FAREWELL = 1.0
"""Seconds in which a viewer must read what an engine that ends still had for it."""


class Server:
    """Carries commands from viewers to the session and its events back; lives on one asyncio loop."""

    def __init__(self) -> None:
        self._session = Session(self._tell_from_session, RunStore(runs_dir()))
        self._loop = asyncio.get_running_loop()
        self._viewers: dict[Viewer, asyncio.StreamWriter] = {}
        self._behind: set[Viewer] = set()
        self._limits: dict[Viewer, int] = {}
        self._failure = b""
        self._numbers = count(1)
        self._over = asyncio.Event()
        self._leaving: asyncio.TimerHandle | None = None
        self._catching_up: set[asyncio.Task[None]] = set()
        self._attending: set[asyncio.Task[None]] = set()

    async def serve(self, listener: socket.socket) -> int:
        """Serve until the last viewer has gone, or SIGTERM or SIGINT came; the run is saved by then.

        The exit code is 1 where nothing could be computed.
        """
        for name in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(name, self._over.set)
        worker = threading.Thread(target=self._work, name="session")
        server = await asyncio.start_unix_server(self._meet, sock=listener, limit=MAX_FRAME)
        worker.start()
        self._leave_in(FIRST_VIEWER_WITHIN)
        await self._over.wait()
        server.close()
        self._session.close()
        await asyncio.to_thread(worker.join)
        await asyncio.sleep(0)
        await self._part()
        return 1 if self._session.failure else 0

    async def _part(self) -> None:
        """Hang up on all viewers and wait until their tasks have ended: one that is cancelled fills the log."""
        for writer in self._viewers.values():
            writer.close()  # what waits for it is still sent
        if self._attending:
            _, slow = await asyncio.wait(self._attending, timeout=FAREWELL)
            for writer in list(self._viewers.values()):
                writer.transport.abort()
            if slow:
                await asyncio.wait(slow)

    def _work(self) -> None:
        try:
            self._session.run()
        finally:
            # who is just coming shall learn of a failure too
            linger = LINGER if self._session.failure else 0.0
            self._loop.call_soon_threadsafe(self._loop.call_later, linger, self._over.set)

    def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._attend(reader, writer))
        self._attending.add(task)
        task.add_done_callback(self._attending.discard)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        viewer = next(self._numbers)
        uid = peer_uid(writer.get_extra_info("socket"))
        if uid is not None and uid != os.getuid():
            log.warning("a process of user %d was turned away", uid)
            writer.close()
            return
        if self._leaving:
            self._leaving.cancel()
        writer.write(frame(EngineStarted(__version__, os.getpid())))
        writer.write(self._failure)
        self._viewers[viewer] = writer
        self._session.introduce(viewer)
        try:
            while True:
                self._session.submit(decode_command(await read_payload(reader)), viewer)
        except MalformedFrame as error:
            log.warning("viewer %d sent what is no command (%s) and was let go", viewer, error)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            del self._viewers[viewer]
            self._behind.discard(viewer)
            self._limits.pop(viewer, None)
            writer.close()
            if not self._viewers:
                self._leave_in(LINGER)

    def _tell_from_session(self, event: Event, viewer: Viewer | None) -> None:
        with suppress(RuntimeError):  # the loop has ended: nobody is left to be told
            self._loop.call_soon_threadsafe(self._tell, frame(event), viewer, type(event))

    def _tell(self, message: bytes, viewer: Viewer | None, kind: type[Event]) -> None:
        if kind is EngineFailed and self._session.failure:
            self._failure = message
        for number in list(self._viewers) if viewer is None else [viewer]:
            writer = self._viewers.get(number)
            if writer is None or number in self._behind:
                continue
            writer.write(message)
            waiting = writer.transport.get_write_buffer_size()
            if kind is RunOpened and viewer is not None:
                self._limits[number] = waiting + PATIENCE  # an introduction, which comes when nothing waits
            elif waiting > self._limits.get(number, PATIENCE):
                self._behind.add(number)
                task = asyncio.create_task(self._catch_up(number, writer))
                self._catching_up.add(task)
                task.add_done_callback(self._catching_up.discard)

    async def _catch_up(self, viewer: Viewer, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await writer.drain()
            self._behind.discard(viewer)
            self._session.introduce(viewer)

    def _leave_in(self, seconds: float) -> None:
        if self._leaving:
            self._leaving.cancel()
        self._leaving = self._loop.call_later(seconds, self._over.set)


def _lock() -> BinaryIO | None:
    """The lock of the one engine of this user, host and data folder; None where another serves already."""
    lock = socket_path().with_suffix(".lock").open("ab")
    give_up = time.monotonic() + LEAVES_WITHIN
    while time.monotonic() < give_up:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with socket.socket(socket.AF_UNIX) as other, suppress(OSError):
                other.connect(str(socket_path()))
                break
            time.sleep(0.05)
        else:
            return lock
    lock.close()
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
    try:
        return await Server().serve(listener)
    finally:
        socket_path().unlink(missing_ok=True)


def main() -> int:
    """Be the engine until it is not needed any more; where another one serves, leave it to that. The exit code."""
    ensure_runtime_dir()
    lock = _lock()
    if lock is None:
        return 0
    with lock:
        return asyncio.run(_serve())
