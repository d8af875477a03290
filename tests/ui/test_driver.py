"""The way to the terminal: what it leaves behind, and what happens once there is no terminal."""

from __future__ import annotations

import io
import os
import pty

import pytest
from textual.drivers.linux_driver import LinuxDriver

from charwave_tui.ui.driver import LastingFile, TerminalDriver


def test_the_terminal_is_given_back_in_its_own_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(LinuxDriver, "stop_application_mode", lambda driver: driver.write("left"))
    monkeypatch.setattr(TerminalDriver, "__init__", lambda driver: None)
    monkeypatch.setattr(TerminalDriver, "write", lambda driver, text: written.append(text))
    TerminalDriver().stop_application_mode()
    assert written == ["\x1b[0m", "left"]


def test_writing_to_a_terminal_that_is_gone_is_no_error() -> None:
    ours, programs = pty.openpty()
    with os.fdopen(programs, "w", encoding="utf-8") as terminal:
        lasting = LastingFile(terminal)
        lasting.write("here")
        lasting.flush()
        assert os.read(ours, 10) == b"here"
        os.close(ours)
        lasting.write("x" * 2 * io.DEFAULT_BUFFER_SIZE)
        lasting.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), programs)  # so that what is left over can be written at the end
