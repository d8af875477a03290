"""When a run is saved, what a crash at each point of a save leaves, and a deleted folder."""

from __future__ import annotations

import os
import pkgutil
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from support.dispatcher_harness import DispatcherHarness, small_config

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import DeleteRun, DescribeRun, OpenRun, RestoreRun, StartRun, StepRun
from charwave_tui.core.protocol.events import RunSaved, SaveFailed, WarningIssued
from charwave_tui.core.store.run_folder import CHECKPOINTS_KEPT
from charwave_tui.core.store.run_store import DATABASE_FILE
from charwave_tui.engine.runs import active_run, autosave
from charwave_tui.engine.runs.autosave import Autosave
from charwave_tui.engine.runs.checkpoint import load_latest_checkpoint


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def config(words: Path) -> RunConfig:
    return small_config(words, max_steps=1_000_000, eval_every=1_000_000)


@pytest.fixture
def harness(config: RunConfig) -> DispatcherHarness:
    """Run 1, paused after 20 steps."""
    harness = DispatcherHarness()
    harness.send(StartRun(config, "p", steps=20))
    harness.run_until_idle()
    return harness


def autosave_of(harness: DispatcherHarness) -> Autosave:
    found = harness.dispatcher.active_run.autosave
    assert found is not None
    return found


def save_now(harness: DispatcherHarness) -> None:
    harness.dispatcher.active_run.save()


def step_once(harness: DispatcherHarness) -> None:
    harness.send(StepRun())
    harness.run_until_idle()


def reopen_after_crash(harness: DispatcherHarness) -> DispatcherHarness:
    autosave_of(harness).release()  # as the system does for a process that is gone
    harness.store.close()
    return DispatcherHarness()


def test_first_save_precedes_first_step(config: RunConfig) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, ""))
    assert [(event.run, event.step) for event in harness.events_of(RunSaved)] == [(1, 0)]
    assert load_latest_checkpoint(harness.store.folder_of(1), pytest.fail).record.step == 0
    assert harness.store.summaries()[0].step == 0
    harness = reopen_after_crash(harness)
    harness.send(OpenRun(1, train=True))
    harness.run_until_idle(lambda: harness.dispatcher.active_run.trainer.step > 5)
    assert harness.states[-1] == (RunState.TRAINING, 0)


def test_last_two_saves_kept_from_different_steps(harness: DispatcherHarness) -> None:
    for _ in range(3):
        step_once(harness)
    newest, before = harness.store.folder_of(1).checkpoints()
    assert len(harness.store.folder_of(1).checkpoints()) == CHECKPOINTS_KEPT
    newest.unlink()
    assert load_latest_checkpoint(harness.store.folder_of(1), pytest.fail).record.step == 22
    before.unlink()
    with pytest.raises(UserError, match="run 1 has no weights"):
        load_latest_checkpoint(harness.store.folder_of(1), pytest.fail)


CRASHES: dict[str, tuple[str, int]] = {
    "while the save is written": ("os.fsync", 0),
    "before the save has its name": ("pathlib.Path.replace", 0),
    "before the folder is on disk": ("os.fsync", 1),
    "before the list of runs is written": ("charwave_tui.core.store.run_store.upsert_run", 0),
    "while the list of runs is written": ("charwave_tui.core.store.tables._write", 0),
    "before the last saves are dropped": ("charwave_tui.core.store.run_folder.RunFolder.delete_old_checkpoints", 0),
}


@pytest.mark.parametrize("moment", CRASHES)
def test_save_interrupted_anywhere_leaves_whole_one_and_run_resumes(
    harness: DispatcherHarness, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    step_once(harness)
    saved = harness.store.summaries()[0].step
    name, spared = CRASHES[moment]
    calls = 0
    real = pkgutil.resolve_name(name)

    def killed(*arguments: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls > spared:
            raise Killed
        return real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(name, killed)
        patch.setattr(Path, "unlink", lambda *_, **__: None)  # nothing is tidied up by one who is killed
        with pytest.raises(Killed):
            step_once(harness)
    harness = reopen_after_crash(harness)
    assert load_latest_checkpoint(harness.store.folder_of(1), pytest.fail).record.step in (saved, saved + 1)
    assert harness.store.read(1).step in (saved, saved + 1)
    harness.send(OpenRun(1))
    assert not list(harness.store.folder_of(1).path.glob(".save*"))
    assert harness.events_of(WarningIssued) == []
    while harness.dispatcher.active_run.trainer.step < saved + 4:
        step_once(harness)
    assert harness.store.read(1).step == harness.store.summaries()[0].step == saved + 4
    assert len(harness.store.folder_of(1).checkpoints()) == CHECKPOINTS_KEPT


def test_autosave_works_when_clock_jumps(harness: DispatcherHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    run_autosave = autosave_of(harness)
    now = time.time()
    before = harness.store.read(1)
    for shift in (-10 * 365 * 86_400, 10 * 365 * 86_400):
        monkeypatch.setattr(time, "time", lambda shift=shift: now + shift)
        assert not run_autosave.is_due
        step_once(harness)
    after = harness.store.read(1)
    assert after.created == before.created
    assert after.seconds >= before.seconds >= 0
    assert after.training_seconds >= before.training_seconds >= 0
    harness = reopen_after_crash(harness)
    harness.send(OpenRun(1))
    step_once(harness)
    assert harness.store.read(1).seconds >= after.seconds


def test_run_order_independent_of_clock(
    harness: DispatcherHarness, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Past(active_run.datetime):
        @classmethod
        def now(cls, tz: object = None) -> Past:
            return cls(1999, 12, 31, tzinfo=active_run.UTC)

    monkeypatch.setattr(active_run, "datetime", Past)
    harness.send(StartRun(config, "", steps=1))
    harness.run_until_idle()
    rows = harness.store.summaries()
    assert [row.run for row in rows] == [2, 1]
    assert rows[0].created == "1999-12-31T00:00:00+00:00" < rows[1].created
    harness.send(DeleteRun(1), RestoreRun(1))
    assert [row.run for row in harness.store.summaries()] == [2, 1]


def test_run_folder_deleted_in_training_recreated_and_reported(harness: DispatcherHarness) -> None:
    shutil.rmtree(harness.store.folder_of(1).path)
    step_once(harness)
    assert [event.text for event in harness.events_of(WarningIssued)] == [
        "the folder of run 1 was deleted: it is being saved anew"
    ]
    assert load_latest_checkpoint(harness.store.folder_of(1), pytest.fail).record.step == 21
    assert harness.store.folder_of(1).is_locked()
    step_once(harness)
    assert len(harness.events_of(WarningIssued)) == 1
    assert harness.events_of(SaveFailed) == []


def test_database_deleted_in_training_recreated_and_reported(harness: DispatcherHarness) -> None:
    harness.send(DescribeRun(1, "mine", "of it"))
    (harness.store.folder / DATABASE_FILE).unlink()
    step_once(harness)
    assert [event.text for event in harness.events_of(WarningIssued)] == [
        "runs.db was deleted: it is made anew with what it held"
    ]
    (row,) = harness.store.summaries()
    assert (row.step, row.name, row.note) == (21, "mine", "of it")


def test_everything_deleted_in_training_recreated_for_active_run(harness: DispatcherHarness, config: RunConfig) -> None:
    harness.send(StartRun(config, "second", steps=5))
    harness.run_until_idle()
    shutil.rmtree(harness.store.folder)
    step_once(harness)
    assert [(row.run, row.step) for row in harness.store.summaries()] == [(2, 6)]
    assert load_latest_checkpoint(harness.store.folder_of(2), pytest.fail).record.step == 6
    assert harness.store.run_numbers() == [2]
    harness = reopen_after_crash(harness)
    harness.send(OpenRun(2, train=True))
    assert harness.states[-1] == (RunState.TRAINING, 6)


def test_unlisted_diverged_run_reported_once_listed(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> NoReturn:
        raise OSError(28, "No space left on device")

    wild = replace(config, norm="none", activation="relu", init_gain=30.0, lr=10.0)
    harness = DispatcherHarness()
    harness.send(StartRun(wild, ""))
    with monkeypatch.context() as patch:
        patch.setattr(harness.store, "write", full)
        harness.run_until_idle(lambda: harness.dispatcher.active_run.state is RunState.DIVERGED)
        assert harness.events_of(SaveFailed)[-1].problem == "No space left on device"
    harness.clear_events()
    save_now(harness)
    assert harness.events_of(RunSaved) == [RunSaved(1, 0)]
    assert harness.store.read(1).state is RunState.DIVERGED


def test_save_times_use_monotonic_clock(harness: DispatcherHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    run_autosave = autosave_of(harness)
    assert not run_autosave.is_due
    assert run_autosave.retry_in is None
    started = time.monotonic()
    monkeypatch.setattr(autosave.time, "monotonic", lambda: started + autosave.AUTOSAVE_SECONDS + 0.1)
    assert run_autosave.is_due


def test_interrupted_process_leaves_no_partial_file(
    harness: DispatcherHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            save_now(harness)
    assert not list(harness.store.folder.rglob(".*"))
    assert load_latest_checkpoint(harness.store.folder_of(1), pytest.fail).record.step == 20
