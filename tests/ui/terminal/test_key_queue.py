"""Sequential keys: each of a burst goes to the focus that the ones before it set, and none is lost or stuck."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import pytest
from support import lab_states as scenes
from support.fake_engine import SimulatedEngine, StaticEngine
from support.pilot import NARROW, WIDE, lab_screen, make_playground, run_playground, screen_text, type_burst, wait_until
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from charwave_tui.ui.inspector.screen import InspectorScreen
from charwave_tui.ui.runs.screen import RunsScreen
from charwave_tui.ui.terminal import key_queue
from charwave_tui.ui.terminal.key_queue import SequentialKeysApp


class KeyRecorder(Widget, can_focus=True):
    """A widget that handles keys slowly."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("a", "say('a')"), Binding("x", "vanish"), Binding("n", "next")]

    def action_say(self, letter: str) -> None:
        self.app.said.append(f"{self.id} {letter}")

    async def _on_key(self, event: events.Key) -> None:
        await asyncio.sleep(0.001)
        if event.key == "b":
            event.stop()
            self.app.said.append(f"{self.id} b")

    def action_next(self) -> None:
        self.screen.focus_next()

    async def action_vanish(self) -> None:
        await self.remove()


class KeyRecorderApp(SequentialKeysApp[None]):
    """An app with two such widgets and an input."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def compose(self) -> ComposeResult:
        yield KeyRecorder(id="one")
        yield KeyRecorder(id="two")
        yield Input()


async def test_key_burst_handled_in_order_and_sent_to_new_focus():
    app = KeyRecorderApp()
    async with app.run_test() as pilot:
        app.query_one("#one").focus()
        await pilot.pause()
        await type_burst(pilot, *"abnbanab")
        assert app.said == ["one a", "one b", "two b", "two a"]
        assert app.query_one(Input).value == "ab"


async def test_paste_queued_behind_key():
    app = KeyRecorderApp()
    async with app.run_test() as pilot:
        app.query_one("#two").focus()
        await pilot.pause()
        for event in (events.Key("n", "n"), events.Paste("pasted"), events.Key("exclamation_mark", "!")):
            app.post_message(event)
        await pilot.pause()
        assert app.query_one(Input).value == "pasted!"


async def test_widget_removed_by_its_key_leaves_keyboard_working():
    app = KeyRecorderApp()
    async with app.run_test() as pilot:
        app.query_one("#one").focus()
        await pilot.pause()
        await type_burst(pilot, *"axab")
        await wait_until(pilot, lambda: app.query_one(Input).value == "ab")  # which has the focus then
        assert app.said == ["one a"]


async def test_widget_that_stops_bubbling_delays_next_key_briefly(monkeypatch):
    monkeypatch.setattr(key_queue, "KEY_TIMEOUT", 0.02)
    monkeypatch.setattr(SequentialKeysApp, "_follow", lambda self, typed, way, laps, screen: asyncio.sleep(0))
    app = KeyRecorderApp()
    async with app.run_test() as pilot:
        app.query_one("#one").focus()
        await pilot.pause()
        await type_burst(pilot, *"aba")
        await wait_until(pilot, lambda: app.said == ["one a", "one b", "one a"])


async def test_burst_moves_cursor_and_opens_that_layer():
    async with run_playground(StaticEngine(scenes.TRAINING), WIDE) as pilot:
        await type_burst(pilot, "3", "down", "down", "i")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, InspectorScreen))
        await wait_until(pilot, lambda: "layer 3 of 14" in screen_text(pilot.app))
        await type_burst(pilot, "escape", "1", "down", "enter", "1", "6", "enter", "r")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
        assert lab_screen(pilot).form.draft.config.context == 16


@pytest.mark.parametrize("screen", ["r", "n", "question_mark"])
async def test_burst_opens_screen_and_returns(screen):
    async with run_playground(StaticEngine(scenes.TRAINING), WIDE) as pilot:
        await type_burst(pilot, screen, "escape", "3", "down", "down", "i", "escape", "down", "i")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, InspectorScreen))
        await wait_until(pilot, lambda: "layer 4 of 14" in screen_text(pilot.app))


async def test_long_burst_handled_completely():
    async with run_playground(SimulatedEngine(), NARROW) as pilot:
        await type_burst(pilot, *["down", "up"] * 200, "down", "enter", *"17", *["backspace"] * 30, *"9", "enter")
        await wait_until(pilot, lambda: lab_screen(pilot).form.draft.config.context == 9)


def test_playground_uses_key_queue():
    assert isinstance(make_playground(SimulatedEngine()), SequentialKeysApp)
