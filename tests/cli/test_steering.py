"""`start`, `pause`, `resume`, `stop`, `status` and `attach`: an engine steered from a script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from charwave_tui.core.places import runs_dir
from charwave_tui.core.readings import State
from charwave_tui.core.runs import RunStore

NONE = "charwave-tui: no engine is running; charwave-tui start begins a run in one\n"


@pytest.mark.parametrize("words", ["pause", "resume", "stop", "attach", "attach --follow --json"])
def test_without_an_engine_there_is_nothing_to_steer_and_none_is_started(command: Any, words: str) -> None:
    said = command(*words.split())
    assert (said.code, said.out, said.err) == (1, "", NONE)
    assert command("engine", "status").out == "no engine is running\n"


def test_that_no_engine_runs_is_a_status_like_any_other(command: Any) -> None:
    assert command("status").out == "no engine is running\n"
    facts = json.loads(command("status", "--json").out)
    assert list(facts) == ["run", "preset", "state", "step", "max_steps", "train", "val", "unsaved"]
    assert set(facts.values()) == {None}


def test_an_option_for_ssh_without_a_host_is_named(command: Any) -> None:
    said = command("status", "-o", "Port=22")
    assert (said.code, said.err) == (
        2,
        "charwave-tui: -o Port=22 is for ssh, and there is no --host; add --host user@machine\n",
    )
    assert "--host -x is no machine" in command("--host=-x", "status").err


def test_a_run_is_started_held_gone_on_with_watched_and_ended_by_commands_alone(command: Any, words: Path) -> None:
    def told(*line: str) -> dict[str, Any]:
        said = command(*line, "--json")
        assert (said.code, said.err) == (0, "")
        facts: dict[str, Any] = json.loads(said.out)
        return facts

    small = (
        "--corpus",
        str(words),
        "--set",
        "context=2",
        "--set",
        "fuse=2",
        "--set",
        "n_hidden=4",
        "--set",
        "batch_size=4",
    )
    started = told("start", *small, "--set", "eval_every=200", "--steps", "10000000", "--seed", "7")
    assert (started["run"], started["state"], started["max_steps"]) == (1, "training", 10_000_000)
    held = told("pause")
    assert held["state"] == "paused"
    assert told("status") == held == told("pause")
    for verb, name in (("start", "1"), ("start", "1")):
        said = command(verb, *small)
        assert (said.code, said.err) == (
            2,
            f"charwave-tui: run {name} is paused; stop it first, or start with --replace\n",
        )
    assert told("resume")["state"] == "training"
    while told("status")["val"] is None:
        pass
    stopped = told("stop")
    assert stopped["state"] == "stopped"
    assert stopped["step"] > held["step"]
    assert stopped["train"] is not None
    kept = RunStore(runs_dir()).read(1)
    assert (kept.state, kept.step, kept.val) == (State.STOPPED, stopped["step"], stopped["val"])
    said = command("stop")
    assert (
        said.err == "charwave-tui: run 1 is stopped, so there is nothing to stop; charwave-tui start begins another\n"
    )

    assert told("start", *small, "--set", "eval_every=100", "--steps", "400")["run"] == 2
    lines = command("attach", "--follow").out.splitlines()
    assert lines[0].startswith("run 2 · playground · 100 words of words")
    assert [line.split()[1] for line in lines[1:-1]] == ["100", "200", "300", "400"]
    assert lines[-1] == "finished at step 400"
    events = [json.loads(line) for line in command("attach", "--json").out.splitlines()]
    assert events[0] == {"event": "run", "run": 2, "preset": "playground", "state": "finished", "step": 400}
    measured = [event["step"] for event in events[1:] if event["split"] == "val"]
    assert measured == [100, 200, 300, 400]


def test_a_run_that_diverges_is_told_with_what_to_do(command: Any, words: Path) -> None:
    small = (
        "--corpus",
        str(words),
        "--set",
        "context=2",
        "--set",
        "fuse=2",
        "--set",
        "n_hidden=4",
        "--set",
        "norm=none",
    )
    wild = ("--set", "lr=10", "--set", "init_gain=100", "--set", "output_scale=100", "--set", "activation=relu")
    assert command("start", *small, *wild).code == 0
    said = command("attach", "--follow")
    assert said.code == 2
    assert "became" in said.err
    assert "w rewinds it" in said.err
