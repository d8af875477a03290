"""Textual's Linux driver, made safe against a hang-up, which asks the terminal only what it understands."""

from __future__ import annotations

import os
import re
import select
import time
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

from charwave_tui.ui.terminal.capabilities import TERMINAL, CharacterSet, terminal_encoding
from charwave_tui.ui.terminal.frame_pacing import CURSOR_POSITION_REQUEST
from charwave_tui.ui.terminal.identity import (
    IDENTITY_REQUEST,
    KITTY_KEYBOARD_SEQUENCE,
    MODE_REQUEST,
    TerminalIdentity,
)
from charwave_tui.ui.terminal.input_decoder import InputDecoder

BACKGROUND_REQUEST = "\x1b]11;?\x1b\\"  # requests the background colour; not every terminal replies

# before leaving: a terminal without an alternate screen, or tmux after its window has grown, would keep the last frame.
# "Erase below" from the first cell, since "erase all" may move the frame into the history instead
ERASE_SCREEN = "\x1b[H\x1b[J"
EXIT_TIMEOUT = 1.0  # seconds that exit waits for the terminal's replies, which the shell would take for typed text
POLL_INTERVAL = 0.1  # seconds between two looks at whether the input thread shall end
CHUNK_BYTES = 4_096  # bytes

# what the Linux console and real terminals may print: kitty's keyboard protocol, mode requests, pointer shapes
UNSUPPORTED_BY_OLD_TERMINALS = re.compile(
    rf"{KITTY_KEYBOARD_SEQUENCE.pattern}|{MODE_REQUEST.pattern}|\x1b\]22;.*", re.DOTALL
)

IDENTITY_TIMEOUT = 0.5  # seconds after the start in which the first frame waits for the terminal's replies
# two bytes in UTF-8, of which no other encoding makes a control character, and one column also where characters of
# ambiguous width have two
ENCODING_PROBE = "ñ"


@dataclass
class BackgroundDetected(Message):
    """The terminal has replied whether its background is light."""

    is_light: bool


@dataclass
class TerminalIdentified(Message):
    """The terminal has replied to the first requests; `is_utf8` is None where it was not asked."""

    identity: TerminalIdentity
    is_utf8: bool | None


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
        self._decoder = InputDecoder(terminal_encoding())
        self._started_at = float("-inf")
        self._is_identified = False
        self._probe_columns: list[int] = []
        self._held: list[str] = []
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

    @property
    def seconds_to_identify(self) -> float:
        """The seconds for which the first frame shall wait for the terminal's replies; 0 for none."""
        return 0.0 if self._is_identified else max(self._started_at + IDENTITY_TIMEOUT - time.monotonic(), 0.0)

    def write(self, data: str) -> None:
        if not TERMINAL.is_modern and UNSUPPORTED_BY_OLD_TERMINALS.fullmatch(data):
            return
        if not self._decoder.identity.understands(data):
            if not self._is_identified:
                self._held.append(data)
            return
        self._requests += data.endswith(CURSOR_POSITION_REQUEST)
        super().write(data)

    def process_message(self, message: Message) -> None:
        if isinstance(message, CursorPosition) and self._safe_file is not None and self._safe_file.request_times:
            self._replies += 1
            delay = self._read_at - self._safe_file.request_times.popleft()
            if not self._is_identified:
                self._probe_columns.append(message.x)
                if len(self._probe_columns) == 2:
                    self._identified()
                return
            message = FrameReply(delay)
        super().process_message(message)

    def _identify(self) -> None:
        """Ask what the terminal is, and in which column it is before and after the probe."""
        self._decoder.awaits_identity = True
        self._started_at = time.monotonic()
        request = IDENTITY_REQUEST if TERMINAL.is_modern else ""
        self.write(f"{request}\x1b[H{CURSOR_POSITION_REQUEST}")
        self.write(f"{ENCODING_PROBE if self._asks_encoding else ''}{CURSOR_POSITION_REQUEST}")

    @property
    def _asks_encoding(self) -> bool:
        return TERMINAL.character_set is not CharacterSet.ASCII

    def _identified(self) -> None:
        self._is_identified, self._decoder.awaits_identity = True, False
        held, self._held = self._held, []
        for data in held:
            self.write(data)
        # the difference, since dvtm counts from 0; an emulator without a cursor has none
        before, after = self._probe_columns
        is_utf8 = after - before <= 1 if self._asks_encoding else None
        super().process_message(TerminalIdentified(self._decoder.identity, is_utf8))

    def start_application_mode(self) -> None:
        super().start_application_mode()  # type: ignore[no-untyped-call]  # Textual's has no types
        if not self._is_identified:
            self._identify()
        if TERMINAL.is_modern and TERMINAL.color_system and TERMINAL.has_light_background is None:
            self.write(BACKGROUND_REQUEST)

    def run_input_thread(self) -> None:
        """Read the terminal's input until the program exits or the terminal is gone."""
        parser, decoder = XTermParser(self._debug), self._decoder
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
            elif text := decoder.flush():
                self._dispatch(parser.feed(text))
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
