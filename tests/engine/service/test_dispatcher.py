"""What each command does and in which order, the end of a run, and steps past it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from support.dispatcher_harness import WORDS, DispatcherHarness, small_config

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState, Split
from charwave_tui.core.protocol.commands import (
    Command,
    EditRun,
    EvaluateSplits,
    ExtendRun,
    PauseRun,
    PrepareRun,
    ProbeLayers,
    ReportStatus,
    ResetRun,
    ResumeRun,
    SampleNames,
    StartRun,
    StepRun,
    StopRun,
)
from charwave_tui.core.protocol.events import (
    NamesRefused,
    NamesSampled,
    Progress,
    RunEdited,
    RunOpened,
    RunSaved,
    SplitEvaluated,
    StatusReported,
)
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.runs import active_run, autosave
from charwave_tui.engine.runs.checkpoint import load_weights
from charwave_tui.engine.service import background_tasks
from charwave_tui.engine.service.dispatcher import CommandDispatcher


@pytest.fixture
def harness() -> DispatcherHarness:
    return DispatcherHarness()


@pytest.fixture
def config(words: Path) -> RunConfig:
    return small_config(words, max_steps=40, eval_every=1_000)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of one chunk, chunks of a row or a few."""
    monkeypatch.setattr(background_tasks, "SLICE_SECONDS", 0)
    monkeypatch.setattr("charwave_tui.engine.training.evaluation.MAX_BLOCK_MULTIPLICATIONS", 5_000)
    monkeypatch.setattr("charwave_tui.engine.training.evaluation.MIN_PREFIX_BLOCK", 1)


def run_to_end(harness: DispatcherHarness, config: RunConfig) -> None:
    """Train a run to its end, evaluated and saved."""
    harness.send(StartRun(config, ""))
    harness.run_until_idle()
    assert harness.states[-1] == (RunState.FINISHED, config.max_steps)
    assert harness.evaluations == [(config.max_steps, Split.TRAIN), (config.max_steps, Split.VAL)]
    harness.clear_events()


def final_replies(harness: DispatcherHarness) -> list[Any]:
    """Return the replies without partial ones."""
    return [answer for answer in harness.replies if getattr(answer, "done", True)]


def endless_config(config: RunConfig) -> RunConfig:
    return replace(config, max_steps=10_000_000, eval_every=10_000_000)


def test_every_command_has_exactly_one_handler(harness: DispatcherHarness) -> None:
    assert set(harness.dispatcher.handlers) == set(Command.__subclasses__())
    entries = re.findall(r"commands\.(\w+):", inspect.getsource(CommandDispatcher.__init__))
    assert len(entries) == len(set(entries)) == len(harness.dispatcher.handlers)


def test_first_record_has_run_state(harness: DispatcherHarness, config: RunConfig) -> None:
    harness.send(StartRun(config, ""))
    assert (harness.store.read(1).state, harness.store.read(1).step) == (RunState.TRAINING, 0)
    harness.send(StartRun(config, "", steps=0))
    assert harness.store.read(2).state is RunState.PAUSED


def test_run_autosaved_in_training_despite_rare_evaluations(
    harness: DispatcherHarness, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autosave, "AUTOSAVE_SECONDS", 0.02)
    monkeypatch.setattr(autosave, "MAX_TIME_FRACTION", 1.0)
    monkeypatch.setattr(active_run, "BURST_SECONDS", 0.01)
    harness.send(StartRun(endless_config(config), ""))
    harness.run_until_idle(lambda: len(harness.events_of(RunSaved)) == 4)
    steps = [event.step for event in harness.events_of(RunSaved)]
    assert 0 == steps[0] < steps[1] < steps[2] < steps[3]
    record = harness.store.read(1)
    assert (record.state, record.step) == (RunState.TRAINING, steps[-1])
    trained = sum(1 for event in harness.broadcasts if isinstance(event, Progress))
    assert trained < 100  # by the clock, not with each burst


def test_losses_reported_before_evaluation(harness: DispatcherHarness, config: RunConfig) -> None:
    harness.send(StartRun(replace(config, eval_every=10), ""))
    harness.run_until_idle()
    events = [event for event in harness.broadcasts if isinstance(event, Progress | SplitEvaluated)]
    for before, event in pairwise(events):
        if isinstance(event, SplitEvaluated) and isinstance(before, Progress):
            assert before.step == event.evaluation.step
            assert before.points[-1:] == () or before.points[-1].step == before.step
    assert {(10, Split.VAL), (20, Split.VAL), (30, Split.VAL)} < set(harness.evaluations)


def test_new_run_without_folder_keeps_old_one_training(
    harness: DispatcherHarness, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.send(StartRun(endless_config(config), ""))
    harness.dispatcher.run_slice()
    harness.clear_events()

    def full(store: RunStore) -> int:
        raise UserError("the disk is full", "free it")

    monkeypatch.setattr(RunStore, "create", full)
    with pytest.raises(UserError, match="full"):
        harness.send(StartRun(config, ""))
    assert harness.dispatcher.busy
    assert harness.broadcasts == []


def test_old_run_released_before_new_one_opens(harness: DispatcherHarness, config: RunConfig) -> None:
    harness.send(StartRun(endless_config(config), ""))
    harness.dispatcher.run_slice()
    harness.clear_events()
    harness.send(StartRun(config, ""))
    kinds = [type(event).__name__ for event in harness.broadcasts if not isinstance(event, Progress)]
    assert kinds == ["RunChanged", "RunSaved", "RunOpened", "RunChanged", "RunSaved"]
    assert [state for state, _ in harness.states] == [RunState.STOPPED, RunState.TRAINING]


@pytest.mark.usefixtures("small_chunks")
def test_repeated_split_request_evaluated_once(harness: DispatcherHarness, config: RunConfig) -> None:
    harness.send(StartRun(config, "", steps=3))
    harness.run_until_idle()
    harness.send(EvaluateSplits(tuple(Split)))
    harness.dispatcher.run_slice()
    harness.send(*[EvaluateSplits(tuple(Split))] * 5)
    harness.run_until_idle()
    assert harness.evaluations == [(3, split) for split in Split]
    assert harness.replies == []


def test_result_of_current_step_sent_only_to_requester(harness: DispatcherHarness, config: RunConfig) -> None:
    run_to_end(harness, config)
    harness.send(EvaluateSplits(tuple(Split)))
    harness.run_until_idle()
    assert harness.evaluations == [(40, Split.TEST)]
    evaluations = [event.evaluation for event in harness.replies if isinstance(event, SplitEvaluated)]
    record = harness.store.read(1)
    assert [(it.step, it.split, it.loss) for it in evaluations] == [
        (40, Split.TRAIN, record.train),
        (40, Split.VAL, record.val),
    ]


@pytest.mark.usefixtures("small_chunks")
def test_stop_keeps_requested_test_evaluation(harness: DispatcherHarness, config: RunConfig) -> None:
    harness.send(StartRun(config, "", steps=3))
    harness.run_until_idle()
    harness.send(EvaluateSplits((Split.VAL, Split.TEST)))
    harness.dispatcher.run_slice()
    harness.send(StopRun())
    harness.run_until_idle()
    assert harness.evaluations == [(3, Split.VAL), (3, Split.TEST), (3, Split.TRAIN)]
    record = harness.store.read(1)
    assert record.state is RunState.STOPPED
    assert None not in (record.train, record.val)


def test_single_steps_past_end_taken_saved_and_not_evaluated(harness: DispatcherHarness, config: RunConfig) -> None:
    run_to_end(harness, config)
    harness.send(StepRun(), StepRun(), StepRun())
    harness.run_until_idle()
    assert harness.states == [(RunState.TRAINING, 40), (RunState.FINISHED, 43)]
    assert harness.evaluations == []
    record = harness.store.read(1)
    assert (record.step, record.state, record.config.max_steps) == (43, RunState.FINISHED, 40)
    harness.send(ExtendRun())
    assert harness.events_of(RunEdited)[-1].config.max_steps == 83


def test_single_steps_across_end_taken_and_end_evaluated(harness: DispatcherHarness, config: RunConfig) -> None:
    harness.send(StartRun(config, "", steps=39))
    harness.run_until_idle()
    harness.send(StepRun(), StepRun())
    harness.run_until_idle()
    assert harness.states[-1] == (RunState.FINISHED, 41)
    assert harness.evaluations == [(41, Split.TRAIN), (41, Split.VAL)]


def test_extend_dispatched_before_step_past_end(harness: DispatcherHarness, config: RunConfig) -> None:
    run_to_end(harness, config)
    harness.send(StepRun(), ExtendRun())
    harness.run_until_idle()
    assert harness.states[-1] == (RunState.FINISHED, 80)


def test_steps_beyond_total_end_with_run(harness: DispatcherHarness, config: RunConfig) -> None:
    harness.send(StartRun(config, "", steps=1_000))
    harness.run_until_idle()
    assert harness.states[-1] == (RunState.FINISHED, 40)


@pytest.mark.usefixtures("small_chunks")
def test_step_requested_during_evaluation_taken_after_it(harness: DispatcherHarness, config: RunConfig) -> None:
    harness.send(StartRun(config, "", steps=3))
    harness.run_until_idle()
    harness.send(EvaluateSplits((Split.TRAIN,)))
    harness.dispatcher.run_slice()
    harness.send(StepRun(), StepRun())
    harness.run_until_idle()
    assert harness.evaluations == [(3, Split.TRAIN)]
    assert harness.states[-1] == (RunState.PAUSED, 5)


def test_negative_step_count_refused(harness: DispatcherHarness, config: RunConfig) -> None:
    with pytest.raises(UserError, match=r"-1 steps; give it 0 or more"):
        harness.send(StartRun(config, "", steps=-1))
    assert harness.broadcasts == []
    assert not harness.dispatcher.busy


def test_reset_of_untouched_run_does_not_rebuild(harness: DispatcherHarness, config: RunConfig) -> None:
    harness.send(StartRun(config, "", steps=0), ResetRun())
    assert [event.run for event in harness.events_of(RunOpened)] == [1]
    harness.send(ResumeRun(), ResetRun())
    assert harness.states[-1] == (RunState.PAUSED, 0)
    assert harness.store.run_numbers() == [1]
    harness.run_until_idle()
    assert harness.states[-1] == (RunState.PAUSED, 0)
    harness.send(StepRun())
    harness.run_until_idle()
    harness.send(ResetRun())
    assert harness.store.run_numbers() == [1, 2]


def test_reset_keeps_words_after_file_change(harness: DispatcherHarness, config: RunConfig, words: Path) -> None:
    run_to_end(harness, config)
    before = harness.store.read(1).corpus
    words.write_text("\n".join(["zyx", *WORDS]), "utf-8")
    harness.send(ResetRun())
    assert harness.events_of(RunOpened)[0].corpus == before
    assert harness.store.read(2).corpus == before


def test_edit_moving_schedule_adds_its_mark(harness: DispatcherHarness, config: RunConfig) -> None:
    harness.send(StartRun(config, "", steps=35))
    harness.run_until_idle()
    harness.clear_events()
    harness.send(EditRun(replace(config, max_steps=1_000)))
    assert harness.marks == [(35, "max_steps 40 → 1,000"), (35, "lr 0.01 → 0.1")]
    harness.clear_events()
    harness.send(EditRun(replace(config, max_steps=1_000, lr_drop=0.01, batch_size=4)))
    assert harness.marks == [(35, "batch_size 8 → 4"), (35, "lr_drop 0.75 → 0.01"), (35, "lr 0.1 → 0.01")]


def test_extend_keeps_its_marks(harness: DispatcherHarness, config: RunConfig) -> None:
    run_to_end(harness, config)
    harness.send(ExtendRun())
    assert harness.marks == [(40, "max_steps 40 → 80"), (40, "lr 0.01 → 0.1")]


@pytest.mark.parametrize(("max_steps", "drop"), [(4_321, 3_240), (1_999, 1_499)])
def test_lr_drop_marked_at_exact_step(harness: DispatcherHarness, config: RunConfig, max_steps: int, drop: int) -> None:
    harness.send(StartRun(replace(config, max_steps=max_steps), ""))
    harness.run_until_idle(lambda: bool(harness.marks))
    assert harness.marks == [(drop, "lr 0.1 → 0.01")]


def test_extend_adds_steps_of_last_edit(harness: DispatcherHarness, config: RunConfig) -> None:
    run_to_end(harness, config)
    harness.send(EditRun(replace(config, max_steps=60)))
    for end in (100, 160):
        harness.send(ExtendRun())
        assert harness.events_of(RunEdited)[-1].config.max_steps == end
        harness.run_until_idle()


def test_run_stopped_in_first_window_leaves_ghost_and_curve(harness: DispatcherHarness, config: RunConfig) -> None:
    harness.send(StartRun(endless_config(config), "", steps=5))
    harness.run_until_idle()
    harness.send(StopRun())
    (point,) = harness.store.read(1).history.points
    assert point.step == 5
    harness.send(StartRun(config, ""))
    ghost = harness.events_of(RunOpened)[-1].ghost
    assert ghost is not None
    assert ghost.history.points == (point,)


@pytest.mark.usefixtures("small_chunks")
def test_names_sampled_in_chunks_in_order_before_evaluation(harness: DispatcherHarness, config: RunConfig) -> None:
    harness.send(StartRun(endless_config(config), "", steps=2))
    harness.run_until_idle()
    harness.send(EvaluateSplits((Split.TRAIN,)))
    requests = [(SamplingConfig(count=40), 1), (SamplingConfig(prefix="!"), 2), (SamplingConfig(count=3), 3)]
    harness.send(*(SampleNames(sampling, request) for sampling, request in requests))
    pieces = 0
    while not final_replies(harness):
        harness.dispatcher.run_slice()
        pieces += 1
    assert pieces > 10
    assert harness.evaluations == []
    harness.run_until_idle()
    assert [(type(it).__name__, it.request) for it in final_replies(harness)] == [
        ("NamesSampled", 1),
        ("NamesRefused", 2),
        ("NamesSampled", 3),
    ]
    assert harness.evaluations == [(2, Split.TRAIN)]


@pytest.mark.usefixtures("small_chunks")
def test_names_requested_of_released_run_come_from_next(harness: DispatcherHarness, config: RunConfig) -> None:
    harness.send(StartRun(endless_config(config), "", steps=2))
    harness.run_until_idle()
    harness.send(SampleNames(SamplingConfig(count=40), 1))
    harness.dispatcher.run_slice()
    harness.send(StartRun(config, "", steps=0))
    harness.run_until_idle()
    (names,) = final_replies(harness)
    assert (names.step, len(names.names)) == (0, 40)


def test_names_without_model_refused_at_once(harness: DispatcherHarness) -> None:
    harness.send(SampleNames(SamplingConfig(), 7))
    assert harness.replies == [NamesRefused(7, "there is no model yet", "t trains one")]


def test_queries_do_not_change_training(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, bit_identical: Callable[..., bool]
) -> None:
    monkeypatch.setattr(active_run, "BURST_SECONDS", 0.0)
    results = []
    for number, look in enumerate((False, True), 1):
        harness = DispatcherHarness()
        harness.send(StartRun(config, ""))
        request = 0
        while harness.dispatcher.busy:
            if look and request < 20:
                harness.send(ProbeLayers(), SampleNames(SamplingConfig(seed=request), request))
                harness.send(EvaluateSplits((Split.TEST,)))
                request += 1
            harness.dispatcher.run_slice()
        record = harness.store.read(number)
        assert (record.step, record.val is None) == (40, False)
        weights, _ = load_weights(harness.store.folder_of(number).checkpoints()[0])
        results.append((record.history.points, record.train, record.val, weights))
    (*plain, weights), (*looked_at, same) = results
    assert plain == looked_at
    assert bit_identical(weights, same)


def test_failed_background_task_dropped_and_training_paused(
    harness: DispatcherHarness, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.send(StartRun(endless_config(config), ""), EvaluateSplits((Split.VAL,)))
    monkeypatch.setattr(background_tasks, "evaluate_split", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        harness.run_until_idle()
    harness.dispatcher.recover("a fault")
    assert not harness.dispatcher.busy
    assert harness.states[-1][0] is RunState.PAUSED


def test_flood_of_name_requests_refused_at_limit(harness: DispatcherHarness, config: RunConfig) -> None:
    harness.send(PrepareRun(config, ""))
    count = background_tasks.MAX_PENDING_QUERIES + 5
    harness.send(*(SampleNames(SamplingConfig(count=1), request) for request in range(count)))
    assert [event.request for event in harness.replies] == list(range(background_tasks.MAX_PENDING_QUERIES, count))
    assert all(isinstance(event, NamesRefused) for event in harness.replies)
    harness.run_until_idle()
    assert len(harness.replies) == count
    assert sum(isinstance(event, NamesSampled) for event in harness.replies) == background_tasks.MAX_PENDING_QUERIES


def test_status_reports_pending_evaluations(harness: DispatcherHarness, config: RunConfig, small_chunks: None) -> None:
    harness.send(StartRun(replace(config, eval_every=10), ""))
    harness.run_until_idle(lambda: harness.dispatcher.background_tasks.is_evaluating)
    harness.send(PauseRun(), ReportStatus())
    harness.run_until_idle()
    harness.send(ReportStatus())
    statuses = [answer for answer in harness.replies if isinstance(answer, StatusReported)]
    assert [(it.state, it.step, it.evaluating) for it in statuses] == [
        (RunState.PAUSED, 10, True),
        (RunState.PAUSED, 10, False),
    ]
    assert harness.evaluations == [(10, Split.VAL)]
