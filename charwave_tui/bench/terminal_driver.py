"""A program in a pseudo-terminal, over a throttled link, driven by what its screen shows."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
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

from charwave_tui.bench.screen_emulator import ScreenEmulator
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
        self.terminal, self.screen = terminal, screen
        self.rate, self._delay = rate, delay
        self._output: deque[tuple[float, bytes]] = deque()
        self._input: deque[tuple[float, bytes]] = deque()
        self._free_at = 0.0
        self.delivered = 0

    def type(self, data: bytes) -> None:
        self._input.append((time.monotonic() + self._delay, data))

    def carry(self, until: Callable[[], bool], timeout: float) -> bool:
        """Carry both ways until a condition holds; False after the timeout, or where the program is gone."""
        deadline = time.monotonic() + timeout
        while not self.terminal.gone:
            now = time.monotonic()
            while self._input and self._input[0][0] <= now:
                self.terminal.write(self._input.popleft()[1])
            while self._output and self._output[0][0] <= now:
                self._deliver(self._output.popleft()[1])
            if until():
                return True
            if now >= deadline:
                return False
            due = [queue[0][0] for queue in (self._input, self._output) if queue]
            self._send(self.terminal.read(min([deadline, *due]) - now))
        return False

    def carry_for(self, seconds: float) -> int:
        """Carry both ways for a time; return the bytes that reached the screen. Raises RuntimeError."""
        before = self.delivered
        self.carry(lambda: False, seconds)
        if self.terminal.gone:
            raise RuntimeError("the playground has closed by itself")
        return self.delivered - before

    def press(self, key: bytes, pattern: str) -> float:
        """Press a key; return the time.monotonic() at which `pattern` is on the screen. Raises TimeoutError."""
        self.type(key)
        if not self.carry(lambda: pattern in self.screen, TIMEOUT_SECONDS):
            lines = " / ".join(self.screen.lines[-3:])
            raise TimeoutError(f"{pattern} was not seen within {TIMEOUT_SECONDS:g} s; the last lines were: {lines}")
        return time.monotonic()

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


def program_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "charwave_tui", *arguments]


@contextmanager
def open_playground(
    *arguments: str,
    size: tuple[int, int] = SIZE,
    environment: Mapping[str, str] | None = None,
    rate: float = float("inf"),
    delay: float = 0.0,
) -> Iterator[ThrottledLink]:
    """Start the playground at the far end of a link; its first frame may not be there yet."""
    with PtyProcess(program_command(*arguments), *size, environment) as terminal:
        yield ThrottledLink(terminal, ScreenEmulator(*size), rate, delay)


def quit_playground(link: ThrottledLink) -> None:
    """Quit, stop and save the run, and end the engine; raises TimeoutError or EngineUnavailable."""
    link.press(b"q", "stop and save it, then quit")
    link.terminal.write(b"s")
    link.terminal.wait(TIMEOUT_SECONDS)
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
