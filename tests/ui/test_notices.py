"""What is said in passing, and of what."""

from dataclasses import replace

import pytest
import scenes
from fake_engine import opened

from charwave_tui.core import protocol
from charwave_tui.core.readings import Evaluation, History, Mark, Split, State
from charwave_tui.ui.notices import Notice, notice
from charwave_tui.ui.view import EngineLost

TRAINING = scenes.TRAINING


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            EngineLost("the engine did not start; its log is /log"),
            Notice("the engine did not start; its log is /log\nt starts another one; what was saved is safe"),
        ),
        (protocol.CommandRefused("no cuda here", "try auto"), Notice("no cuda here\ntry auto", "warning")),
        (protocol.SaveFailed(12, "no space"), Notice("run 12 is not being saved: no space\ntraining goes on")),
        (protocol.EngineFailed("it broke", "/log"), Notice("the engine met a fault: it broke\nits log is /log")),
    ],
)
def test_what_goes_wrong_is_said_with_what_follows(event, said):
    assert notice(event, TRAINING) == said


def test_an_engine_that_just_went_leaves_the_place_of_its_log():
    said = notice(EngineLost(), TRAINING)
    assert said.text.startswith("the engine is gone; its log is /")
    assert said.severity == "error"


def test_a_run_at_rest_that_is_not_saved_asks_for_room_before_one_quits():
    view = replace(TRAINING, run=replace(TRAINING.run, state=State.FINISHED))
    assert notice(protocol.SaveFailed(12, "no space"), view).text.endswith("free the disk before you quit")


def test_the_losses_of_a_step_are_named_in_one_order_and_those_of_other_steps_not():
    evaluations = tuple(Evaluation(step, split, step + i) for step in (1, 2) for i, split in enumerate([*Split][::-1]))
    view = replace(TRAINING, curve=replace(TRAINING.curve, history=History(evaluations=evaluations)))
    said = notice(protocol.SplitEvaluated(Evaluation(2, Split.TEST, 2.0)), view)
    assert said == Notice("over whole splits after step 2\ntrain 4.0000 · val 3.0000 · test 2.0000", "information")


@pytest.mark.parametrize(
    "event",
    [
        opened(scenes.UNTRAINED.run),
        protocol.EngineReady("2.13", "cpu"),
        protocol.RunChanged(State.DIVERGED, 412, "the loss became NaN"),
        protocol.Progress(1, 1.0, (), None),
        protocol.RunMarked(Mark(1, "lr 0.1 → 0.01")),
        protocol.SplitEvaluated(Evaluation(1, Split.VAL, 2.0)),
        protocol.NamesRefused(1, "no", "yes"),
        protocol.RunSaved(12, 1),
    ],
)
def test_what_the_panes_show_is_not_said_twice(event):
    assert notice(event, TRAINING) is None
