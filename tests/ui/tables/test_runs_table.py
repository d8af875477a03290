"""The runs table: columns by width, their cells, and the detail line."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from support import lab_states as scenes
from support.run_records import NOW, SUMMARIES, run_summary

from charwave_tui.core.metrics import RunState
from charwave_tui.ui.drawing.styled_text import cell_width
from charwave_tui.ui.drawing.theme import to_plain_text
from charwave_tui.ui.state.runs_state import RunsViewOptions
from charwave_tui.ui.tables.runs_table import (
    HEADERS,
    RunsContext,
    detail_line,
    fit_columns,
    header,
    row_line,
    run_cells,
    truncate,
)
from charwave_tui.ui.widgets.status_bar import status_text

HOSTILE = (
    run_summary(1_234, name="名前" * 40, note="漢字のノート" * 40, corpus="/a/long/path/" * 9 + "x.txt"),
    run_summary(11, name="\x1b[31mred\x07\n\u202eabc", note="[bold]markup[/] \x00\x9b"),
    run_summary(10, step=99_999_999, parameters=2**40, best_val=math.nan, train=math.inf, seconds=4e6),
    run_summary(9, name="שלום עולם", best_val=4e9, train=1e300, state=RunState.PAUSED),
    run_summary(8, name="e\u0301" * 50, ago=timedelta(days=-9), step=0, best_val=None, train=None, seconds=0.0),
    msgspec.structs.replace(SUMMARIES[0], preset="", created="garbage", corpus=""),
)


def table_context(rows=SUMMARIES, present_run=12):
    return RunsContext.of(rows, present_run, NOW)


def table_row(rows, run, width=136, present_run=12, **arrangement):
    summary = next(item for item in rows if item.run == run)
    context = table_context(rows, present_run)
    return row_line(summary, fit_columns(rows, width, context), context, RunsViewOptions(**arrangement))


def keys(rows, width):
    return fit_columns(rows, width, table_context(rows)).keys


@pytest.mark.parametrize("rows", [SUMMARIES, HOSTILE, SUMMARIES[:1], ()], ids=["kept", "hostile", "one", "none"])
def test_columns_fill_width_and_every_line_has_it(rows):
    context = table_context(rows)
    for width in (*range(52, 240, 3), 76, 116, 136, 196):
        layout = fit_columns(rows, width, context)
        lines = [
            header(layout, context),
            *(row_line(summary, layout, context, RunsViewOptions(cursor_run=summary.run)) for summary in rows),
        ]
        if rows is not HOSTILE or width > 90:
            assert {cell_width(line) for line in lines} == {width}
        assert all(cell_width(detail_line(summary, layout, context, width)) <= width for summary in rows)


@pytest.mark.parametrize(
    ("width", "missing"),
    [
        (196, set()),
        (136, {"note"}),
        (116, {"note", "time", "params"}),
        (96, {"note", "time", "params", "changed"}),
        (76, {"note", "time", "params", "changed", "when", "delta"}),
        (56, {"note", "time", "params", "changed", "when", "delta", "train", "steps"}),
        (3, {"note", "time", "params", "changed", "when", "delta", "train", "steps", "corpus", "state"}),
    ],
)
def test_columns_dropped_as_width_shrinks(width, missing):
    assert HEADERS.keys() - keys(SUMMARIES, width) == missing | {"unseen"}


UNSEEN = (msgspec.structs.replace(SUMMARIES[0], best_val_unseen=2.0421), *SUMMARIES[1:])


@pytest.mark.parametrize("width", [196, 136, 116, 96, 76])
def test_loss_of_unseen_words_in_column_of_its_own_where_any_has_one(width):
    layout, context = fit_columns(UNSEEN, width, table_context(UNSEEN)), table_context(UNSEEN)
    assert "unseen" in layout.keys
    lines = [header(layout, context), *(row_line(row, layout, context, RunsViewOptions()) for row in UNSEEN)]
    assert {cell_width(line) for line in lines} == {width}
    assert "2.0121  2.0421" in to_plain_text(lines[1]).replace("   ", "  ")
    assert "best val  unseen" in to_plain_text(lines[0]).replace("   ", "  ")


def test_notes_column_hidden_if_empty_or_crowding_changes():
    noteless = [msgspec.structs.replace(summary, note="") for summary in SUMMARIES]
    assert "note" not in keys(noteless, 196)
    short = [msgspec.structs.replace(summary, state=RunState.FINISHED, name="") for summary in SUMMARIES]
    assert "note" not in keys(short, 136)
    assert dict(fit_columns(short, 150, table_context(short)).widths)["changed"] >= 24


def test_name_editor_covers_whole_columns():
    layout = fit_columns(SUMMARIES, 76, table_context())
    line = to_plain_text(header(layout, table_context()))
    assert layout.stretch("name", 1) == (line.index("name"), dict(layout.widths)["name"])
    assert layout.stretch("name", 24) == (line.index("name"), line.index("  steps") - line.index("name") - 2)
    start, width = layout.stretch("name", 1_000)
    assert start + width == 76


def test_table_layout_stable_while_run_trains():
    later = (
        msgspec.structs.replace(SUMMARIES[0], step=199_999, train=1.5, best_val=1.9, training_seconds=600.0),
        *SUMMARIES[1:],
    )
    for width in (76, 116, 136, 196):
        assert fit_columns(SUMMARIES, width, table_context()) == fit_columns(later, width, table_context(later))


def test_row_shows_run_and_result():
    said = " ".join(to_plain_text(table_row(SUMMARIES, 12)).split())
    assert said == "● 12 tree-76k makemore lr 0.01 76,579 130,000 1m27s 2 min ago 1.8600 2.0121 +0.0346 training"
    said = " ".join(to_plain_text(table_row(SUMMARIES, 10)).split())
    assert said == "10 playground makemore norm none, init_gain… 76,579 5,000 4s 3 h ago 2.4116 2.4302 +0.4527 stopped"


def test_named_run_lists_preset_in_changes_and_note_if_space():
    said = to_plain_text(table_row(SUMMARIES, 11, 196))
    assert said[4:].split()[:7] == ["11", "small,", "for", "the", "talk", "makemore", "tree-22k"]
    assert said.rstrip().endswith("finished   the one to show: quick, and good e…")
    assert "name" in to_plain_text(header(fit_columns(SUMMARIES, 136, table_context()), table_context()))
    unnamed = [summary for summary in SUMMARIES if not summary.name]
    assert "preset" in to_plain_text(header(fit_columns(unnamed, 136, table_context(unnamed)), table_context(unnamed)))


@pytest.mark.parametrize("width", [196, 136, 116, 96, 76, 56])
def test_corpus_in_column_of_its_own_where_there_are_several(width):
    for summary in SUMMARIES:
        assert summary.corpus in to_plain_text(table_row(SUMMARIES, summary.run, width)).split()


def test_only_corpus_is_first_to_give_way():
    rows = [msgspec.structs.replace(summary, corpus="makemore", note="") for summary in SUMMARIES]
    assert "corpus" in keys(rows, 196)
    for width in range(52, 240):
        missing = HEADERS.keys() - keys(rows, width)
        assert missing <= {"note", "unseen"} or "corpus" in missing
    context = table_context(rows)
    assert (
        to_plain_text(detail_line(rows[0], fit_columns(rows, 120, context), context, 120)).split(" · ")[1] == "makemore"
    )


def test_long_or_hostile_corpus_shortened_and_escaped():
    rows = [msgspec.structs.replace(SUMMARIES[0], corpus="a\u202eb"), run_summary(5, corpus="x" * 40), *SUMMARIES[2:]]
    assert "a\\u202eb" in to_plain_text(table_row(rows, 12)).split()
    assert "xxxxxxx…xxxxxxxx" in to_plain_text(table_row(rows, 5)).split()
    context = table_context(rows)
    assert "x" * 40 in to_plain_text(detail_line(rows[1], fit_columns(rows, 136, context), context, 136))


def test_best_run_per_corpus_bright_and_others_relative_to_it():
    layout, context = fit_columns(SUMMARIES, 136, table_context()), table_context()
    every = {summary.run: run_cells(summary, dict(layout.widths), context, None, False) for summary in SUMMARIES}
    assert {run for run, summary in every.items() if summary["best"][0].bold} == {3, 1}
    deltas = {run: to_plain_text(summary["delta"]) for run, summary in every.items()}
    assert deltas == {
        12: "+0.0346",
        11: "+0.0444",
        10: "+0.4527",
        9: "–",
        8: "+0.0496",
        7: "+0.0913",
        3: "best",
        1: "best",
    }


def test_nan_is_error_and_unmeasured_a_muted_dash():
    layout, context = fit_columns(SUMMARIES, 136, table_context()), table_context()
    diverged = run_cells(SUMMARIES[3], dict(layout.widths), context, None, False)
    assert (to_plain_text(diverged["train"]), diverged["train"][0].role) == ("nan", "error")
    assert (to_plain_text(diverged["best"]), diverged["best"][0].role) == ("–", "muted")
    assert (to_plain_text(diverged["state"]), diverged["state"][0].role) == ("diverged", "error")


def test_marks_show_cursor_training_and_selection():
    marks = {
        summary.run: to_plain_text(table_row(SUMMARIES, summary.run, cursor_run=11, chosen=(3, None, 12, None)))[:3]
        for summary in (SUMMARIES[0], SUMMARIES[1], SUMMARIES[6])
    }
    assert marks == {12: " ●■", 11: "▸  ", 3: "  ◆"}
    assert all(span.background == "raised" for span in table_row(SUMMARIES, 11, cursor_run=11))
    assert not any(span.background == "raised" for span in table_row(SUMMARIES, 12, cursor_run=11))


def test_active_paused_run_has_pause_mark():
    held = (msgspec.structs.replace(SUMMARIES[0], state=RunState.PAUSED), *SUMMARIES[1:])
    assert to_plain_text(table_row(held, 12))[:3] == " ○ "
    assert to_plain_text(table_row(held, 12, present_run=None))[:3] == "   "


@pytest.mark.parametrize("state", RunState)
def test_state_of_a_run_has_one_name_in_the_table_and_the_status_bar(state):
    rows = (msgspec.structs.replace(SUMMARIES[0], state=state), *SUMMARIES[1:])
    for width in (136, 76):
        assert to_plain_text(table_row(rows, 12, width)).rstrip().endswith(state.value)
    active = replace(scenes.TRAINING.run, state=state)
    assert state.value in to_plain_text(status_text(active, 120))


@pytest.mark.parametrize(
    ("run", "width", "said"),
    [
        (12, 136, "130,000 of 200,000 steps"),
        (12, 76, "130,000 of 200,000 steps · lr 0.01 · 76,579 params · 2 min ago"),
        (12, 40, "130,000 of 200,000 steps · lr 0.01"),
        (12, 20, "130,000 of 200,000…"),
        (1, 136, "60,000 of 10,000 steps"),
        (1, 76, "60,000 of 10,000 steps · 76,579 params · Oct 2024 · trained for 40s"),
    ],
)
def test_values_without_column_listed_below_as_space_allows(run, width, said):
    context = table_context()
    summary = next(item for item in SUMMARIES if item.run == run)
    assert to_plain_text(detail_line(summary, fit_columns(SUMMARIES, width, context), context, width)) == said


def test_note_listed_first_and_leaves_space_for_a_value():
    context = table_context()
    line = to_plain_text(detail_line(SUMMARIES[1], fit_columns(SUMMARIES, 76, context), context, 76))
    assert line.startswith("the one to show: quick, and good enough that nobody…   tree-22k")
    assert cell_width(detail_line(SUMMARIES[1], fit_columns(SUMMARIES, 76, context), context, 76)) == 76
    short = msgspec.structs.replace(SUMMARIES[1], note="to show")
    wide = fit_columns((short,), 196, context)
    assert "to show" not in to_plain_text(detail_line(short, wide, context, 196))
    assert to_plain_text(detail_line(short, fit_columns((short,), 136, context), context, 136)).startswith("to show ")


def test_control_characters_never_reach_screen():
    context = table_context(HOSTILE)
    layout = fit_columns(HOSTILE, 196, context)
    for summary in HOSTILE:
        text = to_plain_text(row_line(summary, layout, context, RunsViewOptions())) + to_plain_text(
            detail_line(summary, layout, context, 196)
        )
        assert text.isprintable()


@pytest.mark.parametrize(
    ("text", "width", "cut"),
    [
        ("name", 4, "name"),
        ("names", 4, "nam…"),
        ("a name", 3, "a…"),
        ("名前", 4, "名前"),
        ("名前名", 4, "名…"),
        ("n", 0, ""),
    ],
)
def test_too_long_text_cut_at_end(text, width, cut):
    assert truncate(text, width) == cut


def test_thousand_runs_take_one_more_column_than_ten():
    many = tuple(msgspec.structs.replace(SUMMARIES[place % 8], run=1_000 - place) for place in range(1_000))
    assert dict(fit_columns(many, 136, table_context(many)).widths)["run"] == 4
    assert dict(fit_columns(many[-999:], 136, table_context(many)).widths)["run"] == 3
