"""The word of a slow line: none on a busy machine, and soon on a throttled line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from charwave_tui.bench.screen_emulator import ScreenEmulator
from charwave_tui.bench.terminal_driver import PtyProcess, ThrottledLink

COLUMNS, ROWS = 60, 12

# frames of some 60 and 600 bytes, with screens that take half a second to mount (`slow`) or with none
PROGRAM = """
import sys, time
from textual.screen import Screen
from textual.widgets import Static
from charwave_tui.ui.terminal.diff_renderer import DiffRenderingApp

class SlowScreen(Screen):
    def on_mount(self):
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            pass

class Program(DiffRenderingApp):
    CSS = "* { height: 1fr; }"
    ticks, notices = 0, set()

    def compose(self):
        yield Static(id="text")

    def on_mount(self):
        self.set_interval(0.1, self.tick)

    def tick(self):
        self.ticks += 1
        self.notices.add(self.connection_notice)
        rows = 10 if self.ticks % 8 else 1
        text = (chr(97 + self.ticks % 26) * 59 + "\\n") * rows
        self.query_one("#text").update(f"<{self.connection_notice}>\\n{text}")
        if self.ticks == 30:
            self.exit()

    def _paint(self):
        before = self._painted_at
        super()._paint()
        if "slow" in sys.argv and self._painted_at != before and len(self.screen_stack) == 1:
            self.call_next(self.push_screen, SlowScreen())  # the reply to the frame comes meanwhile
            self.set_timer(0.2, self.pop_screen)

    def query_one(self, selector):
        return self.screen_stack[0].query_one(selector)

program = Program(fps=None)
program.run()
open(sys.argv[1], "w").write(" ".join(sorted(program.notices)))
"""


@pytest.fixture
def busy_cores() -> Iterator[None]:
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    yield
    for process in spinning:
        process.kill()
        process.wait()


@pytest.mark.usefixtures("busy_cores")
def test_screens_that_mount_slowly_on_busy_machine_are_no_slow_line(tmp_path: Path) -> None:
    with PtyProcess([sys.executable, "-c", PROGRAM, str(tmp_path / "notices"), "slow"], COLUMNS, ROWS) as terminal:
        ThrottledLink(terminal, ScreenEmulator(COLUMNS, ROWS), delay=0.02).carry(lambda: False, 60)
    assert (tmp_path / "notices").read_text("utf-8") == ""


def test_throttled_line_is_told_within_two_seconds(tmp_path: Path) -> None:
    screen = ScreenEmulator(COLUMNS, ROWS)
    with PtyProcess([sys.executable, "-c", PROGRAM, str(tmp_path / "notices")], COLUMNS, ROWS) as terminal:
        link = ThrottledLink(terminal, screen)
        assert link.carry(lambda: "eee" in screen, 60)
        link.rate = 2_000
        assert link.carry(lambda: "<slow line [0-9.]+ KB/s>" in screen, 2.0)
