"""The way to the terminal: Textual's own, which outlasts a terminal that goes and leaves no colours behind."""

from __future__ import annotations

from contextlib import suppress
from io import TextIOWrapper
from typing import IO, Any, cast

from textual.drivers.linux_driver import LinuxDriver


class LastingFile:
    """A terminal's file that still takes what is written once the terminal is gone.

    Textual's writer would end at the first error, and whoever writes after it wait for ever; a hang-up makes it write,
    since the system sends SIGCONT along.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.fileno = file.fileno

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._file.flush()


class TerminalDriver(LinuxDriver):
    """Textual's driver for a terminal, but for that."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        if self._file is not None:
            self._file = cast("TextIOWrapper", LastingFile(self._file))

    def stop_application_mode(self) -> None:
        self.write("\x1b[0m")
        super().stop_application_mode()
