"""The way to the engine of another machine: ssh, with a relay at its other end."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from charwave_tui import __version__
from charwave_tui.client.pipes import reading, writing
from charwave_tui.client.reaching import NONE_RUNS
from charwave_tui.client.transport import ANSWERS_WITHIN, EngineUnavailable, Hello, Line, NoEngine, greeting_of
from charwave_tui.core.protocol import EngineStarted

QUIET = (
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


@dataclass(frozen=True, slots=True)
class Destination:
    """Where another engine is: what `ssh` knows as `host`, with its `-o` `options`, and how its `program` is called."""

    host: str
    options: tuple[str, ...] = ()
    program: str = "charwave-tui"

    def command(self, *words: str) -> list[str]:
        """The command line that runs the program there."""
        options = [part for option in (*self.options, *QUIET) for part in ("-o", option)]
        return ["ssh", "-T", *options, "--", self.host, " ".join((self.program, *words))]


class SshWay:
    """The way to the engine at `destination`, where one is started if need be and it `starts` one; it opens no port."""

    def __init__(self, destination: Destination, *, starts: bool = True) -> None:
        self._words = ("engine", "--stdio", *(() if starts else ("--found",)))
        self.found = False
        self.warning = ""
        self._destination = destination
        self._process: subprocess.Popen[bytes] | None = None
        self._saying: asyncio.Task[str] | None = None

    @property
    def host(self) -> str:
        """The machine, as ssh knows it."""
        return self._destination.host

    async def reach(self) -> Line:
        """As `Way` says."""
        process = _run(self._destination.command(*self._words))
        assert process.stdin is not None
        assert process.stdout is not None
        said = asyncio.create_task(_said(process))
        reader, writer = await reading(process.stdout), await writing(process.stdin)
        try:
            hello, greeting = await self._greeted(reader)
            line = Line(reader, writer, greeting)
            line.check()
        except BaseException as error:
            writer.close()
            late = isinstance(error, TimeoutError)
            if late or not isinstance(error, asyncio.IncompleteReadError | ConnectionError):
                process.kill()
            code = await asyncio.to_thread(process.wait)
            if isinstance(error, asyncio.IncompleteReadError | ConnectionError | TimeoutError):
                if NONE_RUNS in (last := await said):
                    raise NoEngine(f"{self.host}: {NONE_RUNS}") from None
                raise EngineUnavailable(self._why(code, last, late=late)) from None
            raise
        self.found, self.warning, self._process, self._saying = hello.found, hello.warning, process, said
        return line

    async def restart(self) -> None:
        """As `Way` says."""
        process = _run(self._destination.command("engine", "stop"))
        said = await _said(process)
        if code := await asyncio.to_thread(process.wait):
            raise EngineUnavailable(self._why(code, said))

    async def left(self) -> None:
        """As `Way` says: an ssh whose line was dropped ends by itself."""
        if self._process is not None:
            await asyncio.to_thread(self._process.wait)

    async def _greeted(self, reader: asyncio.StreamReader) -> tuple[Hello, EngineStarted]:
        async with asyncio.timeout(2 * ANSWERS_WITHIN):
            hello, printed = None, 0
            while hello is None:
                text = await reader.readline()
                printed += len(text)
                if not text.endswith(b"\n") or printed > MOST_PRINTED:
                    raise ConnectionResetError
                hello = Hello.read(text)
        if hello.version != __version__:
            theirs = f"charwave-tui on {self.host} is version {hello.version}"
            raise EngineUnavailable(f"{theirs}, this is {__version__}; install the same on both")
        return hello, await greeting_of(reader, f"{self._destination.program} engine stop on {self.host} ends it")

    def _why(self, code: int, said: str, *, late: bool = False) -> str:
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


async def _said(process: subprocess.Popen[bytes]) -> str:
    """The last of what it says on stderr until it ends; all of it is read, so that it never waits for us."""
    assert process.stderr is not None
    reader, kept = await reading(process.stderr), b""
    while part := await reader.read(SAID):
        kept = (kept + part)[-SAID:]
    return kept.decode("utf-8", "replace").strip()
