"""What is asked before something ends, and what each answer does."""

import pytest
import scenes
from fake_engine import ObedientEngine, ShowingEngine
from pilots import NARROW, SMALL, WIDE, lab, playground, screen_text
from textual.widget import Widget

from charwave_tui.core import protocol
from charwave_tui.core.readings import State
from charwave_tui.ui.screens.confirm import Answer, ConfirmScreen

ANSWERS = [Answer(("enter", "s"), "stop it", True), Answer(("escape",), "stay", False)]

asked = pytest.mark.parametrize(
    ("key", "value"),
    [("enter", True), ("s", True), ("escape", False), ("ctrl+c", False), ("x", None), ("t", None)],
)


@asked
async def test_each_key_gives_its_answer_and_other_keys_none(stage, key, value):
    app = stage(Widget)
    answers = []
    async with app.run_test() as pilot:
        await app.push_screen(ConfirmScreen("Quit", "run 12 is training.", ANSWERS), answers.append)
        await pilot.press(key)
        assert answers == ([] if value is None else [value])


@pytest.mark.parametrize(("words", "value"), [("stop it", True), ("stay", False)])
async def test_a_click_on_an_answer_gives_it(stage, words, value):
    app = stage(Widget)
    answers = []
    async with app.run_test() as pilot:
        await app.push_screen(ConfirmScreen("Quit", "run 12 is training.", ANSWERS), answers.append)
        await pilot.pause()
        rows = app.screen_text().splitlines()
        y = next(i for i, row in enumerate(rows) if words in row)
        await pilot.click(offset=(rows[y].index(words), y))
        assert answers == [value]


async def test_markup_in_a_detail_is_only_text(stage):
    app = stage(Widget)
    async with app.run_test() as pilot:
        await app.push_screen(ConfirmScreen("Quit", "[bold]run[/bold] [x", ANSWERS))
        await pilot.pause()
        assert "[bold]run[/bold] [x" in app.screen_text()


async def test_training_over_a_run_asks_and_only_enter_begins_the_new_one():
    engine = ObedientEngine()
    async with playground(engine, NARROW) as pilot:
        await pilot.press("t", "t")
        assert isinstance(pilot.app.screen, ConfirmScreen)
        assert "run 1 is stopped and saved" in screen_text(pilot.app)
        assert engine.runs == 1
        await pilot.press("escape")
        assert engine.steered == ["StartRun"]
        assert lab(pilot).run.state is State.TRAINING
        await pilot.press("t", "enter")
        assert engine.steered == ["StartRun", "StartRun"]
        assert lab(pilot).run.run == 2


async def test_training_again_after_a_run_has_ended_does_not_ask():
    engine = ObedientEngine()
    async with playground(engine, NARROW) as pilot:
        await pilot.press("t", "x", "t")
        assert engine.steered == ["StartRun", "StopRun", "StartRun"]


@pytest.mark.parametrize(("size", "key"), [(WIDE, "enter"), (NARROW, "s"), (SMALL, "enter")])
async def test_leaving_while_it_trains_asks_and_enter_or_s_stops_saves_and_says_goodbye(size, key):
    engine = ObedientEngine()
    async with playground(engine, size) as pilot:
        await pilot.press("t", "q")
        assert "stop it, save it and quit" in screen_text(pilot.app)
        assert engine.steered == ["StartRun"]
        await pilot.press(key)
        assert pilot.app.return_value == "run 1 is saved; charwave-tui sample --run 1 draws names from it"
    assert engine.steered == ["StartRun", "StopRun"]
    assert engine.closed


@pytest.mark.parametrize("key", ["escape", "ctrl+c", "ctrl+q"])
async def test_esc_and_another_ctrl_c_stay_and_the_run_goes_on(key):
    engine = ObedientEngine()
    async with playground(engine, NARROW) as pilot:
        await pilot.press("t", "ctrl+c", key)
        assert pilot.app.screen is lab(pilot)
        assert pilot.app.return_value is None
        assert lab(pilot).run.state is State.TRAINING
        assert engine.steered == ["StartRun"]


@pytest.mark.parametrize(("before", "key"), [((), "q"), ((), "ctrl+c"), ((), "ctrl+q"), (("t", "x"), "q")])
async def test_leaving_with_nothing_in_progress_does_not_ask(before, key):
    engine = ObedientEngine()
    async with playground(engine, NARROW) as pilot:
        await pilot.press(*before, key)
        assert pilot.app.return_value == ""
    assert engine.closed


async def test_leaving_a_paused_run_saves_it_without_asking():
    engine = ObedientEngine()
    async with playground(engine, NARROW) as pilot:
        await pilot.press("t", "space", "q")
        assert pilot.app.return_value == "run 1 is saved; charwave-tui sample --run 1 draws names from it"


async def test_leaving_does_not_wait_for_an_engine_that_is_gone():
    engine = ObedientEngine()
    async with playground(engine, NARROW) as pilot:
        await pilot.press("t")
        engine.go()
        await pilot.pause()
        await pilot.press("q")
        assert pilot.app.return_value == ""


async def test_an_engine_that_goes_while_it_saves_lets_one_leave():
    engine = ShowingEngine(scenes.TRAINING)
    async with playground(engine, NARROW) as pilot:
        await pilot.press("q", "enter")
        assert engine.steered == ["StopRun"]
        assert pilot.app.return_value is None
        engine.go()
        await pilot.pause()
        assert pilot.app.return_value == ""


async def test_one_who_reads_the_help_while_the_run_is_saved_still_leaves():
    engine = ShowingEngine(scenes.TRAINING)
    async with playground(engine, NARROW) as pilot:
        await pilot.press("q", "enter", "question_mark")
        engine.tell(protocol.RunSaved(12, 132_400))
        await pilot.pause()
        assert pilot.app.return_value == "run 12 is saved; charwave-tui sample --run 12 draws names from it"
