"""`charwave-tui` alone: whether it opens the playground, and with what; plain output where there is no terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.pty_screen import PtyScreen, playground_command

from charwave_tui.cli.commands import play
from charwave_tui.core.config.presets import presets
from charwave_tui.core.paths import runs_dir
from charwave_tui.ui.app import CharwaveApp
from charwave_tui.ui.terminal.diff_renderer import DEFAULT_FPS
from charwave_tui.ui.terminal.driver import TerminalDriver


@pytest.fixture
def mouse_settings() -> list[bool]:
    """Whether each that was opened takes the mouse."""
    return []


@pytest.fixture
def opened_playgrounds(monkeypatch: pytest.MonkeyPatch, mouse_settings: list[bool]) -> list[CharwaveApp]:
    """The playgrounds that were opened; each ends at once with a line to say."""
    apps: list[CharwaveApp] = []

    def run(app: CharwaveApp, *, mouse: bool) -> str:
        apps.append(app)
        mouse_settings.append(mouse)
        return "goodbye"

    monkeypatch.setattr(CharwaveApp, "run", run)
    monkeypatch.setattr(play, "stdio_is_terminal", lambda: True)
    return apps


def test_play_opens_with_options_and_prints_exit_message(
    command: Any, opened_playgrounds: list[CharwaveApp], words: Path
) -> None:
    printed = command("--preset", "tree-22k", "--corpus", str(words), "--set", "lr=0.05", "--theme", "light")
    assert (printed.code, printed.out, printed.err) == (0, "goodbye\n", "")
    form = opened_playgrounds[0]._lab.form
    assert form.draft.preset == "tree-22k"
    assert form.draft.config == presets()["tree-22k"].config.with_values({"corpus": str(words), "lr": 0.05})
    assert opened_playgrounds[0].theme == "charwave-light"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ((), False),
        (("--theme", "light"), False),
        (("--preset", "mlp-3"), True),
        (("--corpus", "imena"), True),
        (("--set", "lr=0.05"), True),
    ],
)
def test_play_knows_when_config_was_named(
    command: Any, opened_playgrounds: list[CharwaveApp], options: tuple[str, ...], named: bool
) -> None:
    command(*options)
    assert opened_playgrounds[0]._lab._form._keeps_config is named


def test_relative_path_reaches_engine_as_absolute(
    command: Any, opened_playgrounds: list[CharwaveApp], words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(words.parent)
    command("--corpus", words.name)
    assert opened_playgrounds[0]._lab.form.draft.config.corpus == str(words)


def test_user_error_in_options_reported_before_screen_opens(
    command: Any, opened_playgrounds: list[CharwaveApp]
) -> None:
    assert command("--set", "lr=99").code == 2
    assert opened_playgrounds == []


def test_without_terminal_commands_printed_and_nothing_trained(command: Any) -> None:
    printed = command("--preset", "mlp-3")
    assert (printed.code, printed.err) == (0, "")
    assert "nothing was trained" in printed.out
    assert not runs_dir().exists()
    for name in ("train", "sample", "inspect", "data fetch", "serve"):
        assert f"charwave-tui {name}" in printed.out


def test_driver_of_another_program_opens_playground_without_terminal(
    command: Any, opened_playgrounds: list[CharwaveApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(play, "stdio_is_terminal", lambda: False)
    monkeypatch.setenv("TEXTUAL_DRIVER", "textual.drivers.web_driver:WebDriver")
    command()
    assert [app.driver_class is TerminalDriver for app in opened_playgrounds] == [False]


@pytest.mark.parametrize(
    ("stdin", "stdout", "term", "expected"),
    [
        (True, True, "xterm-256color", True),
        (True, True, "dumb", False),
        (True, True, "", False),
        (True, True, None, False),
        (False, True, "xterm", False),
        (True, False, "xterm", False),
        (None, True, "xterm", False),
    ],
)
def test_screen_needs_two_terminals_with_cursor_addressing(
    stdin: bool | None, stdout: bool, term: str | None, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stream(is_terminal: bool | None) -> object:
        return None if is_terminal is None else type("Stream", (), {"isatty": lambda self: is_terminal})()

    monkeypatch.setattr(play.sys, "stdin", stream(stdin))
    monkeypatch.setattr(play.sys, "stdout", stream(stdout))
    if term is None:
        monkeypatch.delenv("TERM", raising=False)
    else:
        monkeypatch.setenv("TERM", term)
    assert play.stdio_is_terminal() is expected


def test_dumb_terminal_is_told_the_commands() -> None:
    with PtyScreen(playground_command(), 100, 60, TERM="dumb") as screen:
        assert screen.wait_exit() == 0
        assert "With a terminal (ssh -t, TERM set), charwave-tui opens the playground." in screen.text
        assert screen.modes == set()


def test_screen_updates_120_times_per_second_by_default() -> None:
    code = """
import sys, types
from charwave_tui.cli.commands import play
from charwave_tui.cli.main import main

class CharwaveApp:
    fault = return_code = None
    def __init__(self, *given): pass
    def run(self, mouse):
        from textual.screen import UPDATE_PERIOD
        return str(UPDATE_PERIOD)

sys.modules["charwave_tui.ui.app"] = types.ModuleType("app")
sys.modules["charwave_tui.ui.app"].CharwaveApp = CharwaveApp
play.stdio_is_terminal = lambda: True
main([])
"""
    environment = {name: value for name, value in os.environ.items() if name != "TEXTUAL_FPS"}
    completed = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=True, timeout=60
    )
    assert float(completed.stdout) == 1 / 120


def test_frame_rate_follows_option(command: Any, opened_playgrounds: list[CharwaveApp]) -> None:
    command("--fps", "2")
    command()
    assert [app._fps for app in opened_playgrounds] == [2, DEFAULT_FPS]


def test_mouse_enabled_unless_disabled_by_option(
    command: Any, opened_playgrounds: list[CharwaveApp], mouse_settings: list[bool]
) -> None:
    command()
    command("--no-mouse")
    assert mouse_settings == [True, False]


@pytest.mark.parametrize("fps", ["0", "31", "2.5", "many", "²"])
def test_impossible_frame_rate_refused(command: Any, fps: str) -> None:
    refused = command("--fps", fps)
    assert refused.code == 2
    assert f"argument --fps: {fps} is not a whole number from 1 to 30" in refused.err
