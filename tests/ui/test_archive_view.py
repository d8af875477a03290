"""What is known of kept runs, and how they are arranged."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import pytest
import scenes
from kept import IDLE, RECORDS, ROWS, TRAINING, course, record, row

from charwave_tui.core.metrics import Evaluation, LossPoint, RunState, Split, TrainingHistory
from charwave_tui.core.protocol.commands import PauseRun
from charwave_tui.core.protocol.events import RunShown, RunsListed
from charwave_tui.ui.state.run_state import LossCurveState, RunViewState
from charwave_tui.ui.state.runs_state import (
    MOST_CHOSEN,
    RECORDS_KEPT,
    RunsState,
    RunsViewOptions,
    SortOrder,
    active_run_number,
    best_vals,
    changes,
    matches,
    reduce_runs,
    sort_and_filter,
    state_words,
    with_live_run,
    written,
)


def numbers(rows):
    return [item.run for item in rows]


def test_new_list_replaces_list_and_keeps_records():
    known = reduce_runs(RunsState(None, RECORDS), RunsListed(ROWS[:2]))
    assert known == RunsState(ROWS[:2], RECORDS)
    assert reduce_runs(known, PauseRun()) is known


def test_records_cached_newest_first_unique_and_bounded():
    known = RunsState()
    for run in range(RECORDS_KEPT + 5):
        known = reduce_runs(known, RunShown(record(row(run), TrainingHistory())))
    assert numbers(known.records) == list(range(RECORDS_KEPT + 4, 4, -1))
    again = record(row(7), course(1_000, 2.0))
    known = reduce_runs(known, RunShown(again))
    assert known.records[0] is again
    assert numbers(known.records).count(7) == 1
    assert len(known.records) == RECORDS_KEPT


def test_selected_run_keeps_slot_until_deselected():
    chosen = RunsViewOptions()
    for run in (5, 6, 7):
        chosen = chosen.toggled(run)
    assert [chosen.place(run) for run in (5, 6, 7, 8)] == [0, 1, 2, None]
    chosen = chosen.toggled(6)
    assert [chosen.place(run) for run in (5, 6, 7)] == [0, None, 2]
    chosen = chosen.toggled(8).toggled(9)
    assert [chosen.place(run) for run in (5, 8, 7, 9)] == [0, 1, 2, 3]
    assert chosen.full
    assert chosen.toggled(10) is chosen
    assert chosen.toggled(5).chosen == (None, 8, 7, 9)
    assert len(chosen.chosen) == MOST_CHOSEN


def test_missing_runs_are_deselected():
    chosen = RunsViewOptions(chosen=(12, 99, 11, None))
    assert chosen.among(ROWS).chosen == (12, None, 11, None)
    assert chosen.among(()).chosen == (None,) * 4


def test_active_run_shown_in_current_state():
    run, curve = TRAINING
    (moved, *others) = with_live_run(ROWS, replace(run, steps_per_second=100.0), curve)
    assert tuple(others) == ROWS[1:]
    assert (moved.step, moved.state, moved.config) == (132_400, RunState.TRAINING, run.config)
    assert moved.train == curve.points[-1].mean
    assert moved.val == curve.latest(Split.VAL).loss
    assert moved.best_val == min(item.loss for item in curve.history.evaluations)
    assert moved.training_seconds == pytest.approx(87 + 24)
    assert with_live_run(ROWS, RunViewState("lost", 12), curve) == ROWS
    assert with_live_run(ROWS, *IDLE) == ROWS


def test_active_run_without_curve_keeps_listed_values():
    run = replace(scenes.TRAINING.run, run=11, state=RunState.FINISHED, step=200_000, steps_per_second=0.0)
    kept = with_live_run(ROWS, run, LossCurveState())[1]
    assert (kept.train, kept.val, kept.best_val, kept.training_seconds) == (1.8873, 2.0219, 2.0219, 98)


def test_newer_whole_split_loss_wins_and_nan_val_is_never_best():
    history = TrainingHistory(
        100,
        (LossPoint(1_000, 2.5, 2.4, 2.6),),
        (Evaluation(1_000, Split.TRAIN, 2.3), Evaluation(1_000, Split.VAL, math.nan)),
    )
    moved = with_live_run(ROWS, TRAINING[0], LossCurveState(history))[0]
    assert moved.train == 2.3
    assert math.isnan(moved.val)
    assert moved.best_val == 2.0121
    assert with_live_run([row(12, best_val=None)], TRAINING[0], LossCurveState(history))[0].best_val is None


@pytest.mark.parametrize(
    ("order", "first", "last"),
    [
        (SortOrder.NEWEST, [12, 11, 10], 1),
        (SortOrder.BEST_VAL, [3, 12, 11], 9),
        (SortOrder.STEPS, [11, 12, 3], 9),
        (SortOrder.PRESET, [8, 7, 10], 9),
    ],
)
def test_each_order_has_first_and_last_run(order, first, last):
    ordered = numbers(sort_and_filter(ROWS[::-1], order, "", 12))
    assert ordered[:3] == first
    assert ordered[-1] == last
    assert sorted(ordered) == sorted(numbers(ROWS))


def test_equal_runs_newest_first_and_missing_losses_last():
    rows = [row(1), row(2, best_val=math.nan), row(3), row(4, best_val=None), row(5, best_val=1.0)]
    assert numbers(sort_and_filter(rows, SortOrder.BEST_VAL, "", None)) == [5, 3, 1, 4, 2]


def test_orders_cycle():
    order, seen = SortOrder.NEWEST, []
    for _ in SortOrder:
        seen.append(order)
        order = order.following
    assert seen == list(SortOrder)
    assert order is SortOrder.NEWEST


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", numbers(ROWS)),
        ("  ", numbers(ROWS)),
        ("11", [11]),
        ("run 1", [12, 11, 10, 1]),
        ("TREE", [12, 11, 9, 3]),
        ("talk", [11]),
        ("nobody asks", [11]),
        ("names", [1]),
        ("nan", [9]),
        ("training", [12]),
        ("unfinished", [8]),
        ("48,200", [8]),
        ("mlp done", [7]),
        ("no such run", []),
    ],
)
def test_filter_matches_every_name_of_a_run(query, found):
    assert numbers(sort_and_filter(ROWS, SortOrder.NEWEST, query, 12)) == found


def test_filter_ignores_case_in_any_script():
    assert matches(row(1, name="ИМЕНА straße"), "имена STRASSE", None)


@pytest.mark.parametrize(
    ("state", "present_run", "words", "brief"),
    [
        (RunState.TRAINING, 5, "training", "training"),
        (RunState.PAUSED, 5, "paused", "paused"),
        (RunState.TRAINING, 6, "left at 48,200", "unfinished"),
        (RunState.PAUSED, None, "left at 48,200", "unfinished"),
        (RunState.FINISHED, None, "done", "done"),
        (RunState.STOPPED, 5, "stopped", "stopped"),
        (RunState.DIVERGED, None, "NaN", "NaN"),
        (RunState.READY, 5, "ready", "ready"),
    ],
)
def test_inactive_unfinished_run_was_interrupted(state, present_run, words, brief):
    of = row(5, state=state, step=48_200)
    assert state_words(of, present_run) == words
    assert state_words(of, present_run, brief=True) == brief


def test_best_val_is_per_corpus():
    assert best_vals(ROWS) == {"makemore": 1.9775, "names": 2.1242}
    assert best_vals([row(1, best_val=None), row(2, best_val=math.nan)]) == {}


def test_changes_compared_with_preset_except_corpus():
    assert changes(ROWS[0]) == (("lr", "0.01"),)
    assert changes(ROWS[1]) == ()
    assert changes(ROWS[2]) == (("norm", "none"), ("init_gain", "5.0"))
    assert changes(row(1, lr=0.5, seed=7, fuse=(8,))) == (("fuse", "8"), ("lr", "0.5"), ("seed", "7"))
    gone = msgspec.structs.replace(ROWS[0], preset="a preset of another version")
    assert changes(gone) == ()


def test_corpus_shown_by_name_and_other_fields_as_in_form():
    of = row(1, corpus="names", max_steps=10_000)
    assert (written(of, "corpus"), written(of, "max_steps"), written(of, "fuse")) == ("names", "10,000", "2 2 2")


def test_lost_engine_has_no_active_run():
    assert active_run_number(TRAINING[0]) == 12
    assert active_run_number(replace(TRAINING[0], engine="lost", state=None)) is None
