"""Stored runs reopened to the bit, paused, forked and rewound, and what refuses to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from support.dispatcher_harness import WORDS, DispatcherHarness, small_config
from torch import Tensor

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.history import DownsampledLosses
from charwave_tui.core.metrics import RunState, Split, TrainingHistory
from charwave_tui.core.protocol.commands import EditRun, ForkRun, OpenRun, PrepareRun, ResumeRun, StartRun
from charwave_tui.core.protocol.events import Event, ResumableRunFound, RunOpened
from charwave_tui.core.store.run_folder import RunFolder
from charwave_tui.engine.runs import active_run, autosave
from charwave_tui.engine.runs.checkpoint import Checkpoint, load_latest_checkpoint

SameBits = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], bool]


VARIETY: dict[str, dict[str, object]] = {
    "the lecture's": {"step": "plain"},
    "by hand": {},
    "momentum, dropped letters": {"momentum": 0.9, "weight_decay": 0.01, "drop_context": 0.2},
    "adamw, cosine": {"optimizer": "adamw", "lr": 0.003, "schedule": "cosine"},
    "muon, gated, a stack, whole names": {
        "optimizer": "muon", "lr": 0.015, "activation": "gated", "dilations": (1, 1, 1), "drop_path": 0.2,
        "batches": "names", "targets": "pooled", "schedule": "one-cycle",
    },
    "names": {"batches": "names", "norm": "none", "activation": "relu", "lr": 0.01},
}  # fmt: skip


@pytest.fixture
def config(words: Path) -> RunConfig:
    return small_config(words, max_steps=400, eval_every=60)


def without_quiet_marks(history: TrainingHistory) -> TrainingHistory:
    """The history without the marks that say only who looked when."""
    return msgspec.structs.replace(history, marks=tuple(mark for mark in history.marks if not mark.quiet))


def crash(harness: DispatcherHarness) -> DispatcherHarness:
    """Return another engine after this one was killed: nothing is saved, the lock is released."""
    run = harness.dispatcher.active_run
    assert run.autosave is not None
    run.autosave.release()
    return DispatcherHarness()


def save_now(harness: DispatcherHarness) -> None:
    harness.dispatcher.active_run.save()


@pytest.mark.parametrize(("kind", "at"), [*(("by hand", at) for at in (0, 1, 40)), *((kind, 77) for kind in VARIETY)])
def test_killed_run_resumed_ends_bit_identical(
    config: RunConfig, bit_identical: SameBits, kind: str, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DownsampledLosses.__init__, "__defaults__", ((), 64, 1, ()))  # folded some times on the way
    config = replace(config, max_steps=130, eval_every=40, **VARIETY[kind])  # type: ignore[arg-type]
    whole = DispatcherHarness()
    whole.send(StartRun(config, "whole"))
    whole.run_until_idle()
    whole.dispatcher.shut_down()

    monkeypatch.setattr(active_run, "BURST_SECONDS", 0.0)
    harness = DispatcherHarness()
    harness.send(StartRun(config, "cut", steps=at))
    harness.run_until_idle(
        lambda: (
            (harness.store.read(2).state is RunState.PAUSED and not harness.dispatcher.background_tasks.has_work)
            or at == 0
        )
    )
    if at:
        harness.send(ResumeRun())
        save_now(harness)
        harness.run_until_idle(lambda: harness.dispatcher.active_run.trainer.step > at + 1)  # lost with the crash
    harness = crash(harness)
    harness.send(OpenRun(2, train=True))
    assert harness.events_of(RunOpened)[-1].step == at
    harness.run_until_idle()
    one, other = (load_latest_checkpoint(harness.store.folder_of(run), pytest.fail) for run in (1, 2))
    assert bit_identical(one.tensors, other.tensors)
    assert without_quiet_marks(one.record.history) == without_quiet_marks(other.record.history)
    assert without_quiet_marks(harness.store.read(2).history) == without_quiet_marks(harness.store.read(1).history)
    assert one.resume_state == other.resume_state
    assert one.record.first_loss == other.record.first_loss
    assert (one.record.train, one.record.val) == (other.record.train, other.record.val)


def test_edit_and_evaluation_survive_crash(config: RunConfig) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, "", steps=60))
    harness.run_until_idle()
    edited = replace(config, lr=0.05, batch_size=4, max_steps=500)
    harness.send(EditRun(edited))
    save_now(harness)
    harness = crash(harness)
    harness.send(OpenRun(1))
    opened = harness.events_of(RunOpened)[-1]
    assert (opened.state, opened.step, opened.config) == (RunState.PAUSED, 60, edited)
    assert {mark.text for mark in opened.history.marks} >= {"lr 0.1 → 0.05", "batch_size 8 → 4"}
    harness.send(ResumeRun())
    harness.run_until_idle()
    assert harness.store.read(1).step == 500


def test_interrupted_evaluation_is_repeated(config: RunConfig) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, ""))
    harness.run_until_idle(lambda: harness.dispatcher.active_run.trainer.step == 60)
    assert harness.evaluations == []
    save_now(harness)
    harness = crash(harness)
    harness.send(OpenRun(1, train=True))
    harness.run_until_idle(lambda: len(harness.evaluations) == 1)
    assert harness.evaluations == [(60, Split.VAL)]
    assert harness.dispatcher.active_run.trainer.step == 60


def test_finished_but_unevaluated_run_is_evaluated(config: RunConfig) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, ""))
    harness.run_until_idle(lambda: (RunState.FINISHED, 400) in harness.states)
    harness = crash(harness)
    assert harness.store.read(1).val is None
    harness.send(OpenRun(1, train=True))
    harness.run_until_idle()
    record = harness.store.read(1)
    assert (record.state, record.train is None, record.val is None) == (RunState.FINISHED, False, False)
    with pytest.raises(UserError, match="run 1 is at its end; c trains it on"):
        harness.send(OpenRun(1, train=True))


def test_opening_other_run_pauses_active_one_and_both_resume(config: RunConfig) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, "first", steps=50))
    harness.run_until_idle()
    harness.send(StartRun(replace(config, seed=1), "second"))
    harness.run_until_idle(lambda: harness.dispatcher.active_run.trainer.step > 20)
    reached = harness.dispatcher.active_run.trainer.step
    harness.send(OpenRun(1))
    assert (harness.store.read(2).state, harness.store.read(2).step) == (RunState.PAUSED, reached)
    assert not harness.store.folder_of(2).is_locked()
    opened = harness.events_of(RunOpened)[-1]
    assert (opened.run, opened.preset, opened.state, opened.step) == (1, "first", RunState.STOPPED, 50)
    harness.send(OpenRun(2, train=True))
    harness.run_until_idle()
    assert harness.events_of(RunOpened)[-1].ghost.name == "run 1"
    assert harness.store.read(2).state is RunState.FINISHED


def test_opening_active_run_changes_nothing(config: RunConfig) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, "", steps=5))
    harness.run_until_idle()
    harness.clear_events()
    harness.send(OpenRun(1))
    assert harness.broadcasts == []
    harness.send(OpenRun(1, train=True))
    assert harness.states == [(RunState.TRAINING, 5)]


def test_run_trained_by_other_process_is_not_opened(config: RunConfig) -> None:
    other_engine, ours = DispatcherHarness(), DispatcherHarness()
    other_engine.send(StartRun(config, "", steps=5))
    other_engine.run_until_idle()
    with pytest.raises(UserError, match=r"run 1 is in use by process \d+ on .*or fork the run"):
        ours.send(OpenRun(1))
    ours.send(ForkRun(1))
    assert ours.events_of(RunOpened)[-1].run == 2


@pytest.mark.parametrize("end", [120, 400])
def test_fork_starts_at_run_step_and_leaves_it_unchanged(config: RunConfig, bit_identical: SameBits, end: int) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, "trunk", steps=end))
    harness.run_until_idle()
    before = harness.store.read(1)
    harness.send(ForkRun(1))
    opened = harness.events_of(RunOpened)[-1]
    assert (opened.run, opened.preset, opened.state, opened.step) == (2, "trunk", RunState.PAUSED, end)
    assert opened.ghost.name == "run 1"
    assert opened.history.points == before.history.points[: len(opened.history.points)]
    trunk, branch = (load_latest_checkpoint(harness.store.folder_of(run), pytest.fail) for run in (1, 2))
    assert bit_identical(trunk.tensors, branch.tensors)
    assert "fork of run 1" in [text for _, text in harness.marks]
    harness.send(EditRun(replace(harness.store.read(2).config, lr=0.01)), ResumeRun())
    harness.run_until_idle()
    after = harness.store.read(2)
    assert (after.state, after.step, after.ghost) == (RunState.FINISHED, 800 if end == 400 else 400, 1)
    kept = harness.store.read(1)
    assert (kept.step, kept.history.points) == (before.step, before.history.points)


def test_changed_or_missing_corpus_is_named(config: RunConfig, words: Path) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, "", steps=5))
    harness.run_until_idle()
    harness = crash(harness)
    words.write_text("\n".join(WORDS[:-1]), "utf-8")
    with pytest.raises(UserError, match=r"words\.txt has changed since run 1 learned it"):
        harness.send(OpenRun(1, train=True))
    harness = crash(harness)
    words.unlink()
    with pytest.raises(UserError, match=r"there is no file .*words\.txt"):
        harness.send(ForkRun(1))
    assert harness.store.read(1).step == 5
    words.write_text("\n".join(WORDS), "utf-8")
    harness.send(OpenRun(1))
    assert harness.events_of(RunOpened)[-1].step == 5


def test_new_viewer_told_of_unfinished_run_until_another_opens(config: RunConfig) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, "", steps=30))
    harness.run_until_idle()
    harness.send(ResumeRun())
    save_now(harness)
    harness = crash(harness)
    events: list[Event] = []
    harness.dispatcher.send_snapshot(events.append)
    assert [type(event).__name__ for event in events] == ["EngineReady", "ResumableRunFound"]
    left = events[1]
    assert isinstance(left, ResumableRunFound)
    assert (left.run.run, left.run.step, left.run.state) == (1, 30, RunState.PAUSED)
    harness.send(PrepareRun(config, ""))
    events.clear()
    harness.dispatcher.send_snapshot(events.append)
    assert isinstance(events[-1], ResumableRunFound)
    harness.send(OpenRun(1, train=True))
    events.clear()
    harness.dispatcher.send_snapshot(events.append)
    assert not any(isinstance(event, ResumableRunFound) for event in events)
    harness.run_until_idle()
    harness.dispatcher.shut_down()
    events.clear()
    DispatcherHarness().dispatcher.send_snapshot(events.append)
    assert len(events) == 1  # it came to its end


def test_release_pauses_training_run_and_frees_its_lock(config: RunConfig) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, ""))
    harness.run_until_idle(lambda: harness.dispatcher.active_run.trainer.step > 30)
    harness.dispatcher.shut_down()
    record = harness.store.read(1)
    assert record.state is RunState.PAUSED
    assert record.step > 30
    assert not harness.store.folder_of(1).is_locked()


def test_save_interval_grows_with_cost_of_saving(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("charwave_tui.engine.runs.autosave.time.monotonic", lambda: now)
    harness = DispatcherHarness()
    harness.send(StartRun(config, "", steps=5))
    harness.run_until_idle()
    kept = harness.dispatcher.active_run.autosave
    assert kept is not None
    now = autosave.AUTOSAVE_SECONDS - 0.1
    assert not kept.is_due
    now = autosave.AUTOSAVE_SECONDS + 0.1
    assert kept.is_due
    write = autosave.write_checkpoint

    def slow(folder: RunFolder, save: Checkpoint) -> None:
        nonlocal now
        now += 1.0
        write(folder, save)

    monkeypatch.setattr(autosave, "write_checkpoint", slow)
    save_now(harness)
    now += autosave.AUTOSAVE_SECONDS + 0.1
    assert kept.is_due  # one slow moment puts nothing off
    save_now(harness)
    now += 1 / autosave.MAX_TIME_FRACTION - 0.1
    assert not kept.is_due
    now += 0.2
    assert kept.is_due
