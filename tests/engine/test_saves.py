"""When a run is saved, what a crash at each point of a save leaves, and a folder that is deleted under it."""

from __future__ import annotations

import os
import pkgutil
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from desk import Desk, small

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import DeleteRun, DescribeRun, OpenRun, RestoreRun, StartRun, StepRun
from charwave_tui.core.protocol.events import RunSaved, SaveFailed, WarningIssued
from charwave_tui.core.store.run_folder import CHECKPOINTS_KEPT
from charwave_tui.core.store.run_store import DATABASE
from charwave_tui.engine.runs import active_run, autosave
from charwave_tui.engine.runs.autosave import Autosave
from charwave_tui.engine.runs.checkpoint import load_latest_checkpoint


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def config(words: Path) -> RunConfig:
    return small(words, max_steps=1_000_000, eval_every=1_000_000)


@pytest.fixture
def desk(config: RunConfig) -> Desk:
    """Run 1, held after 20 steps."""
    desk = Desk()
    desk.do(StartRun(config, "p", steps=20))
    desk.work()
    return desk


def saves_of(desk: Desk) -> Autosave:
    found = desk.conductor._stage.run.saves
    assert found is not None
    return found


def save_now(desk: Desk) -> None:
    desk.conductor._stage.run.save()


def step_once(desk: Desk) -> None:
    desk.do(StepRun())
    desk.work()


def after_a_crash(desk: Desk) -> Desk:
    saves_of(desk).release()  # as the system does for a process that is gone
    desk.store.close()
    return Desk()


def test_first_save_precedes_first_step(config: RunConfig) -> None:
    desk = Desk()
    desk.do(StartRun(config, ""))
    assert [(event.run, event.step) for event in desk.heard(RunSaved)] == [(1, 0)]
    assert load_latest_checkpoint(desk.store.folder_of(1), pytest.fail).record.step == 0
    assert desk.store.list()[0].step == 0
    desk = after_a_crash(desk)
    desk.do(OpenRun(1, train=True))
    desk.work(lambda: desk.conductor._stage.run.trainer.step > 5)
    assert desk.states[-1] == (RunState.TRAINING, 0)


def test_last_two_saves_kept_from_different_steps(desk: Desk) -> None:
    for _ in range(3):
        step_once(desk)
    newest, before = desk.store.folder_of(1).checkpoints()
    assert len(desk.store.folder_of(1).checkpoints()) == CHECKPOINTS_KEPT
    newest.unlink()
    assert load_latest_checkpoint(desk.store.folder_of(1), pytest.fail).record.step == 22
    before.unlink()
    with pytest.raises(UserError, match="run 1 has no weights"):
        load_latest_checkpoint(desk.store.folder_of(1), pytest.fail)


CRASHES: dict[str, tuple[str, int]] = {
    "while the save is written": ("os.fsync", 0),
    "before the save has its name": ("pathlib.Path.replace", 0),
    "before the folder is on disk": ("os.fsync", 1),
    "before the list of runs is written": ("charwave_tui.core.store.run_store.upsert_run", 0),
    "while the list of runs is written": ("charwave_tui.core.store.tables._write", 0),
    "before the last saves are dropped": ("charwave_tui.core.store.run_folder.RunFolder.drop_old_saves", 0),
}


@pytest.mark.parametrize("moment", CRASHES)
def test_save_interrupted_anywhere_leaves_whole_one_and_run_resumes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    step_once(desk)
    saved = desk.store.list()[0].step
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
            step_once(desk)
    desk = after_a_crash(desk)
    assert load_latest_checkpoint(desk.store.folder_of(1), pytest.fail).record.step in (saved, saved + 1)
    assert desk.store.read(1).step in (saved, saved + 1)
    desk.do(OpenRun(1))
    assert not list(desk.store.folder_of(1).path.glob(".save*"))
    assert desk.heard(WarningIssued) == []
    while desk.conductor._stage.run.trainer.step < saved + 4:
        step_once(desk)
    assert desk.store.read(1).step == desk.store.list()[0].step == saved + 4
    assert len(desk.store.folder_of(1).checkpoints()) == CHECKPOINTS_KEPT


def test_autosave_works_when_clock_jumps(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = saves_of(desk)
    now = time.time()
    before = desk.store.read(1)
    for shift in (-10 * 365 * 86_400, 10 * 365 * 86_400):
        monkeypatch.setattr(time, "time", lambda shift=shift: now + shift)
        assert not kept.is_due
        step_once(desk)
    after = desk.store.read(1)
    assert after.created == before.created
    assert after.seconds >= before.seconds >= 0
    assert after.training_seconds >= before.training_seconds >= 0
    desk = after_a_crash(desk)
    desk.do(OpenRun(1))
    step_once(desk)
    assert desk.store.read(1).seconds >= after.seconds


def test_run_order_independent_of_clock(desk: Desk, config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    class Past(active_run.datetime):
        @classmethod
        def now(cls, tz: object = None) -> Past:
            return cls(1999, 12, 31, tzinfo=active_run.UTC)

    monkeypatch.setattr(active_run, "datetime", Past)
    desk.do(StartRun(config, "", steps=1))
    desk.work()
    rows = desk.store.list()
    assert [row.run for row in rows] == [2, 1]
    assert rows[0].created == "1999-12-31T00:00:00+00:00" < rows[1].created
    desk.do(DeleteRun(1), RestoreRun(1))
    assert [row.run for row in desk.store.list()] == [2, 1]


def test_run_folder_deleted_in_training_recreated_and_reported(desk: Desk) -> None:
    shutil.rmtree(desk.store.folder_of(1).path)
    step_once(desk)
    assert [event.text for event in desk.heard(WarningIssued)] == [
        "the folder of run 1 was deleted: it is being saved anew"
    ]
    assert load_latest_checkpoint(desk.store.folder_of(1), pytest.fail).record.step == 21
    assert desk.store.folder_of(1).in_use()
    step_once(desk)
    assert len(desk.heard(WarningIssued)) == 1
    assert desk.heard(SaveFailed) == []


def test_database_deleted_in_training_recreated_and_reported(desk: Desk) -> None:
    desk.do(DescribeRun(1, "mine", "of it"))
    (desk.store.folder / DATABASE).unlink()
    step_once(desk)
    assert [event.text for event in desk.heard(WarningIssued)] == [
        "runs.db was deleted: it is made anew with what it held"
    ]
    (row,) = desk.store.list()
    assert (row.step, row.name, row.note) == (21, "mine", "of it")


def test_everything_deleted_in_training_recreated_for_active_run(desk: Desk, config: RunConfig) -> None:
    desk.do(StartRun(config, "second", steps=5))
    desk.work()
    shutil.rmtree(desk.store.folder)
    step_once(desk)
    assert [(row.run, row.step) for row in desk.store.list()] == [(2, 6)]
    assert load_latest_checkpoint(desk.store.folder_of(2), pytest.fail).record.step == 6
    assert desk.store.numbers() == [2]
    desk = after_a_crash(desk)
    desk.do(OpenRun(2, train=True))
    assert desk.states[-1] == (RunState.TRAINING, 6)


def test_unlisted_diverged_run_reported_once_listed(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> NoReturn:
        raise OSError(28, "No space left on device")

    wild = replace(config, norm="none", activation="relu", init_gain=30.0, lr=10.0)
    desk = Desk()
    desk.do(StartRun(wild, ""))
    with monkeypatch.context() as patch:
        patch.setattr(desk.store, "write", full)
        desk.work(lambda: desk.conductor._stage.run.state is RunState.DIVERGED)
        assert desk.heard(SaveFailed)[-1].problem == "No space left on device"
    desk.forget()
    save_now(desk)
    assert desk.heard(RunSaved) == [RunSaved(1, 0)]
    assert desk.store.read(1).state is RunState.DIVERGED


def test_save_times_use_monotonic_clock(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = saves_of(desk)
    assert not kept.is_due
    assert kept.retry_in is None
    started = time.monotonic()
    monkeypatch.setattr(autosave.time, "monotonic", lambda: started + autosave.EVERY + 0.1)
    assert kept.is_due


def test_interrupted_process_leaves_no_partial_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            save_now(desk)
    assert not list(desk.store.folder.rglob(".*"))
    assert load_latest_checkpoint(desk.store.folder_of(1), pytest.fail).record.step == 20
