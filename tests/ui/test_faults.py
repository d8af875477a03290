"""The lab before an engine that fails: what is said, what stays, and how one goes on."""

import pytest
import scenes
from fake_engine import FakeEngine, ObedientEngine, ShowingEngine
from pilots import lab, lines, playground, screen_text, toasts, until

from charwave_tui.core import protocol
from charwave_tui.core.readings import State


def go_to(pilot, name):
    """Put the form's cursor on a row."""
    lab(pilot).query_one("#form").here = name


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (protocol.EngineFailed("[bold]odd[/bold]", "[x"), "the engine met a fault: [bold]odd[/bold]\nits log is [x"),
        (
            protocol.SaveFailed(12, "No space left on device"),
            "run 12 is not being saved: No space left on device\ntraining goes on",
        ),
    ],
)
async def test_what_the_engine_cannot_do_is_said_in_two_lines_and_training_goes_on(event, said):
    engine = ShowingEngine(scenes.TRAINING)
    async with playground(engine) as pilot:
        engine.tell(event)
        await until(pilot, lambda: bool(toasts(pilot)))
        assert toasts(pilot) == [said]
        assert all(part in screen_text(pilot.app) for part in said.splitlines())
        assert lab(pilot).run.state is State.TRAINING


async def test_a_field_that_the_engine_refuses_is_marked_until_it_is_changed():
    engine = ObedientEngine()
    async with playground(engine) as pilot:
        engine.tell(protocol.CommandRefused("there is no cuda here", "try auto", "device"))
        await until(pilot, lambda: bool(toasts(pilot)))
        assert "✗ device" in screen_text(pilot.app)
        go_to(pilot, "seed")
        await pilot.press("right")
        assert "✗ device" not in screen_text(pilot.app)


async def test_when_the_engine_is_lost_a_line_says_so_and_t_reaches_for_another():
    engine = ObedientEngine()
    async with playground(engine) as pilot:
        await pilot.press("t")
        engine.go()
        await until(pilot, lambda: lab(pilot).run.engine == "lost")
        assert "the engine is gone" in lines(pilot)[0]
        assert len(toasts(pilot)) == 1
        assert "t starts another one; what was saved is safe" in toasts(pilot)[0]
        engine.sent.clear()
        await pilot.press("space", "x", "g", "0")
        assert engine.sent == []
        assert engine.reached == 1
        await pilot.press("t", "space")
        await until(pilot, lambda: lab(pilot).run.state is State.PAUSED)
        assert engine.reached == 2
        assert engine.steered == ["StartRun", "PauseRun"]


async def test_an_engine_that_cannot_be_reached_is_said_with_its_reason_and_nothing_is_lost():
    engine = FakeEngine()
    async with playground(engine) as pilot:
        go_to(pilot, "lr")
        await pilot.press("enter", *"0.2", "enter")
        engine.go("the engine did not start; its log is /logs/engine.log")
        await until(pilot, lambda: lab(pilot).run.engine == "lost")
        assert toasts(pilot)[0].startswith("the engine did not start; its log is /logs/engine.log\nt starts")
        assert "the engine is gone" in lines(pilot)[0]
        assert lab(pilot).form.draft.config.lr == 0.2
