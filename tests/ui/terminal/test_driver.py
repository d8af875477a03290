"""The terminal driver: what it leaves behind, and what happens once the terminal is gone."""

from __future__ import annotations

import io
import os
import pty
import time
import tty
from dataclasses import replace
from threading import Event, Thread

import pytest
from textual.drivers.linux_driver import LinuxDriver
from textual.events import CursorPosition

from charwave_tui.ui.terminal import driver as driver_module
from charwave_tui.ui.terminal.driver import FrameReply, HangupSafeFile, TerminalDriver, TerminalIdentified
from charwave_tui.ui.terminal.frame_pacing import CURSOR_POSITION_REQUEST
from charwave_tui.ui.terminal.identity import TerminalIdentity
from charwave_tui.ui.terminal.input_decoder import InputDecoder


class RecordingDriver(TerminalDriver):
    """The driver without the base class's initialisation."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.passed_on: list[object] = []
        self._requests = self._replies = 0
        self._read_at = 0.0
        self._decoder = InputDecoder("utf-8")
        self._started_at, self._is_identified = float("-inf"), True
        self._probe_columns, self._held = [], []
        self._safe_file = HangupSafeFile(io.StringIO())
        self._mouse, self._mouse_pixels = True, False

    def flush(self) -> None:
        pass


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> RecordingDriver:
    def write(driver: RecordingDriver, text: str) -> None:
        driver.written.append(text)
        driver._safe_file.write(text)

    monkeypatch.setattr(LinuxDriver, "write", write)
    monkeypatch.setattr(LinuxDriver, "process_message", lambda driver, message: driver.passed_on.append(message))
    monkeypatch.setattr(LinuxDriver, "stop_application_mode", lambda driver: driver.write("left"))
    return RecordingDriver()


def test_colours_restored_and_screen_erased_on_exit(driver: RecordingDriver) -> None:
    driver.stop_application_mode()
    assert driver.written == ["\x1b[0m", "\x1b[H\x1b[J", "left"]


def test_exit_waits_for_all_query_replies(driver: RecordingDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        driver.write(f"frame{CURSOR_POSITION_REQUEST}")
    driver.process_message(CursorPosition(0, 0))
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        driver.process_message(CursorPosition(0, 0))

    monkeypatch.setattr("charwave_tui.ui.terminal.driver.time.sleep", wait)
    driver.stop_application_mode()
    assert len(waits) == 2


@pytest.mark.parametrize("why", ["late", "gone", "deaf"])
def test_exit_times_out_without_replies(driver: RecordingDriver, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    monkeypatch.setattr("charwave_tui.ui.terminal.driver.EXIT_TIMEOUT", 0.02 if why == "late" else 60.0)
    driver.write(CURSOR_POSITION_REQUEST)
    driver.write(CURSOR_POSITION_REQUEST)
    if why != "deaf":
        driver.process_message(CursorPosition(0, 0))
    driver._safe_file.is_gone = why == "gone"
    driver.stop_application_mode()
    assert driver.written[-1] == "left"


def test_reply_is_timed_where_its_bytes_are_read(driver: RecordingDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    driver.write(f"frame{CURSOR_POSITION_REQUEST}")
    [written_at] = driver._safe_file.request_times
    driver._read_at = written_at + 0.25
    monkeypatch.setattr(driver_module.time, "monotonic", lambda: written_at + 60)  # when its message is handled
    driver.process_message(CursorPosition(0, 0))
    [reply] = driver.passed_on
    assert isinstance(reply, FrameReply)
    assert reply.delay == pytest.approx(0.25)


def test_cursor_position_without_request_is_no_reply(driver: RecordingDriver) -> None:
    """Shift and F3 look the same in xterm."""
    driver.process_message(CursorPosition(1, 0))
    assert driver._replies == 0
    assert not isinstance(driver.passed_on[0], FrameReply)


@pytest.mark.parametrize("pixels", [False, True])
def test_mouse_released_and_captured_again(driver: RecordingDriver, pixels: bool) -> None:
    driver._mouse_pixels = pixels
    modes = {1000, 1003, 1006, 1015} | ({1016} if pixels else set())
    for reported, way in ((False, "l"), (True, "h")):
        driver.written.clear()
        driver.mouse = reported
        assert driver.mouse is reported
        assert {text for text in driver.written if text.endswith(way)} == {f"\x1b[?{mode}{way}" for mode in modes}
        driver.written.clear()
        driver._disable_mouse_support() if not reported else driver._enable_mouse_support()
        assert bool(driver.written) is reported, "a mouse that is the terminal's is left to it"


MODERN = ["\x1b[>25u", "\x1b[<u", "\x1b[?2026$p", "\x1b[?2048$p", "\x1b]22;default\x1b\\"]
ALWAYS = ["\x1b[?1049h", f"frame{CURSOR_POSITION_REQUEST}"]


def test_old_terminal_is_sent_nothing_modern(driver: RecordingDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_module, "TERMINAL", replace(driver_module.TERMINAL, is_modern=False))
    driver._decoder.identity = TerminalIdentity((), "kitty(0.26.5)")
    for text in (*MODERN, *ALWAYS):
        driver.write(text)
    assert driver.written == ALWAYS


@pytest.mark.parametrize(
    ("identity", "understood"),
    [
        (TerminalIdentity((1, 4000, 26), "kitty(0.26.5)"), MODERN),
        (TerminalIdentity((41, 379, 0), "XTerm(379)"), MODERN[2:]),
        (TerminalIdentity((65, 7006, 1)), MODERN[2:]),
        (TerminalIdentity((64, 0, 0)), MODERN[4:]),
        (TerminalIdentity(), MODERN[4:]),
    ],
    ids=["kitty", "xterm", "VTE", "zutty", "unknown"],
)
def test_requests_wait_until_terminal_is_known_to_understand_them(
    driver: RecordingDriver, identity: TerminalIdentity, understood: list[str]
) -> None:
    driver._is_identified = False
    driver._identify()
    driver.written.clear()
    for text in MODERN[:4]:
        driver.write(text)
    assert driver.written == []
    driver._decoder.identity = identity
    for column in (0, 1):
        driver.process_message(CursorPosition(column, 0))
    driver.write(MODERN[4])
    assert driver.written == understood
    driver.written.clear()
    for text in MODERN:  # as after a suspension
        driver.write(text)
    assert driver.written == understood


@pytest.mark.parametrize(
    ("columns", "is_utf8"), [((0, 1), True), ((-1, 0), True), ((0, 2), False), ((0, 0), True)], ids=str
)
def test_encoding_told_by_columns_of_two_byte_character(
    driver: RecordingDriver, columns: tuple[int, int], is_utf8: bool
) -> None:
    driver._is_identified = False
    driver._identify()
    assert "".join(driver.written).endswith(f"\x1b[H{CURSOR_POSITION_REQUEST}ñ{CURSOR_POSITION_REQUEST}")
    assert driver.seconds_to_identify > 0
    for column in columns:
        driver.process_message(CursorPosition(column, 0))
    assert driver.seconds_to_identify == 0
    [identified] = driver.passed_on
    assert isinstance(identified, TerminalIdentified)
    assert identified.is_utf8 is is_utf8


class App:
    """The methods of the app that the input thread calls."""

    def __init__(self) -> None:
        self.called: list[object] = []

    def call_later(self, what: object) -> None:
        self.called.append(what)

    def exit(self) -> None:
        pass


def test_keys_read_among_other_bytes_until_terminal_closes(
    driver: RecordingDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, programs = pty.openpty()
    heard: list[object] = []
    monkeypatch.setattr(driver, "process_message", heard.append)
    driver.fileno, driver.exit_event, driver._debug, driver._app = programs, Event(), False, App()  # type: ignore[assignment]
    os.set_blocking(programs, True)
    tty.setraw(programs)
    os.write(ours, b"t\xff\xfe\x1b]11;rgb:ffff/ffff/ffff\x1b\\g\x1b[A")
    reading = Thread(target=driver.run_input_thread)
    reading.start()
    deadline = time.monotonic() + 10
    while len(heard) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.close(ours)
    reading.join(10)
    os.close(programs)
    assert [getattr(message, "key", None) for message in heard] == ["t", "g", "up", None]
    assert isinstance(heard[3], driver_module.BackgroundDetected)
    assert heard[3].is_light
    assert driver._app.called == [driver._app.exit]


def test_write_to_closed_terminal_is_no_error() -> None:
    ours, programs = pty.openpty()
    with os.fdopen(programs, "w", encoding="utf-8") as terminal:
        lasting = HangupSafeFile(terminal)
        lasting.write("here")
        lasting.flush()
        assert os.read(ours, 10) == b"here"
        os.close(ours)
        assert not lasting.is_gone
        lasting.write("x" * 2 * io.DEFAULT_BUFFER_SIZE)
        lasting.flush()
        assert lasting.is_gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), programs)  # so that what is left over can be written at the end
