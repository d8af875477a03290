"""The way to the terminal: what it leaves behind, and what happens once there is no terminal."""

from __future__ import annotations

import io
import os
import pty

import pytest
from textual.drivers.linux_driver import LinuxDriver
from textual.events import CursorPosition

from charwave_tui.ui.driver import LastingFile, TerminalDriver
from charwave_tui.ui.line_speed import QUESTION


class Bare(TerminalDriver):
    """The driver without Textual's half."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self._asked = self._answered = 0
        self._lasting = LastingFile(io.StringIO())


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Bare:
    monkeypatch.setattr(LinuxDriver, "write", lambda driver, text: driver.written.append(text))
    monkeypatch.setattr(LinuxDriver, "process_message", lambda driver, message: None)
    monkeypatch.setattr(LinuxDriver, "stop_application_mode", lambda driver: driver.write("left"))
    return Bare()


def test_the_terminal_is_given_back_in_its_own_colours(driver: Bare) -> None:
    driver.stop_application_mode()
    assert driver.written == ["\x1b[0m", "left"]


def test_it_leaves_once_all_questions_are_answered(driver: Bare, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        driver.write(f"frame{QUESTION}")
    driver.process_message(CursorPosition(0, 0))
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        driver.process_message(CursorPosition(0, 0))

    monkeypatch.setattr("charwave_tui.ui.driver.time.sleep", wait)
    driver.stop_application_mode()
    assert len(waits) == 2


@pytest.mark.parametrize("why", ["late", "gone", "deaf"])
def test_it_leaves_without_answers_that_do_not_come(driver: Bare, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    monkeypatch.setattr("charwave_tui.ui.driver.LAST_ANSWERS", 0.02 if why == "late" else 60.0)
    driver.write(QUESTION)
    driver.write(QUESTION)
    driver._answered = 0 if why == "deaf" else 1
    driver._lasting.gone = why == "gone"
    driver.stop_application_mode()
    assert driver.written[-1] == "left"


def test_writing_to_a_terminal_that_is_gone_is_no_error() -> None:
    ours, programs = pty.openpty()
    with os.fdopen(programs, "w", encoding="utf-8") as terminal:
        lasting = LastingFile(terminal)
        lasting.write("here")
        lasting.flush()
        assert os.read(ours, 10) == b"here"
        os.close(ours)
        assert not lasting.gone
        lasting.write("x" * 2 * io.DEFAULT_BUFFER_SIZE)
        lasting.flush()
        assert lasting.gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), programs)  # so that what is left over can be written at the end
