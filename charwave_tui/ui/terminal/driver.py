"""Textual's Linux driver, hang-up safe; input decoding."""

from __future__ import annotations

import os
import re
import select
import time
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import IO, Any, cast

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.events import CursorPosition
from textual.message import Message

from charwave_tui.ui.terminal.capabilities import TERMINAL, encoding
from charwave_tui.ui.terminal.frame_pacing import CURSOR_POSITION_REQUEST

BACKGROUND = "\x1b]11;?\x1b\\"
"""Asks the terminal for the colour of its background; not all answer."""


# of an answer that comes in two parts the first one may have been passed on, up to its semicolon
_ANSWER = re.compile(r"\x1b?\]?1{0,2};rgba?:([0-9a-fA-F]+)/([0-9a-fA-F]+)/([0-9a-fA-F]+)[^\x07\x1b]*(?:\x07|\x1b\\)")


_UNFINISHED = re.compile(r"\x1b\]1(?:1(?:;[^\x07\x1b]{0,40}\x1b?)?)?$")


ESCAPE = "\x1b[27u"
"""Esc as the keyboard protocol of kitty spells it, which is no other key whatever comes behind it."""


# not what begins a sequence, nor what editors know with Alt or as another Shift+Tab: [ O ] P X _ ^ \, f b, Delete, Tab
_ALONE = re.compile(r"\x1b(?=[^\x1b\[O\]PX_^\\fb\x7f\t])")


_WEIGHTS = (0.2126, 0.7152, 0.0722)


class InputDecoder:
    """Takes bytes and gives text; bytes that are none in the encoding are left out, as noise on a line is.

    Textual takes UTF-8 alone and ends at the first other byte, and takes that answer for keys, each of which means
    something. An Esc and the key behind it, which a slow line delivers at once, it takes for that key with Alt, which
    means nothing here.
    """

    def __init__(self, encoding: str) -> None:
        self._decoder = getincrementaldecoder(encoding)("ignore")
        self._held = ""
        self.light: bool | None = None
        """Whether the terminal has answered that its background is light; None before it has."""

    def take(self, typed: bytes) -> str:
        """The text of the next bytes."""
        text = self._held + self._decoder.decode(typed)
        self._held = ""
        if answer := _ANSWER.search(text):
            self.light = _luminance(answer.groups()) > 0.5
            text = text[: answer.start()] + text[answer.end() :]
        elif unfinished := _UNFINISHED.search(text):
            text, self._held = text[: unfinished.start()], unfinished[0]
        return _ALONE.sub(ESCAPE, text)


def _luminance(channels: tuple[str, ...]) -> float:
    """From 0 for black to 1 for white; a channel is hexadecimal, with as many digits as the terminal likes."""
    shares = (int(digits, 16) / float(16 ** len(digits) - 1) for digits in channels)
    return sum(weight * share for weight, share in zip(_WEIGHTS, shares, strict=True))


LAST_ANSWERS = 1.0
"""Seconds that leaving waits for the terminal's answers, which the shell would take for typed text."""


LOOK = 0.1
"""Seconds between two looks at whether the reading of keys shall end."""


CHUNK = 4_096
"""Bytes read at once."""


MODERN = re.compile(r"\x1b\[[<>]\d*u|\x1b\[\?\d+\$p|\x1b\]22;.*", re.DOTALL)
"""What old terminals may write on the screen: the keyboard of kitty, questions about modes, forms of the pointer."""


class BackgroundDetected(Message):
    """The terminal has answered whether its background is light."""

    def __init__(self, light: bool) -> None:
        super().__init__()
        self.light = light


class HangupSafeFile:
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
        self._lasting = HangupSafeFile(self._file) if self._file is not None else None
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
        self._asked += data.endswith(CURSOR_POSITION_REQUEST)
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
        parser, typed = XTermParser(self._debug), InputDecoder(encoding())
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
                    self._dispatch(parser.feed(text))
                if typed.light is not None and typed.light != known:
                    self._dispatch([BackgroundDetected(typed.light)])
            self._dispatch(parser.tick())

    def _dispatch(self, messages: Iterable[Message]) -> None:
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
