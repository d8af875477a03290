"""SshEndpoint: an engine on another machine, and the relay that ssh runs there."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from charwave_tui import __version__
from charwave_tui.client.connection import (
    REPLY_TIMEOUT,
    EngineConnection,
    EngineNotRunning,
    EngineUnavailable,
    RelayHello,
    pipe_reader,
    pipe_writer,
    read_greeting,
)
from charwave_tui.client.endpoints import NO_ENGINE, LocalEndpoint
from charwave_tui.core.protocol.events import EngineStarted
from charwave_tui.core.protocol.framing import encode_frame

# After a person's own options, of which ssh takes the first: no questions on the screen, and a dead connection is
# noticed within 15 seconds.
SSH_OPTIONS = (
    "BatchMode=yes",
    "ConnectTimeout=10",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "ClearAllForwardings=yes",
)
MAX_LOGIN_OUTPUT_BYTES = 256 * 1024  # of a login shell before the relay's hello
MAX_STDERR_BYTES = 4_096  # the last of ssh's stderr, kept to explain a failure
SSH_EXIT_TIMEOUT = 2.0  # seconds for ssh to exit once its stdin is closed, and for its stderr to end after that
RELAY_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class SshDestination:
    """The `host` as ssh knows it, its `-o` `options`, and the name of charwave-tui's `program` there."""

    host: str
    options: tuple[str, ...] = ()
    program: str = "charwave-tui"

    def command(self, *arguments: str) -> list[str]:
        """Return the command line that runs the program there."""
        options = [part for option in (*self.options, *SSH_OPTIONS) for part in ("-o", option)]
        return ["ssh", "-T", *options, "--", self.host, " ".join((self.program, *arguments))]


class SshEndpoint:
    """The engine at `destination`; without one, `connect` starts it there unless `starts` is False. Opens no port."""

    def __init__(self, destination: SshDestination, *, starts: bool = True) -> None:
        self._relay_arguments = ("engine", "--stdio", *(() if starts else ("--found",)))
        self.was_running = False
        self.warning = ""
        self._destination = destination
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return self._destination.host

    async def connect(self) -> EngineConnection:
        await self.clean_up()
        process = _run_ssh(self._destination.command(*self._relay_arguments))
        assert process.stdin is not None
        assert process.stdout is not None
        stderr = await _StderrTail.of(process)
        reader, writer = await pipe_reader(process.stdout), await pipe_writer(process.stdin)
        try:
            hello, greeting = await self._handshake(reader)
            connection = EngineConnection(reader, writer, greeting)
            connection.require_same_version()
        except BaseException as error:
            writer.close()
            timed_out = isinstance(error, TimeoutError)
            has_ended = isinstance(error, asyncio.IncompleteReadError | ConnectionError)
            if timed_out or not has_ended:
                process.kill()
            code, text = await _wait(process), await stderr.text()
            if has_ended or timed_out:
                if NO_ENGINE in text:
                    raise EngineNotRunning(f"{self.host}: {NO_ENGINE}") from None
                raise EngineUnavailable(self._explain_failure(code, text, timed_out=timed_out)) from None
            raise
        self.was_running, self.warning, self._process = hello.found, hello.warning, process
        return connection

    async def restart(self) -> None:
        await self.clean_up()
        process = _run_ssh(self._destination.command("engine", "stop"))
        stderr = await _StderrTail.of(process)
        if code := await asyncio.to_thread(process.wait):
            raise EngineUnavailable(self._explain_failure(code, await stderr.text()))

    async def clean_up(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await _wait(process)

    async def _handshake(self, reader: asyncio.StreamReader) -> tuple[RelayHello, EngineStarted]:
        async with asyncio.timeout(2 * REPLY_TIMEOUT):
            hello, login_output = None, 0
            while hello is None:
                try:
                    line = await reader.readline()
                except ValueError:  # a line longer than the reader's limit
                    raise ConnectionResetError from None
                login_output += len(line)
                if not line.endswith(b"\n") or login_output > MAX_LOGIN_OUTPUT_BYTES:
                    raise ConnectionResetError
                hello = RelayHello.parse(line)
        if hello.version != __version__:
            problem = f"charwave-tui on {self.host} is version {hello.version}, this is {__version__}"
            raise EngineUnavailable(f"{problem}; install the same on both")
        return hello, await read_greeting(reader, f"{self._destination.program} engine stop on {self.host} ends it")

    def _explain_failure(self, code: int, stderr: str, *, timed_out: bool = False) -> str:
        """Return problem and remedy in one line, from ssh's exit code and the end of its stderr."""
        host, program = self.host, self._destination.program
        last_line = (stderr.splitlines() or [""])[-1]
        for message, explanation in (
            ("Host key verification failed", f"the key of {host} is unknown or has changed; ssh {host} shows it"),
            (
                "Permission denied",
                f"{host} takes none of your keys; ssh-copy-id {host} puts one there, ssh-add unlocks it",
            ),
            ("Could not resolve hostname", f"there is no host {host}; check the name, or its entry in ~/.ssh/config"),
            ("unrecognized arguments", f"{program} on {host} is too old for this; install version {__version__} there"),
        ):
            if message in stderr:
                return explanation
        if code == 127 or "not found" in last_line:
            return f"there is no {program} on {host}; install it there, or name it with --host-program"
        if timed_out:
            return f"{host} does not answer; try ssh {host} in a shell"
        if code == 255:
            return f"{host} cannot be reached ({last_line or 'ssh said nothing'}); try ssh {host} in a shell"
        return f"{host}: {last_line.removeprefix('charwave-tui: ') or f'{program} ended with {code}'}"


def _run_ssh(command: Sequence[str]) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    try:
        # in a session of its own, so that ctrl+c and the end of the terminal reach the viewer alone
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    except FileNotFoundError:
        raise EngineUnavailable("there is no ssh here; install OpenSSH's client") from None
    except OSError as error:
        raise EngineUnavailable(f"ssh cannot be run ({error.strerror})") from None


async def _wait(process: subprocess.Popen[bytes]) -> int:
    """Return the exit code of a process with a closed stdin, killed if it does not exit by itself."""
    try:
        return await asyncio.to_thread(process.wait, SSH_EXIT_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        return await asyncio.to_thread(process.wait)


class _StderrTail(asyncio.Protocol):
    """The end of a process's stderr; all of it is read, so that the process never blocks."""

    def __init__(self) -> None:
        self._tail = b""
        self._closed = asyncio.Event()
        self._transport: asyncio.ReadTransport | None = None

    @staticmethod
    async def of(process: subprocess.Popen[bytes]) -> _StderrTail:
        tail = _StderrTail()
        tail._transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: tail, process.stderr)
        return tail

    def data_received(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-MAX_STDERR_BYTES:]

    def connection_lost(self, error: Exception | None) -> None:
        self._closed.set()

    async def text(self) -> str:
        """Return it once the process has exited; an ssh that shares its connection may keep the pipe open."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SSH_EXIT_TIMEOUT):
                await self._closed.wait()
        if self._transport is not None:
            self._transport.close()
        text = self._tail.decode("utf-8", "replace").strip()
        return "".join(symbol if symbol.isprintable() or symbol == "\n" else " " for symbol in text)


async def relay_stdio(*, starts: bool) -> None:
    """Connect to this machine's engine, and pass on bytes between it and stdin and stdout until either side ends.

    Without an engine it starts one if `starts`. Raises EngineUnavailable.
    """
    endpoint = LocalEndpoint(starts=starts)
    connection = await endpoint.connect(any_version=True)
    reader, writer = await pipe_reader(sys.stdin.buffer), await pipe_writer(sys.stdout.buffer)
    hello = RelayHello(__version__, endpoint.was_running, endpoint.warning)
    writer.write(hello.line() + encode_frame(connection.greeting))
    tasks = [
        asyncio.create_task(_copy(reader, connection.writer)),
        asyncio.create_task(_copy(connection.reader, writer)),
    ]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    connection.close()
    with suppress(OSError):
        await writer.drain()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(RELAY_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
