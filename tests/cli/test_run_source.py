"""What `sample` and `inspect` read: the engine that has the run, at whatever step, or the run's checkpoint."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from charwave_tui.client.requests import EngineSession, predict_next, probe_layers, sample_names, score_word
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import CorpusSummary, RunState, SampledName, TrainingHistory
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.protocol.commands import Command
from charwave_tui.core.protocol.events import Event, NamesRefused, NamesSampled, QueryRefused, RunOpened, WordScored
from charwave_tui.core.store.run_store import RunStore

QUERIES = ("sample -n 5", "sample --score mara", "sample --next ma", "inspect")


def test_run_in_engine_gives_same_output_as_saved_run(command: Any, words: Path) -> None:
    small = ("--set", "context=2", "--set", "fuse=2", "--set", "n_hidden=4", "--set", "batch_size=4")
    assert command("start", "--corpus", str(words), *small, "--steps", "10000000").code == 0
    while json.loads(command("status", "--json").out)["step"] < 100:
        pass
    step = json.loads(command("pause", "--json").out)["step"]
    saves = RunStore(runs_dir()).folder_of(1).checkpoints()
    hidden = [checkpoint.rename(checkpoint.with_suffix(".hidden")) for checkpoint in saves]
    from_engine = [command(*query.split(), "--json") for query in QUERIES]
    for checkpoint, hidden_path in zip(saves, hidden, strict=True):
        hidden_path.rename(checkpoint)
    assert command("stop").code == 0
    finished = command("inspect", "--json")
    assert command("engine", "stop").code == 0
    from_save = [command(*query.split(), "--json") for query in QUERIES]
    assert [result.err for result in from_engine] == [f"run 1 is paused; these are its weights of step {step:,}\n"] * 4
    assert [result.err for result in from_save] == [finished.err] * 4 == [""] * 4
    assert [json.loads(result.out) for result in from_engine] == [json.loads(result.out) for result in from_save]
    assert finished.out == from_save[-1].out


def test_other_run_than_engines_is_read_from_its_save(command: Any, small_run: Path, words: Path) -> None:
    small = ("--set", "context=2", "--set", "fuse=2", "--set", "n_hidden=4", "--set", "batch_size=4")
    before = command("sample", "--run", "1").out
    assert command("start", "--corpus", str(words), *small, "--steps", "10000000").code == 0
    result = command("sample", "--run", "1")
    assert (result.code, result.out, result.err) == (0, before, "")
    assert command("sample").err.startswith("run 2 is training; these are its weights of step ")


class ScriptedEngine:
    """An engine with scripted events; `sent` has its commands."""

    def __init__(self, *script: Event) -> None:
        self.sent: list[Command] = []
        self._script = script

    async def events(self) -> AsyncIterator[Event]:
        for event in self._script:
            yield event

    def send(self, command: Command) -> None:
        self.sent.append(command)


def run_opened(run: int) -> RunOpened:
    summary = CorpusSummary("words", "", 1, "a", (1, 1, 1))
    return RunOpened(run, "", RunConfig(), summary, 1, "cpu", None, RunState.TRAINING, 9, TrainingHistory())


async def open_session(*script: Event) -> EngineSession:
    engine: Any = ScriptedEngine(run_opened(1), *script)
    session = EngineSession(engine, engine.events())
    await session.next_event()
    return session


NAME = SampledName("mara", 2.0, in_corpus=False)


async def test_names_returned_when_complete_and_score_when_ranked() -> None:
    partial, complete = NamesSampled(9, 1, (), done=False), NamesSampled(9, 1, (NAME,))
    session = await open_session(partial, complete)
    assert await sample_names(session, SamplingConfig()) == (NAME,)
    assert session.reply_step == 9  # and not where it was when it was asked
    first, second = WordScored(9, 1, "a", (1.0,), ""), WordScored(9, 1, "a", (1.0,), "", 40.0, 100)
    assert await score_word(await open_session(first, second), "a") == second
    assert await score_word(await open_session(first, first), "a") == first  # no place could be found


@pytest.mark.parametrize("refusal", [NamesRefused(1, "no", "ask"), QueryRefused(1, "no", "ask"), run_opened(2)])
async def test_failed_request_is_reported(refusal: Event) -> None:
    replaced = "run 1 gave way to another before it answered; ask again"
    expected = replaced if isinstance(refusal, RunOpened) else "no; ask"
    for query in (
        lambda session: sample_names(session, SamplingConfig()),
        lambda session: predict_next(session, "a"),
        lambda session: score_word(session, "a"),
        probe_layers,
    ):
        with pytest.raises(UserError) as error:
            await query(await open_session(refusal))
        assert str(error.value) == expected
