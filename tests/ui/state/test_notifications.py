"""What is said in passing, and of what."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from support import lab_states as scenes
from support.fake_engine import run_opened, unfinished_summary

from charwave_tui.core.metrics import CurveMarker, Evaluation, RunState, Split, TrainingHistory
from charwave_tui.core.protocol.events import (
    CommandRefused,
    EngineFailed,
    EngineReady,
    NamesRefused,
    Progress,
    ResumableRunFound,
    RunChanged,
    RunMarked,
    RunSaved,
    SaveFailed,
    SplitEvaluated,
    WarningIssued,
)
from charwave_tui.ui.state.notifications import Notification, exit_message, notification_for, reattached_notification
from charwave_tui.ui.state.run_state import (
    ConnectionState,
    EngineDisconnected,
    LabState,
    RunViewState,
    Unfinished,
    reduce,
)

TRAINING = scenes.TRAINING


LEFT = ResumableRunFound(unfinished_summary(Unfinished(12, 48_200)))


def notifications_of(event, before=TRAINING):
    return notification_for(event, before, reduce(before, event))


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            EngineDisconnected("the engine did not start; its log is /log"),
            Notification("the engine did not start; its log is /log\nspace resumes run 12, t starts a new one"),
        ),
        (CommandRefused("no cuda here", "try auto"), Notification("no cuda here\ntry auto", "warning")),
        (WarningIssued("its folder was deleted"), Notification("its folder was deleted", "warning")),
        (SaveFailed(12, "no space"), Notification("run 12 is not being saved: no space\ntraining continues")),
        (EngineFailed("it broke", "/log"), Notification("internal error in the engine: it broke\nits log is /log")),
    ],
)
def test_error_notification_includes_consequence(event, said):
    assert notifications_of(event) == said


def test_lost_engine_notification_has_log_path():
    said = notifications_of(EngineDisconnected())
    assert said.text.startswith("the engine is gone; its log is /")
    assert said.severity == "error"


def test_engine_that_never_started_can_be_retried():
    assert (
        notifications_of(EngineDisconnected("box cannot be reached"), scenes.EMPTY).text
        == "box cannot be reached\nt tries again, with a new run"
    )


@pytest.mark.parametrize("view", [scenes.UNTRAINED, scenes.FINISHED, scenes.DIVERGED])
def test_lost_engine_without_run_offers_new_run(view):
    assert notifications_of(EngineDisconnected(), view).text.endswith("\nt starts a new run")


def test_unsaved_paused_run_asks_for_disk_space_before_quit():
    view = replace(TRAINING, run=replace(TRAINING.run, state=RunState.FINISHED))
    assert notifications_of(SaveFailed(12, "no space"), view).text.endswith("free disk space before you quit")


def test_unsaved_run_notified_at_start_and_end_not_every_retry():
    failed, saved = SaveFailed(12, "no space"), RunSaved(12, 132_400)
    view, said = TRAINING, []
    for event in (saved, failed, failed, saved, saved, failed):
        said.append(notification_for(event, view, view := reduce(view, event)))
    begins = Notification("run 12 is not being saved: no space\ntraining continues")
    assert said == [None, begins, None, Notification("run 12 is saved again", "information"), None, begins]


def test_interrupted_run_offered_once():
    said = Notification("run 12 is unfinished, at step 48,200\nspace resumes it", "information")
    assert notifications_of(LEFT, LabState()) == said
    assert notifications_of(LEFT, reduce(LabState(), LEFT)) is None
    assert notifications_of(LEFT, scenes.ENGINE_LOST) is None


def test_existing_run_notified_with_step():
    assert reattached_notification(run_opened(TRAINING.run)) == Notification(
        "reattached to run 12, step 132,400", "information"
    )
    assert reattached_notification(run_opened(scenes.UNTRAINED.run)) is None


def test_missing_words_notified_once_for_each_opening():
    opened = msgspec.structs.replace(run_opened(TRAINING.run), missing_words="the words are missing; so relocate them")
    assert notifications_of(opened) == Notification("the words are missing; so relocate them", "warning")
    assert reattached_notification(opened) == Notification(
        "reattached to run 12, step 132,400\nthe words are missing; so relocate them", "warning"
    )


def test_losses_of_current_step_notified_in_fixed_order():
    evaluations = tuple(Evaluation(step, split, step + i) for step in (1, 2) for i, split in enumerate([*Split][::-1]))
    view = replace(TRAINING, curve=replace(TRAINING.curve, history=TrainingHistory(evaluations=evaluations)))
    said = notification_for(SplitEvaluated(Evaluation(2, Split.TEST, 2.0)), view, view)
    assert said == Notification("whole splits after step 2\ntrain 4.0000 · val 3.0000 · test 2.0000", "information")


@pytest.mark.parametrize(
    "event",
    [
        run_opened(scenes.UNTRAINED.run),
        EngineReady("2.13", "cpu"),
        RunChanged(RunState.DIVERGED, 412, "the loss became NaN"),
        Progress(1, 1.0, (), None),
        RunMarked(CurveMarker(1, "lr 0.1 → 0.01")),
        SplitEvaluated(Evaluation(1, Split.VAL, 2.0)),
        NamesRefused(1, "no", "yes"),
        RunSaved(12, 1),
    ],
)
def test_content_of_panes_not_notified_again(event):
    assert notifications_of(event) is None


RUN = replace(scenes.TRAINING.run, run=12)


@pytest.mark.parametrize(
    ("run", "state", "said"),
    [
        (
            RUN,
            RunState.TRAINING,
            "run 12 continues to train; charwave-tui reopens it, charwave-tui engine stop ends it",
        ),
        (replace(RUN, run=None), RunState.TRAINING, "the new run continues to train; charwave-tui reopens it"),
        (RUN, RunState.PAUSED, "run 12 is paused; charwave-tui reopens it"),
        (replace(RUN, unsaved="no space"), RunState.FINISHED, "run 12 is not saved: no space; it is lost"),
        (RUN, RunState.FINISHED, ""),
        (
            RunViewState(connection=ConnectionState.STARTING),
            RunState.TRAINING,
            "the engine had not started yet, so nothing was trained",
        ),
        (RunViewState(connection=ConnectionState.STARTING), None, ""),
    ],
)
def test_exit_message_says_what_remains(run, state, said):
    words = exit_message(run, state)
    assert words.startswith(said)
    assert bool(words) == bool(said)
