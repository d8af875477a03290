"""`start`, `pause`, `resume`, `stop`, `status` and `attach`: an engine controlled from a script."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from charwave_tui.cli.commands.attach import _RunReporter, _watch
from charwave_tui.client.requests import EngineSession
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.metrics import CorpusSummary, Divergence, Evaluation, RunState, Split, TrainingHistory
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.protocol.commands import Command
from charwave_tui.core.protocol.events import Event, RunChanged, RunOpened, SplitEvaluated, StatusReported
from charwave_tui.core.store.run_store import RunStore

NONE = "charwave-tui: no engine is running; charwave-tui start begins a run in one\n"


@pytest.mark.parametrize("words", ["pause", "resume", "stop", "attach", "attach --follow --json"])
def test_no_engine_run_commands_fail_without_starting_one(command: Any, words: str) -> None:
    result = command(*words.split())
    assert (result.code, result.out, result.err) == (1, "", NONE)
    assert command("engine", "status").out == "no engine is running\n"


def test_status_without_engine_is_a_regular_status(command: Any) -> None:
    assert command("status").out == "no engine is running\n"
    facts = json.loads(command("status", "--json").out)
    assert list(facts) == ["run", "preset", "state", "step", "max_steps", "train", "val", "val_unseen", "unsaved"]
    assert set(facts.values()) == {None}


def test_ssh_option_without_host_is_named(command: Any) -> None:
    result = command("status", "-o", "Port=22")
    assert (result.code, result.err) == (
        2,
        "charwave-tui: -o Port=22 is for ssh, and there is no --host; add --host user@machine\n",
    )
    assert "--host -x is no machine" in command("--host=-x", "status").err


def tiny_options(words: Path) -> tuple[str, ...]:
    """Options of a run that trains in no time."""
    return ("--corpus", str(words), "--set", "context=2", "--set", "fuse=2", "--set", "n_hidden=4")


def test_run_started_paused_resumed_watched_and_stopped_by_commands(command: Any, words: Path) -> None:
    def run_json(*line: str) -> dict[str, Any]:
        result = command(*line, "--json")
        assert (result.code, result.err) == (0, "")
        facts: dict[str, Any] = json.loads(result.out)
        return facts

    small = (*tiny_options(words), "--set", "batch_size=4")
    started = run_json("start", *small, "--set", "eval_every=200", "--steps", "10000000", "--seed", "7")
    assert (started["run"], started["state"], started["max_steps"]) == (1, "training", 10_000_000)
    paused = run_json("pause")
    assert paused["state"] == "paused"
    assert run_json("status") == paused == run_json("pause")
    for subcommand, run in (("start", "1"), ("start", "1")):
        result = command(subcommand, *small)
        assert (result.code, result.err) == (
            2,
            f"charwave-tui: run {run} is paused; stop it first, or start with --replace\n",
        )
    assert run_json("resume")["state"] == "training"
    while run_json("status")["val"] is None:
        pass
    stopped = run_json("stop")
    assert stopped["state"] == "stopped"
    assert stopped["step"] > paused["step"]
    assert stopped["train"] is not None
    record = RunStore(runs_dir()).read(1)
    assert (record.state, record.step, record.val) == (RunState.STOPPED, stopped["step"], stopped["val"])
    result = command("stop")
    assert (
        result.err == "charwave-tui: run 1 is stopped, so there is nothing to stop; charwave-tui start begins another\n"
    )

    assert run_json("start", *small, "--set", "eval_every=100", "--steps", "400")["run"] == 2
    lines = command("attach", "--follow").out.splitlines()
    assert lines[0].startswith("run 2 · playground · 100 words of words")
    assert [line.split()[1] for line in lines[1:-1]] == ["100", "200", "300", "400"]
    assert lines[-1] == "finished at step 400"
    events = [json.loads(line) for line in command("attach", "--json").out.splitlines()]
    assert events[0] == {"event": "run", "run": 2, "preset": "playground", "state": "finished", "step": 400}
    measured = [event["step"] for event in events[1:] if event["split"] == "val"]
    assert measured == [100, 200, 300, 400]


def test_diverged_run_reported_with_hint(command: Any, words: Path) -> None:
    settings = ("norm=none", "lr=10", "init_gain=100", "output_scale=100", "activation=relu")
    options = [part for setting in settings for part in ("--set", setting)]
    assert command("start", *tiny_options(words), *options).code == 0
    for _ in range(2):  # while it trains, and long after
        result = command("attach", "--follow")
        assert result.code == 2
        assert "became" in result.err
        assert "w rewinds it" in result.err


class ScriptedEngine:
    """An engine with scripted events, one list for each connection, which then drops; `sent` has its commands."""

    def __init__(self, *lines: list[Event]) -> None:
        self.sent: list[Command] = []
        self.retry_in = 0.0
        self._lines = iter(lines)

    async def events(self) -> AsyncIterator[Event]:
        for event in next(self._lines):
            yield event

    def send(self, command: Command) -> None:
        self.sent.append(command)

    def close(self) -> None:
        pass


def run_opened(
    run: int | None = 1, state: RunState = RunState.TRAINING, *measured: Evaluation, **fields: Any
) -> RunOpened:
    summary = CorpusSummary("words", "", 1, "a", (1, 1, 1))
    history = TrainingHistory(evaluations=measured)
    return RunOpened(run, "", RunConfig(), summary, 1, "cpu", None, state, 9, history, **fields)


def watch_events(*lines: list[Event]) -> tuple[RunChanged | None, list[Event]]:
    run_json: list[Event] = []
    engine: Any = ScriptedEngine(*lines)
    return asyncio.run(_watch(engine, run_json.append, follow=True)), run_json


ONE, TWO, LAST = (Evaluation(step, Split.VAL, 2.0) for step in (100, 200, 300))


def status(state: RunState, *, measuring: bool) -> StatusReported:
    return StatusReported(1, state, 300, 300, evaluating=measuring)


def test_each_evaluation_printed_once_despite_reconnects() -> None:
    first: list[Event] = [run_opened(1, RunState.TRAINING, ONE), SplitEvaluated(TWO)]
    second: list[Event] = [run_opened(1, RunState.FINISHED, ONE, TWO), status(RunState.FINISHED, measuring=True)]
    second += [SplitEvaluated(LAST), SplitEvaluated(TWO), status(RunState.FINISHED, measuring=False)]
    end, run_json = watch_events(first, second)
    assert end == RunChanged(RunState.FINISHED, 9)
    assert run_json == [first[0], *map(SplitEvaluated, (ONE, TWO, LAST))]


def test_watch_ends_on_nonfinite_loss_or_replaced_run() -> None:
    stopped = RunChanged(RunState.STOPPED, 300)
    for last_event in (status(RunState.STOPPED, measuring=False), run_opened(2)):
        assert watch_events([run_opened(), stopped, last_event]) == (stopped, [run_opened(), stopped])
    end, _ = watch_events(
        [run_opened(), stopped, run_opened(1, RunState.TRAINING), stopped, status(RunState.STOPPED, measuring=False)]
    )
    assert end == stopped


def test_divergence_cause_reported_long_afterwards() -> None:
    end, _ = watch_events([run_opened(1, RunState.DIVERGED, divergence=Divergence(7, "NaN", 10.0))])
    assert end == RunChanged(RunState.DIVERGED, 9, "it became NaN at step 7 with lr 10")


async def test_watch_waits_only_for_evaluation_in_progress() -> None:
    engine: Any = ScriptedEngine(
        [status(RunState.PAUSED, measuring=True), SplitEvaluated(ONE), status(RunState.PAUSED, measuring=False)]
    )
    session = EngineSession(engine, engine.events())
    assert await session.wait_until_evaluated() == status(RunState.PAUSED, measuring=False)
    assert (session.losses, len(engine.sent)) == ({Split.VAL: 2.0}, 2)


def test_deleted_run_still_reports_all_before_it_ends() -> None:
    engine: Any = ScriptedEngine()
    reporter = _RunReporter(engine, lambda event: None)
    summary = CorpusSummary("words", "", 1, "a", (1, 1, 1))
    training = RunOpened(3, "", RunConfig(), summary, 1, "cpu", None, RunState.TRAINING, 9, TrainingHistory())
    assert not reporter.handle_event(training, follow=True)
    assert not reporter.handle_event(RunChanged(RunState.FINISHED, 100), follow=True)
    assert reporter.handle_event(msgspec.structs.replace(training, run=None, state=RunState.READY), follow=True)
