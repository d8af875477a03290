"""Runs that are compared: their order, their inks, their courses, and the sheet of their curves."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import pytest
import scenes
from kept import IDLE, RECORDS, ROWS, TRAINING, course, record, row

from charwave_tui.core.corpus_registry import LECTURE_SHA256
from charwave_tui.core.metrics import Evaluation, LossPoint, Split, TrainingHistory
from charwave_tui.ui.charts.loss_chart import rasterize
from charwave_tui.ui.charts.plot import PlotArea
from charwave_tui.ui.runs.comparison import draw_comparison, scale_runs
from charwave_tui.ui.state.runs_state import (
    DASHES,
    INKS,
    MARKS,
    ComparedRun,
    RunsViewOptions,
    compared_runs,
    records_to_load,
)
from charwave_tui.ui.terminal.glyphs import ASCII, Glyphs

PLOT = PlotArea(84, 21, Glyphs())


def among(here=12, *chosen, records=RECORDS, held=TRAINING):
    places = (*chosen, *(None,) * (4 - len(chosen)))
    return compared_runs(ROWS, RunsViewOptions(here=here, chosen=places), records, *held)


def sheet(runs, plot=PLOT, log=True):
    shown = scale_runs(plot, runs, log, None)
    assert shown is not None
    return draw_comparison(plot, shown, rasterize)


def gutter(canvas, plot=PLOT):
    start = plot.left + plot.columns + 1
    return [line[start:].rstrip() for line in map(canvas.line, range(canvas.height - 2)) if line[start:].strip()]


def test_run_under_cursor_listed_first_unless_selected():
    assert [(item.row.run, item.place, item.here) for item in among(12, 11, 3)] == [
        (12, None, True),
        (11, 0, False),
        (3, 1, False),
    ]
    assert [(item.row.run, item.place, item.here) for item in among(3, 11, 3)] == [(11, 0, False), (3, 1, True)]
    assert [item.row.run for item in among(None, 11)] == [11]
    assert [item.row.run for item in among(99, 98)] == []


def test_run_keeps_style_and_mark_for_any_cursor_and_selection():
    for runs in (among(12, None, 11), among(11, 10, 11, 3), among(3, None, 11, 3)):
        (of,) = (item for item in runs if item.row.run == 11)
        assert (of.ink, of.mark, of.label) == ("val", "◇", "◇ run 11")
    assert among(12)[0].label == "▸ run 12"


def test_no_two_slots_differ_by_colour_alone():
    assert len(set(INKS)) == len(set(MARKS)) == len(set(DASHES)) == 4


def test_training_run_drawn_by_live_curve_and_others_by_record():
    training, other = among(12, 11)
    assert training.history == TRAINING[1].history
    assert training.steps_per_second == 1_512
    assert training.published == 1.9937
    assert other.history == RECORDS[0].history
    assert other.steps_per_second == pytest.approx(200_000 / 98)
    (unknown,) = among(11, records=())
    assert unknown.history is None
    assert unknown.last is None
    assert unknown.losses == ()


def test_newest_window_of_training_run_is_in_its_curve():
    run, curve = TRAINING
    partial = LossPoint(132_440, 1.8, 1.7, 1.9)
    (training,) = among(12, held=(run, replace(curve, partial=partial)))
    assert training.history.points[-1] == partial
    assert training.history.evaluations == curve.history.evaluations


def test_published_loss_only_for_lecture_corpus():
    card = msgspec.structs.replace(scenes.CARD, sha256=LECTURE_SHA256)
    comparable = msgspec.structs.replace(RECORDS[0], corpus=card)
    assert among(11, records=[comparable])[0].published == 2.022
    assert among(11)[0].published is None
    own = msgspec.structs.replace(comparable, preset="playground")
    assert among(11, records=[own])[0].published is None


def test_outdated_records_of_inactive_runs_are_to_be_loaded():
    runs = among(12, 11, 3)
    assert records_to_load(runs, RECORDS, TRAINING[0]) == frozenset()
    assert records_to_load(runs, (), TRAINING[0]) == {(11, 200_000), (3, 100_000)}
    assert (12, 130_000) in records_to_load(runs, (), IDLE[0])
    older = msgspec.structs.replace(RECORDS[0], step=100)
    assert records_to_load(among(11), [older], TRAINING[0]) == {(11, 200_000)}


def test_run_without_val_drawn_by_train_and_nan_is_no_loss():
    points = (LossPoint(100, 2.5, 2.4, 2.6), LossPoint(200, math.nan, math.nan, math.nan))
    history = TrainingHistory(100, points, (Evaluation(100, Split.VAL, math.nan),))
    of = ComparedRun(row(1), None, True, history)
    assert not of.by_val
    assert of.last == 2.5
    assert [step for step, _ in of.losses] == [100, 200]
    assert ComparedRun(row(1), None, True, TrainingHistory()).last is None


def test_each_curve_labelled_at_end_in_its_style_on_own_row():
    runs = among(12, 11, 10, 8, 7)
    canvas = sheet(runs)
    named = [*(f"{item.label:8}  {item.last:.4f}" for item in runs), "published 1.9937"]
    assert sorted(gutter(canvas)) == sorted(named)
    inks = {ink.removeprefix("bold ") for line in canvas.inks for ink in line}
    assert {"bright", *INKS} <= inks
    assert "bold bright" in {ink for line in canvas.inks for ink in line}


def test_curve_under_cursor_solid_and_others_dashed():
    long = [record(row(run), course(200_000, 2.0 + run / 10, every=500)) for run in range(1, 6)]
    rows = [row(run) for run in range(1, 6)]
    runs = compared_runs(rows, RunsViewOptions(here=5, chosen=(1, 2, 3, 4)), long, *IDLE)
    canvas = sheet(runs)
    field = slice(PLOT.left + 20, PLOT.left + PLOT.columns)  # behind the fall, where each runs flat in its own rows

    def drawn_columns(ink):
        return sum(ink in {line[column] for line in canvas.inks} for column in range(field.start, field.stop))

    whole = field.stop - field.start
    assert drawn_columns("bright") == whole
    shares = [drawn_columns(ink) / whole for ink in INKS]
    assert shares[0] == 1.0
    assert shares == sorted(shares, reverse=True)
    assert shares[3] == pytest.approx(0.5, abs=0.05)


def test_long_number_leaves_label_out_of_gutter():
    of = record(row(12_345), course(200_000, 2.0))
    (only,) = compared_runs([row(12_345)], RunsViewOptions(here=12_345), [of], *IDLE)
    assert gutter(sheet((only,)))[0].split()[:2] == ["▸", "12345"]


def test_x_axis_holds_longest_run_and_y_axis_ignores_short_early_drop():
    short = TrainingHistory(1, tuple(LossPoint(s, 9.0 - s / 100, 9.0, 9.0) for s in range(1, 500, 5)))
    rows = [row(2), row(1, step=500, max_steps=1_000)]
    records = [record(rows[0], course(200_000, 2.0)), record(rows[1], short)]
    runs = compared_runs(rows, RunsViewOptions(here=2, chosen=(1, None, None, None)), records, *IDLE)
    shown = scale_runs(PLOT, runs, True, None)
    assert shown.axes.steps == 200_000
    assert 10**shown.axes.high < 9.0


def test_axes_stay_while_they_hold_all_curves():
    shown = scale_runs(PLOT, among(12), True, None)
    again = scale_runs(PLOT, among(12), True, shown.axes)
    assert again.axes is shown.axes
    assert scale_runs(PLOT, among(12), False, shown.axes).axes.log is False


def test_without_loss_or_space_nothing_is_drawn():
    assert scale_runs(PLOT, among(11, records=()), True, None) is None
    assert scale_runs(PLOT, (), True, None) is None
    assert scale_runs(PlotArea(3, 2, Glyphs()), among(12), True, None) is None


@pytest.mark.parametrize("size", [(84, 21), (50, 8), (43, 6), (24, 5), (12, 4)])
@pytest.mark.parametrize("glyphs", [Glyphs(), ASCII], ids=["unicode", "ascii"])
def test_comparison_chart_fits_every_size(size, glyphs):
    plot = PlotArea(*size, glyphs)
    canvas = sheet(among(12, 11, 9), plot)
    assert {len(canvas.line(place)) for place in range(canvas.height)} == {size[0]}
    if glyphs is ASCII and not plot.gutter:
        assert "".join(map(canvas.line, range(canvas.height))).isascii()
