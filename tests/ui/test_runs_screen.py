"""The runs screen: what each key does, to whom, and what is shown of it."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
import scenes
from kept import ARCHIVE, IDLE, NOW, RECORDS, ROWS, TRAINING, course, hall, record, row
from pilots import screen_text, toasts, typed

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
from charwave_tui.ui.runs.screen import Comparing, RunsScreen
from charwave_tui.ui.state.run_state import LossCurveState, RunViewState
from charwave_tui.ui.state.runs_state import RunsState, RunsViewOptions, SortOrder
from charwave_tui.ui.widgets.key_bar import KeyBar

HELD = (replace(TRAINING[0], state=RunState.PAUSED, steps_per_second=0.0), TRAINING[1])


EVERY_KEY = ["enter", "space", "c", "f", "d", "u", "s", "n", "m", "v", "l", "up", "down", "home", "end", "pageup"]


EVERY_KEY += ["pagedown", "j", "k", "slash"]


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """What waits does so for no longer than a pilot does, and it is always the same time of day."""
    monkeypatch.setattr("charwave_tui.ui.runs.screen.REST", 0.01)
    monkeypatch.setattr("charwave_tui.ui.runs.screen.READ_AFTER", 0.01)
    monkeypatch.setattr("charwave_tui.ui.charts.loss_chart.PERIOD", 0.0)
    monkeypatch.setattr("charwave_tui.ui.runs.list_pane.local_now", lambda: NOW)


def runs_in_sight(app):
    """The numbers of the runs on the screen, from the top."""
    table = app.list
    return [of.run for of in table.seen[table.top : table.top + table.room]]


def chart(app):
    return "\n".join(app.runs.query_one(ComparisonChart).lines)


def hints(app):
    """The keys of the bar by their words, and whether they mean something now."""
    return {hint.description: hint.enabled for hint in app.runs.query_one(KeyBar)._hints}


async def test_list_requested_once_per_engine_and_per_new_run():
    async with hall(RunsState(), (RunViewState(), LossCurveState())) as (app, pilot):
        assert "reading the runs" in screen_text(app)
        assert app.asked == []
        app.runs.run = IDLE[0]
        await pilot.pause()
        assert app.asked == [ListRuns()]
        app.runs.run = TRAINING[0]
        await pilot.pause()
        assert app.asked == [ListRuns()] * 2
        app.runs.run = replace(TRAINING[0], step=140_000)
        await pilot.pause()
        assert app.asked == [ListRuns()] * 2


async def test_every_key_works_on_empty_list():
    async with hall(RunsState(())) as (app, pilot):
        await typed(pilot, *EVERY_KEY)
        assert "There are no runs yet." in screen_text(app)
        assert "esc goes back, t trains one." in screen_text(app)
        assert (app.asked, app.left) == ([], [])
        await pilot.press("escape")
        assert app.left == [RunsViewOptions()]


async def test_back_returns_view_state_without_filter():
    async with hall() as (app, pilot):
        await typed(pilot, "s", "down", "c", "slash", *"tree", "enter", "escape")
        (left,) = app.left
        assert (left.order, left.query) == (SortOrder.BEST_VAL, "")
        assert left.chosen == (left.here, None, None, None)
    assert {key.key for key in RUN_KEYS if "back" in key.action} == {"escape", "q", "r", "ctrl+c"}


async def test_screen_reopens_as_it_was_left():
    arrangement = RunsViewOptions(order=SortOrder.STEPS, here=7, chosen=(3, None, 12, None), deleted=(5,))
    async with hall(arrangement=arrangement) as (app, pilot):
        assert app.list.arrangement == arrangement
        assert "sorted by steps" in screen_text(app)
        await pilot.press("u")
        assert app.asked == [RestoreRun(5)]


async def test_cursor_starts_on_active_run():
    held = (replace(TRAINING[0], run=10, state=RunState.FINISHED), TRAINING[1])
    async with hall(held=held) as (app, _):
        assert app.here == 10


async def test_runs_arrows_move_and_stop_at_ends():
    async with hall() as (app, pilot):
        for key, run in [("up", 12), ("down", 11), ("j", 10), ("k", 11), ("end", 1), ("down", 1), ("home", 12)]:
            await pilot.press(key)
            assert app.here == run, key


async def test_thousand_runs_scroll_at_edge_with_count():
    rows = tuple(row(1_000 - place) for place in range(1_000))
    async with hall(RunsState(rows), IDLE, size=(80, 24)) as (app, pilot):
        table, room = app.list, app.list.room
        assert runs_in_sight(app) == list(range(1_000, 1_000 - room, -1))
        await pilot.press("up", *["down"] * (room - 1))
        assert table.top == 0
        await pilot.press("down")
        assert table.top == 1
        assert f"Runs  2–{room + 1} of 1,000" in screen_text(app)
        await pilot.press("pagedown")
        assert app.here == 1_000 - 2 * room
        await pilot.press("end")
        assert runs_in_sight(app)[-1] == 1
        await pilot.press("home", "pageup")
        assert app.here == 1_000


async def test_cursor_stays_on_its_run_as_list_changes():
    async with hall() as (app, pilot):
        await pilot.press("down", "down")
        assert app.here == 10
        app.runs.archive = replace(ARCHIVE, listed=(row(14), row(13), *ROWS))
        await pilot.pause()
        assert app.here == 10
        app.runs.archive = replace(ARCHIVE, listed=(ROWS[0], *ROWS[2:]))
        await pilot.pause()
        assert app.here == 10


async def test_vanished_run_under_cursor_moves_to_one_in_its_place():
    async with hall(arrangement=RunsViewOptions(here=10)) as (app, pilot):
        rows = ROWS
        for key, after in [("", 9), ("end", 3), ("home", 11)]:
            await pilot.press(*[key] * bool(key))
            rows = tuple(of for of in rows if of.run != app.here)
            app.runs.archive = replace(ARCHIVE, listed=rows)
            await pilot.pause()
            assert app.here == after
        app.runs.archive = replace(ARCHIVE, listed=())
        await pilot.pause()
        assert app.here is None
        assert "There are no runs yet." in screen_text(app)


async def test_replacing_training_run_asks_confirmation():
    async with hall(arrangement=RunsViewOptions(here=8)) as (app, pilot):
        for key, title in [("enter", "Open run 8"), ("f", "Fork run 8"), ("space", "Resume run 8")]:
            await pilot.press(key)
            assert isinstance(app.screen, ConfirmDialog)
            assert title in screen_text(app)
            assert "run 12 is then held and saved; space goes on with it." in screen_text(app)
            await pilot.press("escape")
            assert (app.asked, app.left, app.screen) == ([], [], app.runs)
        await pilot.press("space", "enter")
        assert app.asked == [OpenRun(8, train=True)]
        assert [left.here for left in app.left] == [8]


@pytest.mark.parametrize(
    ("key", "command", "held"),
    [("enter", OpenRun(8), HELD), ("space", OpenRun(8, train=True), IDLE), ("f", ForkRun(8), HELD)],
)
async def test_without_training_no_confirmation(key, command, held):
    async with hall(held=held, arrangement=RunsViewOptions(here=8)) as (app, pilot):
        await pilot.press(key)
        assert app.asked == [command]
        assert len(app.left) == 1


async def test_training_run_opened_by_going_back_and_forked_at_once():
    async with hall() as (app, pilot):
        await pilot.press("space")
        assert (app.asked, app.left) == ([], [])
        await pilot.press("enter")
        assert app.asked == []
        assert len(app.left) == 1
    async with hall() as (app, pilot):
        await pilot.press("f")
        assert app.asked == [ForkRun(12)]
        assert len(app.left) == 1


async def test_active_paused_run_resumes_where_it_is():
    async with hall(held=HELD) as (app, pilot):
        await pilot.press("space")
        assert app.asked == [ResumeRun()]
        assert len(app.left) == 1


async def test_finished_run_cannot_resume_and_key_is_muted():
    async with hall(arrangement=RunsViewOptions(here=11)) as (app, pilot):
        await pilot.press("space")
        assert (app.asked, app.left) == ([], [])
        assert hints(app)["Resume"] is False
        await pilot.press("down", "down", "down")
        assert app.here == 8
        await pilot.pause()
        assert hints(app)["Resume"] is True


async def test_delete_acts_at_once_and_is_reported_when_done():
    async with hall(arrangement=RunsViewOptions(here=9)) as (app, pilot):
        await pilot.press("d")
        assert app.asked[0] == DeleteRun(9)
        assert app.here == 8
        assert toasts(pilot) == []
        app.runs.archive = replace(ARCHIVE, listed=tuple(of for of in ROWS if of.run != 9))
        await pilot.pause()
        assert toasts(pilot) == ["run 9 is deleted\nu brings it back"]
        assert app.here == 8
        await pilot.press("u")
        assert app.asked[-1] == RestoreRun(9)
        app.runs.archive = ARCHIVE
        await pilot.pause()
        assert app.here == 9
        assert hints(app)["Undo"] is False


async def test_queued_keys_delete_runs_in_turn_and_restore_last_first():
    async with hall(arrangement=RunsViewOptions(here=9)) as (app, pilot):
        await typed(pilot, "d", "d", "u", "u", "u")
        shown = [command for command in app.asked if not isinstance(command, ShowRun)]
        assert shown == [DeleteRun(9), DeleteRun(8), RestoreRun(8), RestoreRun(9)]


async def test_deleting_last_run_moves_cursor_up():
    async with hall(arrangement=RunsViewOptions(here=1)) as (app, pilot):
        await pilot.press("d")
        assert app.here == 3


async def test_training_run_is_not_deleted():
    async with hall() as (app, pilot):
        await pilot.press("d")
        assert app.asked == []
        assert app.here == 12
        assert toasts(pilot) == ["run 12 is training\nhold or stop it in the lab first"]
        await pilot.press("u")
        assert app.asked == []


async def test_name_and_note_edited_in_place_and_enter_saves():
    async with hall(arrangement=RunsViewOptions(here=11)) as (app, pilot):
        name, note = ROWS[1].name, ROWS[1].note
        await typed(pilot, "n", *"quick", "enter", "n", "space", *"two", "space", *"words", "space", "enter")
        assert app.asked == [DescribeRun(11, "quick", note), DescribeRun(11, "two words", note)]
        app.asked.clear()
        await typed(pilot, "m", *"worse", "enter", "n", "delete", "enter")
        assert app.asked == [DescribeRun(11, name, "worse"), DescribeRun(11, "", note)]
        app.asked.clear()
        await typed(pilot, "n", "enter", "m", "enter", "n", *"other", "escape", "m", *"other", "escape")
        assert (app.asked, app.left, app.focused) == ([], [], app.list)


async def test_name_edited_in_its_cell_and_note_in_last_line():
    async with hall(arrangement=RunsViewOptions(here=11)) as (app, pilot):
        await typed(pilot, "n", *"quick")
        assert screen_text(app).splitlines()[4].split()[:4] == ["│", "▸", "11", "quick"]
        await pilot.press("escape", "m", *"slow")
        assert "│ note  slow" in screen_text(app)


async def test_queued_letters_are_text_in_editor_and_keys_after_it():
    async with hall(arrangement=RunsViewOptions(here=11)) as (app, pilot):
        await typed(pilot, "n", "d", "u", "c", "enter", "down", "c")
        assert app.asked[0] == DescribeRun(11, "duc", ROWS[1].note)
        assert app.here == 10
        assert app.list.arrangement.chosen == (10, None, None, None)


async def test_pasted_control_characters_become_one_line():
    async with hall(arrangement=RunsViewOptions(here=11)) as (app, pilot):
        await pilot.press("m")
        app.list._editor.value = "a\x1b[31mb\u202ec名"
        await pilot.press("enter")
        assert app.asked == [DescribeRun(11, ROWS[1].name, "a[31mbc名")]


async def test_filter_applies_as_typed_and_esc_clears_it():
    async with hall() as (app, pilot):
        await typed(pilot, "slash", *"tree")
        assert runs_in_sight(app) == [12, 11, 9, 3]
        assert "Runs  4 of 8 match tree" in screen_text(app)
        await pilot.press("enter", "down")
        assert app.here == 11
        assert runs_in_sight(app) == [12, 11, 9, 3]
        await pilot.press("slash", "escape")
        assert len(runs_in_sight(app)) == 8
        assert app.left == []


async def test_filter_without_match_says_so_and_keys_do_nothing():
    async with hall() as (app, pilot):
        await typed(pilot, "slash", *"xyz", "enter")
        assert "No run matches xyz." in screen_text(app)
        await typed(pilot, "enter", "space", "c", "f", "d", "n", "m", "down")
        assert (app.asked, app.left, app.here) == ([], [], None)
        await pilot.press("slash", "escape")
        assert app.here == 12


async def test_sort_cycles_orders_and_cursor_stays_on_its_run():
    async with hall() as (app, pilot):
        await pilot.press("down")
        for order, first in [("best val", 3), ("steps", 11), ("preset", 8), ("newest", 12)]:
            await pilot.press("s")
            assert f"sorted by {order}" in screen_text(app)
            assert runs_in_sight(app)[0] == first
            assert app.here == 11


async def test_selected_runs_compared_with_run_under_cursor():
    async with hall() as (app, pilot):
        await typed(pilot, "down", "c", "end", "up", "c", "home")
        assert [item.label for item in app.runs.among] == ["▸ run 12", "◆ run 11", "◇ run 3"]
        text = screen_text(app)
        assert "▸ run 12   ◆ run 11    ◇ run 3" in text
        assert all(label in chart(app) for label in ("▸ run 12", "◆ run 11", "◇ run 3", "published 1.9937"))
        await pilot.press("down", "c", "down")
        assert [item.label for item in app.runs.among] == ["▸ run 10", "◇ run 3"]


async def test_fifth_run_not_selected_and_reason_shown():
    async with hall() as (app, pilot):
        await typed(pilot, "c", "down", "c", "down", "c", "down", "c", "down", "c")
        assert app.list.arrangement.chosen == (12, 11, 10, 9)
        assert toasts(pilot) == ["four runs are chosen already\nc on one of them lets it go"]


async def test_unknown_records_requested_after_debounce():
    async with hall(RunsState(ROWS)) as (app, pilot):
        await pilot.press("down", "c")
        await pilot.pause()
        assert app.asked == [ShowRun(11)]
        assert "run 11" in chart(app) or "reading run 11" in screen_text(app)
        await pilot.press("home")
        await pilot.pause()
        assert app.asked == [ShowRun(11)]
        assert "reading run 11" in screen_text(app)
        app.runs.archive = RunsState(ROWS, RECORDS[:1])
        await pilot.pause()
        assert app.asked == [ShowRun(11)]
        assert "◆ run 11" in chart(app)
        assert "reading" not in screen_text(app)


async def test_moving_cursor_loads_only_where_it_rests(monkeypatch):
    monkeypatch.setattr("charwave_tui.ui.runs.screen.READ_AFTER", 0.04)
    async with hall(RunsState(ROWS)) as (app, pilot):
        await typed(pilot, *["down"] * 5)
        await pilot.pause(0.06)
        assert app.asked == [ShowRun(7)]


async def test_record_without_reply_requested_again_on_return():
    async with hall(RunsState(ROWS)) as (app, pilot):
        for key in ("down", "up", "down"):
            await pilot.press(key)
            await pilot.pause(0.02)
        assert app.asked == [ShowRun(11), ShowRun(11)]


async def test_run_advanced_since_its_record_is_reloaded():
    stale = record(msgspec.structs.replace(ROWS[1], step=100), course(10_000, 2.5))
    async with hall(arrangement=RunsViewOptions(here=11)) as (app, pilot):
        app.runs.archive = RunsState(ROWS, (stale,))
        await pilot.pause()
        assert app.asked == [ShowRun(11)]
        assert "run 11  2.5" in chart(app)


async def test_training_run_updates_list_and_comparison():
    async with hall() as (app, pilot):
        run, curve = TRAINING
        app.runs.run = replace(run, step=150_000)
        app.runs.curve = replace(curve, partial=LossPoint(150_000, 1.7654, 1.7, 1.8))
        await pilot.pause()
        assert "150,000" in screen_text(app).splitlines()[3]
        assert "1.7654" in screen_text(app).splitlines()[3]
        assert ["train", "1.7690", "1.7654"] in [
            line.strip("│ ").split("│")[0].split() for line in screen_text(app).splitlines()
        ]


async def test_progress_repaints_only_row_of_run():
    async with hall(size=(80, 24)) as (app, pilot):
        lines, painted = app.list.lines, []
        lines.refresh = lambda *regions, **_: painted.append(regions)
        app.runs.run = replace(TRAINING[0], step=150_000)
        await pilot.pause()
        rows = {region.y for regions in painted for region in regions}
        assert rows == {1, lines.size.height - 1}
        assert all(regions for regions in painted)


async def test_finished_run_shown_at_once(monkeypatch):
    monkeypatch.setattr("charwave_tui.ui.runs.screen.REST", 60.0)
    async with hall() as (app, pilot):
        app.runs.run = replace(TRAINING[0], step=200_000, state=RunState.FINISHED, steps_per_second=0.0)
        await pilot.pause()
        assert "training" not in screen_text(app).splitlines()[3]
        assert "200,000" in screen_text(app).splitlines()[3]


async def test_lost_engine_reported_and_list_kept():
    gone = replace(TRAINING[0], engine="lost", state=None)
    async with hall(held=(gone, TRAINING[1])) as (app, pilot):
        assert "left at 130,000" in screen_text(app)
        assert "the engine is gone" in screen_text(app)
        app.runs.archive = RunsState(())
        await pilot.pause()
        assert "The engine is gone." in screen_text(app)


async def test_l_changes_scale_of_curves():
    async with hall() as (app, pilot):
        assert "Val loss  log scale" in screen_text(app)
        await pilot.press("l")
        assert "Val loss  linear scale" in screen_text(app)
        assert app.runs.query_one(ComparisonChart).log_scale is False


async def test_curves_and_differences_alternate_if_space_for_one():
    async with hall(size=(80, 24)) as (app, pilot):
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
    async with hall() as (app, pilot):
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        assert "choose the run to be compared with others" in screen_text(app)
        await pilot.press("escape")
        assert app.screen is app.runs
        assert app.left == []


async def test_resize_keeps_cursor_and_selection():
    async with hall(arrangement=RunsViewOptions(here=3, chosen=(12, 11, None, None))) as (app, pilot):
        for size in [(80, 24), (40, 12), (200, 50), (1, 1), (59, 15), (120, 18), (140, 40)]:
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert app.here == 3
            assert 3 in runs_in_sight(app) or size == (1, 1)
            assert all(len(line) <= max(size[0], 2) for line in screen_text(app).splitlines())
        assert app.list.arrangement.chosen == (12, 11, None, None)


async def test_editor_stays_open_through_resize_and_list_change():
    async with hall(arrangement=RunsViewOptions(here=11)) as (app, pilot):
        await typed(pilot, "n", *"quick")
        await pilot.resize_terminal(80, 24)
        app.runs.archive = replace(ARCHIVE, listed=(row(13), *ROWS))
        await pilot.pause()
        await pilot.press("enter")
        assert DescribeRun(11, "quick", ROWS[1].note) in app.asked


async def test_run_vanishing_during_edit_keeps_letters_as_text():
    async with hall(arrangement=RunsViewOptions(here=11)) as (app, pilot):
        await typed(pilot, "n", *"rea")
        app.runs.archive = replace(ARCHIVE, listed=tuple(of for of in ROWS if of.run != 11))
        await pilot.pause()
        app.asked.clear()
        await typed(pilot, "d", "enter")
        assert app.asked == []
        assert toasts(pilot) == ["run 11 is not there any more"]
        assert app.focused is app.list


async def test_click_selects_run_and_second_click_opens_it():
    async with hall(held=IDLE) as (app, pilot):
        await pilot.click(RunsListPane, offset=(20, 4))
        assert app.here == 10
        assert app.left == []
        await pilot.click(RunsListPane, offset=(20, 4))
        assert app.asked == [OpenRun(10)]
        assert len(app.left) == 1


async def test_keys_after_leaving_change_nothing():
    async with hall(held=IDLE, arrangement=RunsViewOptions(here=8)) as (app, pilot):
        await typed(pilot, "q", "d", "enter")
        assert app.asked == []
        assert len(app.left) == 1


async def test_pushing_screen_can_bind_its_data():
    class Bound(Comparing):
        arrangement = RunsViewOptions()

        def ask(self, command):
            pass

        def push(self):
            self.app.push_screen(RunsScreen().data_bind(Comparing.run, Comparing.curve, Comparing.archive))

    async with hall() as (app, pilot):
        lab = Bound()
        await app.push_screen(lab)
        lab.run, lab.curve, lab.archive = scenes.TRAINING.run, scenes.TRAINING.curve, ARCHIVE
        lab.call_later(lab.push)
        await pilot.pause()
        await pilot.pause()
        assert "132,400" in screen_text(app).splitlines()[3]
        lab.archive = RunsState(())
        await pilot.pause()
        assert "There are no runs yet." in screen_text(app)
