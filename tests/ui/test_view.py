"""How the lab's view follows the engine's events, one by one."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import scenes
from fake_engine import opened, summary

from charwave_tui.core import archive, protocol
from charwave_tui.core.readings import Evaluation, History, LossPoint, Mark, Split, State
from charwave_tui.ui.view import Curve, EngineLost, LabView, NamesView, RunView, Unfinished, after

POINTS = tuple(LossPoint(step, 2.0, 1.9, 2.1) for step in (132_500, 132_600))
PARTIAL = LossPoint(132_640, 1.9, 1.8, 2.0)


def test_it_begins_with_an_engine_that_is_starting_and_nothing_else():
    view = LabView()
    assert (view.run.engine, view.run.state, view.run.in_progress) == ("starting", None, False)
    assert view.curve.points == ()
    assert view.run.seconds_left is None
    assert view.curve.knowing_nothing is None


def test_a_ready_engine_changes_nothing_but_that():
    ready = after(scenes.TRAINING, protocol.EngineReady("2.13", "cpu"))
    assert ready == replace(scenes.TRAINING, run=replace(scenes.TRAINING.run, engine="ready"))
    assert after(LabView(), protocol.EngineReady("2.13", "cpu")).run.engine == "ready"


def test_a_run_that_opens_takes_the_place_of_all_that_was_known_of_the_one_before():
    event = opened(replace(scenes.UNTRAINED.run, run=13))
    view = after(scenes.DIVERGED, event)
    assert view.run == replace(scenes.UNTRAINED.run, run=13)
    ghost = view.curve.ghost
    assert view.curve == replace(scenes.UNTRAINED.curve, vocab_size=scenes.CARD.vocab_size, ghost=ghost)
    assert ghost is not None
    assert (ghost.name, ghost.history) == ("run 12", scenes.DIVERGED.curve.history)
    assert view.curve.diverged_at is None


def test_a_run_that_opens_brings_its_course_and_its_ghost():
    view = after(LabView(), opened(scenes.TRAINING.run, scenes.TRAINING))
    assert view.curve == replace(scenes.TRAINING.curve, partial=None)
    assert view.run == replace(scenes.TRAINING.run, steps_per_second=0.0)


def test_a_diverged_run_that_opens_has_diverged_where_it_stands():
    assert after(LabView(), opened(scenes.DIVERGED.run, scenes.DIVERGED)).curve.diverged_at == 412


def test_layers_and_names_stay_until_those_of_the_new_run_come():
    view = after(scenes.TRAINING, opened(scenes.UNTRAINED.run))
    assert view.layers == replace(scenes.TRAINING.layers, foreign=True)
    assert view.names == scenes.TRAINING.names


def test_progress_appends_points_and_replaces_the_unfinished_one():
    view = after(scenes.TRAINING, protocol.Progress(132_640, 1_480.0, POINTS, PARTIAL))
    assert view.run == replace(scenes.TRAINING.run, step=132_640, steps_per_second=1_480.0)
    assert view.curve.history.points == (*scenes.TRAINING.curve.history.points, *POINTS)
    assert view.curve.points[-1] == PARTIAL
    assert view.curve.history.marks == scenes.TRAINING.curve.history.marks
    assert after(view, protocol.Progress(132_700, 1_480.0, (), None)).curve.partial is None


def test_progress_without_points_leaves_the_very_history_so_that_nothing_is_drawn_for_it():
    view = after(scenes.TRAINING, protocol.Progress(132_640, 1_480.0, (), PARTIAL))
    assert view.curve.history is scenes.TRAINING.curve.history


def test_progress_before_any_run_opened_does_no_harm():
    view = after(LabView(), protocol.Progress(10, 5.0, POINTS, PARTIAL))
    assert view.run.state is None
    assert view.run.seconds_left is None


@pytest.mark.parametrize("burst", [1, 7, 300, 5_000])
def test_however_long_it_trains_the_points_stay_bounded_and_keep_their_order_and_extremes(burst):
    means = [2.0 + math.sin(step) for step in range(1, 10_001)]
    points = [LossPoint(step, mean, mean - step, mean + step) for step, mean in enumerate(means, start=1)]
    events = [
        protocol.Progress(points[start].step, 100.0, tuple(points[start : start + burst]), None)
        for start in range(0, len(points), burst)
    ]
    view = LabView()
    for event in events:
        view = after(view, event)
        assert len(view.curve.history.points) <= 4_000
    kept = view.curve.history.points
    assert len(kept) >= 1_000
    steps = [point.step for point in kept]
    assert steps == sorted(set(steps))
    assert steps[-1] == 10_000
    assert min(point.low for point in kept) == min(point.low for point in points)
    assert max(point.high for point in kept) == max(point.high for point in points)


@pytest.mark.parametrize("state", State)
def test_a_change_of_state_is_taken_over_with_its_step_and_its_reason(state):
    view = after(scenes.TRAINING, protocol.RunChanged(state, 133_000, "because"))
    assert (view.run.state, view.run.step, view.run.reason) == (state, 133_000, "because")
    assert view.curve.diverged_at == (133_000 if state is State.DIVERGED else None)
    assert view.curve.history is scenes.TRAINING.curve.history


def test_a_reason_goes_with_the_state_it_belongs_to():
    assert after(scenes.DIVERGED, protocol.RunChanged(State.PAUSED, 0)).run.reason == ""


def test_a_live_edit_changes_the_config_and_how_long_the_chart_is():
    longer = replace(scenes.CONFIG, lr=0.01, max_steps=400_000)
    view = after(scenes.TRAINING, protocol.RunEdited(longer))
    assert view.run.config == longer
    assert view.curve.max_steps == 400_000


def test_marks_and_evaluations_are_added_in_their_order():
    view = after(scenes.TRAINING, protocol.RunMarked(Mark(132_400, "lr 0.01 → 0.001")))
    view = after(view, protocol.SplitEvaluated(Evaluation(132_400, Split.VAL, 1.99)))
    view = after(view, protocol.SplitEvaluated(Evaluation(132_400, Split.TEST, 2.01)))
    assert [mark.text for mark in view.curve.history.marks] == ["lr 0.1 → 0.01", "lr 0.01 → 0.001"]
    assert view.curve.latest(Split.VAL).loss == 1.99
    assert view.curve.latest(Split.TEST).loss == 2.01
    assert view.curve.latest(Split.TRAIN) is None


def test_layers_and_names_are_those_measured_last():
    layers = scenes.TRAINING.layers.layers[:3]
    view = after(scenes.TRAINING, protocol.LayersProbed(7, layers))
    assert (view.layers.step, view.layers.layers) == (7, layers)
    view = after(view, protocol.NamesSampled(8, 1, scenes.NAMES[:2]))
    assert view.names == NamesView(8, scenes.NAMES[:2])


def test_a_refusal_takes_the_place_of_the_names_and_names_that_of_the_refusal():
    refused = after(scenes.TRAINING, protocol.NamesRefused(1, "the weights give NaN", "train anew"))
    assert refused.names == NamesView(refusal="the weights give NaN; train anew")
    assert after(refused, protocol.NamesSampled(8, 2, scenes.NAMES)).names.refusal == ""
    spoilt = after(scenes.DIVERGED, protocol.NamesRefused(1, "the weights give NaN", "train anew"))
    assert spoilt.names == NamesView(refusal="the weights give NaN", spoilt=True)


def test_a_lost_engine_takes_the_run_with_it_but_what_was_seen_stays():
    view = after(scenes.TRAINING, EngineLost("the engine is away"))
    assert (view.run.engine, view.run.reason, view.run.state) == ("lost", "the engine is away", None)
    assert view.run.in_progress is False
    assert view.run.seconds_left is None
    assert view.run.unfinished == Unfinished(12, 132_400)
    shown = scenes.TRAINING
    assert (view.curve, view.layers, view.names) == (shown.curve, shown.layers, shown.names)


@pytest.mark.parametrize("view", [scenes.EMPTY, scenes.UNTRAINED, scenes.FINISHED, scenes.DIVERGED])
def test_a_lost_engine_leaves_nothing_to_go_on_with_where_nothing_was_in_progress(view):
    assert after(view, EngineLost()).run.unfinished is None


def test_after_a_lost_engine_the_next_one_is_as_good_and_still_there_is_the_run_to_go_on_with():
    lost = after(scenes.TRAINING, EngineLost())
    assert after(lost, protocol.EngineReady("2.13", "cpu")).run.engine == "ready"
    left = Unfinished(12, 132_400)
    assert after(lost, opened(scenes.UNTRAINED.run)).run == replace(scenes.UNTRAINED.run, unfinished=left)
    assert after(lost, EngineLost("again")).run.unfinished == left


def test_a_run_that_was_left_in_the_middle_is_kept_until_one_is_opened():
    found = after(LabView(), archive.UnfinishedFound(summary(Unfinished(12, 48_200))))
    assert found.run.unfinished == Unfinished(12, 48_200)
    assert after(found, opened(scenes.UNTRAINED.run)).run.unfinished == Unfinished(12, 48_200)
    for run in (scenes.TRAINING.run, replace(scenes.UNTRAINED.run, run=13)):
        assert after(found, opened(run)).run.unfinished is None


def test_a_run_is_unsaved_from_the_first_try_that_fails_to_the_first_that_does_not():
    failed = after(scenes.TRAINING, protocol.SaveFailed(12, "no space"))
    assert failed.run == replace(scenes.TRAINING.run, unsaved="no space")
    assert after(failed, protocol.SaveFailed(12, "read-only")).run.unsaved == "read-only"
    assert after(failed, protocol.RunSaved(11, 1)).run.unsaved == "no space"
    assert after(failed, protocol.RunSaved(12, 1)) == scenes.TRAINING
    assert after(scenes.TRAINING, protocol.SaveFailed(11, "no space")) is scenes.TRAINING
    assert after(LabView(), opened(scenes.UNSAVED.run)).run.unsaved == "No space left on device"
    assert after(failed, EngineLost()).run.unsaved == ""


def test_why_a_run_diverged_comes_with_the_change_or_with_the_run_and_goes_as_it_goes_on():
    why = scenes.DIVERGED.run.divergence
    changed = after(scenes.TRAINING, protocol.RunChanged(State.DIVERGED, 412, divergence=why))
    assert (changed.run.divergence, changed.curve.diverged_at) == (why, 412)
    assert after(LabView(), opened(scenes.DIVERGED.run)).run.divergence == why
    rewound = after(changed, protocol.RunChanged(State.TRAINING, 400))
    assert (rewound.run.divergence, rewound.curve.diverged_at) == (None, None)


@pytest.mark.parametrize(
    "event",
    [
        protocol.EngineStarted("1", 7),
        protocol.RunSaved(12, 132_400),
        protocol.SaveFailed(11, "no space left on device"),
        protocol.CommandRefused("no", "yes"),
        protocol.EngineFailed("no", "log"),
    ],
)
@pytest.mark.parametrize("view", [scenes.EMPTY, scenes.TRAINING, scenes.DIVERGED])
def test_what_is_only_for_saying_changes_no_pane(view, event):
    assert after(view, event) is view


@pytest.mark.parametrize("state", State)
def test_only_a_run_that_trains_at_a_known_speed_has_a_time_to_go(state):
    run = replace(scenes.TRAINING.run, state=state)
    assert run.seconds_left == (67_600 / 1_512 if state is State.TRAINING else None)
    assert replace(run, steps_per_second=0.0).seconds_left is None
    assert run.in_progress is (state in (State.TRAINING, State.PAUSED))


def test_knowing_nothing_costs_the_logarithm_of_the_vocabulary():
    assert Curve(vocab_size=27).knowing_nothing == math.log(27)
    assert Curve(history=History()).points == ()
    assert RunView().in_progress is False
