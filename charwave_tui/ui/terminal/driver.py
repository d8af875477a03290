"""Textual's Linux driver, made safe against a hang-up, with its own input decoder."""

from __future__ import annotations

import os
import re
import select
import time
from codecs import getincrementaldecoder
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from typing import IO, Any, cast

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.events import CursorPosition
from textual.message import Message

from charwave_tui.ui.terminal.capabilities import TERMINAL, terminal_encoding
from charwave_tui.ui.terminal.frame_pacing import CURSOR_POSITION_REQUEST

BACKGROUND_REQUEST = "\x1b]11;?\x1b\\"  # requests the background colour; not every terminal replies
# of a reply that comes in two parts the first one may have been passed on, up to its semicolon
_BACKGROUND_REPLY = re.compile(
    r"\x1b?\]?1{0,2};rgba?:([0-9a-fA-F]+)/([0-9a-fA-F]+)/([0-9a-fA-F]+)[^\x07\x1b]*(?:\x07|\x1b\\)"
)
_UNFINISHED_REPLY = re.compile(r"\x1b\]1(?:1(?:;[^\x07\x1b]{0,40}\x1b?)?)?$")

KITTY_ESCAPE = "\x1b[27u"  # Esc in kitty's keyboard protocol, which forms no other key with what follows
# not what begins a sequence, nor what editors use with Alt or as another Shift+Tab: [ O ] P X _ ^ \, f b, Delete, Tab
_ESCAPE_ALONE = re.compile(r"\x1b(?=[^\x1b\[O\]PX_^\\fb\x7f\t])")

# before leaving: a terminal without an alternate screen, or tmux after its window has grown, would keep the last frame.
# "Erase below" from the first cell, since "erase all" may move the frame into the history instead
ERASE_SCREEN = "\x1b[H\x1b[J"
EXIT_TIMEOUT = 1.0  # seconds that exit waits for the terminal's replies, which the shell would take for typed text
POLL_INTERVAL = 0.1  # seconds between two looks at whether the input thread shall end
CHUNK_BYTES = 4_096  # bytes

# what old terminals may print: kitty's keyboard protocol, mode requests, pointer shapes
UNSUPPORTED_BY_OLD_TERMINALS = re.compile(r"\x1b\[[<>]\d*u|\x1b\[\?\d+\$p|\x1b\]22;.*", re.DOTALL)


class InputDecoder:
    """Decodes the bytes of the terminal's input; invalid bytes are dropped as line noise.

    Textual decodes UTF-8 alone and ends at the first invalid byte; it takes the reply about the background for keys,
    and an Esc and the key behind it, which a slow line delivers at once, for that key with Alt.

    `light` is whether the terminal has replied that its background is light, None before a reply.
    """

    def __init__(self, encoding: str) -> None:
        self._decoder = getincrementaldecoder(encoding)("ignore")
        self._pending = ""
        self.has_light_background: bool | None = None

    def decode(self, data: bytes) -> str:
        text = self._pending + self._decoder.decode(data)
        self._pending = ""
        if reply := _BACKGROUND_REPLY.search(text):
            self.has_light_background = _luminance(reply.groups()) > 0.5
            text = text[: reply.start()] + text[reply.end() :]
        elif unfinished := _UNFINISHED_REPLY.search(text):
            text, self._pending = text[: unfinished.start()], unfinished[0]
        return _ESCAPE_ALONE.sub(KITTY_ESCAPE, text)


def _luminance(channels: tuple[str, ...]) -> float:
    """Return 0 for black to 1 for white (Rec. 709); a channel is hexadecimal, with any number of digits."""
    values = (int(digits, 16) / float(16 ** len(digits) - 1) for digits in channels)
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), values, strict=True))


@dataclass
class BackgroundDetected(Message):
    """The terminal has replied whether its background is light."""

    is_light: bool


@dataclass
class FrameReply(Message):
    """The terminal has replied to a frame, `delay` seconds after the frame was written.

    Both times are taken in the threads that have the bytes: the event loop may be busy with a new screen meanwhile.
    """

    delay: float


class HangupSafeFile:
    """A terminal's file that accepts writes after the terminal is gone; `is_gone` is set by the first that fails.

    `request_times` has the time of each request for the cursor's position that has no reply yet.

    Textual's writer thread would end at the first error, and whatever writes after it wait for ever; a hang-up makes it
    write, since the system sends SIGCONT along.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.fileno = file.fileno
        self.is_gone = False
        self.request_times: deque[float] = deque()

    def write(self, text: str) -> None:
        if text.endswith(CURSOR_POSITION_REQUEST):
            self.request_times.append(time.monotonic())
        with self._noting_hangup():
            self._file.write(text)

    def flush(self) -> None:
        with self._noting_hangup():
            self._file.flush()

    @contextmanager
    def _noting_hangup(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self.is_gone = True


class TerminalDriver(LinuxDriver):
    """Textual's driver, which survives the loss of its terminal and leaves it neither colours nor unread replies."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._requests = self._replies = 0
        self._read_at = 0.0
        self._safe_file = HangupSafeFile(self._file) if self._file is not None else None
        self._file = cast("TextIOWrapper", self._safe_file)

    @property
    def mouse(self) -> bool:
        """Whether the terminal reports the mouse; while it does not, it selects and copies by itself."""
        return self._mouse

    @mouse.setter
    def mouse(self, is_reported: bool) -> None:
        self._disable_mouse_support()
        self._mouse = is_reported
        self._enable_mouse_support()
        if self._mouse_pixels:
            self._enable_mouse_pixels()

    def _disable_mouse_support(self) -> None:
        super()._disable_mouse_support()
        if self._mouse and self._mouse_pixels:
            self.write("\x1b[?1016l")

    def write(self, data: str) -> None:
        if not TERMINAL.is_modern and UNSUPPORTED_BY_OLD_TERMINALS.fullmatch(data):
            return
        self._requests += data.endswith(CURSOR_POSITION_REQUEST)
        super().write(data)

    def process_message(self, message: Message) -> None:
        if isinstance(message, CursorPosition) and self._safe_file is not None and self._safe_file.request_times:
            self._replies += 1
            message = FrameReply(self._read_at - self._safe_file.request_times.popleft())
        super().process_message(message)

    def start_application_mode(self) -> None:
        super().start_application_mode()  # type: ignore[no-untyped-call]  # Textual's has no types
        if TERMINAL.is_modern and TERMINAL.color_system and TERMINAL.has_light_background is None:
            self.write(BACKGROUND_REQUEST)

    def run_input_thread(self) -> None:
        """Read the terminal's input until the program exits or the terminal is gone."""
        parser, decoder = XTermParser(self._debug), InputDecoder(terminal_encoding())
        while not self.exit_event.is_set():
            if select.select([self.fileno], [], [], POLL_INTERVAL)[0]:
                try:
                    data = os.read(self.fileno, CHUNK_BYTES)
                except OSError:
                    data = b""
                self._read_at = time.monotonic()
                if not data:
                    self._app.call_later(self._app.exit)
                    return
                before = decoder.has_light_background
                if text := decoder.decode(data):
                    self._dispatch(parser.feed(text))
                if decoder.has_light_background is not None and decoder.has_light_background != before:
                    self._dispatch([BackgroundDetected(decoder.has_light_background)])
            self._dispatch(parser.tick())

    def _dispatch(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self.process_message(message)

    def stop_application_mode(self) -> None:
        self.write("\x1b[0m")
        deadline = time.monotonic() + EXIT_TIMEOUT
        while 0 < self._replies < self._requests and time.monotonic() < deadline and not self._is_gone():
            time.sleep(0.01)  # meanwhile the input thread reads
        self.write(ERASE_SCREEN)
        super().stop_application_mode()

    def _is_gone(self) -> bool:
        return self._safe_file is None or self._safe_file.is_gone
