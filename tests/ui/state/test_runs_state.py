"""Runs that are compared: their order, their inks, their courses, and the sheet of their curves."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import pytest
from support import lab_states as scenes
from support.run_records import NO_RUN, RECORDS, SUMMARIES, TRAINING_RUN, falling_history, run_record, run_summary

from charwave_tui.core.corpus.registry import LECTURE_SHA256
from charwave_tui.core.metrics import Evaluation, LossPoint, RunState, Split, TrainingHistory
from charwave_tui.core.protocol.commands import PauseRun
from charwave_tui.core.protocol.events import RunShown, RunsListed
from charwave_tui.ui.charts.plot import PlotArea
from charwave_tui.ui.runs.comparison import draw_comparison, scale_runs
from charwave_tui.ui.state.run_state import (
    RECORDS_KEPT,
    ConnectionState,
    LossCurveState,
    RunsState,
    RunViewState,
    reduce_runs,
)
from charwave_tui.ui.state.runs_state import (
    COMPARED_RUN_ROLES,
    DASHES,
    MARKS,
    MAX_COMPARED_RUNS,
    ComparedRun,
    RunsViewOptions,
    SortOrder,
    active_run_number,
    best_vals,
    changes,
    compared_runs,
    matches,
    records_to_load,
    sort_and_filter,
    with_live_run,
    written,
)
from charwave_tui.ui.terminal.glyphs import ASCII, Glyphs

PLOT = PlotArea(84, 21, Glyphs())


def compare_runs(here=12, *chosen, records=RECORDS, held=TRAINING_RUN):
    places = (*chosen, *(None,) * (4 - len(chosen)))
    return compared_runs(SUMMARIES, RunsViewOptions(cursor_run=here, chosen=places), records, *held)


def draw_canvas(runs, plot=PLOT, log=True):
    shown = scale_runs(plot, runs, log, None)
    assert shown is not None
    return draw_comparison(plot, shown)


def gutter(canvas, plot=PLOT):
    start = plot.left + plot.columns + 1
    return [line[start:].rstrip() for line in map(canvas.line, range(canvas.height - 2)) if line[start:].strip()]


def test_run_under_cursor_listed_first_unless_selected():
    assert [(item.row.run, item.slot, item.has_cursor) for item in compare_runs(12, 11, 3)] == [
        (12, None, True),
        (11, 0, False),
        (3, 1, False),
    ]
    assert [(item.row.run, item.slot, item.has_cursor) for item in compare_runs(3, 11, 3)] == [
        (11, 0, False),
        (3, 1, True),
    ]
    assert [item.row.run for item in compare_runs(None, 11)] == [11]
    assert [item.row.run for item in compare_runs(99, 98)] == []


def test_run_keeps_style_and_mark_for_any_cursor_and_selection():
    for runs in (compare_runs(12, None, 11), compare_runs(11, 10, 11, 3), compare_runs(3, None, 11, 3)):
        (of,) = (item for item in runs if item.row.run == 11)
        assert (of.role, of.mark, of.label) == ("val", "◇", "◇ run 11")
    assert compare_runs(12)[0].label == "▸ run 12"


def test_no_two_slots_differ_by_colour_alone():
    assert len(set(COMPARED_RUN_ROLES)) == len(set(MARKS)) == len(set(DASHES)) == 4


def test_training_run_drawn_by_live_curve_and_others_by_record():
    training, other = compare_runs(12, 11)
    assert training.history == TRAINING_RUN[1].history
    assert training.steps_per_second == 1_512
    assert training.published == 1.9937
    assert other.history == RECORDS[0].history
    assert other.steps_per_second == pytest.approx(200_000 / 98)
    (unknown,) = compare_runs(11, records=())
    assert unknown.history is None
    assert unknown.last is None
    assert unknown.losses == ()


def test_newest_window_of_training_run_is_in_its_curve():
    run, curve = TRAINING_RUN
    partial = LossPoint(132_440, 1.8, 1.7, 1.9)
    (training,) = compare_runs(12, held=(run, replace(curve, partial=partial)))
    assert training.history.points[-1] == partial
    assert training.history.evaluations == curve.history.evaluations


def test_published_loss_only_for_lecture_corpus():
    card = msgspec.structs.replace(scenes.CARD, sha256=LECTURE_SHA256)
    comparable = msgspec.structs.replace(RECORDS[0], corpus=card)
    assert compare_runs(11, records=[comparable])[0].published == 2.022
    assert compare_runs(11)[0].published is None
    own = msgspec.structs.replace(comparable, preset="playground")
    assert compare_runs(11, records=[own])[0].published is None


def test_outdated_records_of_inactive_runs_are_to_be_loaded():
    runs = compare_runs(12, 11, 3)
    assert records_to_load(runs, RECORDS, TRAINING_RUN[0]) == frozenset()
    assert records_to_load(runs, (), TRAINING_RUN[0]) == {(11, 200_000), (3, 100_000)}
    assert (12, 130_000) in records_to_load(runs, (), NO_RUN[0])
    older = msgspec.structs.replace(RECORDS[0], step=100)
    assert records_to_load(compare_runs(11), [older], TRAINING_RUN[0]) == {(11, 200_000)}


def test_run_without_val_drawn_by_train_and_nan_is_no_loss():
    points = (LossPoint(100, 2.5, 2.4, 2.6), LossPoint(200, math.nan, math.nan, math.nan))
    history = TrainingHistory(100, points, (Evaluation(100, Split.VAL, math.nan),))
    of = ComparedRun(run_summary(1), None, True, history)
    assert not of.by_val
    assert of.last == 2.5
    assert [step for step, _ in of.losses] == [100, 200]
    assert ComparedRun(run_summary(1), None, True, TrainingHistory()).last is None


def test_each_curve_labelled_at_end_in_its_style_on_own_row():
    runs = compare_runs(12, 11, 10, 8, 7)
    canvas = draw_canvas(runs)
    named = [*(f"{item.label:8}  {item.last:.4f}" for item in runs), "published 1.9937"]
    assert sorted(gutter(canvas)) == sorted(named)
    inks = {ink.removeprefix("bold ") for line in canvas.styles for ink in line}
    assert {"bright", *COMPARED_RUN_ROLES} <= inks
    assert "bold bright" in {ink for line in canvas.styles for ink in line}


def test_curve_under_cursor_solid_and_others_dashed():
    long = [run_record(run_summary(run), falling_history(200_000, 2.0 + run / 10, every=500)) for run in range(1, 6)]
    rows = [run_summary(run) for run in range(1, 6)]
    runs = compared_runs(rows, RunsViewOptions(cursor_run=5, chosen=(1, 2, 3, 4)), long, *NO_RUN)
    canvas = draw_canvas(runs)
    field = slice(PLOT.left + 20, PLOT.left + PLOT.columns)  # behind the fall, where each runs flat in its own rows

    def drawn_columns(ink):
        return sum(ink in {line[column] for line in canvas.styles} for column in range(field.start, field.stop))

    whole = field.stop - field.start
    assert drawn_columns("bright") == whole
    shares = [drawn_columns(ink) / whole for ink in COMPARED_RUN_ROLES]
    assert shares[0] == 1.0
    assert shares == sorted(shares, reverse=True)
    assert shares[3] == pytest.approx(0.5, abs=0.05)


def test_long_number_leaves_label_out_of_gutter():
    of = run_record(run_summary(12_345), falling_history(200_000, 2.0))
    (only,) = compared_runs([run_summary(12_345)], RunsViewOptions(cursor_run=12_345), [of], *NO_RUN)
    assert gutter(draw_canvas((only,)))[0].split()[:2] == ["▸", "12345"]


def test_x_axis_holds_longest_run_and_y_axis_ignores_short_early_drop():
    short = TrainingHistory(1, tuple(LossPoint(s, 9.0 - s / 100, 9.0, 9.0) for s in range(1, 500, 5)))
    rows = [run_summary(2), run_summary(1, step=500, max_steps=1_000)]
    records = [run_record(rows[0], falling_history(200_000, 2.0)), run_record(rows[1], short)]
    runs = compared_runs(rows, RunsViewOptions(cursor_run=2, chosen=(1, None, None, None)), records, *NO_RUN)
    shown = scale_runs(PLOT, runs, True, None)
    assert shown.axes.steps == 200_000
    assert 10**shown.axes.high < 9.0


def test_axes_stay_while_they_hold_all_curves():
    shown = scale_runs(PLOT, compare_runs(12), True, None)
    again = scale_runs(PLOT, compare_runs(12), True, shown.axes)
    assert again.axes is shown.axes
    assert scale_runs(PLOT, compare_runs(12), False, shown.axes).axes.log is False


def test_without_loss_or_space_nothing_is_drawn():
    assert scale_runs(PLOT, compare_runs(11, records=()), True, None) is None
    assert scale_runs(PLOT, (), True, None) is None
    assert scale_runs(PlotArea(3, 2, Glyphs()), compare_runs(12), True, None) is None


@pytest.mark.parametrize("size", [(84, 21), (50, 8), (43, 6), (24, 5), (12, 4)])
@pytest.mark.parametrize("glyphs", [Glyphs(), ASCII], ids=["unicode", "ascii"])
def test_comparison_chart_fits_every_size(size, glyphs):
    plot = PlotArea(*size, glyphs)
    canvas = draw_canvas(compare_runs(12, 11, 9), plot)
    assert {len(canvas.line(place)) for place in range(canvas.height)} == {size[0]}
    if glyphs is ASCII and not plot.gutter:
        assert "".join(map(canvas.line, range(canvas.height))).isascii()


def numbers(rows):
    return [item.run for item in rows]


def test_new_list_replaces_list_and_keeps_records():
    known = reduce_runs(RunsState(None, RECORDS), RunsListed(SUMMARIES[:2]))
    assert known == RunsState(SUMMARIES[:2], RECORDS)
    assert reduce_runs(known, PauseRun()) is known


def test_records_cached_newest_first_unique_and_bounded():
    known = RunsState()
    for run in range(RECORDS_KEPT + 5):
        known = reduce_runs(known, RunShown(run_record(run_summary(run), TrainingHistory())))
    assert numbers(known.records) == list(range(RECORDS_KEPT + 4, 4, -1))
    again = run_record(run_summary(7), falling_history(1_000, 2.0))
    known = reduce_runs(known, RunShown(again))
    assert known.records[0] is again
    assert numbers(known.records).count(7) == 1
    assert len(known.records) == RECORDS_KEPT


def test_selected_run_keeps_slot_until_deselected():
    chosen = RunsViewOptions()
    for run in (5, 6, 7):
        chosen = chosen.toggled(run)
    assert [chosen.slot_of(run) for run in (5, 6, 7, 8)] == [0, 1, 2, None]
    chosen = chosen.toggled(6)
    assert [chosen.slot_of(run) for run in (5, 6, 7)] == [0, None, 2]
    chosen = chosen.toggled(8).toggled(9)
    assert [chosen.slot_of(run) for run in (5, 8, 7, 9)] == [0, 1, 2, 3]
    assert chosen.full
    assert chosen.toggled(10) is chosen
    assert chosen.toggled(5).chosen == (None, 8, 7, 9)
    assert len(chosen.chosen) == MAX_COMPARED_RUNS


def test_missing_runs_are_deselected():
    chosen = RunsViewOptions(chosen=(12, 99, 11, None))
    assert chosen.among(SUMMARIES).chosen == (12, None, 11, None)
    assert chosen.among(()).chosen == (None,) * 4


def test_active_run_shown_in_current_state():
    run, curve = TRAINING_RUN
    (moved, *others) = with_live_run(SUMMARIES, replace(run, steps_per_second=100.0), curve)
    assert tuple(others) == SUMMARIES[1:]
    assert (moved.step, moved.state, moved.config) == (132_400, RunState.TRAINING, run.config)
    assert moved.train == curve.points[-1].mean
    assert moved.val == curve.latest(Split.VAL).loss
    assert moved.best_val == min(item.loss for item in curve.history.evaluations)
    assert moved.training_seconds == pytest.approx(87 + 24)
    assert with_live_run(SUMMARIES, RunViewState(ConnectionState.LOST, 12), curve) == SUMMARIES
    assert with_live_run(SUMMARIES, *NO_RUN) == SUMMARIES


def test_active_run_has_newest_and_best_loss_of_unseen_words():
    history = TrainingHistory(
        100,
        (),
        (
            Evaluation(100, Split.VAL, 2.3, 2.35),
            Evaluation(200, Split.VAL, 2.1, 2.2),
            Evaluation(200, Split.TEST, 2.0, 2.0),
            Evaluation(300, Split.VAL, 2.2, 2.4),
        ),
    )
    moved = with_live_run(SUMMARIES, TRAINING_RUN[0], LossCurveState(history))[0]
    assert (moved.val_unseen, moved.best_val_unseen) == (2.4, 2.2)
    listed = msgspec.structs.replace(SUMMARIES[0], val_unseen=2.3, best_val_unseen=2.1)
    kept = with_live_run([listed], TRAINING_RUN[0], LossCurveState())[0]
    assert (kept.val_unseen, kept.best_val_unseen) == (2.3, 2.1)
    assert with_live_run([listed], TRAINING_RUN[0], LossCurveState(history))[0].best_val_unseen == 2.1


def test_active_run_without_curve_keeps_listed_values():
    run = replace(scenes.TRAINING.run, run=11, state=RunState.FINISHED, step=200_000, steps_per_second=0.0)
    kept = with_live_run(SUMMARIES, run, LossCurveState())[1]
    assert (kept.train, kept.val, kept.best_val, kept.training_seconds) == (1.8873, 2.0219, 2.0219, 98)


def test_newer_whole_split_loss_wins_and_nan_val_is_never_best():
    history = TrainingHistory(
        100,
        (LossPoint(1_000, 2.5, 2.4, 2.6),),
        (Evaluation(1_000, Split.TRAIN, 2.3), Evaluation(1_000, Split.VAL, math.nan)),
    )
    moved = with_live_run(SUMMARIES, TRAINING_RUN[0], LossCurveState(history))[0]
    assert moved.train == 2.3
    assert math.isnan(moved.val)
    assert moved.best_val == 2.0121
    assert with_live_run([run_summary(12, best_val=None)], TRAINING_RUN[0], LossCurveState(history))[0].best_val is None


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
    ordered = numbers(sort_and_filter(SUMMARIES[::-1], order, "", 12))
    assert ordered[:3] == first
    assert ordered[-1] == last
    assert sorted(ordered) == sorted(numbers(SUMMARIES))


def test_equal_runs_newest_first_and_missing_losses_last():
    rows = [
        run_summary(1),
        run_summary(2, best_val=math.nan),
        run_summary(3),
        run_summary(4, best_val=None),
        run_summary(5, best_val=1.0),
    ]
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
        ("", numbers(SUMMARIES)),
        ("  ", numbers(SUMMARIES)),
        ("11", [11]),
        ("run 1", [12, 11, 10, 1]),
        ("TREE", [12, 11, 9, 3]),
        ("talk", [11]),
        ("nobody asks", [11]),
        ("names", [1]),
        ("diverged", [9]),
        ("training", [12]),
        ("paused", [8]),
        ("mlp finished", [7]),
        ("no such run", []),
    ],
)
def test_filter_matches_every_name_of_a_run(query, found):
    assert numbers(sort_and_filter(SUMMARIES, SortOrder.NEWEST, query, 12)) == found


def test_filter_ignores_case_in_any_script():
    assert matches(run_summary(1, name="ИМЕНА straße"), "имена STRASSE", None)


def test_best_val_is_per_corpus():
    assert best_vals(SUMMARIES) == {"makemore": 1.9775, "names": 2.1242}
    assert best_vals([run_summary(1, best_val=None), run_summary(2, best_val=math.nan)]) == {}


def test_changes_compared_with_preset_except_corpus():
    assert changes(SUMMARIES[0]) == (("lr", "0.01"),)
    assert changes(SUMMARIES[1]) == ()
    assert changes(SUMMARIES[2]) == (("norm", "none"), ("init_gain", "5.0"))
    assert changes(run_summary(1, lr=0.5, seed=7, fuse=(8,))) == (("fuse", "8"), ("lr", "0.5"), ("seed", "7"))
    gone = msgspec.structs.replace(SUMMARIES[0], preset="a preset of another version")
    assert changes(gone) == ()


def test_corpus_shown_by_name_and_other_fields_as_in_form():
    of = run_summary(1, corpus="names", max_steps=10_000)
    assert (written(of, "corpus"), written(of, "max_steps"), written(of, "fuse")) == ("names", "10,000", "2 2 2")


def test_lost_engine_has_no_active_run():
    assert active_run_number(TRAINING_RUN[0]) == 12
    assert active_run_number(replace(TRAINING_RUN[0], connection=ConnectionState.LOST, state=None)) is None
