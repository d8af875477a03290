"""A stage on which one pane can be tried alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.app import App, ComposeResult
from textual.widget import Widget

from charwave_tui.ui.themes import themes


class Stage(App[None]):
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


@pytest.fixture(autouse=True)
def _quick_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often whether a program under test has come to rest; Textual looks 50 times a second."""
    monkeypatch.setattr("textual._wait.SLEEP_GRANULARITY", 0.008)
    monkeypatch.setattr("textual._wait.SLEEP_IDLE", 0.0008)


@pytest.fixture
def stage() -> type[Stage]:
    return Stage
