"""What the screen says to the engine as keys are pressed and events come in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support import lab_states as scenes
from support.fake_engine import FakeEngine, SimulatedEngine, run_opened, unfinished_summary

from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.metrics import Evaluation, RunState, Split
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
    SampleNames,
    StartRun,
    StepRun,
    StopRun,
)
from charwave_tui.core.protocol.events import (
    CommandRefused,
    EngineFailed,
    EngineReady,
    EngineStarted,
    LayersProbed,
    NamesRefused,
    NamesSampled,
    Progress,
    ResumableRunFound,
    RunChanged,
    SplitEvaluated,
)
from charwave_tui.ui.state.engine_controller import (
    PROBE_POLLS_UNTIL_LOST,
    EngineController,
    command_for_key,
    expected_state,
)
from charwave_tui.ui.state.form_state import Draft
from charwave_tui.ui.state.run_state import EngineDisconnected, Unfinished

DRAFT = Draft(scenes.CONFIG, "tree-76k")


READY = EngineReady("2.13", "cpu")


PREPARED = run_opened(scenes.UNTRAINED.run)


STARTED = run_opened(replace(scenes.UNTRAINED.run, run=12))


def controller(*events):
    engine = FakeEngine()
    talk = EngineController(engine, SamplingConfig())
    for event in events:
        talk.handle_event(event)
    engine.sent.clear()
    return talk, engine


def in_state(state):
    return controller(READY, STARTED, RunChanged(state, 10))


def press(talk, *keys):
    return [talk.press(key, DRAFT) for key in keys]


def test_keys_before_engine_reply_use_expected_state():
    talk, engine = controller()
    assert press(talk, "train", "pause", "pause", "stop") == [True] * 4
    assert engine.control_commands == ["StartRun", "PauseRun", "ResumeRun", "StopRun"]


def test_burst_of_single_steps_is_one_run():
    talk, engine = controller()
    press(talk, "step", "step")
    talk.handle_event(READY)
    talk.handle_event(PREPARED)  # what was asked for before the keys were pressed
    press(talk, "step")
    talk.handle_event(STARTED)
    press(talk, "step")
    assert engine.control_commands == ["StartRun", "StepRun", "StepRun", "StepRun"]


def test_step_key_while_training_pauses():
    talk, engine = in_state(RunState.TRAINING)
    press(talk, "step")
    assert talk.run_state is RunState.PAUSED
    press(talk, "pause")
    assert engine.control_commands == ["StepRun", "ResumeRun"]


def test_unavailable_key_sends_nothing():
    talk, engine = controller(READY, PREPARED)
    assert press(talk, "pause", "stop", "extend", "reset", "evaluate") == [False] * 5
    assert engine.sent == []
    assert [talk.is_available(key, DRAFT) for key in ("train", "step", "pause")] == [True, True, False]


def test_engine_event_overrides_expected_state():
    talk, _ = in_state(RunState.TRAINING)
    press(talk, "pause")
    assert talk.run_state is RunState.PAUSED
    talk.handle_event(RunChanged(RunState.FINISHED, 200_000))
    assert talk.run_state is RunState.FINISHED


@pytest.mark.parametrize("answer", [CommandRefused("no", "yes"), EngineFailed("no", "log"), EngineDisconnected()])
def test_failed_command_clears_expected_state(answer):
    talk, _ = controller(READY, PREPARED)
    press(talk, "train")
    assert talk.run_state is RunState.TRAINING
    talk.handle_event(answer)
    assert talk.run_state in (RunState.READY, None)
    assert not talk.is_available("pause", DRAFT)


@pytest.mark.parametrize("state", [None, *RunState])
def test_only_keys_needing_form_config_start_a_run(state):
    talk, _ = controller() if state is None else in_state(state)
    assert talk.starts_run("train")
    assert talk.starts_run("step") is (state in (None, RunState.READY))
    assert not talk.starts_run("pause")


@pytest.mark.parametrize("state", [None, *RunState])
def test_draft_built_only_without_existing_run(state):
    talk, engine = controller() if state is None else in_state(state)
    talk.prepare(DRAFT)
    built = engine.sent == [PrepareRun(DRAFT.config, DRAFT.preset)]
    assert built is (state in (None, RunState.READY))


@pytest.mark.parametrize("state", [None, *RunState])
def test_live_edits_sent_to_every_started_run(state):
    talk, engine = controller() if state is None else in_state(state)
    talk.edit(scenes.CONFIG)
    assert (engine.sent == [EditRun(scenes.CONFIG)]) is (state not in (None, RunState.READY))


def test_opened_run_is_probed_and_sampled():
    talk, engine = controller(READY)
    talk.handle_event(PREPARED)
    assert engine.sent == [ProbeLayers(), SampleNames(SamplingConfig(), 1)]


@pytest.mark.parametrize("state", RunState)
def test_pause_triggers_probe_and_end_triggers_sampling(state):
    talk, engine = controller(READY, STARTED)
    talk.handle_event(RunChanged(state, 10))
    assert bool(engine.sent_of(ProbeLayers)) is (state is not RunState.TRAINING)
    assert bool(engine.sent_of(SampleNames)) is (state in (RunState.FINISHED, RunState.STOPPED))


@pytest.mark.parametrize("split", Split)
def test_names_requested_after_each_val_evaluation(split):
    talk, engine = in_state(RunState.TRAINING)
    talk.handle_event(SplitEvaluated(Evaluation(10, split, 2.0)))
    assert bool(engine.sent_of(SampleNames)) is (split is Split.VAL)


def test_only_last_requested_names_are_shown():
    talk, engine = controller(READY, STARTED)
    talk.request_names()
    talk.request_names()
    first, second = (command.request for command in engine.sent_of(SampleNames))
    talk.handle_event(NamesSampled(10, first, scenes.NAMES[:3]))
    assert talk.lab_state.names.names == ()
    talk.handle_event(NamesRefused(first, "no", "yes"))
    assert talk.lab_state.names.refusal == ""
    talk.handle_event(NamesSampled(10, second, scenes.NAMES))
    assert talk.lab_state.names.names == scenes.NAMES


def test_repeated_request_at_same_step_uses_other_seed():
    engine = SimulatedEngine()
    talk = EngineController(engine, SamplingConfig(seed=5))
    press(talk, "train")
    for event in engine.drain():
        talk.handle_event(event)
    assert talk.lab_state.names.names
    talk.request_names(again=True)
    assert talk.sampling.seed == 6
    talk.handle_event(Progress(50, 10.0, (), None))
    talk.request_names(again=True)
    assert talk.sampling.seed == 6
    assert [command.sampling.seed for command in engine.sent_of(SampleNames)] == [5, 6, 6]


def test_probes_in_training_do_not_queue_up_unanswered():
    talk, engine = in_state(RunState.TRAINING)
    for _ in range(PROBE_POLLS_UNTIL_LOST):
        talk.poll_layers()
    assert len(engine.sent) == 1
    talk.poll_layers()
    assert len(engine.sent) == 2
    talk.handle_event(LayersProbed(10, scenes.TRAINING.layers.layers))
    talk.poll_layers()
    assert engine.sent == [ProbeLayers()] * 3


@pytest.mark.parametrize("state", [state for state in RunState if state is not RunState.TRAINING])
def test_idle_run_is_not_probed_every_second(state):
    talk, engine = in_state(state)
    talk.poll_layers()
    assert engine.sent == []


def test_lost_engine_is_sent_only_new_starts():
    talk, engine = in_state(RunState.TRAINING)
    talk.handle_event(EngineDisconnected())
    engine.sent.clear()
    talk.request_names(again=True)
    talk.poll_layers()
    talk.prepare(DRAFT)
    talk.edit(scenes.CONFIG)
    assert press(talk, "stop", "extend", "reset", "rewind", "evaluate") == [False] * 5
    assert engine.sent == []
    assert talk.sampling.seed == SamplingConfig().seed
    talk.set_connecting()
    assert press(talk, "train", "pause") == [True, True]
    assert engine.control_commands == ["StartRun", "PauseRun"]


def test_space_resumes_run_of_lost_engine_then_pauses():
    talk, engine = in_state(RunState.TRAINING)
    talk.handle_event(EngineDisconnected())
    talk.set_connecting()
    assert press(talk, "pause", "pause") == [True, True]
    assert engine.control_commands == ["OpenRun", "PauseRun"]
    assert engine.sent_of(OpenRun) == [OpenRun(12, train=True)]


def test_existing_run_has_reported_state():
    talk, _ = controller(READY, ResumableRunFound(unfinished_summary(Unfinished(12, 48_200))), PREPARED)
    press(talk, "pause")
    assert talk.run_state is RunState.TRAINING
    talk.handle_event(run_opened(scenes.FINISHED.run))
    assert talk.run_state is RunState.FINISHED


def test_engine_notification_shown_once():
    engine = FakeEngine(found=True, warning="the engine ends when you log out")
    talk = EngineController(engine, SamplingConfig())
    greeting = EngineStarted("1", 7)
    said = [talk.handle_event(event) for event in (greeting, READY, run_opened(scenes.TRAINING.run), STARTED, greeting)]
    assert [item.text if item else None for item in said] == [
        "the engine ends when you log out",
        None,
        "reattached to run 12, step 132,400",
        None,
        None,
    ]


def test_run_of_engine_started_for_screen_is_not_reattached():
    talk, _ = controller(EngineStarted("1", 7), READY)
    assert talk.handle_event(run_opened(scenes.TRAINING.run)) is None


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
