"""Training, names and layers in this process, as a script has them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import torch

from charwave_tui.core.config import RunConfig
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.places import runs_dir
from charwave_tui.core.protocol import Event, Progress, RunChanged, RunSaved, StartRun
from charwave_tui.core.readings import State
from charwave_tui.core.run_folder import RunFolder
from charwave_tui.core.runs import RunStore
from charwave_tui.core.sampling import Sampling
from charwave_tui.engine import api, saves
from charwave_tui.engine.api import EngineFault, Training
from charwave_tui.engine.checkpoint import Save, newest_save, write_save


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    path = tmp_path / "words.txt"
    path.write_text("\n".join(a + b + c for a in "bdklm" for b in "aeiou" for c in "nrst"), "utf-8")
    return RunConfig(corpus=str(path), context=2, fuse=(2,), n_embd=2, n_hidden=4, batch_size=4, max_steps=30)


def test_record_equals_the_one_on_disk(config: RunConfig) -> None:
    training = Training(StartRun(config, "mine"))
    record = training.start()
    assert (record.state, record.step, record.preset) == (State.FINISHED, 30, "mine")
    assert None not in (record.train, record.val)
    assert record == RunStore(runs_dir()).read(record.run)
    assert training.unsaved is None


def test_unsaved_run_returns_record_and_reports_it(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    write, full = saves.write_save, []

    def fill_up(folder: RunFolder, save: Save) -> None:
        if save.record.state is not State.TRAINING:
            full.append(save.record.state)
            raise OSError(28, "No space left on device")
        write(folder, save)

    monkeypatch.setattr(saves, "write_save", fill_up)
    training = Training(StartRun(config, ""))
    record = training.start()
    assert full == [State.FINISHED] * 3  # at its end, once it is measured, and on the way out
    assert (record.step, record.val is None) == (30, False)
    assert str(training.unsaved) == (
        "run 1 could not be saved: No space left on device; "
        "free some space, then go on from its last save with charwave-tui train --resume 1"
    )
    assert RunStore(runs_dir()).read(1).step == 0


def test_later_successful_save_clears_earlier_failure(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    save, calls = saves.write_save, []

    def fail_once(*facts: object) -> None:
        calls.append(facts)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        save(*facts)  # type: ignore[arg-type]

    monkeypatch.setattr(saves, "write_save", fail_once)
    training = Training(StartRun(config, ""))
    record = training.start()
    assert len(calls) == 3
    assert training.unsaved is None
    assert RunStore(runs_dir()).read() == record


def test_stop_ends_evaluates_and_saves(config: RunConfig) -> None:
    def heard(event: Event) -> None:
        if isinstance(event, Progress) and event.step:
            training.stop()

    training = Training(StartRun(config.with_values({"max_steps": 10_000_000}), ""), on_event=heard)
    record = training.start()
    assert record.state is State.STOPPED
    assert 0 < record.step < 10_000_000
    assert record.val is not None


def test_untrainable_config_is_user_error(config: RunConfig) -> None:
    with pytest.raises(Mistake, match="batch_size 60,000"):
        Training(StartRun(config.with_values({"batch_size": 60_000}), "")).start()
    assert not runs_dir().exists()


def test_engine_internal_error_is_raised_as_such(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charwave_tui.engine.current.learning_rate", lambda *_: 1 / 0)
    with pytest.raises(EngineFault, match="ZeroDivisionError"):
        Training(StartRun(config, "")).start()


def test_listener_exception_stops_and_saves_run(config: RunConfig) -> None:
    heard: list[Event] = []

    def gone(event: Event) -> None:
        heard.append(event)
        if isinstance(event, RunChanged):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        Training(StartRun(config.with_values({"max_steps": 10_000_000}), ""), on_event=gone).start()
    assert RunSaved not in map(type, heard)  # it is not told any more
    assert RunStore(runs_dir()).read(1).state is State.STOPPED


def test_names_and_layers_of_newest_or_named_run(config: RunConfig) -> None:
    for seed in (1, 2):
        Training(StartRun(config.with_values({"seed": seed}), "")).start()
    many = Sampling(count=1_000)
    assert api.sample(many) == api.sample(many, 2) != api.sample(many, 1)
    assert api.inspect() == api.inspect(2) != api.inspect(1)


def test_run_of_missing_device_inspected_on_available_one(config: RunConfig) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    record = Training(StartRun(config, "")).start()
    names, layers = api.sample(Sampling()), api.inspect()
    folder = RunStore(runs_dir()).place(record.run)
    save = newest_save(folder, pytest.fail)
    elsewhere = msgspec.structs.replace(save.record, config=config.with_values({"device": "cuda"}))
    write_save(folder, save._replace(record=elsewhere))
    assert (api.sample(Sampling()), api.inspect()) == (names, layers)
