"""The way to the terminal: Textual's own, but that it outlasts its terminal, and leaves neither colours nor answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import IO, Any, cast

from textual.drivers.linux_driver import LinuxDriver
from textual.events import CursorPosition
from textual.message import Message

from charwave_tui.ui.line_speed import QUESTION

LAST_ANSWERS = 1.0
"""Seconds that leaving waits for the terminal's answers, which the shell would take for typed text."""


class LastingFile:
    """A terminal's file that still takes what is written once the terminal is gone.

    Textual's writer would end at the first error, and whoever writes after it wait for ever; a hang-up makes it write,
    since the system sends SIGCONT along.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.fileno = file.fileno
        self.gone = False
        """Whether it was found that the terminal is gone."""

    def write(self, text: str) -> None:
        with self._until_gone():
            self._file.write(text)

    def flush(self) -> None:
        with self._until_gone():
            self._file.flush()

    @contextmanager
    def _until_gone(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self.gone = True


class TerminalDriver(LinuxDriver):
    """Textual's driver for a terminal, but for that."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._asked = self._answered = 0
        self._lasting = LastingFile(self._file) if self._file is not None else None
        self._file = cast("TextIOWrapper", self._lasting)

    def write(self, data: str) -> None:
        self._asked += data.endswith(QUESTION)
        super().write(data)

    def process_message(self, message: Message) -> None:
        if isinstance(message, CursorPosition):
            self._answered += 1
        super().process_message(message)

    def stop_application_mode(self) -> None:
        self.write("\x1b[0m")
        deadline = time.monotonic() + LAST_ANSWERS
        while 0 < self._answered < self._asked and time.monotonic() < deadline and not self._gone():
            time.sleep(0.01)  # meanwhile Textual's thread reads
        super().stop_application_mode()

    def _gone(self) -> bool:
        return self._lasting is None or self._lasting.gone
