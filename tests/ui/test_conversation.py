"""What the screen says to the engine as keys are pressed and events come in."""

from dataclasses import replace

import pytest
import scenes
from fake_engine import FakeEngine, ObedientEngine, opened, summary

from charwave_tui.core import archive, protocol
from charwave_tui.core.readings import Evaluation, Split, State
from charwave_tui.core.sampling import Sampling
from charwave_tui.ui.conversation import ANSWERED_WITHIN, Conversation
from charwave_tui.ui.draft import Draft
from charwave_tui.ui.view import EngineLost, Unfinished

DRAFT = Draft(scenes.CONFIG, "tree-76k")
READY = protocol.EngineReady("2.13", "cpu")
PREPARED = opened(scenes.UNTRAINED.run)
STARTED = opened(replace(scenes.UNTRAINED.run, run=12))


def conversation(*events):
    engine = FakeEngine()
    talk = Conversation(engine, Sampling())
    for event in events:
        talk.heard(event)
    engine.sent.clear()
    return talk, engine


def in_state(state):
    return conversation(READY, STARTED, protocol.RunChanged(state, 10))


def press(talk, *keys):
    return [talk.steer(key, DRAFT) for key in keys]


def test_keys_before_engine_reply_use_expected_state():
    talk, engine = conversation()
    assert press(talk, "train", "pause", "pause", "stop") == [True] * 4
    assert engine.steered == ["StartRun", "PauseRun", "ResumeRun", "StopRun"]


def test_burst_of_single_steps_is_one_run():
    talk, engine = conversation()
    press(talk, "step", "step")
    talk.heard(READY)
    talk.heard(PREPARED)  # what was asked for before the keys were pressed
    press(talk, "step")
    talk.heard(STARTED)
    press(talk, "step")
    assert engine.steered == ["StartRun", "StepRun", "StepRun", "StepRun"]


def test_step_key_while_training_pauses():
    talk, engine = in_state(State.TRAINING)
    press(talk, "step")
    assert talk.state is State.PAUSED
    press(talk, "pause")
    assert engine.steered == ["StepRun", "ResumeRun"]


def test_unavailable_key_sends_nothing():
    talk, engine = conversation(READY, PREPARED)
    assert press(talk, "pause", "stop", "extend", "reset", "evaluate") == [False] * 5
    assert engine.sent == []
    assert [talk.means(key, DRAFT) for key in ("train", "step", "pause")] == [True, True, False]


def test_engine_event_overrides_expected_state():
    talk, _ = in_state(State.TRAINING)
    press(talk, "pause")
    assert talk.state is State.PAUSED
    talk.heard(protocol.RunChanged(State.FINISHED, 200_000))
    assert talk.state is State.FINISHED


@pytest.mark.parametrize(
    "answer", [protocol.CommandRefused("no", "yes"), protocol.EngineFailed("no", "log"), EngineLost()]
)
def test_failed_command_clears_expected_state(answer):
    talk, _ = conversation(READY, PREPARED)
    press(talk, "train")
    assert talk.state is State.TRAINING
    talk.heard(answer)
    assert talk.state in (State.READY, None)
    assert not talk.means("pause", DRAFT)


@pytest.mark.parametrize("state", [None, *State])
def test_only_keys_needing_form_config_start_a_run(state):
    talk, _ = conversation() if state is None else in_state(state)
    assert talk.begins("train")
    assert talk.begins("step") is (state in (None, State.READY))
    assert not talk.begins("pause")


@pytest.mark.parametrize("state", [None, *State])
def test_draft_built_only_without_existing_run(state):
    talk, engine = conversation() if state is None else in_state(state)
    talk.prepare(DRAFT)
    built = engine.sent == [protocol.PrepareRun(DRAFT.config, DRAFT.preset)]
    assert built is (state in (None, State.READY))


@pytest.mark.parametrize("state", [None, *State])
def test_live_edits_sent_to_every_started_run(state):
    talk, engine = conversation() if state is None else in_state(state)
    talk.edit(scenes.CONFIG)
    assert (engine.sent == [protocol.EditRun(scenes.CONFIG)]) is (state not in (None, State.READY))


def test_opened_run_is_probed_and_sampled():
    talk, engine = conversation(READY)
    talk.heard(PREPARED)
    assert engine.sent == [protocol.ProbeLayers(), protocol.SampleNames(Sampling(), 1)]


@pytest.mark.parametrize("state", State)
def test_pause_triggers_probe_and_end_triggers_sampling(state):
    talk, engine = conversation(READY, STARTED)
    talk.heard(protocol.RunChanged(state, 10))
    assert bool(engine.sent_of(protocol.ProbeLayers)) is (state is not State.TRAINING)
    assert bool(engine.sent_of(protocol.SampleNames)) is (state in (State.FINISHED, State.STOPPED))


@pytest.mark.parametrize("split", Split)
def test_names_requested_after_each_val_evaluation(split):
    talk, engine = in_state(State.TRAINING)
    talk.heard(protocol.SplitEvaluated(Evaluation(10, split, 2.0)))
    assert bool(engine.sent_of(protocol.SampleNames)) is (split is Split.VAL)


def test_only_last_requested_names_are_shown():
    talk, engine = conversation(READY, STARTED)
    talk.draw_names()
    talk.draw_names()
    first, second = (command.request for command in engine.sent_of(protocol.SampleNames))
    talk.heard(protocol.NamesSampled(10, first, scenes.NAMES[:3]))
    assert talk.view.names.names == ()
    talk.heard(protocol.NamesRefused(first, "no", "yes"))
    assert talk.view.names.refusal == ""
    talk.heard(protocol.NamesSampled(10, second, scenes.NAMES))
    assert talk.view.names.names == scenes.NAMES


def test_repeated_request_at_same_step_uses_other_seed():
    engine = ObedientEngine()
    talk = Conversation(engine, Sampling(seed=5))
    press(talk, "train")
    for event in engine.unheard():
        talk.heard(event)
    assert talk.view.names.names
    talk.draw_names(again=True)
    assert talk.sampling.seed == 6
    talk.heard(protocol.Progress(50, 10.0, (), None))
    talk.draw_names(again=True)
    assert talk.sampling.seed == 6
    assert [command.sampling.seed for command in engine.sent_of(protocol.SampleNames)] == [5, 6, 6]


def test_probes_in_training_do_not_queue_up_unanswered():
    talk, engine = in_state(State.TRAINING)
    for _ in range(ANSWERED_WITHIN):
        talk.look()
    assert len(engine.sent) == 1
    talk.look()
    assert len(engine.sent) == 2
    talk.heard(protocol.LayersProbed(10, scenes.TRAINING.layers.layers))
    talk.look()
    assert engine.sent == [protocol.ProbeLayers()] * 3


@pytest.mark.parametrize("state", [state for state in State if state is not State.TRAINING])
def test_idle_run_is_not_probed_every_second(state):
    talk, engine = in_state(state)
    talk.look()
    assert engine.sent == []


def test_lost_engine_is_sent_only_new_starts():
    talk, engine = in_state(State.TRAINING)
    talk.heard(EngineLost())
    engine.sent.clear()
    talk.draw_names(again=True)
    talk.look()
    talk.prepare(DRAFT)
    talk.edit(scenes.CONFIG)
    assert press(talk, "stop", "extend", "reset", "rewind", "evaluate") == [False] * 5
    assert engine.sent == []
    assert talk.sampling.seed == Sampling().seed
    talk.reaching_again()
    assert press(talk, "train", "pause") == [True, True]
    assert engine.steered == ["StartRun", "PauseRun"]


def test_space_resumes_run_of_lost_engine_then_pauses():
    talk, engine = in_state(State.TRAINING)
    talk.heard(EngineLost())
    talk.reaching_again()
    assert press(talk, "pause", "pause") == [True, True]
    assert engine.steered == ["OpenRun", "PauseRun"]
    assert engine.sent_of(archive.OpenRun) == [archive.OpenRun(12, train=True)]


def test_existing_run_has_reported_state():
    talk, _ = conversation(READY, archive.UnfinishedFound(summary(Unfinished(12, 48_200))), PREPARED)
    press(talk, "pause")
    assert talk.state is State.TRAINING
    talk.heard(opened(scenes.FINISHED.run))
    assert talk.state is State.FINISHED


def test_engine_notification_shown_once():
    engine = FakeEngine(found=True, warning="the engine ends when you log out")
    talk = Conversation(engine, Sampling())
    greeting = protocol.EngineStarted("1", 7)
    said = [talk.heard(event) for event in (greeting, READY, opened(scenes.TRAINING.run), STARTED, greeting)]
    assert [item.text if item else None for item in said] == [
        "the engine ends when you log out",
        None,
        "reattached to run 12, step 132,400",
        None,
        None,
    ]


def test_run_of_engine_started_for_screen_is_not_reattached():
    talk, _ = conversation(protocol.EngineStarted("1", 7), READY)
    assert talk.heard(opened(scenes.TRAINING.run)) is None
