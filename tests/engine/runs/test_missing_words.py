"""A run whose words have changed, moved or gone: what works without them, and what says that it needs them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch
from support.dispatcher_harness import WORDS, DispatcherHarness, small_config

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState, Split
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.protocol.commands import (
    Command,
    EvaluateSplits,
    ExtendRun,
    ForkRun,
    OpenRun,
    PauseRun,
    PredictNext,
    ProbeLayers,
    ResetRun,
    ResumeRun,
    SampleNames,
    ScoreWord,
    StartRun,
    StepRun,
)
from charwave_tui.core.protocol.events import LayersProbed, NamesRefused, NamesSampled, NextPredicted, RunOpened
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine import api
from charwave_tui.engine.inspection.probe import sampled_windows
from charwave_tui.engine.runs.checkpoint import load_latest_checkpoint
from charwave_tui.engine.runtime.random_streams import training_generator

KINDS = {"windows": {}, "words": {"batches": "names"}}


@pytest.fixture(params=KINDS)
def config(words: Path, request: pytest.FixtureRequest) -> RunConfig:
    return replace(small_config(words, max_steps=60, eval_every=20), **KINDS[request.param])


def train_and_leave(config: RunConfig, steps: int | None = None) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, "", steps=steps))
    harness.run_until_idle()
    harness.dispatcher.shut_down()


def answers(harness: DispatcherHarness, command: Command) -> list[object]:
    harness.clear_events()
    harness.send(command)
    harness.run_until_idle()
    return [*harness.replies, *harness.broadcasts]


def test_run_without_words_samples_scores_and_shows_layers(config: RunConfig, words: Path) -> None:
    train_and_leave(config)
    with_words = api.sample(SamplingConfig(), 1)
    words.write_text(words.read_text("utf-8") + "\nextra", "utf-8")
    harness = DispatcherHarness()
    harness.send(OpenRun(1))
    opened = harness.events_of(RunOpened)[-1]
    assert "words.txt has changed since run 1 learned it" in opened.missing_words
    assert "charwave-tui runs relocate 1 PATH" in opened.missing_words
    assert opened.corpus == harness.store.read(1).corpus

    (names,) = answers(harness, SampleNames(SamplingConfig(), 1))
    assert isinstance(names, NamesSampled)
    assert [(name.name, name.nll) for name in names.names] == [(name.name, name.nll) for name in with_words]
    assert {(name.in_corpus, name.near) for name in names.names} == {(None, "")}
    (scored,) = answers(harness, ScoreWord("bara", 2))
    assert (scored.nearest_word, scored.percentile) == (None, None)  # type: ignore[attr-defined]
    assert isinstance(answers(harness, PredictNext("b", 3))[0], NextPredicted)
    (refused,) = answers(harness, SampleNames(SamplingConfig(only_new="yes"), 4))
    assert isinstance(refused, NamesRefused)
    assert "has changed since" in refused.problem
    (probed,) = answers(harness, ProbeLayers())
    assert isinstance(probed, LayersProbed)
    assert all(0 < layer.std < 100 for layer in probed.layers)


def test_scripts_answer_without_words_and_with_their_new_place(config: RunConfig, words: Path, tmp_path: Path) -> None:
    train_and_leave(config)
    sampled, scored = api.sample(SamplingConfig(), 1), api.score("bara", 1)
    moved = tmp_path / "moved.txt"
    words.rename(moved)
    assert {name.in_corpus for name in api.sample(SamplingConfig(), 1)} == {None}
    assert api.score("bara", 1).nearest_word is None
    assert api.inspect(1)
    assert api.sample(SamplingConfig(), 1, str(moved)) == sampled
    assert api.score("bara", 1, str(moved)) == scored
    words.write_text("\n".join([*WORDS, "bara"]), "utf-8")
    with pytest.raises(UserError, match=r"words\.txt is not the list that run 1 learned: its SHA-256 begins .* trains"):
        api.sample(SamplingConfig(), 1, str(words))


@pytest.mark.parametrize(
    "command",
    [ResumeRun(), StepRun(), ExtendRun(), ResetRun(), EvaluateSplits((Split.VAL,)), ForkRun(1), OpenRun(1, train=True)],
    ids=lambda command: type(command).__name__,
)
def test_training_on_names_what_is_missing_and_changes_nothing(
    config: RunConfig, words: Path, command: Command
) -> None:
    train_and_leave(config, steps=20)
    words.unlink()
    harness = DispatcherHarness()
    harness.send(OpenRun(1))
    with pytest.raises(UserError, match=r"there is no file .*words\.txt; charwave-tui runs relocate 1 PATH") as caught:
        harness.send(command)
    assert caught.value.field == "corpus"
    assert harness.dispatcher.active_run.state is RunState.PAUSED
    assert not harness.dispatcher.busy
    assert harness.store.run_numbers() == [1]


def test_run_saved_without_words_goes_on_to_the_same_bits(config: RunConfig, words: Path, tmp_path: Path) -> None:
    train_and_leave(config)
    train_and_leave(config, steps=20)
    moved = words.rename(tmp_path / "moved.txt")
    harness = DispatcherHarness()
    harness.send(OpenRun(2), PauseRun())
    harness.dispatcher.active_run.save()  # once more, without its words
    harness.store.relocate_corpus(2, str(moved))
    harness.send(ResumeRun())  # and they are found while it is open
    assert harness.events_of(RunOpened)[-1].missing_words == ""
    harness.run_until_idle()
    whole, resumed = (load_latest_checkpoint(harness.store.folder_of(run), pytest.fail) for run in (1, 2))
    assert whole.tensors.keys() == resumed.tensors.keys()
    assert all(torch.equal(whole.tensors[name], resumed.tensors[name]) for name in whole.tensors)
    assert harness.store.read(2).config.corpus == str(moved)


def test_new_place_outlives_saves_names_and_a_new_database(config: RunConfig, words: Path, tmp_path: Path) -> None:
    train_and_leave(config, steps=20)
    moved = words.rename(tmp_path / "moved.txt")
    store = RunStore(runs_dir())
    store.set_name_and_note(1, "a name", "")
    store.relocate_corpus(1, str(moved))
    store.set_name_and_note(1, "another", "a note")
    assert (store.read(1).config.corpus, store.read(1).name) == (str(moved), "another")
    store.close()
    (runs_dir() / "runs.db").unlink()
    assert (RunStore(runs_dir()).read(1).config.corpus, RunStore(runs_dir()).read(1).name) == (str(moved), "another")


def test_finished_run_without_words_is_not_evaluated(config: RunConfig, words: Path) -> None:
    train_and_leave(config)
    record = RunStore(runs_dir()).read(1)
    RunStore(runs_dir()).write(msgspec.structs.replace(record, train=None, val=None))
    words.unlink()
    harness = DispatcherHarness()
    harness.send(OpenRun(1))
    assert not harness.dispatcher.background_tasks.is_evaluating


def test_sampled_windows_are_those_of_names_of_the_model(config: RunConfig, words: Path) -> None:
    """Each window continues the one before it in its name, and none has a symbol before a boundary."""
    train_and_leave(config)
    _, _, trainer = api.load_for_inference(RunStore(runs_dir()), 1)
    batch = sampled_windows(trainer.model, config.context, 50, training_generator(3))
    assert batch.contexts.shape == (50, config.context)
    assert not batch.contexts[:4].any()  # four names begin side by side
    for window, target, following in zip(batch.contexts[:-4], batch.targets, batch.contexts[4:], strict=False):
        expected = [*window[1:].tolist(), int(target)] if target else [0] * config.context
        assert following.tolist() == expected
    alone = sampled_windows(trainer.model, config.context, 50, training_generator(3))
    assert torch.equal(batch.contexts, alone.contexts)
    with torch.no_grad():
        trainer.model.layers[-1].weight.fill_(torch.nan)  # type: ignore[operator, union-attr]
    assert len(sampled_windows(trainer.model, config.context, 50, training_generator(3)).targets) == 50
