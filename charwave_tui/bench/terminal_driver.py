"""A program in a pty, over a throttled link, driven by text."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Self

from charwave_tui.bench.screen_emulator import ANSWERS, Emulator
from charwave_tui.client.launcher import stop_engine
from charwave_tui.core.paths import HOME_VARIABLE

CHUNK = 65_536
"""Bytes read at once."""


LEAVES_WITHIN = 15.0
"""Seconds that a program has to end by itself once its terminal is gone."""


class PtyProcess:
    """Runs `command` with a new pseudo-terminal as its controlling one; leaving the context hangs up and ends it.

    `environment` is added to the present one. What the program writes must be read, or it waits for the reader.
    """

    def __init__(
        self, command: Sequence[str], columns: int, rows: int, environment: Mapping[str, str] | None = None
    ) -> None:
        self._descriptor: int | None
        self._descriptor, programs_end = pty.openpty()
        self.resize(columns, rows)
        try:
            self.process = subprocess.Popen(
                command,
                env={**_surroundings(), "TERM": "xterm-256color", **(environment or {})},
                preexec_fn=partial(os.login_tty, programs_end),
            )
        except BaseException:
            self.hang_up()
            raise
        finally:
            os.close(programs_end)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        try:
            self.process.wait(LEAVES_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def read(self, timeout: float) -> bytes:
        """What the program has written since the last read, at most CHUNK bytes; empty after `timeout` seconds."""
        if self._descriptor is None or not select.select([self._descriptor], [], [], max(timeout, 0))[0]:
            return b""
        try:
            written = os.read(self._descriptor, CHUNK)
        except OSError:  # on Linux the far end's last closing reads as an error, elsewhere as the end
            written = b""
        if not written:
            self.hang_up()
        return written

    def write(self, typed: bytes) -> None:
        """Type; raises BrokenPipeError where the terminal is gone."""
        if self._descriptor is None:
            raise BrokenPipeError("the terminal is gone")
        while typed:
            typed = typed[os.write(self._descriptor, typed) :]

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size, of which the program is told."""
        if self._descriptor is not None:
            fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait(self, timeout: float) -> int:
        """Read on until the program has ended; its exit code, negative for a signal. Raises TimeoutError."""
        deadline = time.monotonic() + timeout
        while (code := self.process.poll()) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the program has not ended after {timeout:g} s")
            if not self.read(0.05):
                time.sleep(0.01)
        return code

    @property
    def gone(self) -> bool:
        """Whether nothing more can be read: the program closed its end, or we hung up."""
        return self._descriptor is None

    def hang_up(self) -> None:
        """Close our end, as a dropped line does: the program gets SIGHUP."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None


def _surroundings() -> dict[str, str]:
    """This process's environment without the size of its own terminal, which would be believed before the true one."""
    return {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}


PIECE = 256
"""Bytes that a slow line delivers at once."""


class ThrottledLink:
    """Carries what `terminal` writes to `screen`, and keys and answers back; `rate` is in bytes/s, `delay` each way.

    Whatever the program writes is taken from it at once and waits in the line, as it does in the buffers of SSH.
    """

    def __init__(self, terminal: PtyProcess, screen: Emulator, rate: float = float("inf"), delay: float = 0.0) -> None:
        self._terminal, self.screen = terminal, screen
        self._rate, self._delay = rate, delay
        self._coming: deque[tuple[float, bytes]] = deque()
        self._going: deque[tuple[float, bytes]] = deque()
        self._free_at = 0.0
        self.delivered = 0
        """Bytes that have reached the screen."""

    def type(self, typed: bytes) -> None:
        """Press keys, or answer."""
        self._going.append((time.monotonic() + self._delay, typed))

    def carry(self, until: Callable[[], bool], within: float) -> bool:
        """Carry on until something is so; False where it was not after so many seconds, or the program is gone."""
        deadline = time.monotonic() + within
        while not self._terminal.gone:
            now = time.monotonic()
            while self._going and self._going[0][0] <= now:
                self._terminal.write(self._going.popleft()[1])
            while self._coming and self._coming[0][0] <= now:
                self._deliver(self._coming.popleft()[1])
            if until():
                return True
            if now >= deadline:
                return False
            due = [queue[0][0] for queue in (self._going, self._coming) if queue]
            self._take(self._terminal.read(min([deadline, *due]) - now))
        return False

    def rest(self, seconds: float) -> int:
        """Carry on for so many seconds; how many bytes reached the screen in them. Raises RuntimeError."""
        before = self.delivered
        self.carry(lambda: False, seconds)
        if self._terminal.gone:
            raise RuntimeError("the playground has closed by itself")
        return self.delivered - before

    def _take(self, written: bytes) -> None:
        size = PIECE if self._rate < float("inf") else max(len(written), 1)
        for start in range(0, len(written), size):
            piece = written[start : start + size]
            self._free_at = max(self._free_at, time.monotonic()) + len(piece) / self._rate
            self._coming.append((self._free_at + self._delay, piece))

    def _deliver(self, piece: bytes) -> None:
        self.delivered += len(piece)
        if answers := self.screen.feed(piece):
            self.type(answers)


_MOVE = re.compile(rb"\x1b\[[0-9;]*[Hf]|\x1b\[[0-9]*[A-G]")


_ESCAPE = re.compile(
    rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # operating system command: a title, say
    rb"|\x1b[PX^_][^\x1b]*\x1b\\"  # device control and other strings
    rb"|\x1b\[[0-?]*[ -/]*[@-~]"  # control sequence: colours, modes
    rb"|\x1b[ -/]+[0-~]|\x1b[0-OQ-WYZ\\`-~]"  # two or three bytes: character sets, save and restore
)


class TextNotSeen(Exception):
    """What was waited for did not come; the message quotes what came instead."""


def visible_text(written: bytes) -> str:
    """The words among the escapes; where the cursor jumps a new line begins, an unfinished end is left out."""
    text = _ESCAPE.sub(b"", _MOVE.sub(b"\n", written))
    unfinished = text.find(b"\x1b")
    return (text if unfinished < 0 else text[:unfinished]).decode("utf-8", "ignore")


def wait_for_text(terminal: PtyProcess, pattern: str, within: float) -> float:
    """The moment, on time.monotonic's clock, at which what is newly written matches `pattern`; raises NotSeen."""
    sought = re.compile(pattern)
    written = b""
    deadline = time.monotonic() + within
    while not terminal.gone and (left := deadline - time.monotonic()) > 0:
        written += _read(terminal, left)
        now = time.monotonic()
        if sought.search(visible_text(written)):
            return now
    lines = [line.strip() for line in visible_text(written).splitlines() if line.strip()]
    shown = " / ".join(lines[-3:])[-300:]
    raise TextNotSeen(f"{pattern} was not seen within {within:g} s; the last lines were: {shown}")


def read_for(terminal: PtyProcess, seconds: float) -> int:
    """Read and forget what is written in the next `seconds`, as a terminal does; how many bytes that were."""
    total = 0
    deadline = time.monotonic() + seconds
    while not terminal.gone and (left := deadline - time.monotonic()) > 0:
        total += len(_read(terminal, left))
    return total


def _read(terminal: PtyProcess, timeout: float) -> bytes:
    """What is written next, with where the cursor is told as often as it was asked for, as every terminal does."""
    written = terminal.read(timeout)
    if asked := written.count(b"\x1b[6n"):
        terminal.write(ANSWERS[b"6n"] * asked)
    return written


PATIENCE = 60.0
"""Seconds in which anything that is waited for must happen, on the slowest machine."""


FORM = r"n_hidden\s+\d"
"""What is on the screen once the form is painted."""


FIRST_LOSS = r"train\s+\d+\.\d{4}"
"""What is beside the curve once it has a point."""


SIZE = (120, 40)
"""Columns and rows at which all four panes are open."""


def command(*arguments: str) -> list[str]:
    """The program's command line."""
    return [sys.executable, "-m", "charwave_tui", *arguments]


def open_playground(*arguments: str) -> PtyProcess:
    """The playground in a terminal of its own; its first frame may not be there yet."""
    return PtyProcess(command(*arguments), *SIZE)


def quit_playground(terminal: PtyProcess) -> None:
    """Quit, with the run stopped and saved, and end its engine too; raises TimeoutError, or EngineUnavailable."""
    terminal.write(b"q")
    wait_for_text(terminal, "stop it, save it and quit", PATIENCE)
    terminal.write(b"s")
    terminal.wait(PATIENCE)
    stop_bench_engine()


def stop_bench_engine() -> None:
    """End the engine of the present data folder, where there is one; raises EngineUnavailable."""
    asyncio.run(stop_engine())


@contextmanager
def isolated_home() -> Iterator[Path]:
    """A data folder that is there for the measurements alone; no engine of it outlives the block."""
    before = os.environ.get(HOME_VARIABLE)
    with tempfile.TemporaryDirectory(prefix="charwave-bench-") as folder:
        os.environ[HOME_VARIABLE] = folder
        try:
            yield Path(folder)
        finally:
            stop_bench_engine()
            if before is None:
                del os.environ[HOME_VARIABLE]
            else:
                os.environ[HOME_VARIABLE] = before
