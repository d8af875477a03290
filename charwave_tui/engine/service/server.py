"""The engine's socket server: viewers, their connections and back-pressure, shutdown when idle."""

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
from charwave_tui.core.protocol import events
from charwave_tui.core.protocol.commands import Command, Ping, ReportStatus
from charwave_tui.core.protocol.engine_socket import SHUTDOWN_TIMEOUT, acquire_engine_lock, peer_credentials
from charwave_tui.core.protocol.framing import (
    MAX_COMMAND_BYTES,
    MalformedFrame,
    decode_command,
    encode_frame,
    read_payload,
)
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.service.worker import EngineWorker, ViewerId

MAX_BACKLOG_BYTES = 256 * 1024  # of broadcasts that a viewer has not read, beyond the replies to it
MAX_PENDING_COMMANDS = 64  # of all viewers together: more are not read from their sockets yet
MAX_VIEWERS = 64
FIRST_VIEWER_TIMEOUT = 60.0  # seconds until an engine that had no viewer shuts down: a busy machine is slow to connect
IDLE_TIMEOUT = 300.0  # seconds until an engine without viewers, training and unsaved changes shuts down
FAILURE_LINGER_SECONDS = 1.0  # for which an engine that cannot compute stays to tell why
DRAIN_TIMEOUT = 1.0  # seconds in which a viewer must read what was sent before the engine exits

log = logging.getLogger(__name__)


class ViewerConnection:
    """A viewer's socket with bounded buffers both ways: a viewer that floods or does not read delays only itself.

    A viewer with a backlog of more than MAX_BACKLOG_BYTES gets no broadcasts until it has read all; then it needs a
    snapshot. So does a new viewer.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._backlog_limit = MAX_BACKLOG_BYTES
        self._needs_snapshot = True

    def reply(self, frame: bytes) -> None:
        """Send to this viewer alone, however much it is: the viewer requested it."""
        self._writer.write(frame)
        self._backlog_limit = self._writer.transport.get_write_buffer_size() + MAX_BACKLOG_BYTES

    def broadcast(self, frame: bytes) -> bool:
        """Send what all viewers get unless this one needs a snapshot; return whether it needs one from now on."""
        if self._needs_snapshot:
            return False
        self._writer.write(frame)
        self._needs_snapshot = self._writer.transport.get_write_buffer_size() > self._backlog_limit
        return self._needs_snapshot

    def begin_snapshot(self) -> None:
        """Send broadcasts again: the snapshot is being sent."""
        self._needs_snapshot = False

    async def drain(self) -> None:
        """Wait until the viewer has read most of its backlog; raises ConnectionError."""
        await self._writer.drain()

    async def read_command(self) -> Command:
        """Return the next command, once the viewer has read its replies.

        Raises MalformedFrame, and ConnectionError or asyncio.IncompleteReadError at the end.
        """
        await self._writer.drain()
        return decode_command(await read_payload(self._reader, MAX_COMMAND_BYTES))

    def close(self) -> None:
        """Close the connection; the backlog is still sent."""
        self._writer.close()

    async def drain_and_close(self, timeout: float) -> None:
        """Close the connection and wait until the backlog is sent, at most `timeout` seconds."""
        self.close()
        try:
            async with asyncio.timeout(timeout):
                await self._writer.wait_closed()
        except TimeoutError:
            self._writer.transport.abort()
        except OSError:
            pass


class IdleShutdown:
    """Timer that calls `shut_down`; it does not run while there is a viewer, training or an unsaved run.

    A connection that only asks for the status is not cut off by the end of that time, but does not prolong it either.
    """

    def __init__(self, shut_down: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._shut_down = shut_down
        self._viewers = self._connections = 0
        self._is_training = self._is_unsaved = self._is_over = False
        self._timer: asyncio.TimerHandle | None = self._loop.call_later(FIRST_VIEWER_TIMEOUT, self._end)

    def count(self, viewers: int, connections: int) -> None:
        """Tell how many connections there are, and how many of them are more than a query of the status."""
        self._viewers, self._connections = viewers, connections
        self._update()

    def handle_event(self, event: events.Event) -> None:
        if isinstance(event, events.RunOpened | events.RunChanged):
            self._is_training = event.state is RunState.TRAINING
            self._update()
        elif isinstance(event, events.SaveFailed | events.RunSaved):
            self._is_unsaved = isinstance(event, events.SaveFailed)
            self._update()

    def _update(self) -> None:
        if self._viewers or self._is_training or self._is_unsaved:
            if self._timer:
                self._timer.cancel()
            self._timer, self._is_over = None, False
        elif self._timer is None:
            self._timer = self._loop.call_later(IDLE_TIMEOUT, self._end)
        elif self._is_over and not self._connections:
            self._shut_down()

    def _end(self) -> None:
        self._is_over = True
        self._update()


class Server:
    """Passes commands from viewers to the EngineWorker and its events back; lives on one asyncio loop."""

    def __init__(self) -> None:
        self._worker = EngineWorker(self._publish_from_worker, RunStore(runs_dir()), self._command_done_in_worker)
        self._loop = asyncio.get_running_loop()
        self._command_slots = asyncio.Semaphore(MAX_PENDING_COMMANDS)
        self._viewers: dict[ViewerId, ViewerConnection] = {}
        self._active_viewers: set[ViewerId] = set()  # those that sent more than ReportStatus
        self._failure_frame = b""
        self._viewer_ids = count(1)
        self._shutdown = asyncio.Event()
        self._idle_shutdown = IdleShutdown(self._shutdown.set)
        self._catch_up_tasks: set[asyncio.Task[None]] = set()
        self._viewer_tasks: set[asyncio.Task[None]] = set()

    async def serve(self, listener: socket.socket) -> int:
        """Serve until idle or signalled, and save the run; return exit code 1 if nothing could be computed."""
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._loop.add_signal_handler(name, self._shutdown.set)
        thread = threading.Thread(target=self._run_worker, name="worker")
        server = await asyncio.start_unix_server(self._accept, sock=listener, limit=MAX_COMMAND_BYTES)
        thread.start()
        await self._shutdown.wait()
        server.close()
        self._worker.close()
        await asyncio.to_thread(thread.join)
        await asyncio.sleep(0)
        await self._disconnect_all()
        return 1 if self._worker.failure else 0

    async def _disconnect_all(self) -> None:
        connections = tuple(self._viewers.values())
        for task in self._viewer_tasks:
            task.cancel()
        await asyncio.gather(*(connection.drain_and_close(DRAIN_TIMEOUT) for connection in connections))

    def _run_worker(self) -> None:
        try:
            self._worker.run()
        finally:
            # a viewer that is connecting must learn of a failure too
            linger = FAILURE_LINGER_SECONDS if self._worker.failure else 0.0
            self._loop.call_soon_threadsafe(self._loop.call_later, linger, self._shutdown.set)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeting = encode_frame(events.EngineStarted(__version__, os.getpid()))
        if self._shutdown.is_set():
            writer.close()  # without a greeting, so that the viewer starts another engine
        elif (uid := peer_credentials(writer.get_extra_info("socket")).uid) not in (None, os.getuid()):
            log.warning("a process of user %d was turned away", uid)
            writer.close()
        elif len(self._viewers) == MAX_VIEWERS:
            refused = events.CommandRefused(f"{MAX_VIEWERS} screens look at this engine already", "close one of them")
            writer.write(greeting + encode_frame(refused))
            writer.close()
        else:
            writer.write(greeting + self._failure_frame)
            viewer = next(self._viewer_ids)
            self._viewers[viewer] = ViewerConnection(reader, writer)
            self._count_viewers()
            _spawn(self._viewer_tasks, self._serve_viewer(viewer))

    async def _serve_viewer(self, viewer: ViewerId) -> None:
        connection = self._viewers[viewer]
        try:
            await self._request_snapshot(viewer)
            while True:
                command = await connection.read_command()
                if isinstance(command, Ping):  # without waiting for the worker
                    connection.reply(encode_frame(events.Pong(command.sent)))
                    continue
                if not isinstance(command, ReportStatus):
                    self._active_viewers.add(viewer)
                    self._count_viewers()
                await self._command_slots.acquire()
                self._worker.submit(command, viewer)
        except MalformedFrame as error:
            log.warning("viewer %d sent what is no command (%s) and was let go", viewer, error)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            del self._viewers[viewer]
            connection.close()
            self._active_viewers.discard(viewer)
            self._count_viewers()

    def _count_viewers(self) -> None:
        self._idle_shutdown.count(len(self._active_viewers), len(self._viewers))

    def _publish_from_worker(self, event: events.Event, viewer: ViewerId | None) -> None:
        with suppress(RuntimeError):  # the loop has ended, and all viewers with it
            self._loop.call_soon_threadsafe(self._publish, event, encode_frame(event), viewer)

    def _command_done_in_worker(self) -> None:
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._command_slots.release)

    def _publish(self, event: events.Event, frame: bytes, viewer: ViewerId | None) -> None:
        self._idle_shutdown.handle_event(event)
        if viewer is not None:
            if viewer in self._viewers:
                if isinstance(event, events.EngineReady):  # the first event of every snapshot
                    self._viewers[viewer].begin_snapshot()
                self._viewers[viewer].reply(frame)
        elif isinstance(event, events.EngineFailed) and self._worker.failure:
            self._failure_frame = frame
            for connection in self._viewers.values():
                connection.reply(frame)
        else:
            for viewer_id, connection in self._viewers.items():
                if connection.broadcast(frame):
                    _spawn(self._catch_up_tasks, self._catch_up(viewer_id, connection))

    async def _catch_up(self, viewer: ViewerId, connection: ViewerConnection) -> None:
        with suppress(ConnectionError):
            await connection.drain()
            await self._request_snapshot(viewer)

    async def _request_snapshot(self, viewer: ViewerId) -> None:
        await self._command_slots.acquire()
        self._worker.submit_snapshot(viewer)


def _spawn(tasks: set[asyncio.Task[None]], work: Coroutine[None, None, None]) -> None:
    """Run `work` as a task that `tasks` refers to until it has ended: the loop holds only weak references."""
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


def _acquire_lock() -> BinaryIO | None:
    """Return the lock of the only engine of this user, host and data folder; None if another one serves."""
    deadline = time.monotonic() + SHUTDOWN_TIMEOUT
    while time.monotonic() < deadline:
        lock = acquire_engine_lock()
        if lock is not None:
            return lock
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.connect(str(socket_path()))
            return None
        time.sleep(0.05)
    return None


def _listen() -> socket.socket:
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
    listener = _listen()
    identity = file_identity(socket_path())
    try:
        return await Server().serve(listener)
    finally:
        if file_identity(socket_path()) == identity:  # else it is the socket of another engine
            socket_path().unlink(missing_ok=True)


def main() -> int:
    """Serve as the engine, or return at once if another one serves; return the exit code."""
    ensure_runtime_dir()
    lock = _acquire_lock()
    if lock is None:
        return 0
    with lock:
        return asyncio.run(_serve())
