"""The way to the terminal and back: Textual's own, but for what old terminals, noise and the loss of the line ask."""

from __future__ import annotations

import os
import re
import select
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import IO, Any, cast

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.events import CursorPosition
from textual.message import Message

from charwave_tui.ui.abilities import TERMINAL, encoding
from charwave_tui.ui.line_speed import QUESTION
from charwave_tui.ui.typed import BACKGROUND, Typed

LAST_ANSWERS = 1.0
"""Seconds that leaving waits for the terminal's answers, which the shell would take for typed text."""


LOOK = 0.1
"""Seconds between two looks at whether the reading of keys shall end."""

CHUNK = 4_096
"""Bytes read at once."""

MODERN = re.compile(r"\x1b\[[<>]\d*u|\x1b\[\?\d+\$p|\x1b\]22;.*", re.DOTALL)
"""What old terminals may write on the screen: the keyboard of kitty, questions about modes, forms of the pointer."""


class BackgroundTold(Message):
    """The terminal has answered whether its background is light."""

    def __init__(self, light: bool) -> None:
        super().__init__()
        self.light = light


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
    """Textual's driver for a terminal; it outlasts its terminal, and leaves it neither colours nor answers."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._asked = self._answered = 0
        self._lasting = LastingFile(self._file) if self._file is not None else None
        self._file = cast("TextIOWrapper", self._lasting)

    @property
    def mouse(self) -> bool:
        """Whether the terminal reports the mouse; while it does not, it selects and copies by itself."""
        return self._mouse

    @mouse.setter
    def mouse(self, reported: bool) -> None:
        self._disable_mouse_support()
        self._mouse = reported
        self._enable_mouse_support()
        if self._mouse_pixels:
            self._enable_mouse_pixels()

    def _disable_mouse_support(self) -> None:
        super()._disable_mouse_support()
        if self._mouse and self._mouse_pixels:
            self.write("\x1b[?1016l")

    def write(self, data: str) -> None:
        if not TERMINAL.modern and MODERN.fullmatch(data):
            return
        self._asked += data.endswith(QUESTION)
        super().write(data)

    def process_message(self, message: Message) -> None:
        if isinstance(message, CursorPosition):
            self._answered += 1
        super().process_message(message)

    def start_application_mode(self) -> None:
        super().start_application_mode()  # type: ignore[no-untyped-call]  # Textual's has no types
        if TERMINAL.modern and TERMINAL.colours and TERMINAL.light is None:
            self.write(BACKGROUND)

    def run_input_thread(self) -> None:
        """Read what comes from the terminal until the program leaves it, or it is gone."""
        parser, typed = XTermParser(self._debug), Typed(encoding())
        while not self.exit_event.is_set():
            if select.select([self.fileno], [], [], LOOK)[0]:
                try:
                    taken = os.read(self.fileno, CHUNK)
                except OSError:
                    taken = b""
                if not taken:
                    self._app.call_later(self._app.exit)
                    return
                known = typed.light
                if text := typed.take(taken):
                    self._tell(parser.feed(text))
                if typed.light is not None and typed.light != known:
                    self._tell([BackgroundTold(typed.light)])
            self._tell(parser.tick())

    def _tell(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self.process_message(message)

    def stop_application_mode(self) -> None:
        self.write("\x1b[0m")
        deadline = time.monotonic() + LAST_ANSWERS
        while 0 < self._answered < self._asked and time.monotonic() < deadline and not self._gone():
            time.sleep(0.01)  # meanwhile the thread reads
        super().stop_application_mode()

    def _gone(self) -> bool:
        return self._lasting is None or self._lasting.gone
