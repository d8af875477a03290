"""`charwave-tui` alone: whether it opens the playground, and with what; plain output where there is no terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.pty_screen import PtyScreen, playground_command

from charwave_tui.cli.commands import play
from charwave_tui.cli.commands import play as play_module
from charwave_tui.core.config.presets import presets
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.metrics import RunState
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.ui.app import CharwaveApp
from charwave_tui.ui.terminal.diff_renderer import DEFAULT_FPS


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


def test_without_terminal_same_config_trains_in_plain_output(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[RunConfig, str]] = []

    def show(config: RunConfig, preset: str) -> int:
        shown.append((config, preset))
        return 0

    monkeypatch.setattr(play_module, "play_plain", show)
    assert command("--preset", "mlp-3").code == 0
    assert shown == [(presets()["mlp-3"].config, "mlp-3")]


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


def test_dumb_terminal_trains_in_plain_output(words: Path) -> None:
    quick = "--set", "max_steps=200", "--set", "eval_every=100"
    with PtyScreen(playground_command("--corpus", str(words), *quick), 100, 60, TERM="dumb") as screen:
        assert screen.wait_exit() == 0
        assert "run 1 is finished after 200 steps, saved" in screen.text
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


QUICK = ("--set", "n_hidden=8", "--set", "max_steps=400", "--set", "eval_every=100")


def paragraphs_of(out: str) -> list[list[str]]:
    return [part.splitlines() for part in out.strip().split("\n\n")]


def test_plain_play_prints_losses_layers_ten_names_and_next_commands(command: Any, words: Path) -> None:
    printed = command("--corpus", str(words), *QUICK)
    assert (printed.code, printed.err) == (0, "")
    run, layers, names, commands = paragraphs_of(printed.out)
    assert run[0] == "run 1 · playground · 100 words of words · 3,123 parameters".replace(
        "3,123", f"{RunStore(runs_dir()).read().parameters:,}"
    )
    losses = [re.fullmatch(r"step +(\d+)  train (\d\.\d{4})  val (\d\.\d{4})", line) for line in run[1:-1]]
    assert [int(found[1]) for found in losses if found] == [100, 200, 300, 400]
    assert all(losses)
    assert run[-1] == "run 1 is finished after 400 steps, saved"
    assert layers[0].split()[:3] == ["layer", "output", "params"]
    assert len(layers) == 15
    assert len(names) == 10
    assert all(re.fullmatch(r"\S+ +\d+\.\d\d (new|in train|in the corpus, not in train)", line) for line in names)
    for name in ("train", "sample", "inspect", "data fetch"):
        assert f"charwave-tui {name}" in "\n".join(commands)


def test_plain_play_stops_at_time_limit_and_keeps_run(
    command: Any, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(play, "PLAIN_TRAINING_SECONDS", 0.05)
    printed = command("--corpus", str(words), "--set", "max_steps=100000000")
    assert printed.code == 0
    record = RunStore(runs_dir()).read()
    assert record.state is RunState.STOPPED
    assert record.val is not None
    assert f"run 1 is stopped after {record.step:,} steps, saved" in printed.out


def test_plain_play_reports_user_error_before_training(command: Any, words: Path) -> None:
    printed = command("--corpus", str(words), "--set", "batch_size=60000")
    assert (printed.code, printed.out) == (2, "")
    assert printed.err.count("\n") == 1
    assert not runs_dir().exists()
