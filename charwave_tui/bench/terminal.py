"""A program in a pseudo-terminal of its own, driven from outside as a person would."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Self

CHUNK = 65_536
"""Bytes read at once."""

LEAVES_WITHIN = 15.0
"""Seconds that a program has to end by itself once its terminal is gone."""


class Terminal:
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
