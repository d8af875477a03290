"""A stage on which one pane can be tried alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from textual.app import ComposeResult
from textual.widget import Widget

from charwave_tui.ui.drawing.theme import themes
from charwave_tui.ui.terminal.key_queue import SequentialKeysApp


class WidgetHost(SequentialKeysApp[None]):
    """An app with nothing but the widget that `build` makes; its messages are heard with run_test(message_hook=...)."""

    CSS = "Screen { background: $ink-bg; color: $ink-fg; }"

    def __init__(self, build: Callable[[], Widget]) -> None:
        super().__init__()
        self._build = build
        for theme in themes():
            self.register_theme(theme)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes()[0].variables

    def on_mount(self) -> None:
        self.theme = themes()[0].name

    def compose(self) -> ComposeResult:
        yield self._build()

    def screen_text(self) -> str:
        """What a person reads, line by line."""
        return "\n".join(
            "".join(segment.text for segment in strip).rstrip() for strip in self.screen._compositor.render_strips()
        )


IDLE_HORIZON_SECONDS = 0.05
"""Seconds that a pilot looks ahead for what is about to happen: repaints, and what is put off until after them."""


MAX_TIMERS = 8
"""Timers that a pilot waits for at most; some tick for ever."""


async def _wait_for_idle(min_sleep: float = 0.0, max_sleep: float = 0.0) -> None:
    """Wait until the event loop has nothing to do, and nothing that is due soon."""
    loop = asyncio.get_running_loop()
    for _ in range(MAX_TIMERS):
        await asyncio.sleep(0)
        while loop._ready:
            await asyncio.sleep(0)
        soon = [timer.when() for timer in loop._scheduled if not timer.cancelled()]
        if not soon or min(soon) > loop.time() + IDLE_HORIZON_SECONDS:
            return
        await asyncio.sleep(max(min(soon) - loop.time(), 0.0))


@pytest.fixture(autouse=True)
def _wait_for_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pilots wait for the event loop; Textual's own guess by processor time, which a busy machine belies."""
    monkeypatch.setattr("textual.pilot.wait_for_idle", _wait_for_idle)
    monkeypatch.setattr("textual.app.wait_for_idle", _wait_for_idle)


@pytest.fixture
def widget_host() -> type[WidgetHost]:
    return WidgetHost
