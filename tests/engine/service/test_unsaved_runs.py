"""Runs that cannot be saved: retried, and never replaced until they are on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.dispatcher_harness import DispatcherHarness, small_config

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.history import thin_out_evaluations
from charwave_tui.core.metrics import Evaluation, RunState, Split
from charwave_tui.core.protocol.commands import (
    Command,
    EditRun,
    ForkRun,
    OpenRun,
    ResetRun,
    ResumeRun,
    StartRun,
    StepRun,
)
from charwave_tui.core.protocol.events import RunOpened, RunSaved, SaveFailed, WarningIssued
from charwave_tui.core.store.run_folder import RunFolder
from charwave_tui.engine.runs import autosave
from charwave_tui.engine.runs.checkpoint import Checkpoint, load_latest_checkpoint


class FailingDisk:
    """A disk that can be full."""

    def __init__(self) -> None:
        self.full = False
        self.write = autosave.write_checkpoint

    def write_save(self, folder: RunFolder, save: Checkpoint) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.write(folder, save)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FailingDisk:
    disk = FailingDisk()
    monkeypatch.setattr(autosave, "write_checkpoint", disk.write_save)
    return disk


@pytest.fixture
def config(words: Path) -> RunConfig:
    return small_config(words, max_steps=60)


@pytest.fixture
def harness(config: RunConfig, disk: FailingDisk) -> DispatcherHarness:
    """A run finished while the disk was full."""
    harness = DispatcherHarness()
    harness.send(StartRun(config, "unlucky"))
    disk.full = True
    harness.run_until_idle(
        lambda: not (harness.dispatcher.busy and harness.dispatcher.active_run.state is RunState.TRAINING)
    )
    while harness.dispatcher.background_tasks.has_work:
        harness.dispatcher.run_slice()
    return harness


def test_paused_unsaved_run_saved_once_disk_has_space(
    harness: DispatcherHarness, disk: FailingDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = harness.dispatcher.busy_in
    assert wait is not None
    assert 0 < wait <= autosave.AUTOSAVE_SECONDS
    disk.full = False
    later = autosave.time.monotonic() + autosave.AUTOSAVE_SECONDS + 1
    monkeypatch.setattr(autosave.time, "monotonic", lambda: later)
    assert harness.dispatcher.busy_in == 0
    harness.run_until_idle()
    assert load_latest_checkpoint(harness.store.folder_of(1), pytest.fail).record.step == 60
    assert harness.dispatcher.busy_in is None


OTHERS: dict[str, Callable[[RunConfig], Command]] = {
    "a new run": lambda config: StartRun(replace(config, seed=1), ""),
    "the same from its first weights": lambda config: ResetRun(),
    "another run": lambda config: OpenRun(1),
    "a fork": lambda config: ForkRun(2),
}


@pytest.mark.parametrize("other", OTHERS)
def test_unsaved_run_is_never_replaced(config: RunConfig, disk: FailingDisk, other: str) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, "first", steps=5))
    harness.run_until_idle()
    harness.send(StartRun(config, "second"))
    disk.full = True
    harness.run_until_idle(
        lambda: (
            harness.dispatcher.active_run.state is RunState.FINISHED
            and not harness.dispatcher.background_tasks.has_work
        )
    )
    numbers = harness.store.run_numbers()
    with pytest.raises(UserError, match=r"run 2 is not saved \(No space left on device\) and would be lost; mend"):
        harness.send(OTHERS[other](config))
    assert harness.dispatcher.active_run.identity.number == 2
    assert harness.store.run_numbers() == numbers
    disk.full = False
    harness.send(OTHERS[other](config))
    assert load_latest_checkpoint(harness.store.folder_of(2), pytest.fail).record.step == 60


def test_quit_tries_to_save_once_more(harness: DispatcherHarness, disk: FailingDisk) -> None:
    disk.full = False
    harness.dispatcher.shut_down()
    assert harness.store.read(1).step == 60
    assert load_latest_checkpoint(harness.store.folder_of(1), pytest.fail).record.step == 60


def test_edit_of_paused_run_saved_after_debounce(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, "", steps=5))
    harness.run_until_idle()
    saved = harness.store.folder_of(1).checkpoints()
    for lr in (0.09, 0.08, 0.07):
        harness.send(EditRun(replace(config, lr=lr)))
    assert harness.store.folder_of(1).checkpoints() == saved
    wait = harness.dispatcher.busy_in
    assert wait is not None
    assert 0 < wait <= autosave.EDIT_DEBOUNCE_SECONDS
    later = autosave.time.monotonic() + autosave.EDIT_DEBOUNCE_SECONDS + 1
    monkeypatch.setattr(autosave.time, "monotonic", lambda: later)
    harness.run_until_idle()
    assert load_latest_checkpoint(harness.store.folder_of(1), pytest.fail).record.config.lr == 0.07
    assert harness.dispatcher.busy_in is None


def test_unwritable_run_list_reported_once_and_run_still_saved(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, "", steps=5))
    harness.run_until_idle()

    def locked(record: object) -> None:
        raise OSError("database is locked")

    with monkeypatch.context() as busy:
        busy.setattr(harness.store, "write", locked)
        harness.send(StepRun())
        harness.run_until_idle()
        harness.send(StepRun())
        harness.run_until_idle()
    (warning,) = harness.events_of(WarningIssued)
    assert warning.text == "run 1 is saved, but the list of runs is not: database is locked"
    assert harness.events_of(SaveFailed) == []
    assert harness.events_of(RunSaved)[-1].step == 7
    assert harness.store.summaries()[0].step == 5
    assert harness.store.read(1).step == 7  # what the save says, which is later
    harness.send(StepRun())
    harness.run_until_idle()
    assert harness.store.summaries()[0].step == 8


def test_run_opens_from_save_whatever_the_list_says(config: RunConfig, disk: FailingDisk) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, "", steps=20))
    harness.run_until_idle()
    disk.full = True
    harness.send(ResumeRun())
    harness.run_until_idle(lambda: harness.dispatcher.active_run.state is RunState.FINISHED)
    run = harness.dispatcher.active_run
    record = run.current_record()
    assert record is not None
    harness.store.write(record)  # as an older version did before the save
    assert run.autosave is not None
    run.autosave.release()
    disk.full = False
    harness = DispatcherHarness()
    harness.send(OpenRun(1))
    opened = harness.events_of(RunOpened)[-1]
    assert (opened.state, opened.step) == (RunState.PAUSED, 20)
    harness.send(ResumeRun())
    harness.run_until_idle()
    assert harness.store.read(1).step == 60


def test_damaged_save_does_not_displace_good_one(config: RunConfig) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, "", steps=20))
    harness.run_until_idle()
    harness.send(StepRun())
    harness.run_until_idle()
    harness.dispatcher.shut_down()
    newest, good = harness.store.folder_of(1).checkpoints()
    newest.write_bytes(newest.read_bytes()[:-1])
    harness = DispatcherHarness()
    harness.send(OpenRun(1))
    (warning,) = harness.events_of(WarningIssued)
    assert "run 1 is taken from the save before it, of step 21" in warning.text
    assert harness.store.folder_of(1).checkpoints() == [good]
    harness.send(StepRun())
    harness.run_until_idle()
    assert harness.store.folder_of(1).checkpoints()[1:] == [good]
    assert [path.name.partition(".safetensors")[0] for path in good.parent.glob("*damaged*")] == [newest.stem]


def test_run_with_number_taken_elsewhere_not_overwritten(config: RunConfig) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, "ours", steps=5))
    harness.run_until_idle()
    for path in sorted(harness.store.folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    other_engine = DispatcherHarness()
    other_engine.send(StartRun(config, "theirs", steps=3))
    other_engine.run_until_idle()
    harness.send(StepRun())
    harness.run_until_idle()
    assert harness.events_of(SaveFailed)[-1].problem.startswith("run 1 is in use by process")
    assert (other_engine.store.read(1).preset, other_engine.store.read(1).step) == ("theirs", 3)


def test_unlockable_folder_leaves_no_empty_run(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    harness = DispatcherHarness()

    def refuse(self: RunFolder) -> None:
        raise OSError(13, "Permission denied")

    monkeypatch.setattr(RunFolder, "lock", refuse)
    with pytest.raises(UserError, match="run 1 cannot be locked"):
        harness.send(StartRun(config, ""))
    assert harness.store.run_numbers() == []


def test_best_evaluation_kept_however_many_follow() -> None:
    items = tuple(Evaluation(step, Split.VAL, 1.0 if step == 3 else 2.0 + step) for step in range(1_001))
    thinned = thin_out_evaluations(items)
    assert items[3] in thinned
    assert len(thinned) <= 760
    assert [item.step for item in thinned] == sorted(item.step for item in thinned)


def test_best_evaluation_of_unseen_words_kept_too() -> None:
    items = tuple(Evaluation(step, Split.VAL, 5.0 - step / 1_000, 1.0 if step == 3 else 2.0) for step in range(1_001))
    assert {items[3], items[-1]} < set(thin_out_evaluations(items))
