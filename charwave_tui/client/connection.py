"""Connections to an engine: socket and pipe streams, greeting, version check."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import IO

import msgspec

from charwave_tui import __version__
from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import HOME_VARIABLE, log_path, socket_path
from charwave_tui.core.protocol.engine_socket import peer_credentials
from charwave_tui.core.protocol.events import EngineStarted, Event
from charwave_tui.core.protocol.framing import MalformedFrame, decode_event, read_payload

# Bytes read ahead, up to twice as many: what a slow connection has not passed on stays with the engine, whose
# back-pressure then drops broadcasts.
READ_AHEAD_BYTES = 64 * 1024
REPLY_TIMEOUT = 15.0  # seconds in which an engine must greet and reply
RELAY_HELLO_PREFIX = b"charwave-tui relay "


async def pipe_reader(pipe: IO[bytes]) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(READ_AHEAD_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader


async def pipe_writer(pipe: IO[bytes]) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    # StreamWriter.drain needs a protocol that can wait for a full pipe
    protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader(), loop=loop)
    transport, _ = await loop.connect_write_pipe(lambda: protocol, pipe)
    return asyncio.StreamWriter(transport, protocol, None, loop)


class EngineUnavailable(Exception):
    """An engine could not be reached, started or understood; the message says why and what to do."""


class EngineNotRunning(EngineUnavailable):
    """No engine is running, and none was to be started."""


class EngineOutdated(EngineUnavailable):
    """The running engine, process `pid`, is of another `version`."""

    def __init__(self, version: str, pid: int) -> None:
        remedy = "charwave-tui engine stop ends it, its run saved"
        super().__init__(f"an engine of version {version} is running, this is {__version__}; {remedy}")
        self.version = version
        self.pid = pid


class RelayHello(msgspec.Struct, frozen=True):
    """The first line of a relay: its `version`, and `was_running` (`found`) and `warning` of its EngineEndpoint."""

    version: str
    found: bool
    warning: str

    def line(self) -> bytes:
        return RELAY_HELLO_PREFIX + msgspec.json.encode(self) + b"\n"

    @staticmethod
    def parse(line: bytes) -> RelayHello | None:
        """Return the hello in `line`; None if it is something else, such as what a login shell prints."""
        if not line.startswith(RELAY_HELLO_PREFIX):
            return None
        try:
            return msgspec.json.decode(line.removeprefix(RELAY_HELLO_PREFIX), type=RelayHello)
        except msgspec.DecodeError:
            return None


@dataclass(frozen=True, slots=True)
class EngineConnection:
    """Streams from and to an engine of any version, and its greeting, which all versions understand."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    greeting: EngineStarted

    def require_same_version(self) -> None:
        """Close the connection and raise EngineOutdated if the engine is of another version."""
        if self.greeting.version != __version__:
            self.close()
            raise EngineOutdated(self.greeting.version, self.greeting.pid)

    async def read_event(self) -> Event:
        """Read an event; raises EngineUnavailable, and asyncio.IncompleteReadError or ConnectionError at the end."""
        try:
            return decode_event(await read_payload(self.reader))
        except MalformedFrame as error:
            remedy = "charwave-tui engine stop ends it"
            raise EngineUnavailable(f"the engine cannot be understood ({error}); {remedy}") from None

    def close(self) -> None:
        self.writer.close()


async def connect() -> EngineConnection:
    """Connect to the running engine.

    Raises OSError if there is none, or it exits before its greeting; EngineUnavailable.
    """
    try:
        path = str(socket_path())
    except UserError as error:
        raise EngineUnavailable(str(error)) from None
    reader, writer = await asyncio.open_unix_connection(path, limit=READ_AHEAD_BYTES)
    try:
        peer = peer_credentials(writer.get_extra_info("socket"))
        if peer.uid not in (None, os.getuid()):
            remedy = f"set {HOME_VARIABLE} to a folder of yours"
            raise EngineUnavailable(f"the engine at {path} is that of user {peer.uid}; {remedy}")
        greeting = await read_greeting(reader, f"its log is {log_path()}, and kill {peer.pid} ends it")
    except BaseException:
        writer.close()
        raise
    return EngineConnection(reader, writer, greeting)


async def read_greeting(reader: asyncio.StreamReader, remedy: str) -> EngineStarted:
    """Return the greeting of an engine; raises EngineUnavailable with `remedy` if there is none, or ConnectionError."""
    try:
        async with asyncio.timeout(REPLY_TIMEOUT):
            greeting = decode_event(await read_payload(reader))
    except asyncio.IncompleteReadError as error:
        raise ConnectionResetError from error
    except TimeoutError:
        problem = "does not answer"
    except MalformedFrame as error:
        problem = f"cannot be understood ({error})"
    else:
        if isinstance(greeting, EngineStarted):
            return greeting
        problem = "cannot be understood (it does not greet)"
    raise EngineUnavailable(f"the engine {problem}; {remedy}")
