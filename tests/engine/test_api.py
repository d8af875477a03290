"""Training, names and layers in this process."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import torch

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.protocol.commands import StartRun
from charwave_tui.core.protocol.events import Event, Progress, RunChanged, RunSaved
from charwave_tui.core.store.run_folder import RunFolder
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.api import EngineError, InProcessTraining, inspect, sample
from charwave_tui.engine.runs import autosave
from charwave_tui.engine.runs.checkpoint import Checkpoint, load_latest_checkpoint, write_checkpoint


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    path = tmp_path / "words.txt"
    path.write_text("\n".join(a + b + c for a in "bdklm" for b in "aeiou" for c in "nrst"), "utf-8")
    return RunConfig(corpus=str(path), context=2, fuse=(2,), n_embd=2, n_hidden=4, batch_size=4, max_steps=30)


def test_record_equals_the_one_on_disk(config: RunConfig) -> None:
    training = InProcessTraining(StartRun(config, "mine"))
    record = training.start()
    assert (record.state, record.step, record.preset) == (RunState.FINISHED, 30, "mine")
    assert None not in (record.train, record.val)
    assert record == RunStore(runs_dir()).read(record.run)
    assert training.unsaved is None


def test_unsaved_run_returns_record_and_reports_it(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    write, full = autosave.write_checkpoint, []

    def fill_up(folder: RunFolder, save: Checkpoint) -> None:
        if save.record.state is not RunState.TRAINING:
            full.append(save.record.state)
            raise OSError(28, "No space left on device")
        write(folder, save)

    monkeypatch.setattr(autosave, "write_checkpoint", fill_up)
    training = InProcessTraining(StartRun(config, ""))
    record = training.start()
    assert full == [RunState.FINISHED] * 3  # at its end, once it is measured, and on the way out
    assert (record.step, record.val is None) == (30, False)
    assert str(training.unsaved) == (
        "run 1 could not be saved: No space left on device; "
        "free some space, then go on from its last save with charwave-tui train --resume 1"
    )
    assert RunStore(runs_dir()).read(1).step == 0


def test_later_successful_save_clears_earlier_failure(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    save, calls = autosave.write_checkpoint, []

    def fail_once(*facts: object) -> None:
        calls.append(facts)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        save(*facts)  # type: ignore[arg-type]

    monkeypatch.setattr(autosave, "write_checkpoint", fail_once)
    training = InProcessTraining(StartRun(config, ""))
    record = training.start()
    assert len(calls) == 3
    assert training.unsaved is None
    assert RunStore(runs_dir()).read() == record


def test_stop_ends_evaluates_and_saves(config: RunConfig) -> None:
    def heard(event: Event) -> None:
        if isinstance(event, Progress) and event.step:
            training.stop()

    training = InProcessTraining(StartRun(config.with_values({"max_steps": 10_000_000}), ""), on_event=heard)
    record = training.start()
    assert record.state is RunState.STOPPED
    assert 0 < record.step < 10_000_000
    assert record.val is not None


def test_untrainable_config_is_user_error(config: RunConfig) -> None:
    with pytest.raises(UserError, match="batch_size 60,000"):
        InProcessTraining(StartRun(config.with_values({"batch_size": 60_000}), "")).start()
    assert not runs_dir().exists()


def test_engine_internal_error_is_raised_as_such(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charwave_tui.engine.runs.active_run.learning_rate", lambda *_: 1 / 0)
    with pytest.raises(EngineError, match="ZeroDivisionError"):
        InProcessTraining(StartRun(config, "")).start()


def test_listener_exception_stops_and_saves_run(config: RunConfig) -> None:
    heard: list[Event] = []

    def gone(event: Event) -> None:
        heard.append(event)
        if isinstance(event, RunChanged):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        InProcessTraining(StartRun(config.with_values({"max_steps": 10_000_000}), ""), on_event=gone).start()
    assert RunSaved not in map(type, heard)  # it is not told any more
    assert RunStore(runs_dir()).read(1).state is RunState.STOPPED


def test_names_and_layers_of_newest_or_named_run(config: RunConfig) -> None:
    for seed in (1, 2):
        InProcessTraining(StartRun(config.with_values({"seed": seed}), "")).start()
    many = SamplingConfig(count=1_000)
    assert sample(many) == sample(many, 2) != sample(many, 1)
    assert inspect() == inspect(2) != inspect(1)


def test_run_of_missing_device_inspected_on_available_one(config: RunConfig) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    record = InProcessTraining(StartRun(config, "")).start()
    names, layers = sample(SamplingConfig()), inspect()
    folder = RunStore(runs_dir()).folder_of(record.run)
    save = load_latest_checkpoint(folder, pytest.fail)
    other_process = msgspec.structs.replace(save.record, config=config.with_values({"device": "cuda"}))
    write_checkpoint(folder, save._replace(record=other_process))
    assert (sample(SamplingConfig()), inspect()) == (names, layers)
