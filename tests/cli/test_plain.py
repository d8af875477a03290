"""The main job in plain lines, where there is no terminal for the playground."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from charwave_tui.cli.commands import play
from charwave_tui.core.metrics import RunState
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.store.run_store import RunStore

QUICK = ("--set", "n_hidden=8", "--set", "max_steps=400", "--set", "eval_every=100")


def parts_of(out: str) -> list[list[str]]:
    return [part.splitlines() for part in out.strip().split("\n\n")]


def test_plain_play_prints_losses_layers_ten_names_and_next_commands(command: Any, words: Path) -> None:
    printed = command("--corpus", str(words), *QUICK)
    assert (printed.code, printed.err) == (0, "")
    run, layers, names, commands = parts_of(printed.out)
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
    assert all(re.fullmatch(r"\S+ +\d+\.\d\d (new|in the corpus)", line) for line in names)
    for name in ("train", "sample", "inspect", "data fetch"):
        assert f"charwave-tui {name}" in "\n".join(commands)


def test_plain_play_stops_at_time_limit_and_keeps_run(
    command: Any, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(play, "TRAIN_FOR", 0.05)
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
