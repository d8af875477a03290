"""The lab before an engine that fails: what is said, what stays, and how one goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support import lab_states as scenes
from support.fake_engine import FakeEngine, SimulatedEngine, StaticEngine, run_opened, unfinished_summary
from support.pilot import (
    NARROW,
    lab_screen,
    notification_texts,
    run_playground,
    screen_lines,
    screen_text,
    type_burst,
    wait_until,
)

from charwave_tui.client.connection import EngineUnavailable
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import OpenRun, RewindRun
from charwave_tui.core.protocol.events import (
    CommandRefused,
    EngineFailed,
    EngineReady,
    ResumableRunFound,
    RunChanged,
    RunSaved,
    SaveFailed,
)
from charwave_tui.ui.dialogs.confirm import ConfirmDialog
from charwave_tui.ui.state.run_state import ConnectionState, Unfinished


def go_to(pilot, name):
    """Put the form's cursor on a row."""
    lab_screen(pilot).query_one("#form").cursor_field = name


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (EngineFailed("[bold]odd[/bold]", "[x"), "internal error in the engine: [bold]odd[/bold]\nits log is [x"),
        (
            SaveFailed(12, "No space left on device"),
            "run 12 is not being saved: No space left on device\ntraining continues",
        ),
    ],
)
async def test_engine_refusal_is_two_lines_and_training_continues(event, said):
    engine = StaticEngine(scenes.TRAINING)
    async with run_playground(engine) as pilot:
        engine.emit(event)
        await wait_until(pilot, lambda: bool(notification_texts(pilot)))
        assert notification_texts(pilot) == [said]
        assert all(part in screen_text(pilot.app) for part in said.splitlines())
        assert lab_screen(pilot).run.state is RunState.TRAINING


async def test_refused_field_marked_until_changed():
    engine = SimulatedEngine()
    async with run_playground(engine) as pilot:
        engine.emit(CommandRefused("there is no cuda here", "try auto", "device"))
        await wait_until(pilot, lambda: bool(notification_texts(pilot)))
        assert "✗ device" in screen_text(pilot.app)
        go_to(pilot, "seed")
        await pilot.press("right")
        assert "✗ device" not in screen_text(pilot.app)


async def test_lost_engine_space_resumes_run_in_new_one():
    engine = SimulatedEngine()
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press("t")
        engine.disconnect()
        await wait_until(pilot, lambda: lab_screen(pilot).run.connection is ConnectionState.LOST)
        assert screen_lines(pilot)[0].endswith("✗ the engine is gone  space resumes run 1")
        assert notification_texts(pilot)[0].endswith("\nspace resumes run 1, t starts a new one")
        engine.sent.clear()
        await pilot.press("x", "g", "0", "c", "w", "e")
        assert engine.sent == []
        assert engine.connections == 1
        await pilot.press("space")
        await wait_until(pilot, lambda: lab_screen(pilot).run.state is RunState.TRAINING)
        assert engine.connections == 2
        assert engine.control_commands == ["OpenRun"]
        assert engine.sent_of(OpenRun) == [OpenRun(1, train=True)]
        await pilot.press("space")
        assert lab_screen(pilot).run.state is RunState.PAUSED
        assert len(notification_texts(pilot)) == 1


async def test_lost_engine_t_starts_new_run_in_new_one():
    engine = SimulatedEngine()
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press("t")
        engine.disconnect()
        await wait_until(pilot, lambda: lab_screen(pilot).run.connection is ConnectionState.LOST)
        engine.sent.clear()
        await pilot.press("t", "space")
        await wait_until(pilot, lambda: lab_screen(pilot).run.state is RunState.PAUSED)
        assert engine.connections == 2
        assert engine.control_commands == ["StartRun", "PauseRun"]
        assert lab_screen(pilot).run.run == 2
        assert lab_screen(pilot).run.unfinished is None


async def test_form_edits_survive_resume_in_new_engine():
    engine = SimulatedEngine()
    async with run_playground(engine) as pilot:
        await pilot.press("t")
        go_to(pilot, "n_embd")
        await pilot.press("enter", *"10", "enter")
        engine.disconnect()
        await wait_until(pilot, lambda: lab_screen(pilot).run.connection is ConnectionState.LOST)
        await pilot.press("space")
        await wait_until(pilot, lambda: lab_screen(pilot).run.state is RunState.TRAINING)
        assert lab_screen(pilot).form.draft.config.n_embd == 10
        assert "1 staged" in screen_lines(pilot)[1]


async def test_repeatedly_lost_engine_survives_any_keys():
    engine = StaticEngine(scenes.TRAINING)
    async with run_playground(engine, NARROW) as pilot:
        for reason in ("", "the engine did not start", "the engine does not answer"):
            engine.disconnect(reason)
            await wait_until(pilot, lambda: lab_screen(pilot).run.connection is ConnectionState.LOST)
            assert "space resumes run 12" in screen_lines(pilot)[0]
            await type_burst(pilot, "space", "space", "space", "g", "w", ".")
            await wait_until(pilot, lambda: lab_screen(pilot).run.connection is ConnectionState.STARTING)
        assert engine.connections == 4
        engine.emit(EngineReady("2.13", "cpu"), run_opened(scenes.TRAINING.run, scenes.TRAINING))
        await wait_until(pilot, lambda: lab_screen(pilot).run.state is RunState.TRAINING)
        assert lab_screen(pilot).run.unfinished is None


async def test_viewer_returning_to_engine_started_elsewhere_sees_its_run():
    engine = StaticEngine(scenes.TRAINING)
    async with run_playground(engine, NARROW) as pilot:
        engine.disconnect()
        await wait_until(pilot, lambda: lab_screen(pilot).run.connection is ConnectionState.LOST)
        engine.was_running = True
        theirs = replace(scenes.TRAINING.run, run=13, config=replace(scenes.CONFIG, n_embd=10))
        engine.emit(EngineReady("2.13", "cpu"), run_opened(theirs))
        await pilot.press("space")
        await wait_until(pilot, lambda: lab_screen(pilot).run.run == 13)
        assert notification_texts(pilot)[-1] == "reattached to run 13, step 132,400"
        assert lab_screen(pilot).form.draft.config.n_embd == 10


async def test_run_interrupted_by_crash_offered_and_space_resumes_it():
    engine = SimulatedEngine()
    engine.emit(ResumableRunFound(unfinished_summary(Unfinished(12, 48_200))))
    async with run_playground(engine, NARROW) as pilot:
        assert notification_texts(pilot) == ["run 12 is unfinished, at step 48,200\nspace resumes it"]
        assert screen_lines(pilot)[0].endswith("○ ready  space resumes run 12")
        await pilot.press("space")
        assert engine.sent_of(OpenRun) == [OpenRun(12, train=True)]
        assert lab_screen(pilot).run.state is RunState.TRAINING
        assert "space goes on" not in screen_text(pilot.app).partition("run 12 was left")[0]


async def test_interrupted_run_not_offered_after_another_starts():
    engine = SimulatedEngine()
    engine.emit(ResumableRunFound(unfinished_summary(Unfinished(12, 48_200))))
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press("t", "x")
        engine.sent.clear()
        await pilot.press("space")
        assert engine.sent_of(OpenRun) == []


async def test_unsaved_run_shown_in_status_bar_until_saved():
    engine = StaticEngine(scenes.TRAINING)
    async with run_playground(engine) as pilot:
        engine.emit(*[SaveFailed(12, "No space left on device")] * 3)
        await wait_until(pilot, lambda: bool(lab_screen(pilot).run.unsaved))
        assert "! not saved: No space left on device" in screen_lines(pilot)[0]
        engine.emit(RunSaved(12, 132_500), RunSaved(12, 132_600))
        await wait_until(pilot, lambda: not lab_screen(pilot).run.unsaved)
        assert "not saved" not in screen_lines(pilot)[0]
        assert notification_texts(pilot) == [
            "run 12 is not being saved: No space left on device\ntraining continues",
            "run 12 is saved again",
        ]


async def test_w_rewinds_diverged_run_and_trains_with_third_of_lr():
    engine = SimulatedEngine()
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press("t", "w")
        assert engine.sent_of(RewindRun) == []
        assert "w Rewind" not in screen_lines(pilot)[-1]
        engine.run = replace(engine.run, state=RunState.DIVERGED, step=412, divergence=scenes.DIVERGED.run.divergence)
        engine.emit(RunChanged(RunState.DIVERGED, 412, "", scenes.DIVERGED.run.divergence))
        await wait_until(pilot, lambda: lab_screen(pilot).run.state is RunState.DIVERGED)
        assert "w Rewind" in screen_lines(pilot)[-1]
        await pilot.press("w")
        assert engine.sent_of(RewindRun) == [RewindRun()]
        assert (lab_screen(pilot).run.state, lab_screen(pilot).run.step) == (RunState.TRAINING, 400)
        assert lab_screen(pilot).form.draft.config.lr == pytest.approx(0.1 / 3)
        assert lab_screen(pilot).curve.diverged_at is None


@pytest.mark.parametrize("key", ["enter", "escape", "ctrl+c"])
async def test_engine_of_other_version_can_be_left_alone(key):
    engine = FakeEngine(outdated="0.2.0")
    async with run_playground(engine, NARROW) as pilot:
        assert "An engine of version 0.2.0 is running" in screen_text(pilot.app)
        await pilot.press("t")
        assert isinstance(pilot.app.screen, ConfirmDialog)
        await pilot.press(key)
        assert pilot.app.return_value == ""
    assert engine.restarts == 0


async def test_engine_of_other_version_restarted_by_r_then_works():
    engine = SimulatedEngine()
    engine.outdated = "0.2.0"
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press("r")
        await wait_until(pilot, lambda: lab_screen(pilot).run.connection is ConnectionState.READY)
        assert engine.restarts == 1
        assert pilot.app.screen is lab_screen(pilot)
        await pilot.press("t")
        assert lab_screen(pilot).run.state is RunState.TRAINING


async def test_unstoppable_engine_of_other_version_reported_as_unreachable():
    class Stubborn(FakeEngine):
        async def restart(self):
            raise EngineUnavailable("the engine does not end")

    async with run_playground(Stubborn(outdated="0.2.0"), NARROW) as pilot:
        await pilot.press("r")
        await wait_until(pilot, lambda: lab_screen(pilot).run.connection is ConnectionState.LOST)
        assert notification_texts(pilot) == ["the engine does not end\nt tries again, with a new run"]


async def test_unreachable_engine_reported_with_reason_and_nothing_lost():
    engine = FakeEngine()
    async with run_playground(engine) as pilot:
        go_to(pilot, "lr")
        await pilot.press("enter", *"0.2", "enter")
        engine.disconnect("the engine did not start; its log is /logs/engine.log")
        await wait_until(pilot, lambda: lab_screen(pilot).run.connection is ConnectionState.LOST)
        said = "the engine did not start; its log is /logs/engine.log\nt tries again, with a new run"
        assert notification_texts(pilot)[0] == said
        assert "the engine cannot be reached" in screen_lines(pilot)[0]
        assert lab_screen(pilot).form.draft.config.lr == 0.2
