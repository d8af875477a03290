"""The confirm dialog and what each choice does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support import lab_states as scenes
from support.fake_engine import SimulatedEngine, StaticEngine
from support.pilot import NARROW, SMALL, WIDE, lab_screen, notification_texts, run_playground, screen_text, wait_until
from textual.widget import Widget

from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.events import RunChanged, RunSaved, SaveFailed
from charwave_tui.ui.dialogs.confirm import ConfirmDialog, DialogChoice
from charwave_tui.ui.lab import screen

ANSWERS = [
    DialogChoice(("enter", "l"), "leave it", "left"),
    DialogChoice(("s",), "stop it", "stopped"),
    DialogChoice(("escape",), "stay", "stayed"),
]


asked = pytest.mark.parametrize(
    ("key", "value"),
    [
        ("enter", "left"),
        ("l", "left"),
        ("s", "stopped"),
        ("escape", "stayed"),
        ("ctrl+c", "stayed"),
        ("c", None),
        ("t", None),
    ],
)


@asked
async def test_each_key_returns_its_answer_and_others_none(widget_host, key, value):
    app = widget_host(Widget)
    answers = []
    async with app.run_test() as pilot:
        await app.push_screen(ConfirmDialog("Quit", "run 12 is training.", ANSWERS), answers.append)
        await pilot.press(key)
        assert answers == ([] if value is None else [value])


async def test_ctrl_c_meaning_is_per_dialog(widget_host):
    app = widget_host(Widget)
    answers = []
    async with app.run_test() as pilot:
        for number in (1, 2, 3):
            await app.push_screen(ConfirmDialog("Quit", "run 12 is training.", ANSWERS[:number]), answers.append)
            await pilot.press("ctrl+c")
        assert answers == ["left", "stopped", "stayed"]


@pytest.mark.parametrize(("words", "value"), [("leave it", "left"), ("stop it", "stopped"), ("stay", "stayed")])
async def test_click_on_answer_returns_it(widget_host, words, value):
    app = widget_host(Widget)
    answers = []
    async with app.run_test() as pilot:
        await app.push_screen(ConfirmDialog("Quit", "run 12 is training.", ANSWERS), answers.append)
        await pilot.pause()
        rows = app.screen_text().splitlines()
        y = next(i for i, row in enumerate(rows) if words in row)
        await pilot.click(offset=(rows[y].index(words), y))
        assert answers == [value]


async def test_markup_in_detail_shown_as_text(widget_host):
    app = widget_host(Widget)
    async with app.run_test() as pilot:
        await app.push_screen(ConfirmDialog("Quit", "[bold]run[/bold] [x", ANSWERS))
        await pilot.pause()
        assert "[bold]run[/bold] [x" in app.screen_text()


async def test_train_over_active_run_confirms_and_enter_starts_new():
    engine = SimulatedEngine()
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press("t", "t")
        assert isinstance(pilot.app.screen, ConfirmDialog)
        assert "run 1 is stopped and saved" in screen_text(pilot.app)
        assert engine.runs == 1
        await pilot.press("escape")
        assert engine.control_commands == ["StartRun"]
        assert lab_screen(pilot).run.state is RunState.TRAINING
        await pilot.press("t", "enter")
        assert engine.control_commands == ["StartRun", "StartRun"]
        assert lab_screen(pilot).run.run == 2


async def test_train_after_finished_run_does_not_confirm():
    engine = SimulatedEngine()
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press("t", "x", "t")
        assert engine.control_commands == ["StartRun", "StopRun", "StartRun"]


GOES_ON = "run 1 continues to train; charwave-tui reopens it, charwave-tui engine stop ends it"


SAVED = "run 1 is saved; charwave-tui sample --run 1 samples names from it"


@pytest.mark.parametrize("size", [WIDE, NARROW, SMALL])
@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_quit_in_training_confirms_and_enter_leaves_run_training(size, key):
    engine = SimulatedEngine()
    async with run_playground(engine, size) as pilot:
        await pilot.press("t", key)
        text = screen_text(pilot.app)
        answers = [
            "run 1 is training.",
            "enter",
            "quit, and let it train on",
            "s ",
            "stop and save it, then quit",
            "esc",
            "cancel",
        ]
        assert [part for part in answers if part not in text] == []
        await pilot.press("enter")
        assert pilot.app.return_value == GOES_ON
    assert engine.control_commands == ["StartRun"]
    assert engine.closed


async def test_quit_by_s_stops_run_and_waits_for_save():
    engine = SimulatedEngine()
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press("t", "q", "s")
        assert pilot.app.return_value == SAVED
    assert engine.control_commands == ["StartRun", "StopRun"]


@pytest.mark.parametrize("key", ["escape", "ctrl+c", "ctrl+q"])
async def test_esc_or_second_ctrl_c_stays_and_run_continues(key):
    engine = SimulatedEngine()
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press("t", "ctrl+c", key)
        assert pilot.app.screen is lab_screen(pilot)
        assert pilot.app.return_value is None
        assert lab_screen(pilot).run.state is RunState.TRAINING
        assert engine.control_commands == ["StartRun"]


async def test_letter_c_is_no_answer():
    engine = SimulatedEngine()
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press("t", "ctrl+c", "c", "x")
        assert isinstance(pilot.app.screen, ConfirmDialog)
        assert engine.control_commands == ["StartRun"]


@pytest.mark.parametrize(("before", "key"), [((), "q"), ((), "ctrl+c"), ((), "ctrl+q"), (("t", "x"), "q")])
async def test_quit_without_run_in_progress_does_not_confirm(before, key):
    engine = SimulatedEngine()
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press(*before, key)
        assert pilot.app.return_value == ""
    assert engine.closed


async def test_quit_with_paused_run_does_not_confirm_or_change_it():
    engine = SimulatedEngine()
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press("t", "space", "q")
        assert pilot.app.return_value == "run 1 is paused; charwave-tui reopens it"
    assert engine.control_commands == ["StartRun", "PauseRun"]


async def test_quit_with_unsaved_run_says_so():
    view = replace(scenes.UNSAVED, run=replace(scenes.UNSAVED.run, state=RunState.FINISHED))
    async with run_playground(StaticEngine(view), NARROW) as pilot:
        await pilot.press("q")
        why = "run 12 is not saved: No space left on device"
        assert pilot.app.return_value == f"{why}; it is lost when the engine ends"


async def test_quit_does_not_wait_for_lost_engine():
    engine = SimulatedEngine()
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press("t")
        engine.disconnect()
        await pilot.pause()
        await pilot.press("q")
        assert pilot.app.return_value == "run 1 is unfinished; charwave-tui can resume it"


@pytest.mark.parametrize("key", ["enter", "s"])
async def test_run_finished_before_answer_lets_user_quit(key):
    engine = StaticEngine(scenes.TRAINING)
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press("q")
        engine.emit(RunChanged(RunState.FINISHED, 200_000))
        await wait_until(pilot, lambda: lab_screen(pilot).run.state is RunState.FINISHED)
        await pilot.press(key)
        assert pilot.app.return_value == ""
    assert engine.control_commands == []


async def test_engine_lost_while_saving_lets_user_quit():
    engine = StaticEngine(scenes.TRAINING)
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press("q", "s")
        assert engine.control_commands == ["StopRun"]
        assert pilot.app.return_value is None
        engine.disconnect()
        await pilot.pause()
        assert pilot.app.return_value == "run 12 is unfinished; charwave-tui can resume it"


async def test_unsavable_run_delays_quit_until_second_q():
    engine = StaticEngine(scenes.TRAINING)
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press("q", "s", "q", "t")
        engine.emit(RunChanged(RunState.STOPPED, 132_400), SaveFailed(12, "No space left on device"))
        await wait_until(pilot, lambda: bool(lab_screen(pilot).run.unsaved))
        assert pilot.app.return_value is None
        assert notification_texts(pilot)[1:] == [
            "run 12 is not being saved: No space left on device\nfree disk space before you quit"
        ]
        await pilot.press("q")
        assert pilot.app.return_value.startswith(
            "run 12 is not saved: No space left on device; it is lost when the engine ends"
        )
    assert engine.control_commands == ["StopRun"]


async def test_impossible_answer_reported_even_for_old_reason():
    engine = StaticEngine(scenes.UNSAVED)
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press("q", "s")
        engine.emit(SaveFailed(12, "No space left on device"))
        await wait_until(pilot, lambda: len(notification_texts(pilot)) > 1)
        assert notification_texts(pilot)[1:] == ["run 12 cannot be saved: No space left on device\nq quits anyway"]
        assert pilot.app.return_value is None


async def test_save_wait_timeout_quits_and_leaves_run_to_engine(monkeypatch):
    monkeypatch.setattr(screen, "SAVE_TIMEOUT_SECONDS", 0.01)
    async with run_playground(StaticEngine(scenes.TRAINING), NARROW) as pilot:
        await pilot.press("q", "s")
        await wait_until(pilot, lambda: pilot.app.return_value is not None)
        assert pilot.app.return_value == "the engine is still saving the run"


async def test_help_opened_while_saving_does_not_prevent_quit():
    engine = StaticEngine(scenes.TRAINING)
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press("q", "s", "question_mark")
        engine.emit(RunSaved(12, 132_400))
        await pilot.pause()
        assert pilot.app.return_value == "run 12 is saved; charwave-tui sample --run 12 samples names from it"
