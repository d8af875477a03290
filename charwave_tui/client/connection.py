"""Socket and pipe streams, greeting, version check."""

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
from charwave_tui.core.protocol.events import AnyEvent, EngineStarted
from charwave_tui.core.protocol.framing import MalformedFrame, decode_event, read_payload

AHEAD = 64 * 1024
"""Bytes that are read ahead, or up to twice as many: what is not carried on yet waits with who writes, who then skips
what is too much for a slow line."""


async def pipe_reader(pipe: IO[bytes]) -> asyncio.StreamReader:
    """What comes out of `pipe`."""
    reader = asyncio.StreamReader(AHEAD)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader


async def pipe_writer(pipe: IO[bytes]) -> asyncio.StreamWriter:
    """What goes into `pipe`."""
    loop = asyncio.get_running_loop()
    # a protocol that knows how to wait for a full pipe, which StreamWriter.drain asks of it
    protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader(), loop=loop)
    transport, _ = await loop.connect_write_pipe(lambda: protocol, pipe)
    return asyncio.StreamWriter(transport, protocol, None, loop)


ANSWERS_WITHIN = 15.0
"""Seconds in which an engine must greet and answer."""


HELLO = b"charwave-tui relay "
"""How the line of a Hello begins."""


class EngineUnavailable(Exception):
    """No engine could be reached, started or understood; the message says why and what to do."""


class EngineNotRunning(EngineUnavailable):
    """There is none, and none was to be started."""


class EngineOutdated(EngineUnavailable):
    """The engine that is there is of another `version`; `pid` is its process."""

    def __init__(self, version: str, pid: int) -> None:
        remedy = "charwave-tui engine stop ends it, its run saved"
        super().__init__(f"an engine of version {version} is running, this is {__version__}; {remedy}")
        self.version = version
        self.pid = pid


class RelayHello(msgspec.Struct, frozen=True):
    """What a relay says before it carries anything: its program's `version`, and how it met its engine (see `Way`)."""

    version: str
    found: bool
    warning: str

    def line(self) -> bytes:
        """The line that says it."""
        return HELLO + msgspec.json.encode(self) + b"\n"

    @staticmethod
    def read(line: bytes) -> RelayHello | None:
        """What `line` says; None where it is something else, such as what a login shell prints."""
        if not line.startswith(HELLO):
            return None
        try:
            return msgspec.json.decode(line.removeprefix(HELLO), type=RelayHello)
        except msgspec.DecodeError:
            return None


@dataclass(frozen=True, slots=True)
class EngineConnection:
    """The ways from and to an engine of any version, and its greeting, which all versions understand."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    greeting: EngineStarted

    def require_same_version(self) -> None:
        """Hang up and raise EngineOutdated where nothing but the greeting can be understood for certain."""
        if self.greeting.version != __version__:
            self.close()
            raise EngineOutdated(self.greeting.version, self.greeting.pid)

    async def read_event(self) -> AnyEvent:
        """The next event; raises EngineUnavailable, asyncio.IncompleteReadError or ConnectionError at the end."""
        try:
            return decode_event(await read_payload(self.reader))
        except MalformedFrame as error:
            remedy = "charwave-tui engine stop ends it"
            raise EngineUnavailable(f"the engine cannot be understood ({error}); {remedy}") from None

    def close(self) -> None:
        """Hang up."""
        self.writer.close()


async def connect() -> EngineConnection:
    """The way to the engine that is there.

    Raises OSError where there is none, or one that goes before it greets; EngineUnavailable.
    """
    try:
        path = str(socket_path())
    except UserError as mistake:
        raise EngineUnavailable(str(mistake)) from None
    reader, writer = await asyncio.open_unix_connection(path, limit=AHEAD)
    try:
        peer = peer_credentials(writer.get_extra_info("socket"))
        if peer.uid not in (None, os.getuid()):
            remedy = f"set {HOME_VARIABLE} to a folder of yours"
            raise EngineUnavailable(f"the engine at {path} is that of user {peer.uid}; {remedy}")
        return EngineConnection(
            reader, writer, await read_greeting(reader, f"its log is {log_path()}, and kill {peer.pid} ends it")
        )
    except BaseException:
        writer.close()
        raise


async def read_greeting(reader: asyncio.StreamReader, remedy: str) -> EngineStarted:
    """The greeting of an engine; raises EngineUnavailable, with the remedy where it gives none, or ConnectionError."""
    try:
        async with asyncio.timeout(ANSWERS_WITHIN):
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
