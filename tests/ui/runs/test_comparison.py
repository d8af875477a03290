"""The table of differences between runs."""

from __future__ import annotations

import math

import msgspec
import pytest
from support import lab_states as scenes
from support.run_records import NO_RUN, RECORDS, SUMMARIES, TRAINING_RUN, falling_history, run_record, run_summary

from charwave_tui.core.config.run_config import HYPERPARAMETERS
from charwave_tui.core.corpus.registry import LECTURE_SHA256
from charwave_tui.core.metrics import CurveMarker
from charwave_tui.ui.drawing.styled_text import cell_width
from charwave_tui.ui.drawing.theme import to_plain_text
from charwave_tui.ui.runs.comparison import differences_table, table_width
from charwave_tui.ui.state.runs_state import ComparedRun, RunsViewOptions, compared_runs


def compare_runs(here, *chosen, rows=SUMMARIES, records=RECORDS, active_run=TRAINING_RUN):
    places = (*chosen, *(None,) * (4 - len(chosen)))
    return compared_runs(rows, RunsViewOptions(cursor_run=here, chosen=places), records, *active_run)


def table(runs):
    """The values by what they are of, and what is last_line below."""
    lines = [to_plain_text(line) for line in differences_table(runs, table_width(len(runs)), 40)]
    return {line[:13].strip(): line[13:].split() for line in lines if line}, lines[-1]


def test_runs_differ_exactly_in_listed_fields():
    rows, last_line = table(compare_runs(12, 11))
    assert rows[""] == ["▸", "run", "12", "◆", "run", "11"]
    figures = ["params", "steps", "train", "val", "best val", "val − train", "steps/s"]
    assert list(rows)[:-1] == ["", "n_embd", "n_hidden", "lr", *figures]
    assert rows["n_embd"] == ["24", "10"]
    assert rows["lr"] == ["0.1→0.01", "0.1"]
    assert rows["params"] == ["76,579", "22,397"]
    assert rows["train"] == ["1.8600", "1.8873"]
    assert rows["val − train"] == [f"{2.0121 - 1.86:.4f}", f"{2.0219 - 1.8873:.4f}"]
    assert last_line == f"{len(HYPERPARAMETERS) - 3} other fields are the same."


def test_loss_of_unseen_words_compared_where_any_has_one():
    rows = [msgspec.structs.replace(run_summary(1), val_unseen=2.0421), run_summary(2)]
    compared, _ = table(compare_runs(1, 2, rows=rows, records=(), active_run=NO_RUN))
    assert compared["val unseen"] == ["2.0421", "–"]
    assert "val unseen" not in table(compare_runs(12, 11))[0]


def test_identical_runs_list_no_field():
    rows, last_line = table(compare_runs(1, 2, rows=[run_summary(1), run_summary(2)], records=(), active_run=NO_RUN))
    assert list(rows)[1] == "params"
    assert last_line == f"All {len(HYPERPARAMETERS)} fields are the same."


def test_single_run_compared_with_preset():
    rows, last_line = table(compare_runs(10))
    assert rows[""] == ["playground", "▸", "run", "10"]
    assert rows["norm"] == ["batch", "none"]
    assert rows["init_gain"] == ["1.0", "5.0"]
    assert rows["train"] == ["2.4116"]
    assert last_line == f"{len(HYPERPARAMETERS) - 3} other fields are the same."


def test_preset_column_has_published_losses_for_same_corpus():
    (run,) = compare_runs(11)
    assert table((run,))[0]["val"] == ["2.0219"]
    card = msgspec.structs.replace(scenes.CARD, sha256=LECTURE_SHA256)
    (run,) = compare_runs(11, records=[msgspec.structs.replace(RECORDS[0], corpus=card)])
    rows, _ = table((run,))
    assert rows["val"] == ["2.0220", "2.0219"]
    assert rows["train"] == ["1.9120", "1.8873"]
    assert rows["params"] == ["22,397"]


def test_run_of_removed_preset_has_no_counterpart():
    gone = msgspec.structs.replace(SUMMARIES[2], preset="of another version")
    rows, _ = table(compare_runs(10, rows=[gone], records=()))
    assert rows[""] == ["▸", "run", "10"]
    assert list(rows)[1] == "params"


def test_unmeasured_is_dash_and_nan_is_error():
    runs = compare_runs(9, 12)
    rows, _ = table(runs)
    assert rows["val"] == ["–", "2.0121"]
    assert rows["val − train"] == ["–", "0.1521"]
    (train_line,) = [line for line in differences_table(runs, 60, 40) if to_plain_text(line).startswith("train")]
    assert [piece.role for piece in train_line if piece.text.strip() == "nan"] == ["error"]


@pytest.mark.parametrize(
    ("marks", "value"),
    [
        ((), "0.01"),
        ((CurveMarker(5, "lr 0.1 → 0.01"),), "0.1→0.01"),
        ((CurveMarker(5, "lr 0.5 → 0.1"), CurveMarker(9, "lr 0.1 → 0.01")), "0.5→0.01"),
        ((CurveMarker(5, "lr 0.123456 → 0.01"),), "0.01"),
        ((CurveMarker(5, "lr_drop 0.75 → 0.5"),), "0.01"),
        ((CurveMarker(5, "lr went to 0.01"),), "0.01"),
    ],
)
def test_field_edited_in_training_shows_first_value(marks, value):
    moved = run_summary(1, lr=0.01)
    runs = compare_runs(
        1, rows=[moved], records=[run_record(moved, falling_history(200_000, 2.0, *marks))], active_run=NO_RUN
    )
    assert table(runs)[0]["lr"] == ["0.1", value]


def test_rows_that_do_not_fit_are_counted():
    runs = compare_runs(12, 10)
    all_lines = differences_table(runs, 60, 40)
    for height in range(1, len(all_lines)):
        lines = differences_table(runs, 60, height)
        assert len(lines) == height
        hidden = sum(1 for line in all_lines[height - 1 :] if line)
        assert to_plain_text(lines[-1]) == f"{hidden} more line{'s' * (hidden > 1)}"
    assert differences_table(runs, 60, len(all_lines)) == all_lines
    assert differences_table(runs, 60, 0) == []
    assert differences_table((), 60, 40) == []


def test_fields_and_losses_side_by_side_when_wide_and_low():
    runs = compare_runs(12, 11)
    lines = [to_plain_text(line) for line in differences_table(runs, 76, 11)]
    assert lines[0].split() == ["▸", "run", "12", "◆", "run", "11"] * 2
    assert lines[1].split() == ["n_embd", "24", "10", "steps", "130,000", "200,000"]
    assert lines[6].split()[:3] == [str(len(HYPERPARAMETERS) - 3), "other", "fields"]
    assert lines[6].split()[-3:] == ["steps/s", "1,512", "2,041"]
    assert len(lines) == 7
    assert differences_table(runs, 72, 20) == differences_table(runs, 40, 20)


def test_values_of_any_length_stay_in_columns():
    long = run_summary(
        1, dilations=(1, 2, 4, 8) * 3, corpus="/a/long/path/" * 9 + "words.txt", step=99_999_999, parameters=2**40
    )
    runs = (ComparedRun(long, 0, False), ComparedRun(run_summary(2, train=math.inf), 1, True))
    assert all(cell_width(line) in (0, table_width(2)) for line in differences_table(runs, table_width(2), 40)[:-1])
    rows, _ = table(runs)
    assert rows["corpus"] == ["…words.txt", "makemore"]
    assert rows["dilations"][-1] == "none"
