"""The remote endpoint, and the relay at its far end."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from charwave_tui import __version__
from charwave_tui.client.connection import (
    ANSWERS_WITHIN,
    EngineConnection,
    EngineNotRunning,
    EngineUnavailable,
    RelayHello,
    pipe_reader,
    pipe_writer,
    read_greeting,
)
from charwave_tui.client.endpoints import NONE_RUNS, LocalEndpoint
from charwave_tui.core.protocol.events import EngineStarted
from charwave_tui.core.protocol.framing import encode_frame

SSH_OPTIONS = (
    "BatchMode=yes",
    "ConnectTimeout=10",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "ClearAllForwardings=yes",
)
"""How ssh is to behave, behind a person's own options, of which the first counts: it must not ask on the screen, and
notices a dead line within 15 seconds."""


MOST_PRINTED = 256 * 1024
"""Bytes that a login shell may print before the relay's Hello."""


SAID = 4_096
"""Bytes of what ssh said last that are kept to tell why it failed."""


ENDS_WITHIN = 2.0
"""Seconds in which an ssh whose line is hung up must end, and its stderr after it."""


@dataclass(frozen=True, slots=True)
class SshDestination:
    """Where another engine is: what `ssh` knows as `host`, with its `-o` `options`, and how its `program` is called."""

    host: str
    options: tuple[str, ...] = ()
    program: str = "charwave-tui"

    def command(self, *words: str) -> list[str]:
        """The command line that runs the program there."""
        options = [part for option in (*self.options, *SSH_OPTIONS) for part in ("-o", option)]
        return ["ssh", "-T", *options, "--", self.host, " ".join((self.program, *words))]


class SshEndpoint:
    """The way to the engine at `destination`, where one is started if need be and it `starts` one; it opens no port."""

    def __init__(self, destination: SshDestination, *, starts: bool = True) -> None:
        self._words = ("engine", "--stdio", *(() if starts else ("--found",)))
        self.was_running = False
        self.warning = ""
        self._destination = destination
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        """The machine, as ssh knows it."""
        return self._destination.host

    async def connect(self) -> EngineConnection:
        """As `Way` says."""
        await self.clean_up()
        process = _run(self._destination.command(*self._words))
        assert process.stdin is not None
        assert process.stdout is not None
        said = await _StderrTail.by(process)
        reader, writer = await pipe_reader(process.stdout), await pipe_writer(process.stdin)
        try:
            hello, greeting = await self._greeted(reader)
            line = EngineConnection(reader, writer, greeting)
            line.require_same_version()
        except BaseException as error:
            writer.close()
            late = isinstance(error, TimeoutError)
            if late or not isinstance(error, asyncio.IncompleteReadError | ConnectionError):
                process.kill()
            code, last = await _ended(process), await said.text()
            if isinstance(error, asyncio.IncompleteReadError | ConnectionError | TimeoutError):
                if NONE_RUNS in last:
                    raise EngineNotRunning(f"{self.host}: {NONE_RUNS}") from None
                raise EngineUnavailable(self._explain_failure(code, last, late=late)) from None
            raise
        self.was_running, self.warning, self._process = hello.found, hello.warning, process
        return line

    async def restart(self) -> None:
        """As `Way` says."""
        await self.clean_up()
        process = _run(self._destination.command("engine", "stop"))
        said = await _StderrTail.by(process)
        if code := await asyncio.to_thread(process.wait):
            raise EngineUnavailable(self._explain_failure(code, await said.text()))

    async def clean_up(self) -> None:
        """As `Way` says."""
        process, self._process = self._process, None
        if process is not None:
            await _ended(process)

    async def _greeted(self, reader: asyncio.StreamReader) -> tuple[RelayHello, EngineStarted]:
        async with asyncio.timeout(2 * ANSWERS_WITHIN):
            hello, printed = None, 0
            while hello is None:
                try:
                    text = await reader.readline()
                except ValueError:  # a line that is longer than a reader's limit
                    raise ConnectionResetError from None
                printed += len(text)
                if not text.endswith(b"\n") or printed > MOST_PRINTED:
                    raise ConnectionResetError
                hello = RelayHello.read(text)
        if hello.version != __version__:
            theirs = f"charwave-tui on {self.host} is version {hello.version}"
            raise EngineUnavailable(f"{theirs}, this is {__version__}; install the same on both")
        return hello, await read_greeting(reader, f"{self._destination.program} engine stop on {self.host} ends it")

    def _explain_failure(self, code: int, said: str, *, late: bool = False) -> str:
        """What went wrong and what to do, in a line, from ssh's exit code and the last that it said."""
        host, program = self.host, self._destination.program
        last = (said.splitlines() or [""])[-1]
        for sign, why in (
            ("Host key verification failed", f"the key of {host} is unknown or has changed; ssh {host} shows it"),
            (
                "Permission denied",
                f"{host} takes none of your keys; ssh-copy-id {host} puts one there, ssh-add unlocks it",
            ),
            ("Could not resolve hostname", f"there is no host {host}; check the name, or its entry in ~/.ssh/config"),
            ("unrecognized arguments", f"{program} on {host} is too old for this; install version {__version__} there"),
        ):
            if sign in said:
                return why
        if code == 127 or "not found" in last:
            return f"there is no {program} on {host}; install it there, or name it with --host-program"
        if late:
            return f"{host} does not answer; try ssh {host} in a shell"
        if code == 255:
            return f"{host} cannot be reached ({last or 'ssh said nothing'}); try ssh {host} in a shell"
        return f"{host}: {last.removeprefix('charwave-tui: ') or f'{program} ended with {code}'}"


def _run(command: Sequence[str]) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    try:
        # in a session of its own: ctrl+c and the end of the terminal are the screen's to hear
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    except FileNotFoundError:
        raise EngineUnavailable("there is no ssh here; install OpenSSH's client") from None
    except OSError as error:
        raise EngineUnavailable(f"ssh cannot be run ({error.strerror})") from None


async def _ended(process: subprocess.Popen[bytes]) -> int:
    """Its exit code; one that does not end by itself, though nobody speaks to it any more, is killed."""
    try:
        return await asyncio.to_thread(process.wait, ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        return await asyncio.to_thread(process.wait)


class _StderrTail(asyncio.Protocol):
    """The last of what an ssh says on stderr; all of it is read, so that it never waits for us."""

    def __init__(self) -> None:
        self._kept = b""
        self._over = asyncio.Event()
        self._transport: asyncio.ReadTransport | None = None

    @staticmethod
    async def by(process: subprocess.Popen[bytes]) -> _StderrTail:
        """What `process` says."""
        said = _StderrTail()
        said._transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: said, process.stderr)
        return said

    def data_received(self, data: bytes) -> None:
        self._kept = (self._kept + data)[-SAID:]

    def connection_lost(self, error: Exception | None) -> None:
        self._over.set()

    async def text(self) -> str:
        """All of it, once the process has ended; a connection that ssh keeps for the next one may hold the pipe."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDS_WITHIN):
                await self._over.wait()
        if self._transport is not None:
            self._transport.close()
        said = self._kept.decode("utf-8", "replace").strip()
        return "".join(symbol if symbol.isprintable() or symbol == "\n" else " " for symbol in said)


CHUNK = 64 * 1024
"""Bytes that are carried at once."""


async def relay_stdio(*, starts: bool) -> None:
    """Reach this machine's engine, started if need be where it `starts` one, and carry bytes until either side ends.

    Raises EngineUnavailable where there is none.
    """
    way = LocalEndpoint(starts=starts)
    line = await way.connect(any_version=True)
    reader, writer = await pipe_reader(sys.stdin.buffer), await pipe_writer(sys.stdout.buffer)
    writer.write(RelayHello(__version__, way.was_running, way.warning).line() + encode_frame(line.greeting))
    carrying = [
        asyncio.create_task(_carry(reader, line.writer)),
        asyncio.create_task(_carry(line.reader, writer)),
    ]
    await asyncio.wait(carrying, return_when=asyncio.FIRST_COMPLETED)
    for task in carrying:
        task.cancel()
    line.close()
    with suppress(OSError):
        await writer.drain()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while part := await reader.read(CHUNK):
            writer.write(part)
            await writer.drain()
