"""`start`, `pause`, `resume`, `stop`, `status` and `attach`: an engine steered from a script."""

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
from charwave_tui.core.protocol.events import AnyEvent, RunChanged, RunOpened, SplitEvaluated, StatusReported
from charwave_tui.core.store.run_store import RunStore

NONE = "charwave-tui: no engine is running; charwave-tui start begins a run in one\n"


@pytest.mark.parametrize("words", ["pause", "resume", "stop", "attach", "attach --follow --json"])
def test_no_engine_run_commands_fail_without_starting_one(command: Any, words: str) -> None:
    said = command(*words.split())
    assert (said.code, said.out, said.err) == (1, "", NONE)
    assert command("engine", "status").out == "no engine is running\n"


def test_status_without_engine_is_a_regular_status(command: Any) -> None:
    assert command("status").out == "no engine is running\n"
    facts = json.loads(command("status", "--json").out)
    assert list(facts) == ["run", "preset", "state", "step", "max_steps", "train", "val", "unsaved"]
    assert set(facts.values()) == {None}


def test_ssh_option_without_host_is_named(command: Any) -> None:
    said = command("status", "-o", "Port=22")
    assert (said.code, said.err) == (
        2,
        "charwave-tui: -o Port=22 is for ssh, and there is no --host; add --host user@machine\n",
    )
    assert "--host -x is no machine" in command("--host=-x", "status").err


def tiny_options(words: Path) -> tuple[str, ...]:
    """Options of a run that trains in no time."""
    return ("--corpus", str(words), "--set", "context=2", "--set", "fuse=2", "--set", "n_hidden=4")


def test_run_started_paused_resumed_watched_and_stopped_by_commands(command: Any, words: Path) -> None:
    def told(*line: str) -> dict[str, Any]:
        said = command(*line, "--json")
        assert (said.code, said.err) == (0, "")
        facts: dict[str, Any] = json.loads(said.out)
        return facts

    small = (*tiny_options(words), "--set", "batch_size=4")
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
    assert (kept.state, kept.step, kept.val) == (RunState.STOPPED, stopped["step"], stopped["val"])
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


def test_diverged_run_reported_with_hint(command: Any, words: Path) -> None:
    wild = ("norm=none", "lr=10", "init_gain=100", "output_scale=100", "activation=relu")
    assert command("start", *tiny_options(words), *(part for it in wild for part in ("--set", it))).code == 0
    for _ in range(2):  # while it trains, and long after
        said = command("attach", "--follow")
        assert said.code == 2
        assert "became" in said.err
        assert "w rewinds it" in said.err


class ScriptedEngine:
    """An engine of which a script says what it tells, line by line of those that drop; it holds what it was sent."""

    def __init__(self, *lines: list[AnyEvent]) -> None:
        self.sent: list[Command] = []
        self.retry_in = 0.0
        self._lines = iter(lines)

    async def events(self) -> AsyncIterator[AnyEvent]:
        for event in next(self._lines):
            yield event

    def send(self, command: Command) -> None:
        self.sent.append(command)

    def close(self) -> None:
        pass


def run_opened(
    run: int | None = 1, state: RunState = RunState.TRAINING, *measured: Evaluation, **more: Any
) -> RunOpened:
    card = CorpusSummary("words", "", 1, "a", (1, 1, 1))
    history = TrainingHistory(evaluations=measured)
    return RunOpened(run, "", RunConfig(), card, 1, "cpu", None, state, 9, history, **more)


def watch_events(*lines: list[AnyEvent]) -> tuple[RunChanged | None, list[AnyEvent]]:
    told: list[AnyEvent] = []
    engine: Any = ScriptedEngine(*lines)
    return asyncio.run(_watch(engine, told.append, follow=True)), told


ONE, TWO, LAST = (Evaluation(step, Split.VAL, 2.0) for step in (100, 200, 300))


def status(state: RunState, *, measuring: bool) -> StatusReported:
    return StatusReported(1, state, 300, 300, measuring=measuring)


def test_each_evaluation_printed_once_despite_reconnects() -> None:
    first: list[AnyEvent] = [run_opened(1, RunState.TRAINING, ONE), SplitEvaluated(TWO)]
    again: list[AnyEvent] = [run_opened(1, RunState.FINISHED, ONE, TWO), status(RunState.FINISHED, measuring=True)]
    again += [SplitEvaluated(LAST), SplitEvaluated(TWO), status(RunState.FINISHED, measuring=False)]
    ended, told = watch_events(first, again)
    assert ended == RunChanged(RunState.FINISHED, 9)
    assert told == [first[0], *map(SplitEvaluated, (ONE, TWO, LAST))]


def test_watch_ends_on_nonfinite_loss_or_replaced_run() -> None:
    stopped = RunChanged(RunState.STOPPED, 300)
    for then in (status(RunState.STOPPED, measuring=False), run_opened(2)):
        assert watch_events([run_opened(), stopped, then]) == (stopped, [run_opened(), stopped])
    ended, _ = watch_events(
        [run_opened(), stopped, run_opened(1, RunState.TRAINING), stopped, status(RunState.STOPPED, measuring=False)]
    )
    assert ended == stopped


def test_divergence_cause_reported_long_afterwards() -> None:
    ended, _ = watch_events([run_opened(1, RunState.DIVERGED, divergence=Divergence(7, "NaN", 10.0))])
    assert ended == RunChanged(RunState.DIVERGED, 9, "it became NaN at step 7 with lr 10")


async def test_watch_waits_only_for_evaluation_in_progress() -> None:
    engine: Any = ScriptedEngine(
        [status(RunState.PAUSED, measuring=True), SplitEvaluated(ONE), status(RunState.PAUSED, measuring=False)]
    )
    talk = EngineSession(engine, engine.events())
    assert await talk.wait_until_evaluated() == status(RunState.PAUSED, measuring=False)
    assert (talk.losses, len(engine.sent)) == ({Split.VAL: 2.0}, 2)


def test_deleted_run_still_reports_all_before_it_ends() -> None:
    engine: Any = ScriptedEngine()
    watched = _RunReporter(engine, lambda event: None)
    card = CorpusSummary("words", "", 1, "a", (1, 1, 1))
    training = RunOpened(3, "", RunConfig(), card, 1, "cpu", None, RunState.TRAINING, 9, TrainingHistory())
    assert not watched.handle_event(training, follow=True)
    assert not watched.handle_event(RunChanged(RunState.FINISHED, 100), follow=True)
    assert watched.handle_event(msgspec.structs.replace(training, run=None, state=RunState.READY), follow=True)
