"""EngineWorker: commands in, events out, in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from support.dispatcher_harness import WORDS, small_config

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.metrics import RunState, Split
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.protocol.commands import (
    EditRun,
    EvaluateSplits,
    ExtendRun,
    PauseRun,
    PrepareRun,
    ProbeLayers,
    ResetRun,
    ResumeRun,
    SampleNames,
    StartRun,
    StepRun,
    StopRun,
)
from charwave_tui.core.protocol.events import (
    CommandRefused,
    Event,
    LayersProbed,
    NamesSampled,
    Progress,
    RunChanged,
    RunEdited,
    RunMarked,
    RunOpened,
    RunSaved,
    SaveFailed,
    SplitEvaluated,
)
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.data.prefix_dataset import PrefixDataset
from charwave_tui.engine.runs import autosave
from charwave_tui.engine.runs.checkpoint import load_weights
from charwave_tui.engine.service.worker import EngineWorker


class WorkerHarness:
    """An EngineWorker on its own thread; `everything` are all its events, `wait` passes them by."""

    def __init__(self) -> None:
        self.unread_events: list[tuple[Event, int | None]] = []
        self.all_events: list[Event] = []
        self._event_arrived = threading.Condition()
        self.session = EngineWorker(self._on_event, RunStore(runs_dir()))
        self._thread = threading.Thread(target=self.session.run)
        self._thread.start()

    def _on_event(self, event: Event, viewer: int | None) -> None:
        with self._event_arrived:
            self.unread_events.append((event, viewer))
            self.all_events.append(event)
            self._event_arrived.notify_all()

    def wait(self, kind: type[Event], timeout: float = 20, **fields: Any) -> Any:
        """Return the first matching event since the last wait."""
        deadline = time.monotonic() + timeout
        seen = 0
        with self._event_arrived:
            while True:
                for index in range(seen, len(self.unread_events)):
                    event = self.unread_events[index][0]
                    if isinstance(event, kind) and all(getattr(event, k) == v for k, v in fields.items()):
                        del self.unread_events[: index + 1]
                        return event
                seen = len(self.unread_events)
                assert self._event_arrived.wait(deadline - time.monotonic()), (
                    f"no {kind.__name__} {fields}: {self.unread_events[-5:]}"
                )

    def end(self) -> None:
        self.session.close()
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def config(words: Path) -> RunConfig:
    return small_config(words, max_steps=400, eval_every=100)


@pytest.fixture
def worker() -> Iterator[WorkerHarness]:
    worker = WorkerHarness()
    yield worker
    worker.end()


def endless_config(config: RunConfig) -> RunConfig:
    return replace(config, max_steps=10_000_000, eval_every=10_000_000)


def test_run_trains_to_end_and_is_evaluated_and_saved(worker: WorkerHarness, config: RunConfig) -> None:
    worker.session.submit(StartRun(config, "playground"))
    opened = worker.wait(RunOpened)
    assert (opened.run, opened.step, opened.corpus.words, opened.published) == (1, 0, len(WORDS), None)
    assert worker.wait(SplitEvaluated).evaluation.step == 100
    worker.wait(RunChanged, state=RunState.FINISHED, step=400)
    assert worker.wait(SplitEvaluated).evaluation.split is Split.TRAIN
    val = worker.wait(SplitEvaluated).evaluation
    worker.wait(RunSaved, step=400)
    record = RunStore(runs_dir()).read(1)
    assert (record.state, record.step, record.val) == (RunState.FINISHED, 400, val.loss)
    assert record.train is not None
    assert record.val is not None
    assert record.val < 2.5 < (record.first_loss or 0)
    assert len(record.history.points) == 200


def test_pause_step_and_resume_act_between_steps(worker: WorkerHarness, config: RunConfig) -> None:
    worker.session.submit(StartRun(endless_config(config), ""))
    worker.wait(Progress)
    requested_at = time.monotonic()
    worker.session.submit(PauseRun())
    paused = worker.wait(RunChanged, state=RunState.PAUSED)
    assert time.monotonic() - requested_at < 5
    for further in (1, 2):
        worker.session.submit(StepRun())
        assert worker.wait(RunChanged, state=RunState.PAUSED).step == paused.step + further
    worker.session.submit(ResumeRun())
    worker.wait(RunChanged, state=RunState.TRAINING)
    assert worker.wait(Progress).step >= paused.step + 2
    worker.session.submit(StepRun())
    worker.wait(RunChanged, state=RunState.PAUSED)


def test_single_step_starts_run_and_is_reported_at_once(worker: WorkerHarness, config: RunConfig) -> None:
    worker.session.submit(StartRun(config, "", steps=1))
    progress = worker.wait(Progress, step=1)
    assert progress.partial is not None or progress.points
    worker.wait(RunChanged, state=RunState.PAUSED, step=1)


def test_fast_step_requests_are_all_taken(worker: WorkerHarness, config: RunConfig) -> None:
    for command in (StartRun(endless_config(config), "", steps=1), StepRun(), StepRun()):
        worker.session.submit(command)
    worker.wait(RunChanged, state=RunState.PAUSED, step=3)


def test_resume_dispatched_before_pending_single_step(worker: WorkerHarness, config: RunConfig) -> None:
    for command in (StartRun(endless_config(config), "", steps=1), ResumeRun()):
        worker.session.submit(command)
    while worker.wait(Progress).step < 10:
        pass
    worker.session.submit(PauseRun())
    assert worker.wait(RunChanged, state=RunState.PAUSED).step >= 10


def test_pause_immediate_even_during_evaluation(
    worker: WorkerHarness, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("charwave_tui.engine.service.background_tasks.SLICE_SECONDS", 0)
    monkeypatch.setattr("charwave_tui.engine.training.evaluation.MAX_BLOCK_MULTIPLICATIONS", 5_000)
    monkeypatch.setattr("charwave_tui.engine.training.evaluation.MIN_PREFIX_BLOCK", 1)
    worker.session.submit(StartRun(endless_config(config), ""))
    worker.wait(Progress)
    under_way = threading.Event()
    blocks = iter(range(10))

    def looking_on(self: PrefixDataset, positions: int) -> Iterator[Any]:
        for block in whole_blocks(self, positions):
            if next(blocks, 0) == 3:  # well within the first split
                worker.session.submit(PauseRun())
                under_way.set()
            yield block

    whole_blocks = PrefixDataset.iter_blocks
    monkeypatch.setattr(PrefixDataset, "iter_blocks", looking_on)
    worker.session.submit(EvaluateSplits((Split.TRAIN, Split.VAL, Split.TEST)))
    assert under_way.wait(20)
    worker.wait(SplitEvaluated)
    worker.wait(SplitEvaluated)
    worker.wait(SplitEvaluated)
    order = [
        event.state if isinstance(event, RunChanged) else event.evaluation.split
        for event in worker.all_events
        if isinstance(event, RunChanged | SplitEvaluated)
    ]
    assert order == [RunState.TRAINING, RunState.PAUSED, Split.TRAIN, Split.VAL, Split.TEST]


def test_reset_restores_same_weights_and_keeps_ghost(worker: WorkerHarness, config: RunConfig) -> None:
    worker.session.submit(StartRun(config, ""))
    worker.wait(RunSaved, step=0)
    first, _ = load_weights(RunStore(runs_dir()).folder_of(1).checkpoints()[0])
    worker.wait(RunChanged, state=RunState.FINISHED)
    worker.session.submit(ResetRun())
    opened = worker.wait(RunOpened)
    worker.wait(RunChanged, state=RunState.PAUSED, step=0)
    assert (opened.run, opened.step) == (2, 0)
    assert opened.ghost is not None
    assert opened.ghost.name == "run 1"
    assert opened.ghost.history.points[-1].step == 400
    worker.wait(RunSaved, run=2)
    again, _ = load_weights(RunStore(runs_dir()).folder_of(2).checkpoints()[0])
    assert first.keys() == again.keys()
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_live_edit_takes_effect_with_mark(worker: WorkerHarness, config: RunConfig) -> None:
    worker.session.submit(StartRun(endless_config(config), ""))
    worker.wait(Progress)
    worker.session.submit(EditRun(replace(endless_config(config), lr=0.05)))
    assert worker.wait(RunMarked).marker.text == "lr 0.1 → 0.05"
    assert worker.wait(RunEdited).config.lr == 0.05


def test_edit_of_rebuild_field_refused_and_run_continues(worker: WorkerHarness, config: RunConfig) -> None:
    worker.session.submit(StartRun(endless_config(config), ""))
    worker.wait(Progress)
    worker.session.submit(EditRun(replace(endless_config(config), n_hidden=9)), viewer=7)
    refused = worker.wait(CommandRefused)
    assert "n_hidden" in refused.problem
    step = worker.wait(Progress).step
    assert worker.wait(Progress).step > step


def test_lr_drop_is_marked(worker: WorkerHarness, config: RunConfig) -> None:
    worker.session.submit(StartRun(config, ""))
    mark = worker.wait(RunMarked).marker
    assert (mark.step, mark.text) == (300, "lr 0.1 → 0.01")


def test_extend_trains_for_as_many_steps_again(worker: WorkerHarness, config: RunConfig) -> None:
    worker.session.submit(StartRun(config, ""))
    worker.wait(RunChanged, state=RunState.FINISHED)
    worker.session.submit(ExtendRun())
    assert worker.wait(RunEdited).config.max_steps == 800
    worker.wait(RunChanged, state=RunState.FINISHED, step=800)


def test_new_run_saves_old_one_and_keeps_it_as_ghost(worker: WorkerHarness, config: RunConfig) -> None:
    worker.session.submit(StartRun(endless_config(config), ""))
    worker.wait(Progress)
    worker.wait(Progress)
    worker.session.submit(StartRun(config, ""))
    worker.wait(RunSaved, run=1)
    opened = worker.wait(RunOpened)
    assert (opened.run, opened.ghost is not None) == (2, True)
    assert RunStore(runs_dir()).read(1).state is RunState.STOPPED


def test_unbuildable_run_keeps_old_one_training(worker: WorkerHarness, config: RunConfig) -> None:
    worker.session.submit(StartRun(endless_config(config), ""))
    worker.wait(Progress)
    worker.session.submit(StartRun(replace(config, corpus="/nowhere/at/all.txt"), ""), viewer=3)
    assert "/nowhere/at/all.txt" in worker.wait(CommandRefused).problem
    step = worker.wait(Progress).step
    assert worker.wait(Progress).step > step


def test_prepared_model_can_be_probed_and_is_the_one_trained(worker: WorkerHarness, config: RunConfig) -> None:
    worker.session.submit(PrepareRun(config, ""))
    opened = worker.wait(RunOpened)
    assert (opened.run, opened.state) == (None, RunState.READY)
    worker.session.submit(ProbeLayers(), viewer=1)
    layers = worker.wait(LayersProbed).layers
    assert [layer.name for layer in layers][:2] == ["Embedding", "FlattenConsecutive"]
    worker.session.submit(SampleNames(SamplingConfig(count=3), 5), viewer=1)
    names = worker.wait(NamesSampled, request=5).names
    assert len(names) == 3
    worker.session.submit(StartRun(config, "", steps=0))
    assert worker.wait(RunOpened).run == 1
    worker.session.submit(ProbeLayers(), viewer=1)
    assert worker.wait(LayersProbed).layers == layers


def test_diverging_run_stops_and_keeps_last_good_weights(worker: WorkerHarness, config: RunConfig) -> None:
    wild = replace(config, norm="none", activation="relu", init_gain=100.0, output_scale=100.0, lr=10.0)
    worker.session.submit(StartRun(wild, ""))
    changed = worker.wait(RunChanged, state=RunState.DIVERGED)
    assert "lr 10" in changed.reason
    weights, _ = load_weights(RunStore(runs_dir()).folder_of(1).checkpoints()[0])
    assert all(tensor.isfinite().all() for tensor in weights.values())
    worker.session.submit(StepRun(), viewer=1)
    assert "NaN" in worker.wait(CommandRefused).problem
    worker.session.submit(ResetRun())
    worker.wait(RunChanged, state=RunState.PAUSED, step=0)


def test_commands_unavailable_in_state_do_nothing(worker: WorkerHarness, config: RunConfig) -> None:
    untimely = [
        PauseRun(),
        ResumeRun(),
        StepRun(),
        StopRun(),
        ResetRun(),
        ExtendRun(),
        EditRun(config),
        EvaluateSplits((Split.VAL,)),
    ]
    for command in untimely:
        worker.session.submit(command, viewer=1)
    worker.session.submit(ProbeLayers(), viewer=1)
    assert "no model" in worker.wait(CommandRefused).problem
    worker.session.submit(PrepareRun(config, ""))
    for command in untimely:
        worker.session.submit(command, viewer=1)
    worker.session.submit(ProbeLayers(), viewer=1)
    worker.wait(LayersProbed)
    assert list(map(type, worker.all_events)) == [CommandRefused, RunOpened, LayersProbed]


def test_training_continues_on_full_disk(
    worker: WorkerHarness, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(autosave, "write_checkpoint", refuse)
    worker.session.submit(StartRun(config, ""))
    assert "No space" in worker.wait(SaveFailed).problem
    worker.wait(RunChanged, state=RunState.FINISHED, step=400)


def test_close_pauses_and_saves_active_run(config: RunConfig) -> None:
    worker = WorkerHarness()
    worker.session.submit(StartRun(endless_config(config), ""))
    while worker.wait(Progress).step == 0:
        pass
    worker.end()
    record = RunStore(runs_dir()).read(1)
    assert record.state is RunState.PAUSED
    assert record.step > 0
