"""What is asked before something ends, and what each answer does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import scenes
from fake_engine import ObedientEngine, ShowingEngine
from pilots import NARROW, SMALL, WIDE, lab, playground, screen_text, toasts, until
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
async def test_each_key_returns_its_answer_and_others_none(stage, key, value):
    app = stage(Widget)
    answers = []
    async with app.run_test() as pilot:
        await app.push_screen(ConfirmDialog("Quit", "run 12 is training.", ANSWERS), answers.append)
        await pilot.press(key)
        assert answers == ([] if value is None else [value])


async def test_ctrl_c_meaning_is_per_dialog(stage):
    app = stage(Widget)
    answers = []
    async with app.run_test() as pilot:
        for number in (1, 2, 3):
            await app.push_screen(ConfirmDialog("Quit", "run 12 is training.", ANSWERS[:number]), answers.append)
            await pilot.press("ctrl+c")
        assert answers == ["left", "stopped", "stayed"]


@pytest.mark.parametrize(("words", "value"), [("leave it", "left"), ("stop it", "stopped"), ("stay", "stayed")])
async def test_click_on_answer_returns_it(stage, words, value):
    app = stage(Widget)
    answers = []
    async with app.run_test() as pilot:
        await app.push_screen(ConfirmDialog("Quit", "run 12 is training.", ANSWERS), answers.append)
        await pilot.pause()
        rows = app.screen_text().splitlines()
        y = next(i for i, row in enumerate(rows) if words in row)
        await pilot.click(offset=(rows[y].index(words), y))
        assert answers == [value]


async def test_markup_in_detail_shown_as_text(stage):
    app = stage(Widget)
    async with app.run_test() as pilot:
        await app.push_screen(ConfirmDialog("Quit", "[bold]run[/bold] [x", ANSWERS))
        await pilot.pause()
        assert "[bold]run[/bold] [x" in app.screen_text()


async def test_train_over_active_run_confirms_and_enter_starts_new():
    engine = ObedientEngine()
    async with playground(engine, NARROW) as pilot:
        await pilot.press("t", "t")
        assert isinstance(pilot.app.screen, ConfirmDialog)
        assert "run 1 is stopped and saved" in screen_text(pilot.app)
        assert engine.runs == 1
        await pilot.press("escape")
        assert engine.steered == ["StartRun"]
        assert lab(pilot).run.state is RunState.TRAINING
        await pilot.press("t", "enter")
        assert engine.steered == ["StartRun", "StartRun"]
        assert lab(pilot).run.run == 2


async def test_train_after_finished_run_does_not_confirm():
    engine = ObedientEngine()
    async with playground(engine, NARROW) as pilot:
        await pilot.press("t", "x", "t")
        assert engine.steered == ["StartRun", "StopRun", "StartRun"]


GOES_ON = "run 1 goes on training; charwave-tui comes back to it, charwave-tui engine stop ends it"


SAVED = "run 1 is saved; charwave-tui sample --run 1 draws names from it"


@pytest.mark.parametrize("size", [WIDE, NARROW, SMALL])
@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_quit_in_training_confirms_and_enter_leaves_run_training(size, key):
    engine = ObedientEngine()
    async with playground(engine, size) as pilot:
        await pilot.press("t", key)
        text = screen_text(pilot.app)
        answers = ["run 1 is training.", "enter", "leave it running", "s ", "stop it, save it and quit", "esc", "stay"]
        assert [part for part in answers if part not in text] == []
        await pilot.press("enter")
        assert pilot.app.return_value == GOES_ON
    assert engine.steered == ["StartRun"]
    assert engine.closed


async def test_quit_by_s_stops_run_and_waits_for_save():
    engine = ObedientEngine()
    async with playground(engine, NARROW) as pilot:
        await pilot.press("t", "q", "s")
        assert pilot.app.return_value == SAVED
    assert engine.steered == ["StartRun", "StopRun"]


@pytest.mark.parametrize("key", ["escape", "ctrl+c", "ctrl+q"])
async def test_esc_or_second_ctrl_c_stays_and_run_continues(key):
    engine = ObedientEngine()
    async with playground(engine, NARROW) as pilot:
        await pilot.press("t", "ctrl+c", key)
        assert pilot.app.screen is lab(pilot)
        assert pilot.app.return_value is None
        assert lab(pilot).run.state is RunState.TRAINING
        assert engine.steered == ["StartRun"]


async def test_letter_c_is_no_answer():
    engine = ObedientEngine()
    async with playground(engine, NARROW) as pilot:
        await pilot.press("t", "ctrl+c", "c", "x")
        assert isinstance(pilot.app.screen, ConfirmDialog)
        assert engine.steered == ["StartRun"]


@pytest.mark.parametrize(("before", "key"), [((), "q"), ((), "ctrl+c"), ((), "ctrl+q"), (("t", "x"), "q")])
async def test_quit_without_run_in_progress_does_not_confirm(before, key):
    engine = ObedientEngine()
    async with playground(engine, NARROW) as pilot:
        await pilot.press(*before, key)
        assert pilot.app.return_value == ""
    assert engine.closed


async def test_quit_with_paused_run_does_not_confirm_or_change_it():
    engine = ObedientEngine()
    async with playground(engine, NARROW) as pilot:
        await pilot.press("t", "space", "q")
        assert pilot.app.return_value == "run 1 is paused; charwave-tui comes back to it"
    assert engine.steered == ["StartRun", "PauseRun"]


async def test_quit_with_unsaved_run_says_so():
    view = replace(scenes.UNSAVED, run=replace(scenes.UNSAVED.run, state=RunState.FINISHED))
    async with playground(ShowingEngine(view), NARROW) as pilot:
        await pilot.press("q")
        why = "run 12 is not saved: No space left on device"
        assert pilot.app.return_value == f"{why}; the engine holds it for as long as it runs"


async def test_quit_does_not_wait_for_lost_engine():
    engine = ObedientEngine()
    async with playground(engine, NARROW) as pilot:
        await pilot.press("t")
        engine.go()
        await pilot.pause()
        await pilot.press("q")
        assert pilot.app.return_value == "run 1 was left in the middle; charwave-tui can go on with it"


@pytest.mark.parametrize("key", ["enter", "s"])
async def test_run_finished_before_answer_lets_user_quit(key):
    engine = ShowingEngine(scenes.TRAINING)
    async with playground(engine, NARROW) as pilot:
        await pilot.press("q")
        engine.tell(RunChanged(RunState.FINISHED, 200_000))
        await until(pilot, lambda: lab(pilot).run.state is RunState.FINISHED)
        await pilot.press(key)
        assert pilot.app.return_value == ""
    assert engine.steered == []


async def test_engine_lost_while_saving_lets_user_quit():
    engine = ShowingEngine(scenes.TRAINING)
    async with playground(engine, NARROW) as pilot:
        await pilot.press("q", "s")
        assert engine.steered == ["StopRun"]
        assert pilot.app.return_value is None
        engine.go()
        await pilot.pause()
        assert pilot.app.return_value == "run 12 was left in the middle; charwave-tui can go on with it"


async def test_unsavable_run_delays_quit_until_second_q():
    engine = ShowingEngine(scenes.TRAINING)
    async with playground(engine, NARROW) as pilot:
        await pilot.press("q", "s", "q", "t")
        engine.tell(RunChanged(RunState.STOPPED, 132_400), SaveFailed(12, "No space left on device"))
        await until(pilot, lambda: bool(lab(pilot).run.unsaved))
        assert pilot.app.return_value is None
        assert toasts(pilot)[1:] == [
            "run 12 is not being saved: No space left on device\nfree the disk before you quit"
        ]
        await pilot.press("q")
        assert pilot.app.return_value.startswith("run 12 is not saved: No space left on device; the engine holds it")
    assert engine.steered == ["StopRun"]


async def test_impossible_answer_reported_even_for_old_reason():
    engine = ShowingEngine(scenes.UNSAVED)
    async with playground(engine, NARROW) as pilot:
        await pilot.press("q", "s")
        engine.tell(SaveFailed(12, "No space left on device"))
        await until(pilot, lambda: len(toasts(pilot)) > 1)
        assert toasts(pilot)[1:] == ["run 12 cannot be saved: No space left on device\nq leaves it to the engine"]
        assert pilot.app.return_value is None


async def test_save_wait_timeout_quits_and_leaves_run_to_engine(monkeypatch):
    monkeypatch.setattr(screen, "SAVED_WITHIN", 0.01)
    async with playground(ShowingEngine(scenes.TRAINING), NARROW) as pilot:
        await pilot.press("q", "s")
        await until(pilot, lambda: pilot.app.return_value is not None)
        assert pilot.app.return_value == "the engine is still saving the run"


async def test_help_opened_while_saving_does_not_prevent_quit():
    engine = ShowingEngine(scenes.TRAINING)
    async with playground(engine, NARROW) as pilot:
        await pilot.press("q", "s", "question_mark")
        engine.tell(RunSaved(12, 132_400))
        await pilot.pause()
        assert pilot.app.return_value == "run 12 is saved; charwave-tui sample --run 12 draws names from it"
