"""How the lab's view follows the engine's events, one by one."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import pytest
from support import lab_states as scenes
from support.fake_engine import run_opened, unfinished_summary

from charwave_tui.core.metrics import CurveMarker, Evaluation, LossPoint, RunState, Split, TrainingHistory
from charwave_tui.core.protocol.events import (
    CommandRefused,
    EngineFailed,
    EngineReady,
    EngineStarted,
    LayersProbed,
    NamesRefused,
    NamesSampled,
    Progress,
    ResumableRunFound,
    RunChanged,
    RunEdited,
    RunMarked,
    RunSaved,
    SaveFailed,
    SplitEvaluated,
)
from charwave_tui.ui.state.run_state import (
    ConnectionState,
    EngineDisconnected,
    LabState,
    LossCurveState,
    NamesState,
    RunViewState,
    Unfinished,
    reduce,
)

POINTS = tuple(LossPoint(step, 2.0, 1.9, 2.1) for step in (132_500, 132_600))


PARTIAL = LossPoint(132_640, 1.9, 1.8, 2.0)


def test_state_starts_with_starting_engine_and_nothing_else():
    view = LabState()
    assert (view.run.connection, view.run.state, view.run.is_in_progress) == (ConnectionState.STARTING, None, False)
    assert view.curve.points == ()
    assert view.run.seconds_left is None
    assert view.curve.uniform_loss is None


def test_ready_engine_changes_only_engine_state():
    ready = reduce(scenes.TRAINING, EngineReady("2.13", "cpu"))
    assert ready == replace(scenes.TRAINING, run=replace(scenes.TRAINING.run, connection=ConnectionState.READY))
    assert reduce(LabState(), EngineReady("2.13", "cpu")).run.connection is ConnectionState.READY


def test_opened_run_replaces_all_of_previous_one():
    event = run_opened(replace(scenes.UNTRAINED.run, run=13))
    view = reduce(scenes.DIVERGED, event)
    assert view.run == replace(scenes.UNTRAINED.run, run=13)
    ghost = view.curve.ghost
    assert view.curve == replace(scenes.UNTRAINED.curve, vocab_size=scenes.CARD.vocab_size, ghost=ghost)
    assert ghost is not None
    assert (ghost.name, ghost.history) == ("run 12", scenes.DIVERGED.curve.history)
    assert view.curve.diverged_at is None


def test_opened_run_brings_history_and_ghost():
    view = reduce(LabState(), run_opened(scenes.TRAINING.run, scenes.TRAINING))
    assert view.curve == replace(scenes.TRAINING.curve, partial=None)
    assert view.run == replace(scenes.TRAINING.run, steps_per_second=0.0)


def test_opened_diverged_run_is_diverged_at_its_step():
    assert reduce(LabState(), run_opened(scenes.DIVERGED.run, scenes.DIVERGED)).curve.diverged_at == 412


def test_layers_and_names_kept_until_new_run_sends_its_own():
    view = reduce(scenes.TRAINING, run_opened(scenes.UNTRAINED.run))
    assert view.layers == replace(scenes.TRAINING.layers, is_of_other_run=True)
    assert view.names == scenes.TRAINING.names


def test_progress_appends_points_and_replaces_partial_one():
    view = reduce(scenes.TRAINING, Progress(132_640, 1_480.0, POINTS, PARTIAL))
    assert view.run == replace(scenes.TRAINING.run, step=132_640, steps_per_second=1_480.0)
    assert view.curve.history.points == (*scenes.TRAINING.curve.history.points, *POINTS)
    assert view.curve.points[-1] == PARTIAL
    assert view.curve.history.marks == scenes.TRAINING.curve.history.marks
    assert reduce(view, Progress(132_700, 1_480.0, (), None)).curve.partial is None


def test_progress_without_points_keeps_same_history_object():
    view = reduce(scenes.TRAINING, Progress(132_640, 1_480.0, (), PARTIAL))
    assert view.curve.history is scenes.TRAINING.curve.history


def test_progress_before_opened_run_ignored():
    view = reduce(LabState(), Progress(10, 5.0, POINTS, PARTIAL))
    assert view.run.state is None
    assert view.run.seconds_left is None


@pytest.mark.parametrize("burst", [1, 7, 300, 5_000])
def test_long_training_points_bounded_ordered_with_extremes(burst):
    means = [2.0 + math.sin(step) for step in range(1, 10_001)]
    points = [LossPoint(step, mean, mean - step, mean + step) for step, mean in enumerate(means, start=1)]
    events = [
        Progress(points[start].step, 100.0, tuple(points[start : start + burst]), None)
        for start in range(0, len(points), burst)
    ]
    view = LabState()
    for event in events:
        view = reduce(view, event)
        assert len(view.curve.history.points) <= 4_000
    kept = view.curve.history.points
    assert len(kept) >= 1_000
    steps = [point.step for point in kept]
    assert steps == sorted(set(steps))
    assert steps[-1] == 10_000
    assert min(point.low for point in kept) == min(point.low for point in points)
    assert max(point.high for point in kept) == max(point.high for point in points)


@pytest.mark.parametrize("state", RunState)
def test_state_change_applied_with_step_and_reason(state):
    view = reduce(scenes.TRAINING, RunChanged(state, 133_000, "because"))
    assert (view.run.state, view.run.step, view.run.reason) == (state, 133_000, "because")
    assert view.curve.diverged_at == (133_000 if state is RunState.DIVERGED else None)
    assert view.curve.history is scenes.TRAINING.curve.history


def test_reason_dropped_with_its_state():
    assert reduce(scenes.DIVERGED, RunChanged(RunState.PAUSED, 0)).run.reason == ""


def test_live_edit_changes_config_and_chart_length():
    longer = replace(scenes.CONFIG, lr=0.01, max_steps=400_000)
    view = reduce(scenes.TRAINING, RunEdited(longer))
    assert view.run.config == longer
    assert view.curve.max_steps == 400_000


def test_marks_and_evaluations_appended_in_order():
    view = reduce(scenes.TRAINING, RunMarked(CurveMarker(132_400, "lr 0.01 → 0.001")))
    view = reduce(view, SplitEvaluated(Evaluation(132_400, Split.VAL, 1.99)))
    view = reduce(view, SplitEvaluated(Evaluation(132_400, Split.TEST, 2.01)))
    assert [mark.text for mark in view.curve.history.marks] == ["lr 0.1 → 0.01", "lr 0.01 → 0.001"]
    assert view.curve.latest(Split.VAL).loss == 1.99
    assert view.curve.latest(Split.TEST).loss == 2.01
    assert view.curve.latest(Split.TRAIN) is None


def test_layers_and_names_are_last_measured():
    layers = scenes.TRAINING.layers.layers[:3]
    view = reduce(scenes.TRAINING, LayersProbed(7, layers))
    assert (view.layers.step, view.layers.layers) == (7, layers)
    view = reduce(view, NamesSampled(8, 1, scenes.NAMES[:2]))
    assert view.names == NamesState(8, scenes.NAMES[:2])


def test_refusal_replaces_names_and_names_replace_refusal():
    refused = reduce(scenes.TRAINING, NamesRefused(1, "the weights give NaN", "train anew"))
    assert refused.names == NamesState(refusal="the weights give NaN", remedy="train anew")
    assert reduce(refused, NamesSampled(8, 2, scenes.NAMES)).names.refusal == ""
    spoilt = reduce(scenes.DIVERGED, NamesRefused(1, "the weights give NaN", "train anew"))
    assert spoilt.names == NamesState(refusal="the weights give NaN", is_after_divergence=True)


def test_lost_engine_removes_run_but_keeps_shown_data():
    view = reduce(scenes.TRAINING, EngineDisconnected("the engine is away"))
    assert (view.run.connection, view.run.reason, view.run.state) == (ConnectionState.LOST, "the engine is away", None)
    assert view.run.is_in_progress is False
    assert view.run.seconds_left is None
    assert view.run.unfinished == Unfinished(12, 132_400)
    shown = scenes.TRAINING
    assert (view.curve, view.layers, view.names) == (shown.curve, shown.layers, shown.names)


@pytest.mark.parametrize("view", [scenes.EMPTY, scenes.UNTRAINED, scenes.FINISHED, scenes.DIVERGED])
def test_lost_engine_without_run_leaves_nothing_to_resume(view):
    assert reduce(view, EngineDisconnected()).run.unfinished is None


def test_engine_after_lost_one_works_and_still_offers_run():
    lost = reduce(scenes.TRAINING, EngineDisconnected())
    assert reduce(lost, EngineReady("2.13", "cpu")).run.connection is ConnectionState.READY
    left = Unfinished(12, 132_400)
    assert reduce(lost, run_opened(scenes.UNTRAINED.run)).run == replace(scenes.UNTRAINED.run, unfinished=left)
    assert reduce(lost, EngineDisconnected("again")).run.unfinished == left


def test_interrupted_run_kept_until_one_opens():
    found = reduce(LabState(), ResumableRunFound(unfinished_summary(Unfinished(12, 48_200))))
    assert found.run.unfinished == Unfinished(12, 48_200)
    assert reduce(found, run_opened(scenes.UNTRAINED.run)).run.unfinished == Unfinished(12, 48_200)
    for run in (scenes.TRAINING.run, replace(scenes.UNTRAINED.run, run=13)):
        assert reduce(found, run_opened(run)).run.unfinished is None


def test_run_unsaved_from_first_failed_to_next_successful_save():
    failed = reduce(scenes.TRAINING, SaveFailed(12, "no space"))
    assert failed.run == replace(scenes.TRAINING.run, unsaved="no space")
    assert reduce(failed, SaveFailed(12, "read-only")).run.unsaved == "read-only"
    assert reduce(failed, RunSaved(11, 1)).run.unsaved == "no space"
    assert reduce(failed, RunSaved(12, 1)) == scenes.TRAINING
    assert reduce(scenes.TRAINING, SaveFailed(11, "no space")) == scenes.TRAINING
    assert reduce(LabState(), run_opened(scenes.UNSAVED.run)).run.unsaved == "No space left on device"
    assert reduce(failed, EngineDisconnected()).run.unsaved == ""


def test_divergence_cause_set_with_change_or_run_and_cleared_on_resume():
    why = scenes.DIVERGED.run.divergence
    changed = reduce(scenes.TRAINING, RunChanged(RunState.DIVERGED, 412, divergence=why))
    assert (changed.run.divergence, changed.curve.diverged_at) == (why, 412)
    assert reduce(LabState(), run_opened(scenes.DIVERGED.run)).run.divergence == why
    rewound = reduce(changed, RunChanged(RunState.TRAINING, 400))
    assert (rewound.run.divergence, rewound.curve.diverged_at) == (None, None)


@pytest.mark.parametrize(
    "event",
    [
        EngineStarted("1", 7),
        RunSaved(12, 132_400),
        SaveFailed(11, "no space left on device"),
        CommandRefused("no", "yes"),
        EngineFailed("no", "log"),
    ],
)
@pytest.mark.parametrize("view", [scenes.EMPTY, scenes.TRAINING, scenes.DIVERGED])
def test_notification_only_events_change_no_pane(view, event):
    assert reduce(view, event) == view


@pytest.mark.parametrize("state", RunState)
def test_only_training_run_with_known_speed_has_remaining_time(state):
    run = replace(scenes.TRAINING.run, state=state)
    assert run.seconds_left == (67_600 / 1_512 if state is RunState.TRAINING else None)
    assert replace(run, steps_per_second=0.0).seconds_left is None
    assert run.is_in_progress is (state in (RunState.TRAINING, RunState.PAUSED))


def test_uniform_loss_is_log_of_vocabulary_size():
    assert LossCurveState(vocab_size=27).uniform_loss == math.log(27)
    assert LossCurveState(history=TrainingHistory()).points == ()
    assert RunViewState().is_in_progress is False


@pytest.mark.parametrize(("sha256", "named"), [("1" * 64, "greek"), (scenes.CARD.sha256, "")])
def test_corpus_of_the_ghost_is_named_if_it_is_another_one(sha256, named):
    corpus = msgspec.structs.replace(scenes.CARD, name="greek", sha256=sha256)
    opened = run_opened(scenes.TRAINING.run, scenes.TRAINING)
    ghost = msgspec.structs.replace(opened.ghost, corpus=corpus)
    assert reduce(LabState(), msgspec.structs.replace(opened, ghost=ghost)).curve.ghost_corpus == named
