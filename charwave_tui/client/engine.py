"""The way to an engine: find the one that runs or start one, send commands, receive events."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator

from charwave_tui import __version__
from charwave_tui.core.framing import MAX_FRAME, AnyEvent, MalformedFrame, decode_event, frame, read_payload
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.openmp import PATIENT
from charwave_tui.core.places import ensure_folder, ensure_runtime_dir, log_path, socket_path
from charwave_tui.core.protocol import Command, EngineStarted

STARTED_WITHIN = 15.0
"""Seconds in which a started engine must greet, and any must answer."""

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter, EngineStarted]
"""The ways from and to an engine of this version, and its greeting."""


class EngineUnavailable(Exception):
    """No engine could be reached, started or understood; the message says why and what to do."""


class Engine:
    """The engine as a screen knows it: commands in, events out; a command sent before there is one is remembered."""

    def __init__(self) -> None:
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: list[Command] = []

    def send(self, command: Command) -> None:
        """Put a command on its way; one to an engine that has just gone is lost, and `events` ends."""
        if self._writer is None:
            self._waiting.append(command)
        else:
            self._writer.write(frame(command))

    async def events(self) -> AsyncIterator[AnyEvent]:
        """Reach the engine of this user and data folder, started if need be, and pass on what it tells until it goes.

        Raises EngineUnavailable.
        """
        (reader, self._writer, greeting), child = await _reach()
        waiting, self._waiting = self._waiting, []
        for command in waiting:
            self.send(command)
        try:
            yield greeting
            while True:
                yield await _hear(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            await _reap(child)
        finally:
            self.close()

    def close(self) -> None:
        """Hang up; `events` ends."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


async def _reach() -> tuple[Connection, subprocess.Popen[bytes] | None]:
    """The way to an engine, and the engine itself where it had to be started."""
    try:
        return await _connect(), None
    except OSError:
        child = _start()
    loop = asyncio.get_running_loop()
    give_up = loop.time() + STARTED_WITHIN
    try:
        while loop.time() < give_up and child.poll() in (None, 0):
            try:
                return await _connect(), child
            except OSError:
                await asyncio.sleep(0.02)
    except asyncio.CancelledError:
        child.terminate()  # the screen was left before there was an engine: nobody will come to this one
        raise
    raise EngineUnavailable(f"the engine did not start; its log is {log_path()}")


async def _reap(child: subprocess.Popen[bytes] | None) -> None:
    """Take note of an engine's end, so that it does not stay behind as a zombie for as long as the screen is open."""
    for _ in range(40):
        if child is None or child.poll() is not None:
            return
        await asyncio.sleep(0.05)


async def _connect() -> Connection:
    """Raises OSError where there is no engine, or one that goes before it greets."""
    try:
        path = str(socket_path())
    except Mistake as mistake:
        raise EngineUnavailable(str(mistake)) from None
    reader, writer = await asyncio.open_unix_connection(path, limit=MAX_FRAME)
    try:
        async with asyncio.timeout(STARTED_WITHIN):
            return reader, writer, _of_this_version(await _hear(reader))
    except asyncio.IncompleteReadError as error:
        writer.close()
        raise ConnectionResetError from error
    except TimeoutError:
        writer.close()
        raise EngineUnavailable(f"the engine does not answer; its log is {log_path()}") from None
    except BaseException:
        writer.close()
        raise


async def _hear(reader: asyncio.StreamReader) -> AnyEvent:
    try:
        return decode_event(await read_payload(reader))
    except MalformedFrame as error:
        raise EngineUnavailable(f"the engine cannot be understood ({error}); close its playground") from None


def _of_this_version(event: AnyEvent) -> EngineStarted:
    if not isinstance(event, EngineStarted):
        raise EngineUnavailable("the engine cannot be understood (it does not greet); close its playground")
    if event.version != __version__:
        raise EngineUnavailable(
            f"an engine of version {event.version} is running, this is {__version__}; close its playground"
        )
    return event


def _start() -> subprocess.Popen[bytes]:
    try:
        ensure_runtime_dir()
        log = ensure_folder(log_path().parent) / log_path().name
        # asyncio's own subprocess dies with the loop on some Python versions, and multiprocessing needs real streams
        with log.open("ab") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "charwave_tui", "engine"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                env={**PATIENT, **os.environ},
            )
    except Mistake as mistake:
        raise EngineUnavailable(str(mistake)) from None
    except OSError as error:
        raise EngineUnavailable(
            f"the engine could not be started ({error.strerror}); its log is {log_path()}"
        ) from None
