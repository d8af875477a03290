"""A program in a pseudo-terminal, over a throttled link, driven by the text that it writes."""

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

from charwave_tui.bench.screen_emulator import REPLIES, ScreenEmulator
from charwave_tui.client.launcher import stop_engine
from charwave_tui.core.paths import HOME_VARIABLE

READ_BYTES = 65_536
CHUNK_BYTES = 256  # delivered at once by a slow link
EXIT_SECONDS = 15.0  # for a program whose terminal is gone, before it is killed
TIMEOUT_SECONDS = 60.0  # for anything, on the slowest machine

FORM_PATTERN = r"n_hidden\s+\d"  # on the screen once the form is painted
FIRST_LOSS_PATTERN = r"train\s+\d+\.\d{4}"  # beside the curve once it has a point
SIZE = (120, 40)  # columns and rows at which all four panes are open


class PtyProcess:
    """Runs `command` with a new controlling pseudo-terminal; leaving the context hangs up and ends the program.

    `environment` is added to the present one. The output must be read, or the program blocks.
    """

    def __init__(
        self, command: Sequence[str], columns: int, rows: int, environment: Mapping[str, str] | None = None
    ) -> None:
        self._descriptor: int | None
        self._descriptor, child_descriptor = pty.openpty()
        self.resize(columns, rows)
        # the size of our own terminal, where exported, would be believed before that of the new one
        inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        try:
            self.process = subprocess.Popen(
                command,
                env={**inherited, "TERM": "xterm-256color", **(environment or {})},
                preexec_fn=partial(os.login_tty, child_descriptor),
            )
        except BaseException:
            self.hang_up()
            raise
        finally:
            os.close(child_descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        try:
            self.process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def read(self, timeout: float) -> bytes:
        """Return new output, at most READ_BYTES; empty after `timeout` seconds."""
        if self._descriptor is None or not select.select([self._descriptor], [], [], max(timeout, 0))[0]:
            return b""
        try:
            output = os.read(self._descriptor, READ_BYTES)
        except OSError:  # on Linux the far end's last close reads as an error, elsewhere as the end
            output = b""
        if not output:
            self.hang_up()
        return output

    def write(self, data: bytes) -> None:
        """Type; raises BrokenPipeError where the terminal is gone."""
        if self._descriptor is None:
            raise BrokenPipeError("the terminal is gone")
        while data:
            data = data[os.write(self._descriptor, data) :]

    def resize(self, columns: int, rows: int) -> None:
        """Change the terminal's size; the program gets SIGWINCH."""
        if self._descriptor is not None:
            fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait(self, timeout: float) -> int:
        """Read on until the program has ended; return its exit code, negative for a signal. Raises TimeoutError."""
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
        """Close our end, as a dropped connection does: the program gets SIGHUP."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None


class ThrottledLink:
    """Carries the output of `terminal` to `screen`, and keys and replies back; `rate` in bytes/s, `delay` each way.

    Output is taken from the program at once and waits in the link, as it does in the buffers of ssh. `delivered` counts
    the bytes that have reached the screen.
    """

    def __init__(
        self, terminal: PtyProcess, screen: ScreenEmulator, rate: float = float("inf"), delay: float = 0.0
    ) -> None:
        self._terminal, self.screen = terminal, screen
        self.rate, self._delay = rate, delay
        self._output: deque[tuple[float, bytes]] = deque()
        self._input: deque[tuple[float, bytes]] = deque()
        self._free_at = 0.0
        self.delivered = 0

    def type(self, data: bytes) -> None:
        """Press keys, or reply."""
        self._input.append((time.monotonic() + self._delay, data))

    def carry(self, until: Callable[[], bool], timeout: float) -> bool:
        """Carry both ways until a condition holds; False after the timeout, or where the program is gone."""
        deadline = time.monotonic() + timeout
        while not self._terminal.gone:
            now = time.monotonic()
            while self._input and self._input[0][0] <= now:
                self._terminal.write(self._input.popleft()[1])
            while self._output and self._output[0][0] <= now:
                self._deliver(self._output.popleft()[1])
            if until():
                return True
            if now >= deadline:
                return False
            due = [queue[0][0] for queue in (self._input, self._output) if queue]
            self._send(self._terminal.read(min([deadline, *due]) - now))
        return False

    def carry_for(self, seconds: float) -> int:
        """Carry both ways for a time; return the bytes that reached the screen. Raises RuntimeError."""
        before = self.delivered
        self.carry(lambda: False, seconds)
        if self._terminal.gone:
            raise RuntimeError("the playground has closed by itself")
        return self.delivered - before

    def _send(self, output: bytes) -> None:
        size = CHUNK_BYTES if self.rate < float("inf") else max(len(output), 1)
        for start in range(0, len(output), size):
            chunk = output[start : start + size]
            self._free_at = max(self._free_at, time.monotonic()) + len(chunk) / self.rate
            self._output.append((self._free_at + self._delay, chunk))

    def _deliver(self, chunk: bytes) -> None:
        self.delivered += len(chunk)
        if replies := self.screen.feed(chunk):
            self.type(replies)


_MOVE = re.compile(rb"\x1b\[[0-9;]*[Hf]|\x1b\[[0-9]*[A-G]")
_ESCAPE = re.compile(
    rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # operating system command: a title, say
    rb"|\x1b[PX^_][^\x1b]*\x1b\\"  # device control and other strings
    rb"|\x1b\[[0-?]*[ -/]*[@-~]"  # control sequence: colours, modes
    rb"|\x1b[ -/]+[0-~]|\x1b[0-OQ-WYZ\\`-~]"  # two or three bytes: character sets, save and restore
)


class TextNotSeen(Exception):
    """Text that was waited for did not come; the message quotes what came instead."""


def visible_text(output: bytes) -> str:
    """Return output without escape sequences; a cursor movement becomes a line break, an incomplete end is left out."""
    text = _ESCAPE.sub(b"", _MOVE.sub(b"\n", output))
    incomplete = text.find(b"\x1b")
    return (text if incomplete < 0 else text[:incomplete]).decode("utf-8", "ignore")


def wait_for_text(terminal: PtyProcess, pattern: str, timeout: float) -> float:
    """Return the time.monotonic() at which new output matches `pattern`; raises TextNotSeen."""
    output = b""
    deadline = time.monotonic() + timeout
    while not terminal.gone and (remaining := deadline - time.monotonic()) > 0:
        output += _read(terminal, remaining)
        now = time.monotonic()
        if re.search(pattern, visible_text(output)):
            return now
    lines = [line.strip() for line in visible_text(output).splitlines() if line.strip()]
    last_lines = " / ".join(lines[-3:])[-300:]
    raise TextNotSeen(f"{pattern} was not seen within {timeout:g} s; the last lines were: {last_lines}")


def read_for(terminal: PtyProcess, seconds: float) -> int:
    """Read and discard output for a time; return the number of bytes."""
    total = 0
    deadline = time.monotonic() + seconds
    while not terminal.gone and (remaining := deadline - time.monotonic()) > 0:
        total += len(_read(terminal, remaining))
    return total


def _read(terminal: PtyProcess, timeout: float) -> bytes:
    """Return new output; each request for the cursor's position gets its reply, as from every terminal."""
    output = terminal.read(timeout)
    if requests := output.count(b"\x1b[6n"):
        terminal.write(REPLIES[b"6n"] * requests)
    return output


def program_command(*arguments: str) -> list[str]:
    """Return the program's command line."""
    return [sys.executable, "-m", "charwave_tui", *arguments]


def open_playground(*arguments: str) -> PtyProcess:
    """Start the playground in a terminal of its own; its first frame may not be there yet."""
    return PtyProcess(program_command(*arguments), *SIZE)


def quit_playground(terminal: PtyProcess) -> None:
    """Quit, stop and save the run, and end the engine; raises TextNotSeen, TimeoutError or EngineUnavailable."""
    terminal.write(b"q")
    wait_for_text(terminal, "stop it, save it and quit", TIMEOUT_SECONDS)
    terminal.write(b"s")
    terminal.wait(TIMEOUT_SECONDS)
    stop_bench_engine()


def stop_bench_engine() -> None:
    """End the engine of the current data folder, if there is one; raises EngineUnavailable."""
    asyncio.run(stop_engine())


@contextmanager
def isolated_home() -> Iterator[Path]:
    """Provide a temporary data folder within the block, and end its engine afterwards."""
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
