"""The table of keys, written out once more: what each key asks in each state, and what is expected of it."""

import pytest
import scenes

from charwave_tui.core.archive import OpenRun
from charwave_tui.core.protocol import (
    EditRun,
    EvaluateSplits,
    ExtendRun,
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
from charwave_tui.core.readings import Split, State
from charwave_tui.ui.draft import Draft
from charwave_tui.ui.steering import command_for, expected_after
from charwave_tui.ui.view import Unfinished

DRAFT = Draft(scenes.CONFIG, "tree-76k")
START = StartRun(scenes.CONFIG, "tree-76k")
FIRST_STEP = StartRun(scenes.CONFIG, "tree-76k", steps=1)
MEASURE = EvaluateSplits((Split.TRAIN, Split.VAL, Split.TEST))

STATES = (None, State.READY, State.TRAINING, State.PAUSED, State.STOPPED, State.FINISHED, State.DIVERGED)

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
def test_every_key_gives_the_command_of_the_table_in_every_state(key, state):
    assert command_for(key, state, DRAFT) == TABLE[key][STATES.index(state)]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("key", TABLE)
def test_with_an_unfinished_run_space_goes_on_with_it_where_there_is_none_and_all_else_is_as_it_was(key, state):
    goes_on = key == "pause" and state in (None, State.READY)
    command = OpenRun(12, train=True) if goes_on else TABLE[key][STATES.index(state)]
    assert command_for(key, state, DRAFT, LEFT) == command


def test_the_table_has_a_place_for_every_state():
    assert set(STATES) == {None, *State}
    assert all(len(row) == len(STATES) for row in TABLE.values())


@pytest.mark.parametrize("state", STATES)
def test_a_word_that_is_no_key_means_nothing(state):
    assert command_for("sing", state, DRAFT) is None


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (START, State.TRAINING),
        (FIRST_STEP, State.PAUSED),
        (PauseRun(), State.PAUSED),
        (ResumeRun(), State.TRAINING),
        (ExtendRun(), State.TRAINING),
        (RewindRun(), State.TRAINING),
        (OpenRun(12, train=True), State.TRAINING),
        (StepRun(), State.PAUSED),
        (ResetRun(), State.PAUSED),
        (StopRun(), State.STOPPED),
    ],
)
def test_what_moves_a_run_is_expected_to_have_moved_it(command, expected):
    assert expected_after(command) is expected


@pytest.mark.parametrize(
    "command", [MEASURE, ProbeLayers(), EditRun(scenes.CONFIG), PrepareRun(scenes.CONFIG, "tree-76k"), OpenRun(12)]
)
def test_what_only_looks_or_edits_leaves_the_state_as_it_is(command):
    assert expected_after(command) is None


@pytest.mark.parametrize("key", TABLE)
@pytest.mark.parametrize("state", STATES)
def test_after_a_key_that_holds_or_ends_a_run_the_same_key_does_not_end_it_twice(key, state):
    command = command_for(key, state, DRAFT)
    if isinstance(command, StopRun):
        assert command_for(key, expected_after(command), DRAFT) is None
    if isinstance(command, PauseRun):
        assert command_for(key, expected_after(command), DRAFT) == ResumeRun()
