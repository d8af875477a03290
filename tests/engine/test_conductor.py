"""What each command does, driven piece by piece: what waits for what, the end of a run and the steps past it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from desk import WORDS, Desk, small

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState, Split
from charwave_tui.core.protocol.commands import (
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


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def config(words: Path) -> RunConfig:
    return small(words, max_steps=40, eval_every=1_000)


@pytest.fixture
def in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in the smallest pieces: a row or a few, then a look at the mailbox."""
    monkeypatch.setattr(background_tasks, "PATIENCE", 0)
    monkeypatch.setattr("charwave_tui.engine.training.evaluation.BLOCK_WORK", 5_000)
    monkeypatch.setattr("charwave_tui.engine.training.evaluation.LEAST", 1)


def ended(desk: Desk, config: RunConfig) -> None:
    """A run that is finished, measured and saved."""
    desk.do(StartRun(config, ""))
    desk.work()
    assert desk.states[-1] == (RunState.FINISHED, config.max_steps)
    assert desk.measured == [(config.max_steps, Split.TRAIN), (config.max_steps, Split.VAL)]
    desk.forget()


def told(desk: Desk) -> list[Any]:
    """The answers, but for names of which more were to come."""
    return [answer for answer in desk.answered if getattr(answer, "done", True)]


def endless(config: RunConfig) -> RunConfig:
    return replace(config, max_steps=10_000_000, eval_every=10_000_000)


def test_first_record_has_run_state(desk: Desk, config: RunConfig) -> None:
    desk.do(StartRun(config, ""))
    assert (desk.store.read(1).state, desk.store.read(1).step) == (RunState.TRAINING, 0)
    desk.do(StartRun(config, "", steps=0))
    assert desk.store.read(2).state is RunState.PAUSED


def test_run_autosaved_in_training_despite_rare_evaluations(
    desk: Desk, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autosave, "EVERY", 0.02)
    monkeypatch.setattr(autosave, "SHARE", 1.0)
    monkeypatch.setattr(active_run, "BURST", 0.01)
    desk.do(StartRun(endless(config), ""))
    desk.work(lambda: len(desk.heard(RunSaved)) == 4)
    steps = [event.step for event in desk.heard(RunSaved)]
    assert 0 == steps[0] < steps[1] < steps[2] < steps[3]
    record = desk.store.read(1)
    assert (record.state, record.step) == (RunState.TRAINING, steps[-1])
    trained = sum(1 for event in desk.told if isinstance(event, Progress))
    assert trained < 100  # by the clock, not with each burst


def test_losses_reported_before_evaluation(desk: Desk, config: RunConfig) -> None:
    desk.do(StartRun(replace(config, eval_every=10), ""))
    desk.work()
    heard = [event for event in desk.told if isinstance(event, Progress | SplitEvaluated)]
    for before, event in pairwise(heard):
        if isinstance(event, SplitEvaluated) and isinstance(before, Progress):
            assert before.step == event.evaluation.step
            assert before.points[-1:] == () or before.points[-1].step == before.step
    assert {(10, Split.VAL), (20, Split.VAL), (30, Split.VAL)} < set(desk.measured)


def test_new_run_without_folder_keeps_old_one_training(
    desk: Desk, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.do(StartRun(endless(config), ""))
    desk.conductor.run_slice()
    desk.forget()

    def full(store: RunStore) -> int:
        raise UserError("the disk is full", "free it")

    monkeypatch.setattr(RunStore, "create", full)
    with pytest.raises(UserError, match="full"):
        desk.do(StartRun(config, ""))
    assert desk.conductor.busy
    assert desk.told == []


def test_old_run_released_before_new_one_opens(desk: Desk, config: RunConfig) -> None:
    desk.do(StartRun(endless(config), ""))
    desk.conductor.run_slice()
    desk.forget()
    desk.do(StartRun(config, ""))
    kinds = [type(event).__name__ for event in desk.told if not isinstance(event, Progress)]
    assert kinds == ["RunChanged", "RunSaved", "RunOpened", "RunChanged", "RunSaved"]
    assert [state for state, _ in desk.states] == [RunState.STOPPED, RunState.TRAINING]


@pytest.mark.usefixtures("in_pieces")
def test_repeated_split_request_evaluated_once(desk: Desk, config: RunConfig) -> None:
    desk.do(StartRun(config, "", steps=3))
    desk.work()
    desk.do(EvaluateSplits(tuple(Split)))
    desk.conductor.run_slice()
    desk.do(*[EvaluateSplits(tuple(Split))] * 5)
    desk.work()
    assert desk.measured == [(3, split) for split in Split]
    assert desk.answered == []


def test_result_of_current_step_sent_only_to_requester(desk: Desk, config: RunConfig) -> None:
    ended(desk, config)
    desk.do(EvaluateSplits(tuple(Split)))
    desk.work()
    assert desk.measured == [(40, Split.TEST)]
    told = [event.evaluation for event in desk.answered if isinstance(event, SplitEvaluated)]
    record = desk.store.read(1)
    assert [(it.step, it.split, it.loss) for it in told] == [
        (40, Split.TRAIN, record.train),
        (40, Split.VAL, record.val),
    ]


@pytest.mark.usefixtures("in_pieces")
def test_stop_keeps_requested_test_evaluation(desk: Desk, config: RunConfig) -> None:
    desk.do(StartRun(config, "", steps=3))
    desk.work()
    desk.do(EvaluateSplits((Split.VAL, Split.TEST)))
    desk.conductor.run_slice()
    desk.do(StopRun())
    desk.work()
    assert desk.measured == [(3, Split.VAL), (3, Split.TEST), (3, Split.TRAIN)]
    record = desk.store.read(1)
    assert record.state is RunState.STOPPED
    assert None not in (record.train, record.val)


def test_single_steps_past_end_taken_saved_and_not_evaluated(desk: Desk, config: RunConfig) -> None:
    ended(desk, config)
    desk.do(StepRun(), StepRun(), StepRun())
    desk.work()
    assert desk.states == [(RunState.TRAINING, 40), (RunState.FINISHED, 43)]
    assert desk.measured == []
    record = desk.store.read(1)
    assert (record.step, record.state, record.config.max_steps) == (43, RunState.FINISHED, 40)
    desk.do(ExtendRun())
    assert desk.heard(RunEdited)[-1].config.max_steps == 83


def test_single_steps_across_end_taken_and_end_evaluated(desk: Desk, config: RunConfig) -> None:
    desk.do(StartRun(config, "", steps=39))
    desk.work()
    desk.do(StepRun(), StepRun())
    desk.work()
    assert desk.states[-1] == (RunState.FINISHED, 41)
    assert desk.measured == [(41, Split.TRAIN), (41, Split.VAL)]


def test_extend_dispatched_before_step_past_end(desk: Desk, config: RunConfig) -> None:
    ended(desk, config)
    desk.do(StepRun(), ExtendRun())
    desk.work()
    assert desk.states[-1] == (RunState.FINISHED, 80)


def test_steps_beyond_total_end_with_run(desk: Desk, config: RunConfig) -> None:
    desk.do(StartRun(config, "", steps=1_000))
    desk.work()
    assert desk.states[-1] == (RunState.FINISHED, 40)


@pytest.mark.usefixtures("in_pieces")
def test_step_requested_during_evaluation_taken_after_it(desk: Desk, config: RunConfig) -> None:
    desk.do(StartRun(config, "", steps=3))
    desk.work()
    desk.do(EvaluateSplits((Split.TRAIN,)))
    desk.conductor.run_slice()
    desk.do(StepRun(), StepRun())
    desk.work()
    assert desk.measured == [(3, Split.TRAIN)]
    assert desk.states[-1] == (RunState.PAUSED, 5)


def test_negative_step_count_refused(desk: Desk, config: RunConfig) -> None:
    with pytest.raises(UserError, match=r"-1 steps; give it 0 or more"):
        desk.do(StartRun(config, "", steps=-1))
    assert desk.told == []
    assert not desk.conductor.busy


def test_reset_of_untouched_run_does_not_rebuild(desk: Desk, config: RunConfig) -> None:
    desk.do(StartRun(config, "", steps=0), ResetRun())
    assert [event.run for event in desk.heard(RunOpened)] == [1]
    desk.do(ResumeRun(), ResetRun())
    assert desk.states[-1] == (RunState.PAUSED, 0)
    assert desk.store.numbers() == [1]
    desk.work()
    assert desk.states[-1] == (RunState.PAUSED, 0)
    desk.do(StepRun())
    desk.work()
    desk.do(ResetRun())
    assert desk.store.numbers() == [1, 2]


def test_reset_keeps_words_after_file_change(desk: Desk, config: RunConfig, words: Path) -> None:
    ended(desk, config)
    before = desk.store.read(1).corpus
    words.write_text("\n".join(["zyx", *WORDS]), "utf-8")
    desk.do(ResetRun())
    assert desk.heard(RunOpened)[0].corpus == before
    assert desk.store.read(2).corpus == before


def test_edit_moving_schedule_adds_its_mark(desk: Desk, config: RunConfig) -> None:
    desk.do(StartRun(config, "", steps=35))
    desk.work()
    desk.forget()
    desk.do(EditRun(replace(config, max_steps=1_000)))
    assert desk.marks == [(35, "max_steps 40 → 1,000"), (35, "lr 0.01 → 0.1")]
    desk.forget()
    desk.do(EditRun(replace(config, max_steps=1_000, lr_drop=0.01, batch_size=4)))
    assert desk.marks == [(35, "batch_size 8 → 4"), (35, "lr_drop 0.75 → 0.01"), (35, "lr 0.1 → 0.01")]


def test_extend_keeps_its_marks(desk: Desk, config: RunConfig) -> None:
    ended(desk, config)
    desk.do(ExtendRun())
    assert desk.marks == [(40, "max_steps 40 → 80"), (40, "lr 0.01 → 0.1")]


@pytest.mark.parametrize(("max_steps", "drop"), [(4_321, 3_240), (1_999, 1_499)])
def test_lr_drop_marked_at_exact_step(desk: Desk, config: RunConfig, max_steps: int, drop: int) -> None:
    desk.do(StartRun(replace(config, max_steps=max_steps), ""))
    desk.work(lambda: bool(desk.marks))
    assert desk.marks == [(drop, "lr 0.1 → 0.01")]


def test_extend_adds_steps_of_last_edit(desk: Desk, config: RunConfig) -> None:
    ended(desk, config)
    desk.do(EditRun(replace(config, max_steps=60)))
    for end in (100, 160):
        desk.do(ExtendRun())
        assert desk.heard(RunEdited)[-1].config.max_steps == end
        desk.work()


def test_run_stopped_in_first_window_leaves_ghost_and_curve(desk: Desk, config: RunConfig) -> None:
    desk.do(StartRun(endless(config), "", steps=5))
    desk.work()
    desk.do(StopRun())
    (point,) = desk.store.read(1).history.points
    assert point.step == 5
    desk.do(StartRun(config, ""))
    ghost = desk.heard(RunOpened)[-1].ghost
    assert ghost is not None
    assert ghost.history.points == (point,)


@pytest.mark.usefixtures("in_pieces")
def test_names_sampled_in_chunks_in_order_before_evaluation(desk: Desk, config: RunConfig) -> None:
    desk.do(StartRun(endless(config), "", steps=2))
    desk.work()
    desk.do(EvaluateSplits((Split.TRAIN,)))
    wanted = [(SamplingConfig(count=40), 1), (SamplingConfig(prefix="!"), 2), (SamplingConfig(count=3), 3)]
    desk.do(*(SampleNames(sampling, request) for sampling, request in wanted))
    pieces = 0
    while not told(desk):
        desk.conductor.run_slice()
        pieces += 1
    assert pieces > 10
    assert desk.measured == []
    desk.work()
    assert [(type(it).__name__, it.request) for it in told(desk)] == [
        ("NamesSampled", 1),
        ("NamesRefused", 2),
        ("NamesSampled", 3),
    ]
    assert desk.measured == [(2, Split.TRAIN)]


@pytest.mark.usefixtures("in_pieces")
def test_names_requested_of_released_run_come_from_next(desk: Desk, config: RunConfig) -> None:
    desk.do(StartRun(endless(config), "", steps=2))
    desk.work()
    desk.do(SampleNames(SamplingConfig(count=40), 1))
    desk.conductor.run_slice()
    desk.do(StartRun(config, "", steps=0))
    desk.work()
    (names,) = told(desk)
    assert (names.step, len(names.names)) == (0, 40)


def test_names_without_model_refused_at_once(desk: Desk) -> None:
    desk.do(SampleNames(SamplingConfig(), 7))
    assert desk.answered == [NamesRefused(7, "there is no model yet", "t trains one")]


def test_queries_do_not_change_training(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, same_bits: Callable[..., bool]
) -> None:
    monkeypatch.setattr(active_run, "BURST", 0.0)
    results = []
    for number, look in enumerate((False, True), 1):
        desk = Desk()
        desk.do(StartRun(config, ""))
        request = 0
        while desk.conductor.busy:
            if look and request < 20:
                desk.do(ProbeLayers(), SampleNames(SamplingConfig(seed=request), request))
                desk.do(EvaluateSplits((Split.TEST,)))
                request += 1
            desk.conductor.run_slice()
        record = desk.store.read(number)
        assert (record.step, record.val is None) == (40, False)
        weights, _ = load_weights(desk.store.folder_of(number).checkpoints()[0])
        results.append((record.history.points, record.train, record.val, weights))
    (*plain, weights), (*looked_at, same) = results
    assert plain == looked_at
    assert same_bits(weights, same)


def test_failed_background_task_dropped_and_training_paused(
    desk: Desk, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.do(StartRun(endless(config), ""), EvaluateSplits((Split.VAL,)))
    monkeypatch.setattr(background_tasks, "evaluate_split", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        desk.work()
    desk.conductor.recover("a fault")
    assert not desk.conductor.busy
    assert desk.states[-1][0] is RunState.PAUSED


def test_flood_of_name_requests_refused_at_limit(desk: Desk, config: RunConfig) -> None:
    desk.do(PrepareRun(config, ""))
    asked = background_tasks.MOST_WAITING + 5
    desk.do(*(SampleNames(SamplingConfig(count=1), request) for request in range(asked)))
    assert [event.request for event in desk.answered] == list(range(background_tasks.MOST_WAITING, asked))
    assert all(isinstance(event, NamesRefused) for event in desk.answered)
    desk.work()
    assert len(desk.answered) == asked
    assert sum(isinstance(event, NamesSampled) for event in desk.answered) == background_tasks.MOST_WAITING


def test_status_reports_pending_evaluations(desk: Desk, config: RunConfig, in_pieces: None) -> None:
    desk.do(StartRun(replace(config, eval_every=10), ""))
    desk.work(lambda: desk.conductor._errands.measuring)
    desk.do(PauseRun(), ReportStatus())
    desk.work()
    desk.do(ReportStatus())
    statuses = [answer for answer in desk.answered if isinstance(answer, StatusReported)]
    assert [(it.state, it.step, it.measuring) for it in statuses] == [
        (RunState.PAUSED, 10, True),
        (RunState.PAUSED, 10, False),
    ]
    assert desk.measured == [(10, Split.VAL)]
