"""Names at every evaluation: with the same chance, kept with the run, and without a trace in what is learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from desk import Desk, small

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.metrics import TimelineSample
from charwave_tui.core.protocol.commands import ForkRun, OpenRun, PrepareRun, ResetRun, RewindRun, StartRun, StepRun
from charwave_tui.core.protocol.events import Event, RunOpened, TimelineSampled
from charwave_tui.engine.runs.active_run import ActiveRun
from charwave_tui.engine.runs.checkpoint import load_latest_checkpoint
from charwave_tui.engine.runtime.cooperative import Cooperative, run_to_completion
from charwave_tui.engine.sampling.queries import SKETCH, sample_for_timeline
from charwave_tui.engine.service import background_tasks


@pytest.fixture
def config(words: Path) -> RunConfig:
    return small(words, max_steps=40, eval_every=10)


def drawn(desk: Desk) -> list[TimelineSample]:
    return [event.sketch for event in desk.heard(TimelineSampled)]


def opened(desk: Desk) -> tuple[TimelineSample, ...]:
    event: RunOpened = desk.heard(RunOpened)[-1]
    return event.timeline


def ended(config: RunConfig) -> Desk:
    desk = Desk()
    desk.do(StartRun(config, ""))
    desk.work()
    return desk


def test_timeline_names_sampled_untrained_and_per_evaluation_with_one_seed(config: RunConfig) -> None:
    desk = ended(config)
    assert [sketch.step for sketch in drawn(desk)] == [0, 10, 20, 30, 40]
    for sketch in drawn(desk):
        assert len(sketch.names) == SKETCH.count
        assert all(name.surprises == () for name in sketch.names)
    trainer = desk.conductor._stage.run.trainer
    assert run_to_completion(sample_for_timeline(trainer)) == drawn(desk)[-1]
    trainer.reset()
    assert run_to_completion(sample_for_timeline(trainer)) == drawn(desk)[0] != drawn(desk)[-1]


def test_timeline_sent_to_new_viewer_and_saved(config: RunConfig) -> None:
    desk = ended(config)
    desk.conductor.send_snapshot(desk.answered.append)
    (run,) = [event for event in desk.answered if isinstance(event, RunOpened)]
    assert (
        run.timeline
        == tuple(drawn(desk))
        == load_latest_checkpoint(desk.store.folder_of(1), pytest.fail).standing.timeline
    )


def test_untrained_model_without_run_has_no_timeline(config: RunConfig) -> None:
    desk = Desk()
    desk.do(PrepareRun(config, ""))
    assert not desk.conductor.busy
    assert opened(desk) == ()


def test_timeline_continues_after_reopening_and_in_fork(config: RunConfig) -> None:
    desk = Desk()
    desk.do(StartRun(config, "", steps=25))
    desk.work()
    before = drawn(desk)
    assert [sketch.step for sketch in before] == [0, 10, 20]
    desk.conductor.shut_down()
    other = Desk()
    other.do(OpenRun(1, train=True))
    assert list(opened(other)) == before
    other.work()
    assert [sketch.step for sketch in drawn(other)] == [30, 40]
    other.do(ForkRun(1))
    assert list(opened(other)) == before + drawn(other)


def test_reset_restarts_timeline(config: RunConfig) -> None:
    desk = ended(config)
    first = drawn(desk)[0]
    desk.forget()
    desk.do(ResetRun())
    assert opened(desk) == ()
    desk.work()
    assert drawn(desk) == [first]


def test_diverged_run_keeps_timeline_when_opened_or_rewound(config: RunConfig) -> None:
    desk = Desk()
    desk.do(StartRun(config, "", steps=25))
    desk.work()
    before = drawn(desk)
    trainer = desk.conductor._stage.run.trainer
    next(iter(trainer.model.parameters())).data.fill_(float("nan"))
    desk.do(StepRun())
    desk.work()
    desk.conductor.shut_down()
    other = Desk()
    other.do(OpenRun(1))
    assert list(opened(other)) == before
    other.do(RewindRun())
    assert list(opened(other)) == before


def test_nan_weights_leave_no_names_and_no_error(config: RunConfig) -> None:
    told: list[Event] = []
    run = ActiveRun(config, "", told.append)
    next(iter(run.trainer.model.parameters())).data.fill_(float("nan"))
    run_to_completion(background_tasks.record_timeline_sample(run))
    assert told == []
    assert run.course.timeline == ()


def test_timeline_does_not_change_training(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, same_bits: Callable[..., bool]
) -> None:
    def nothing(run: ActiveRun) -> Cooperative[None]:
        return
        yield

    weights = []
    for sketches in (True, False):
        if not sketches:
            monkeypatch.setattr(background_tasks, "record_timeline_sample", nothing)
        desk = ended(replace(config, drop_context=0.2))
        weights.append(desk.conductor._stage.run.trainer.state_dict())
        assert bool(drawn(desk)) is sketches
    assert same_bits(*weights)
