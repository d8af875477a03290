"""The runs screen: its keys, the commands they send, and what is shown."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from support import lab_states as scenes
from support.pilot import notification_texts, screen_text, type_burst
from support.run_records import (
    ARCHIVE,
    NO_RUN,
    NOW,
    RECORDS,
    SUMMARIES,
    TRAINING_RUN,
    falling_history,
    run_record,
    run_runs_screen,
    run_summary,
)
from textual.reactive import reactive
from textual.screen import Screen

from charwave_tui.core.metrics import LossPoint, RunState
from charwave_tui.core.protocol.commands import (
    DeleteRun,
    DescribeRun,
    ForkRun,
    ListRuns,
    OpenRun,
    RestoreRun,
    ResumeRun,
    ShowRun,
)
from charwave_tui.ui.dialogs.confirm import ConfirmDialog
from charwave_tui.ui.dialogs.help import HelpScreen
from charwave_tui.ui.keymap import RUN_KEYS
from charwave_tui.ui.runs.comparison import ComparisonChart, ComparisonChartPane, DifferencesPane
from charwave_tui.ui.runs.list_pane import RunsListPane
from charwave_tui.ui.runs.screen import RunsScreen
from charwave_tui.ui.state.run_state import ConnectionState, LossCurveState, RunsState, RunViewState
from charwave_tui.ui.state.runs_state import RunsViewOptions, SortOrder
from charwave_tui.ui.widgets.key_bar import KeyBar

PAUSED = (replace(TRAINING_RUN[0], state=RunState.PAUSED, steps_per_second=0.0), TRAINING_RUN[1])


EVERY_KEY = ["enter", "space", "c", "f", "d", "u", "s", "n", "m", "v", "l", "up", "down", "home", "end", "pageup"]


EVERY_KEY += ["pagedown", "j", "k", "slash"]


@pytest.fixture(autouse=True)
def _short_debounce(monkeypatch):
    """Delays are shorter than a pilot waits, and the time is fixed."""
    monkeypatch.setattr("charwave_tui.ui.runs.screen.REFRESH_INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr("charwave_tui.ui.runs.screen.LOAD_DELAY_SECONDS", 0.01)
    monkeypatch.setattr("charwave_tui.ui.charts.loss_chart.MIN_FRAME_INTERVAL", 0.0)
    monkeypatch.setattr("charwave_tui.ui.runs.list_pane.local_now", lambda: NOW)


def visible_runs(app):
    """The numbers of the runs on the screen, from the top."""
    table = app.table
    return [row.run for row in table.visible_rows[table.top_index : table.top_index + table.page_height]]


def chart(app):
    return "\n".join(app.runs.query_one(ComparisonChart).lines)


def key_hints(app):
    """The keys of the bar by description, and whether they are available."""
    return {hint.description: hint.enabled for hint in app.runs.query_one(KeyBar)._hints}


async def test_list_requested_once_per_engine_and_per_new_run():
    async with run_runs_screen(RunsState(), (RunViewState(), LossCurveState())) as (app, pilot):
        assert "loading the runs" in screen_text(app)
        assert app.requests == []
        app.runs.run = NO_RUN[0]
        await pilot.pause()
        assert app.requests == [ListRuns()]
        app.runs.run = TRAINING_RUN[0]
        await pilot.pause()
        assert app.requests == [ListRuns()] * 2
        app.runs.run = replace(TRAINING_RUN[0], step=140_000)
        await pilot.pause()
        assert app.requests == [ListRuns()] * 2


async def test_every_key_works_on_empty_list():
    async with run_runs_screen(RunsState(())) as (app, pilot):
        await type_burst(pilot, *EVERY_KEY)
        assert "There are no runs yet." in screen_text(app)
        assert "esc goes back, t trains one." in screen_text(app)
        assert (app.requests, app.results) == ([], [])
        await pilot.press("escape")
        assert app.results == [RunsViewOptions()]


async def test_back_returns_view_state_without_filter():
    async with run_runs_screen() as (app, pilot):
        await type_burst(pilot, "s", "down", "c", "slash", *"tree", "enter", "escape")
        (left,) = app.results
        assert (left.order, left.query) == (SortOrder.BEST_VAL, "")
        assert left.chosen == (left.cursor_run, None, None, None)
    assert {key.key for key in RUN_KEYS if "back" in key.action} == {"escape", "q", "r", "ctrl+c"}


async def test_screen_reopens_as_it_was_left():
    view_options = RunsViewOptions(order=SortOrder.STEPS, cursor_run=7, chosen=(3, None, 12, None), deleted=(5,))
    async with run_runs_screen(view_options=view_options) as (app, pilot):
        assert app.table.view_options == view_options
        assert "sorted by steps" in screen_text(app)
        await pilot.press("u")
        assert app.requests == [RestoreRun(5)]


async def test_cursor_starts_on_active_run():
    active_run = (replace(TRAINING_RUN[0], run=10, state=RunState.FINISHED), TRAINING_RUN[1])
    async with run_runs_screen(active_run=active_run) as (app, _):
        assert app.cursor_run == 10


async def test_runs_arrows_move_and_stop_at_ends():
    async with run_runs_screen() as (app, pilot):
        for key, run in [("up", 12), ("down", 11), ("j", 10), ("k", 11), ("end", 1), ("down", 1), ("home", 12)]:
            await pilot.press(key)
            assert app.cursor_run == run, key


async def test_thousand_runs_scroll_at_edge_with_count():
    rows = tuple(run_summary(1_000 - place) for place in range(1_000))
    async with run_runs_screen(RunsState(rows), NO_RUN, size=(80, 24)) as (app, pilot):
        table, room = app.table, app.table.page_height
        assert visible_runs(app) == list(range(1_000, 1_000 - room, -1))
        await pilot.press("up", *["down"] * (room - 1))
        assert table.top_index == 0
        await pilot.press("down")
        assert table.top_index == 1
        assert f"Runs  2–{room + 1} of 1,000" in screen_text(app)
        await pilot.press("pagedown")
        assert app.cursor_run == 1_000 - 2 * room
        await pilot.press("end")
        assert visible_runs(app)[-1] == 1
        await pilot.press("home", "pageup")
        assert app.cursor_run == 1_000


async def test_cursor_stays_on_its_run_as_list_changes():
    async with run_runs_screen() as (app, pilot):
        await pilot.press("down", "down")
        assert app.cursor_run == 10
        app.runs.stored_runs = replace(ARCHIVE, listed=(run_summary(14), run_summary(13), *SUMMARIES))
        await pilot.pause()
        assert app.cursor_run == 10
        app.runs.stored_runs = replace(ARCHIVE, listed=(SUMMARIES[0], *SUMMARIES[2:]))
        await pilot.pause()
        assert app.cursor_run == 10


async def test_vanished_run_under_cursor_moves_to_one_in_its_place():
    async with run_runs_screen(view_options=RunsViewOptions(cursor_run=10)) as (app, pilot):
        rows = SUMMARIES
        for key, after in [("", 9), ("end", 3), ("home", 11)]:
            await pilot.press(*[key] * bool(key))
            rows = tuple(row for row in rows if row.run != app.cursor_run)
            app.runs.stored_runs = replace(ARCHIVE, listed=rows)
            await pilot.pause()
            assert app.cursor_run == after
        app.runs.stored_runs = replace(ARCHIVE, listed=())
        await pilot.pause()
        assert app.cursor_run is None
        assert "There are no runs yet." in screen_text(app)


async def test_replacing_training_run_asks_confirmation():
    async with run_runs_screen(view_options=RunsViewOptions(cursor_run=8)) as (app, pilot):
        for key, title in [("enter", "Open run 8"), ("f", "Fork run 8"), ("space", "Resume run 8")]:
            await pilot.press(key)
            assert isinstance(app.screen, ConfirmDialog)
            assert title in screen_text(app)
            assert "run 12 is paused and saved first; space resumes it." in screen_text(app)
            await pilot.press("escape")
            assert (app.requests, app.results, app.screen) == ([], [], app.runs)
        await pilot.press("space", "enter")
        assert app.requests == [OpenRun(8, train=True)]
        assert [left.cursor_run for left in app.results] == [8]


@pytest.mark.parametrize(
    ("key", "command", "active_run"),
    [("enter", OpenRun(8), PAUSED), ("space", OpenRun(8, train=True), NO_RUN), ("f", ForkRun(8), PAUSED)],
)
async def test_without_training_no_confirmation(key, command, active_run):
    async with run_runs_screen(active_run=active_run, view_options=RunsViewOptions(cursor_run=8)) as (app, pilot):
        await pilot.press(key)
        assert app.requests == [command]
        assert len(app.results) == 1


async def test_training_run_opened_by_going_back_and_forked_at_once():
    async with run_runs_screen() as (app, pilot):
        await pilot.press("space")
        assert (app.requests, app.results) == ([], [])
        await pilot.press("enter")
        assert app.requests == []
        assert len(app.results) == 1
    async with run_runs_screen() as (app, pilot):
        await pilot.press("f")
        assert app.requests == [ForkRun(12)]
        assert len(app.results) == 1


async def test_active_paused_run_resumes_where_it_is():
    async with run_runs_screen(active_run=PAUSED) as (app, pilot):
        await pilot.press("space")
        assert app.requests == [ResumeRun()]
        assert len(app.results) == 1


async def test_finished_run_cannot_resume_and_key_is_muted():
    async with run_runs_screen(view_options=RunsViewOptions(cursor_run=11)) as (app, pilot):
        await pilot.press("space")
        assert (app.requests, app.results) == ([], [])
        assert key_hints(app)["Resume"] is False
        await pilot.press("down", "down", "down")
        assert app.cursor_run == 8
        await pilot.pause()
        assert key_hints(app)["Resume"] is True


async def test_delete_acts_at_once_and_is_reported_when_done():
    async with run_runs_screen(view_options=RunsViewOptions(cursor_run=9)) as (app, pilot):
        await pilot.press("d")
        assert app.requests[0] == DeleteRun(9)
        assert app.cursor_run == 8
        assert notification_texts(pilot) == []
        app.runs.stored_runs = replace(ARCHIVE, listed=tuple(row for row in SUMMARIES if row.run != 9))
        await pilot.pause()
        assert notification_texts(pilot) == ["run 9 is deleted\nu restores it"]
        assert app.cursor_run == 8
        await pilot.press("u")
        assert app.requests[-1] == RestoreRun(9)
        app.runs.stored_runs = ARCHIVE
        await pilot.pause()
        assert app.cursor_run == 9
        assert key_hints(app)["Undo"] is False


async def test_queued_keys_delete_runs_in_turn_and_restore_last_first():
    async with run_runs_screen(view_options=RunsViewOptions(cursor_run=9)) as (app, pilot):
        await type_burst(pilot, "d", "d", "u", "u", "u")
        shown = [command for command in app.requests if not isinstance(command, ShowRun)]
        assert shown == [DeleteRun(9), DeleteRun(8), RestoreRun(8), RestoreRun(9)]


async def test_deleting_last_run_moves_cursor_up():
    async with run_runs_screen(view_options=RunsViewOptions(cursor_run=1)) as (app, pilot):
        await pilot.press("d")
        assert app.cursor_run == 3


async def test_training_run_is_not_deleted():
    async with run_runs_screen() as (app, pilot):
        await pilot.press("d")
        assert app.requests == []
        assert app.cursor_run == 12
        assert notification_texts(pilot) == ["run 12 is training\npause or stop it in the lab first"]
        await pilot.press("u")
        assert app.requests == []


async def test_name_and_note_edited_in_place_and_enter_saves():
    async with run_runs_screen(view_options=RunsViewOptions(cursor_run=11)) as (app, pilot):
        name, note = SUMMARIES[1].name, SUMMARIES[1].note
        await type_burst(pilot, "n", *"quick", "enter", "n", "space", *"two", "space", *"words", "space", "enter")
        assert app.requests == [DescribeRun(11, "quick", note), DescribeRun(11, "two words", note)]
        app.requests.clear()
        await type_burst(pilot, "m", *"worse", "enter", "n", "delete", "enter")
        assert app.requests == [DescribeRun(11, name, "worse"), DescribeRun(11, "", note)]
        app.requests.clear()
        await type_burst(pilot, "n", "enter", "m", "enter", "n", *"other", "escape", "m", *"other", "escape")
        assert (app.requests, app.results, app.focused) == ([], [], app.table)


async def test_name_edited_in_its_cell_and_note_in_last_line():
    async with run_runs_screen(view_options=RunsViewOptions(cursor_run=11)) as (app, pilot):
        await type_burst(pilot, "n", *"quick")
        assert screen_text(app).splitlines()[4].split()[:4] == ["│", "▸", "11", "quick"]
        await pilot.press("escape", "m", *"slow")
        assert "│ note  slow" in screen_text(app)


async def test_queued_letters_are_text_in_editor_and_keys_after_it():
    async with run_runs_screen(view_options=RunsViewOptions(cursor_run=11)) as (app, pilot):
        await type_burst(pilot, "n", "d", "u", "c", "enter", "down", "c")
        assert app.requests[0] == DescribeRun(11, "duc", SUMMARIES[1].note)
        assert app.cursor_run == 10
        assert app.table.view_options.chosen == (10, None, None, None)


async def test_pasted_control_characters_become_one_line():
    async with run_runs_screen(view_options=RunsViewOptions(cursor_run=11)) as (app, pilot):
        await pilot.press("m")
        app.table._editor.value = "a\x1b[31mb\u202ec名"
        await pilot.press("enter")
        assert app.requests == [DescribeRun(11, SUMMARIES[1].name, "a[31mbc名")]


async def test_filter_applies_as_typed_and_esc_clears_it():
    async with run_runs_screen() as (app, pilot):
        await type_burst(pilot, "slash", *"tree")
        assert visible_runs(app) == [12, 11, 9, 3]
        assert "Runs  4 of 8 match tree" in screen_text(app)
        await pilot.press("enter", "down")
        assert app.cursor_run == 11
        assert visible_runs(app) == [12, 11, 9, 3]
        await pilot.press("slash", "escape")
        assert len(visible_runs(app)) == 8
        assert app.results == []


async def test_filter_without_match_says_so_and_keys_do_nothing():
    async with run_runs_screen() as (app, pilot):
        await type_burst(pilot, "slash", *"xyz", "enter")
        assert "No run matches xyz." in screen_text(app)
        await type_burst(pilot, "enter", "space", "c", "f", "d", "n", "m", "down")
        assert (app.requests, app.results, app.cursor_run) == ([], [], None)
        await pilot.press("slash", "escape")
        assert app.cursor_run == 12


async def test_sort_cycles_orders_and_cursor_stays_on_its_run():
    async with run_runs_screen() as (app, pilot):
        await pilot.press("down")
        for order, first in [("best val", 3), ("steps", 11), ("preset", 8), ("newest", 12)]:
            await pilot.press("s")
            assert f"sorted by {order}" in screen_text(app)
            assert visible_runs(app)[0] == first
            assert app.cursor_run == 11


async def test_selected_runs_compared_with_run_under_cursor():
    async with run_runs_screen() as (app, pilot):
        await type_burst(pilot, "down", "c", "end", "up", "c", "home")
        assert [item.label for item in app.runs.compared] == ["▸ run 12", "◆ run 11", "◇ run 3"]
        text = screen_text(app)
        assert "▸ run 12   ◆ run 11    ◇ run 3" in text
        assert all(label in chart(app) for label in ("▸ run 12", "◆ run 11", "◇ run 3", "published 1.9937"))
        await pilot.press("down", "c", "down")
        assert [item.label for item in app.runs.compared] == ["▸ run 10", "◇ run 3"]


async def test_fifth_run_not_selected_and_reason_shown():
    async with run_runs_screen() as (app, pilot):
        await type_burst(pilot, "c", "down", "c", "down", "c", "down", "c", "down", "c")
        assert app.table.view_options.chosen == (12, 11, 10, 9)
        assert notification_texts(pilot) == ["four runs are chosen already\nc on one of them removes it"]


async def test_unknown_records_requested_after_debounce():
    async with run_runs_screen(RunsState(SUMMARIES)) as (app, pilot):
        await pilot.press("down", "c")
        await pilot.pause()
        assert app.requests == [ShowRun(11)]
        assert "run 11" in chart(app) or "reading run 11" in screen_text(app)
        await pilot.press("home")
        await pilot.pause()
        assert app.requests == [ShowRun(11)]
        assert "reading run 11" in screen_text(app)
        app.runs.stored_runs = RunsState(SUMMARIES, RECORDS[:1])
        await pilot.pause()
        assert app.requests == [ShowRun(11)]
        assert "◆ run 11" in chart(app)
        assert "reading" not in screen_text(app)


async def test_moving_cursor_loads_only_where_it_rests(monkeypatch):
    monkeypatch.setattr("charwave_tui.ui.runs.screen.LOAD_DELAY_SECONDS", 0.2)
    async with run_runs_screen(RunsState(SUMMARIES)) as (app, pilot):
        await type_burst(pilot, *["down"] * 5)
        await pilot.pause(0.25)
        assert app.requests == [ShowRun(7)]


async def test_record_without_reply_requested_again_on_return():
    async with run_runs_screen(RunsState(SUMMARIES)) as (app, pilot):
        for key in ("down", "up", "down"):
            await pilot.press(key)
            await pilot.pause(0.02)
        assert app.requests == [ShowRun(11), ShowRun(11)]


async def test_run_advanced_since_its_record_is_reloaded():
    stale = run_record(msgspec.structs.replace(SUMMARIES[1], step=100), falling_history(10_000, 2.5))
    async with run_runs_screen(view_options=RunsViewOptions(cursor_run=11)) as (app, pilot):
        app.runs.stored_runs = RunsState(SUMMARIES, (stale,))
        await pilot.pause()
        assert app.requests == [ShowRun(11)]
        assert "run 11  2.5" in chart(app)


async def test_training_run_updates_list_and_comparison():
    async with run_runs_screen() as (app, pilot):
        run, curve = TRAINING_RUN
        app.runs.run = replace(run, step=150_000)
        app.runs.curve = replace(curve, partial=LossPoint(150_000, 1.7654, 1.7, 1.8))
        await pilot.pause()
        assert "150,000" in screen_text(app).splitlines()[3]
        assert "1.7654" in screen_text(app).splitlines()[3]
        assert ["train", "1.7690", "1.7654"] in [
            line.strip("│ ").split("│")[0].split() for line in screen_text(app).splitlines()
        ]


async def test_progress_repaints_only_row_of_run():
    async with run_runs_screen(size=(80, 24)) as (app, pilot):
        lines, painted = app.table.lines, []
        lines.refresh = lambda *regions, **_: painted.append(regions)
        app.runs.run = replace(TRAINING_RUN[0], step=150_000)
        await pilot.pause()
        rows = {region.y for regions in painted for region in regions}
        assert rows == {1, lines.size.height - 1}
        assert all(regions for regions in painted)


async def test_finished_run_shown_at_once(monkeypatch):
    monkeypatch.setattr("charwave_tui.ui.runs.screen.REFRESH_INTERVAL_SECONDS", 60.0)
    async with run_runs_screen() as (app, pilot):
        app.runs.run = replace(TRAINING_RUN[0], step=200_000, state=RunState.FINISHED, steps_per_second=0.0)
        await pilot.pause()
        assert "training" not in screen_text(app).splitlines()[3]
        assert "200,000" in screen_text(app).splitlines()[3]


async def test_lost_engine_reported_and_list_kept():
    gone = replace(TRAINING_RUN[0], connection=ConnectionState.LOST, state=None)
    async with run_runs_screen(active_run=(gone, TRAINING_RUN[1])) as (app, pilot):
        assert "paused" in screen_text(app)
        assert "the engine is gone" in screen_text(app)
        app.runs.stored_runs = RunsState(())
        await pilot.pause()
        assert "The engine is gone." in screen_text(app)


async def test_l_changes_scale_of_curves():
    async with run_runs_screen() as (app, pilot):
        assert "Val loss  log scale" in screen_text(app)
        await pilot.press("l")
        assert "Val loss  linear scale" in screen_text(app)
        assert app.runs.query_one(ComparisonChart).log_scale is False


async def test_curves_and_differences_alternate_if_space_for_one():
    async with run_runs_screen(size=(80, 24)) as (app, pilot):
        curves, differs = app.runs.query_one(ComparisonChartPane), app.runs.query_one(DifferencesPane)
        assert (curves.display, differs.display) == (True, False)
        await pilot.press("v")
        assert (curves.display, differs.display) == (False, True)
        assert differs.size.width == 76
        assert "other field" in screen_text(app) or "more line" in screen_text(app)
        await pilot.press("v")
        assert (curves.display, differs.display) == (True, False)
        await pilot.resize_terminal(140, 40)
        await pilot.pause()
        assert (curves.display, differs.display) == (True, True)


async def test_help_opens_and_closes_over_runs():
    async with run_runs_screen() as (app, pilot):
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        assert "choose up to four runs to compare" in screen_text(app)
        await pilot.press("escape")
        assert app.screen is app.runs
        assert app.results == []


async def test_resize_keeps_cursor_and_selection():
    async with run_runs_screen(view_options=RunsViewOptions(cursor_run=3, chosen=(12, 11, None, None))) as (app, pilot):
        for size in [(80, 24), (40, 12), (200, 50), (1, 1), (59, 15), (120, 18), (140, 40)]:
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert app.cursor_run == 3
            assert 3 in visible_runs(app) or size == (1, 1)
            assert all(len(line) <= max(size[0], 2) for line in screen_text(app).splitlines())
        assert app.table.view_options.chosen == (12, 11, None, None)


async def test_editor_stays_open_through_resize_and_list_change():
    async with run_runs_screen(view_options=RunsViewOptions(cursor_run=11)) as (app, pilot):
        await type_burst(pilot, "n", *"quick")
        await pilot.resize_terminal(80, 24)
        app.runs.stored_runs = replace(ARCHIVE, listed=(run_summary(13), *SUMMARIES))
        await pilot.pause()
        await pilot.press("enter")
        assert DescribeRun(11, "quick", SUMMARIES[1].note) in app.requests


async def test_run_vanishing_during_edit_keeps_letters_as_text():
    async with run_runs_screen(view_options=RunsViewOptions(cursor_run=11)) as (app, pilot):
        await type_burst(pilot, "n", *"rea")
        app.runs.stored_runs = replace(ARCHIVE, listed=tuple(row for row in SUMMARIES if row.run != 11))
        await pilot.pause()
        app.requests.clear()
        await type_burst(pilot, "d", "enter")
        assert app.requests == []
        assert notification_texts(pilot) == ["run 11 no longer exists"]
        assert app.focused is app.table


async def test_click_selects_run_and_second_click_opens_it():
    async with run_runs_screen(active_run=NO_RUN) as (app, pilot):
        await pilot.click(RunsListPane, offset=(20, 4))
        assert app.cursor_run == 10
        assert app.results == []
        await pilot.click(RunsListPane, offset=(20, 4))
        assert app.requests == [OpenRun(10)]
        assert len(app.results) == 1


async def test_keys_after_leaving_change_nothing():
    async with run_runs_screen(active_run=NO_RUN, view_options=RunsViewOptions(cursor_run=8)) as (app, pilot):
        await type_burst(pilot, "q", "d", "enter")
        assert app.requests == []
        assert len(app.results) == 1


async def test_pushing_screen_can_bind_its_data():
    class Lab(Screen):
        run = reactive(RunViewState, repaint=False)
        curve = reactive(LossCurveState, repaint=False)
        stored_runs = reactive(RunsState, repaint=False)

        def push(self):
            self.app.push_screen(RunsScreen().data_bind(Lab.run, Lab.curve, Lab.stored_runs))

    async with run_runs_screen() as (app, pilot):
        lab = Lab()
        await app.push_screen(lab)
        lab.run, lab.curve, lab.stored_runs = scenes.TRAINING.run, scenes.TRAINING.curve, ARCHIVE
        lab.call_later(lab.push)
        await pilot.pause()
        await pilot.pause()
        assert "132,400" in screen_text(app).splitlines()[3]
        lab.stored_runs = RunsState(())
        await pilot.pause()
        assert "There are no runs yet." in screen_text(app)
