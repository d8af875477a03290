"""The table of keys, written out once more: what each key asks in each state, and what is expected of it."""

from __future__ import annotations

import pytest
import scenes

from charwave_tui.core.metrics import RunState, Split
from charwave_tui.core.protocol.commands import (
    EditRun,
    EvaluateSplits,
    ExtendRun,
    OpenRun,
    PauseRun,
    PrepareRun,
    ProbeLayers,
    ResetRun,
    ResumeRun,
    RewindRun,
    StartRun,
    StepRun,
    StopRun,
)
from charwave_tui.ui.state.engine_controller import command_for_key, expected_state
from charwave_tui.ui.state.form_state import Draft
from charwave_tui.ui.state.run_state import Unfinished

DRAFT = Draft(scenes.CONFIG, "tree-76k")


START = StartRun(scenes.CONFIG, "tree-76k")


FIRST_STEP = StartRun(scenes.CONFIG, "tree-76k", steps=1)


MEASURE = EvaluateSplits((Split.TRAIN, Split.VAL, Split.TEST))


STATES = (
    None,
    RunState.READY,
    RunState.TRAINING,
    RunState.PAUSED,
    RunState.STOPPED,
    RunState.FINISHED,
    RunState.DIVERGED,
)


TABLE = {
    #            no model    untrained   training    paused       stopped      finished     diverged
    "train": (START, START, START, START, START, START, START),
    "pause": (None, None, PauseRun(), ResumeRun(), None, None, None),
    "step": (FIRST_STEP, FIRST_STEP, StepRun(), StepRun(), StepRun(), StepRun(), None),
    "stop": (None, None, StopRun(), StopRun(), None, None, None),
    "extend": (None, None, None, ResumeRun(), ExtendRun(), ExtendRun(), None),
    "reset": (None, None, ResetRun(), ResetRun(), ResetRun(), ResetRun(), ResetRun()),
    "rewind": (None, None, None, None, None, None, RewindRun()),
    "evaluate": (None, None, MEASURE, MEASURE, MEASURE, MEASURE, None),
}


LEFT = Unfinished(12, 48_200)
"""A run that was left in the middle."""


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("key", TABLE)
def test_every_key_sends_command_of_table_in_every_state(key, state):
    assert command_for_key(key, state, DRAFT) == TABLE[key][STATES.index(state)]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("key", TABLE)
def test_unfinished_run_changes_only_space_which_resumes_it(key, state):
    goes_on = key == "pause" and state in (None, RunState.READY)
    command = OpenRun(12, train=True) if goes_on else TABLE[key][STATES.index(state)]
    assert command_for_key(key, state, DRAFT, LEFT) == command


def test_table_has_entry_for_every_state():
    assert set(STATES) == {None, *RunState}
    assert all(len(row) == len(STATES) for row in TABLE.values())


@pytest.mark.parametrize("state", STATES)
def test_unknown_key_sends_nothing(state):
    assert command_for_key("sing", state, DRAFT) is None


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (START, RunState.TRAINING),
        (FIRST_STEP, RunState.PAUSED),
        (PauseRun(), RunState.PAUSED),
        (ResumeRun(), RunState.TRAINING),
        (ExtendRun(), RunState.TRAINING),
        (RewindRun(), RunState.TRAINING),
        (OpenRun(12, train=True), RunState.TRAINING),
        (StepRun(), RunState.PAUSED),
        (ResetRun(), RunState.PAUSED),
        (StopRun(), RunState.STOPPED),
    ],
)
def test_command_moving_run_sets_expected_state(command, expected):
    assert expected_state(command) is expected


@pytest.mark.parametrize(
    "command", [MEASURE, ProbeLayers(), EditRun(scenes.CONFIG), PrepareRun(scenes.CONFIG, "tree-76k"), OpenRun(12)]
)
def test_query_or_edit_keeps_state(command):
    assert expected_state(command) is None


@pytest.mark.parametrize("key", TABLE)
@pytest.mark.parametrize("state", STATES)
def test_pause_or_stop_key_repeated_does_not_stop_twice(key, state):
    command = command_for_key(key, state, DRAFT)
    if isinstance(command, StopRun):
        assert command_for_key(key, expected_state(command), DRAFT) is None
    if isinstance(command, PauseRun):
        assert command_for_key(key, expected_state(command), DRAFT) == ResumeRun()
