"""The pretrained model: shown for its own config, and never in the way of a run."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from charwave_tui.core.config.presets import default_preset
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.corpus.registry import find_corpus
from charwave_tui.core.metrics import RunState
from charwave_tui.core.paths import asset_path
from charwave_tui.core.protocol.commands import Command, PrepareRun, ProbeLayers, SampleNames, StartRun
from charwave_tui.core.protocol.events import Event, NamesSampled, Progress, RunOpened
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.runs import pretrained
from charwave_tui.engine.runs.pretrained import find_pretrained
from charwave_tui.engine.service.dispatcher import CommandDispatcher

CONFIG = default_preset().config


class Desk:
    """A dispatcher that is given commands one at a time."""

    def __init__(self, folder: Path) -> None:
        self.events: list[Event] = []
        self.dispatcher = CommandDispatcher(RunStore(folder), self.events.append)

    def do(self, command: Command) -> None:
        self.dispatcher.dispatch(command, self.events.append, 0.0)

    def events_of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def harness(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_program_opens_with_pretrained_model(harness: Desk) -> None:
    harness.do(PrepareRun(CONFIG, "playground"))
    [opened] = harness.events_of(RunOpened)
    assert isinstance(opened, RunOpened)
    assert (opened.state, opened.run, opened.step) == (RunState.READY, None, CONFIG.max_steps)
    assert opened.history.points[-1].mean < 2.5
    harness.do(ProbeLayers())
    harness.do(SampleNames(SamplingConfig(count=50), 1))
    while harness.dispatcher.busy:
        harness.dispatcher.run_slice()
    [sampled] = harness.events_of(NamesSampled)
    assert isinstance(sampled, NamesSampled)
    assert sampled.step == CONFIG.max_steps
    assert sum(name.nll for name in sampled.names) / len(sampled.names) < 2.5  # an untrained one is near 3.3


def test_run_that_repeats_the_pretrained_one_has_no_ghost_of_the_same_curve(harness: Desk) -> None:
    harness.do(PrepareRun(CONFIG, "playground"))
    harness.do(StartRun(CONFIG, "playground", steps=1))
    opened = harness.events_of(RunOpened)[-1]
    assert isinstance(opened, RunOpened)
    assert (opened.run, opened.ghost) == (1, None)


def test_training_starts_fresh_with_pretrained_as_ghost(harness: Desk) -> None:
    harness.do(PrepareRun(CONFIG, "playground"))
    harness.do(StartRun(replace(CONFIG, lr=0.05), "playground", steps=1))
    while harness.dispatcher.busy:
        harness.dispatcher.run_slice()
    opened = harness.events_of(RunOpened)[-1]
    assert isinstance(opened, RunOpened)
    assert (opened.run, opened.step, opened.history.points) == (1, 0, ())
    assert opened.ghost is not None
    assert opened.ghost.name == pretrained.PRETRAINED_NAME
    progress = harness.events_of(Progress)[-1]
    assert isinstance(progress, Progress)
    assert progress.partial is not None
    assert progress.partial.mean > 3


def test_model_edit_shows_untrained_and_undo_the_pretrained_model(harness: Desk) -> None:
    steps = []
    for config in (CONFIG, replace(CONFIG, n_hidden=32), CONFIG):
        harness.do(PrepareRun(config, "playground"))
        opened = harness.events_of(RunOpened)[-1]
        assert isinstance(opened, RunOpened)
        steps.append(opened.step)
    assert steps == [CONFIG.max_steps, 0, CONFIG.max_steps]


@pytest.mark.parametrize("change", [{"lr": 0.2}, {"threads": 2}, {"device": "cpu"}])
def test_edit_without_model_effect_keeps_pretrained_model(change: dict[str, object]) -> None:
    assert find_pretrained(CONFIG.with_values(change), find_corpus("names")) is not None


@pytest.mark.parametrize("change", [{"n_hidden": 32}, {"seed": 7}, {"batches": "names"}])
def test_other_model_has_no_pretrained_weights(change: dict[str, object]) -> None:
    assert find_pretrained(CONFIG.with_values(change), find_corpus("names")) is None


def test_other_corpus_is_not_the_pretraining_one() -> None:
    assert find_pretrained(CONFIG, find_corpus("imena")) is None


@pytest.mark.parametrize("damage", ["record.json", "weights.safetensors", ""])
def test_damaged_pretrained_file_logged_and_skipped(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("record.json", "weights.safetensors"):
        if damage:
            content = asset_path(pretrained.ASSET_FOLDER, name).read_bytes()
            (tmp_path / name).write_bytes(content[:100] if name == damage else content)
    monkeypatch.setattr(pretrained, "asset_path", lambda *parts: tmp_path.joinpath(*parts[1:]))
    with caplog.at_level(logging.WARNING):
        assert find_pretrained(CONFIG, find_corpus("names")) is None
    assert "the pretrained model cannot be read" in caplog.text


def test_pretrained_file_small_enough_to_ship() -> None:
    assert sum(path.stat().st_size for path in asset_path(pretrained.ASSET_FOLDER).iterdir()) <= 1_500_000
