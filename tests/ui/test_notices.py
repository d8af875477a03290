"""What is said in passing, and of what."""

from dataclasses import replace

import pytest
import scenes
from fake_engine import opened, summary

from charwave_tui.core import archive, protocol
from charwave_tui.core.readings import Evaluation, History, Mark, Split, State
from charwave_tui.ui.notices import Notice, notice, reattached
from charwave_tui.ui.view import EngineLost, LabView, Unfinished, after

TRAINING = scenes.TRAINING
LEFT = archive.UnfinishedFound(summary(Unfinished(12, 48_200)))


def said_of(event, before=TRAINING):
    return notice(event, before, after(before, event))


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            EngineLost("the engine did not start; its log is /log"),
            Notice("the engine did not start; its log is /log\nspace goes on with run 12, t starts a new one"),
        ),
        (protocol.CommandRefused("no cuda here", "try auto"), Notice("no cuda here\ntry auto", "warning")),
        (protocol.Remarked("its folder was deleted"), Notice("its folder was deleted", "warning")),
        (protocol.SaveFailed(12, "no space"), Notice("run 12 is not being saved: no space\ntraining goes on")),
        (protocol.EngineFailed("it broke", "/log"), Notice("the engine met a fault: it broke\nits log is /log")),
    ],
)
def test_error_notification_includes_consequence(event, said):
    assert said_of(event) == said


def test_lost_engine_notification_has_log_path():
    said = said_of(EngineLost())
    assert said.text.startswith("the engine is gone; its log is /")
    assert said.severity == "error"


def test_engine_that_never_started_can_be_retried():
    assert (
        said_of(EngineLost("box cannot be reached"), scenes.EMPTY).text
        == "box cannot be reached\nt tries again, with a new run"
    )


@pytest.mark.parametrize("view", [scenes.UNTRAINED, scenes.FINISHED, scenes.DIVERGED])
def test_lost_engine_without_run_offers_new_run(view):
    assert said_of(EngineLost(), view).text.endswith("\nt starts a new run")


def test_unsaved_paused_run_asks_for_disk_space_before_quit():
    view = replace(TRAINING, run=replace(TRAINING.run, state=State.FINISHED))
    assert said_of(protocol.SaveFailed(12, "no space"), view).text.endswith("free the disk before you quit")


def test_unsaved_run_notified_at_start_and_end_not_every_retry():
    failed, saved = protocol.SaveFailed(12, "no space"), protocol.RunSaved(12, 132_400)
    view, said = TRAINING, []
    for event in (saved, failed, failed, saved, saved, failed):
        said.append(notice(event, view, view := after(view, event)))
    begins = Notice("run 12 is not being saved: no space\ntraining goes on")
    assert said == [None, begins, None, Notice("run 12 is saved again", "information"), None, begins]


def test_interrupted_run_offered_once():
    said = Notice("run 12 was left at step 48,200\nspace goes on with it", "information")
    assert said_of(LEFT, LabView()) == said
    assert said_of(LEFT, after(LabView(), LEFT)) is None
    assert said_of(LEFT, scenes.LOST) is None


def test_existing_run_notified_with_step():
    assert reattached(opened(TRAINING.run)) == Notice("reattached to run 12, step 132,400", "information")
    assert reattached(opened(scenes.UNTRAINED.run)) is None


def test_losses_of_current_step_notified_in_fixed_order():
    evaluations = tuple(Evaluation(step, split, step + i) for step in (1, 2) for i, split in enumerate([*Split][::-1]))
    view = replace(TRAINING, curve=replace(TRAINING.curve, history=History(evaluations=evaluations)))
    said = notice(protocol.SplitEvaluated(Evaluation(2, Split.TEST, 2.0)), view, view)
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
def test_content_of_panes_not_notified_again(event):
    assert said_of(event) is None
