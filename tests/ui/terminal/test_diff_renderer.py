"""The playground on an emulated terminal, which shows what Textual rendered."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from dataclasses import replace

import pyte
import pytest
from support import lab_states as scenes
from support.fake_engine import SimulatedEngine, StaticEngine
from support.pilot import NARROW, WIDE, lab_screen, run_playground, screen_text, wait_until
from textual import events
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot

from charwave_tui.core.protocol.events import Progress
from charwave_tui.ui.terminal import diff_renderer
from charwave_tui.ui.terminal.capabilities import detect_capabilities
from charwave_tui.ui.terminal.frame_pacing import CURSOR_POSITION_REQUEST, SLOW_LINE_COUNT


class RecordedTerminal:
    """The frames of the driver and an emulated terminal, which a new size leaves in disorder."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(*WIDE)
        self.written: list[str] = []
        self.acknowledges = True
        self.gc_freezes: list[bool] = []
        self._stream = pyte.Stream(self.screen)

    def write(self, driver: HeadlessDriver, text: str) -> None:
        self.written.append(text)
        self._stream.feed(text)
        if text.endswith(CURSOR_POSITION_REQUEST) and self.acknowledges:
            driver.process_message(events.CursorPosition(0, 0))

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(rows, columns)
        self._stream.feed("\x1b[Hdisorder")

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> RecordedTerminal:
    played = RecordedTerminal()
    monkeypatch.setattr(diff_renderer, "freeze_gc", lambda: played.gc_freezes.append(True))
    monkeypatch.setattr(HeadlessDriver, "is_headless", False)
    monkeypatch.setattr(HeadlessDriver, "write", lambda driver, text: played.write(driver, text))
    return played


async def assert_same_screen(pilot: Pilot[str], terminal: RecordedTerminal) -> None:
    await wait_until(pilot, lambda: terminal.text() == screen_text(pilot.app))


async def test_first_screen_objects_frozen_out_of_garbage_collection(
    terminal: RecordedTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diff_renderer, "FREEZE_GC_DELAY", 0.01)
    async with run_playground(StaticEngine(scenes.FINISHED)) as pilot:
        await wait_until(pilot, lambda: terminal.gc_freezes == [True])


def test_existing_objects_frozen_and_later_ones_collected() -> None:
    code = """
import gc, weakref
from charwave_tui.ui.terminal.diff_renderer import freeze_gc
class Thing: pass
freeze_gc()
assert gc.get_freeze_count() > 1_000
thing = Thing()
thing.itself, seen = thing, weakref.ref(thing)
del thing
gc.collect()
assert seen() is None
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


async def test_terminal_shows_correct_screen_through_whole_session(terminal: RecordedTerminal) -> None:
    async with run_playground(SimulatedEngine()) as pilot:
        await assert_same_screen(pilot, terminal)
        for key in ("t", "down", "down", "enter", "escape", "2", "l", "question_mark", "escape", "r", "escape", "q"):
            await pilot.press(key)
            await assert_same_screen(pilot, terminal)
        await pilot.press("escape")
        for size in (NARROW, WIDE):
            terminal.resize(*size)
            await pilot.resize_terminal(*size)
            await assert_same_screen(pilot, terminal)
        pilot.app.theme = "charwave-light"
        await pilot.pause()
        await assert_same_screen(pilot, terminal)


async def test_screenshot_has_characters_and_colours_of_terminal(
    terminal: RecordedTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    poor = replace(detect_capabilities({"TERM": "xterm"}, "ascii", lambda name: 8), is_modern=True)
    monkeypatch.setattr(diff_renderer, "TERMINAL", poor)
    async with run_playground(StaticEngine(scenes.TRAINING)) as pilot:
        pilot.app.theme = poor.default_theme
        await wait_until(pilot, lambda: all(late in terminal.text() for late in ("1,512", "200k steps", "Quit")))
        svg, shown = pilot.app.export_screenshot(), terminal.text()
    drawn: dict[float, list[tuple[float, str]]] = {}
    for x, y, text in re.findall(r'<text class="\S+-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>', svg):
        drawn.setdefault(float(y), []).append((float(x), html.unescape(text)))
    told = ["".join("".join(text for _, text in sorted(drawn[y])).split()) for y in sorted(drawn)]  # less its blanks
    assert [line for line in told if line] == ["".join(line.split()) for line in shown.splitlines() if line]
    train, val = "#00ffff", "#ffff00"  # as xterm mixes bright cyan and bright yellow
    assert {train, val} <= set(re.findall(r"fill: (#[0-9a-f]{6})", svg))


@pytest.mark.parametrize("screen", ["escape", "r"])
async def test_foreign_output_on_terminal_cleared_by_key(terminal: RecordedTerminal, screen: str) -> None:
    async with run_playground(StaticEngine(scenes.FINISHED)) as pilot:
        await pilot.press(screen)
        await assert_same_screen(pilot, terminal)
        terminal.screen.draw("Broadcast message from root: the machine goes down for reboot")
        assert terminal.text() != screen_text(pilot.app)
        await pilot.press("ctrl+l")
        await assert_same_screen(pilot, terminal)


async def test_suspend_repaints_all_then_only_changes(terminal: RecordedTerminal) -> None:
    async with run_playground(StaticEngine(scenes.TRAINING)) as pilot:
        await wait_until(pilot, lambda: all(late in screen_text(pilot.app) for late in ("1,512", "200k steps")))
        await assert_same_screen(pilot, terminal)
        terminal.screen.reset()
        pilot.app.app_resume_signal.publish(pilot.app)
        await assert_same_screen(pilot, terminal)
        terminal.written.clear()
        await pilot.press("down")
        await assert_same_screen(pilot, terminal)
        assert 0 < len("".join(terminal.written).encode()) < 1_500, "of a screen of some 8,000"


async def test_congested_line_drops_frames_and_shows_last_one(terminal: RecordedTerminal) -> None:
    engine = StaticEngine(scenes.TRAINING)
    async with run_playground(engine) as pilot:
        await assert_same_screen(pilot, terminal)
        terminal.acknowledges = False
        pilot.app._pacer.frame_sent(9_000)  # type: ignore[attr-defined]
        terminal.written.clear()
        for step in (150_100, 150_200, 150_300):
            engine.emit(Progress(step, 1_500.0, (), None))
            await wait_until(pilot, lambda step=step: lab_screen(pilot).run.step == step)  # type: ignore[misc]
            await pilot.press("down")
        await wait_until(pilot, lambda: "150,300" in screen_text(pilot.app))
        assert terminal.written == []
        terminal.acknowledges = True
        pilot.app.post_message(events.CursorPosition(0, 0))
        await assert_same_screen(pilot, terminal)
        assert len(terminal.written) <= 2
        assert "150,100" not in "".join(terminal.written)


async def test_background_updates_limited_and_keys_shown_at_once(terminal: RecordedTerminal) -> None:
    engine = StaticEngine(scenes.TRAINING)
    async with run_playground(engine, fps=1) as pilot:
        await assert_same_screen(pilot, terminal)
        pilot.app._key_at = float("-inf")  # type: ignore[attr-defined]
        terminal.written.clear()
        engine.emit(Progress(150_100, 1_500.0, (), None))
        await wait_until(pilot, lambda: "150,100" in screen_text(pilot.app))
        engine.emit(Progress(150_200, 1_500.0, (), None))
        await wait_until(pilot, lambda: "150,200" in screen_text(pilot.app))
        assert len(terminal.written) <= 1
        assert "150,200" not in terminal.text()
        await pilot.press("down")
        await wait_until(pilot, lambda: terminal.text() == screen_text(pilot.app))
        assert len(terminal.written) <= 3


async def test_repeatedly_congested_line_is_reported(terminal: RecordedTerminal) -> None:
    async with run_playground(StaticEngine(scenes.TRAINING)) as pilot:
        await assert_same_screen(pilot, terminal)
        assert "slow line" not in screen_text(pilot.app)
        terminal.acknowledges = False
        for delay in (0.0, *[0.51] * SLOW_LINE_COUNT):
            pilot.app._pacer.frame_sent(1_000)  # type: ignore[attr-defined]
            pilot.app._pacer.reply_received(delay)  # type: ignore[attr-defined]
        await wait_until(pilot, lambda: "slow line 2.0 KB/s" in screen_text(pilot.app).splitlines()[0])
