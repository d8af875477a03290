"""What each key asks for, and what has to be said before."""

from dataclasses import replace

import pytest
from kept import ROWS, TRAINING, row

from charwave_tui.core import archive, protocol
from charwave_tui.core.readings import State
from charwave_tui.ui.run_commands import command_for, is_there_already, leads_back, puts_away, refusal
from charwave_tui.ui.view import RunView

IN_TRAINING = TRAINING[0]
HELD = replace(IN_TRAINING, state=State.PAUSED)


@pytest.mark.parametrize("key", ["open", "resume", "fork", "delete"])
def test_without_run_no_key_is_available(key):
    assert command_for(key, None, IN_TRAINING) is None


@pytest.mark.parametrize("of", ROWS, ids=lambda of: of.state.value)
def test_every_run_can_be_opened_forked_and_deleted(of):
    assert command_for("open", of, IN_TRAINING) == archive.OpenRun(of.run)
    assert command_for("fork", of, IN_TRAINING) == archive.ForkRun(of.run)
    assert command_for("delete", of, IN_TRAINING) == archive.DeleteRun(of.run)


@pytest.mark.parametrize(
    ("state", "run", "command"),
    [
        (State.TRAINING, IN_TRAINING, None),
        (State.PAUSED, HELD, protocol.ResumeRun()),
        (State.TRAINING, RunView("ready"), archive.OpenRun(12, train=True)),
        (State.PAUSED, RunView("ready"), archive.OpenRun(12, train=True)),
        (State.STOPPED, RunView("ready"), None),
        (State.FINISHED, RunView("ready"), None),
        (State.DIVERGED, RunView("ready"), None),
    ],
)
def test_only_unfinished_run_can_be_resumed(state, run, command):
    assert command_for("resume", row(12, state=state), run) == command


def test_stopped_run_with_steps_left_can_be_resumed():
    assert command_for("resume", row(12, state=State.STOPPED, step=100), HELD) == archive.OpenRun(12, train=True)


@pytest.mark.parametrize(
    ("command", "run", "asked"),
    [
        (archive.OpenRun(11), IN_TRAINING, True),
        (archive.ForkRun(11), IN_TRAINING, True),
        (archive.OpenRun(12), IN_TRAINING, False),
        (archive.ForkRun(12), IN_TRAINING, False),
        (archive.DeleteRun(11), IN_TRAINING, False),
        (archive.OpenRun(11), HELD, False),
        (archive.OpenRun(11), RunView("ready"), False),
    ],
)
def test_only_other_training_run_asks_confirmation(command, run, asked):
    assert puts_away(command, run) is asked


def test_training_run_cannot_be_deleted_and_others_can():
    assert refusal(archive.DeleteRun(12), IN_TRAINING) == "run 12 is training\nhold or stop it in the lab first"
    assert refusal(archive.DeleteRun(12), HELD) == ""
    assert refusal(archive.DeleteRun(11), IN_TRAINING) == ""
    assert refusal(archive.OpenRun(12), IN_TRAINING) == ""


def test_commands_moving_run_return_to_lab_and_active_run_not_reopened():
    back = [archive.OpenRun(1), archive.ForkRun(1), protocol.ResumeRun()]
    assert all(map(leads_back, back))
    assert not any(map(leads_back, [archive.DeleteRun(1), archive.RestoreRun(1), archive.DescribeRun(1, "", "")]))
    assert is_there_already(archive.OpenRun(12), HELD)
    assert not is_there_already(archive.OpenRun(11), HELD)
    assert not is_there_already(archive.ForkRun(12), HELD)
