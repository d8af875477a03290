"""Commands of the keys on the runs screen, and the checks before they are sent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.run_records import SUMMARIES, TRAINING_RUN, run_summary

from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import DeleteRun, DescribeRun, ForkRun, OpenRun, RestoreRun, ResumeRun
from charwave_tui.ui.runs.commands import (
    command_for_action,
    is_already_open,
    refusal,
    replaces_active_run,
    returns_to_lab,
)
from charwave_tui.ui.state.run_state import ConnectionState, RunViewState

IN_TRAINING = TRAINING_RUN[0]


PAUSED = replace(IN_TRAINING, state=RunState.PAUSED)


@pytest.mark.parametrize("key", ["open", "resume", "fork", "delete"])
def test_without_run_no_key_is_available(key):
    assert command_for_action(key, None, IN_TRAINING) is None


@pytest.mark.parametrize("row", SUMMARIES, ids=lambda row: row.state.value)
def test_every_run_can_be_opened_forked_and_deleted(row):
    assert command_for_action("open", row, IN_TRAINING) == OpenRun(row.run)
    assert command_for_action("fork", row, IN_TRAINING) == ForkRun(row.run)
    assert command_for_action("delete", row, IN_TRAINING) == DeleteRun(row.run)


@pytest.mark.parametrize(
    ("state", "run", "command"),
    [
        (RunState.TRAINING, IN_TRAINING, None),
        (RunState.PAUSED, PAUSED, ResumeRun()),
        (RunState.TRAINING, RunViewState(ConnectionState.READY), OpenRun(12, train=True)),
        (RunState.PAUSED, RunViewState(ConnectionState.READY), OpenRun(12, train=True)),
        (RunState.STOPPED, RunViewState(ConnectionState.READY), None),
        (RunState.FINISHED, RunViewState(ConnectionState.READY), None),
        (RunState.DIVERGED, RunViewState(ConnectionState.READY), None),
    ],
)
def test_only_unfinished_run_can_be_resumed(state, run, command):
    assert command_for_action("resume", run_summary(12, state=state), run) == command


def test_stopped_run_with_steps_left_can_be_resumed():
    assert command_for_action("resume", run_summary(12, state=RunState.STOPPED, step=100), PAUSED) == OpenRun(
        12, train=True
    )


@pytest.mark.parametrize(
    ("command", "run", "asked"),
    [
        (OpenRun(11), IN_TRAINING, True),
        (ForkRun(11), IN_TRAINING, True),
        (OpenRun(12), IN_TRAINING, False),
        (ForkRun(12), IN_TRAINING, False),
        (DeleteRun(11), IN_TRAINING, False),
        (OpenRun(11), PAUSED, False),
        (OpenRun(11), RunViewState(ConnectionState.READY), False),
    ],
)
def test_only_other_training_run_asks_confirmation(command, run, asked):
    assert replaces_active_run(command, run) is asked


def test_training_run_cannot_be_deleted_and_others_can():
    assert refusal(DeleteRun(12), IN_TRAINING) == "run 12 is training\npause or stop it in the lab first"
    assert refusal(DeleteRun(12), PAUSED) == ""
    assert refusal(DeleteRun(11), IN_TRAINING) == ""
    assert refusal(OpenRun(12), IN_TRAINING) == ""


def test_commands_moving_run_return_to_lab_and_active_run_not_reopened():
    back = [OpenRun(1), ForkRun(1), ResumeRun()]
    assert all(map(returns_to_lab, back))
    assert not any(map(returns_to_lab, [DeleteRun(1), RestoreRun(1), DescribeRun(1, "", "")]))
    assert is_already_open(OpenRun(12), PAUSED)
    assert not is_already_open(OpenRun(11), PAUSED)
    assert not is_already_open(ForkRun(12), PAUSED)
