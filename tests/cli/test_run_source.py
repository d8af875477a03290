"""Whom `sample` and `inspect` ask: the engine that holds the run, be it at another step than its save, or the save."""

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
from charwave_tui.core.protocol.events import AnyEvent, NamesRefused, NamesSampled, QueryRefused, RunOpened, WordScored
from charwave_tui.core.store.run_store import RunStore

QUESTIONS = ("sample -n 5", "sample --score mara", "sample --next ma", "inspect")


def test_run_in_engine_gives_same_output_as_saved_run(command: Any, words: Path) -> None:
    small = ("--set", "context=2", "--set", "fuse=2", "--set", "n_hidden=4", "--set", "batch_size=4")
    assert command("start", "--corpus", str(words), *small, "--steps", "10000000").code == 0
    while json.loads(command("status", "--json").out)["step"] < 100:
        pass
    step = json.loads(command("pause", "--json").out)["step"]
    saves = RunStore(runs_dir()).folder_of(1).checkpoints()
    hidden = [save.rename(save.with_suffix(".hidden")) for save in saves]
    from_engine = [command(*question.split(), "--json") for question in QUESTIONS]
    for save, away in zip(saves, hidden, strict=True):
        away.rename(save)
    assert command("stop").code == 0
    finished = command("inspect", "--json")
    assert command("engine", "stop").code == 0
    from_save = [command(*question.split(), "--json") for question in QUESTIONS]
    assert [said.err for said in from_engine] == [f"run 1 is paused; these are its weights of step {step:,}\n"] * 4
    assert [said.err for said in from_save] == [finished.err] * 4 == [""] * 4
    assert [json.loads(said.out) for said in from_engine] == [json.loads(said.out) for said in from_save]
    assert finished.out == from_save[-1].out


def test_other_run_than_engines_is_read_from_its_save(command: Any, small_run: Path, words: Path) -> None:
    small = ("--set", "context=2", "--set", "fuse=2", "--set", "n_hidden=4", "--set", "batch_size=4")
    before = command("sample", "--run", "1").out
    assert command("start", "--corpus", str(words), *small, "--steps", "10000000").code == 0
    said = command("sample", "--run", "1")
    assert (said.code, said.out, said.err) == (0, before, "")
    assert command("sample").err.startswith("run 2 is training; these are its weights of step ")


class ScriptedEngine:
    """An engine of which a script says what it tells; it holds what it was sent."""

    def __init__(self, *script: AnyEvent) -> None:
        self.sent: list[Command] = []
        self._script = script

    async def events(self) -> AsyncIterator[AnyEvent]:
        for event in self._script:
            yield event

    def send(self, command: Command) -> None:
        self.sent.append(command)


def run_opened(run: int) -> RunOpened:
    card = CorpusSummary("words", "", 1, "a", (1, 1, 1))
    return RunOpened(run, "", RunConfig(), card, 1, "cpu", None, RunState.TRAINING, 9, TrainingHistory())


async def open_talk(*script: AnyEvent) -> EngineSession:
    engine: Any = ScriptedEngine(run_opened(1), *script)
    talk = EngineSession(engine, engine.events())
    await talk.next_event()
    return talk


NAME = SampledName("mara", 2.0, in_corpus=False)


async def test_names_returned_when_complete_and_score_when_ranked() -> None:
    early, whole = NamesSampled(9, 1, (), done=False), NamesSampled(9, 1, (NAME,))
    there = await open_talk(early, whole)
    assert await sample_names(there, SamplingConfig()) == (NAME,)
    assert there.reply_step == 9  # and not where it was when it was asked
    first, second = WordScored(9, 1, "a", (1.0,), ""), WordScored(9, 1, "a", (1.0,), "", 40.0, 100)
    assert await score_word(await open_talk(first, second), "a") == second
    assert await score_word(await open_talk(first, first), "a") == first  # no place could be found


@pytest.mark.parametrize("refusal", [NamesRefused(1, "no", "ask"), QueryRefused(1, "no", "ask"), run_opened(2)])
async def test_failed_request_is_reported(refusal: AnyEvent) -> None:
    gone = "run 1 gave way to another before it answered; ask again"
    expected = gone if isinstance(refusal, RunOpened) else "no; ask"
    for question in (
        lambda there: sample_names(there, SamplingConfig()),
        lambda there: predict_next(there, "a"),
        lambda there: score_word(there, "a"),
        probe_layers,
    ):
        with pytest.raises(UserError) as refused:
            await question(await open_talk(refusal))
        assert str(refused.value) == expected
