"""Names at every evaluation: with the same chance, kept with the run, and without a trace in what is learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from desk import Desk, small

from charwave_tui.core import archive, protocol
from charwave_tui.core.config import RunConfig
from charwave_tui.core.readings import Sketch
from charwave_tui.core.speaking import SketchDrawn
from charwave_tui.engine import measuring
from charwave_tui.engine.checkpoint import newest_save
from charwave_tui.engine.current import CurrentRun
from charwave_tui.engine.pieces import Pieces, whole
from charwave_tui.engine.timeline import SKETCH, sketched


@pytest.fixture
def config(words: Path) -> RunConfig:
    return small(words, max_steps=40, eval_every=10)


def drawn(desk: Desk) -> list[Sketch]:
    return [event.sketch for event in desk.heard(SketchDrawn)]


def opened(desk: Desk) -> tuple[Sketch, ...]:
    event: protocol.RunOpened = desk.heard(protocol.RunOpened)[-1]
    return event.timeline


def ended(config: RunConfig) -> Desk:
    desk = Desk()
    desk.do(protocol.StartRun(config, ""))
    desk.work()
    return desk


def test_timeline_names_sampled_untrained_and_per_evaluation_with_one_seed(config: RunConfig) -> None:
    desk = ended(config)
    assert [sketch.step for sketch in drawn(desk)] == [0, 10, 20, 30, 40]
    for sketch in drawn(desk):
        assert len(sketch.names) == SKETCH.count
        assert all(name.surprises == () for name in sketch.names)
    trainer = desk.conductor._stage.run.trainer
    assert whole(sketched(trainer)) == drawn(desk)[-1]
    trainer.reset()
    assert whole(sketched(trainer)) == drawn(desk)[0] != drawn(desk)[-1]


def test_timeline_sent_to_new_viewer_and_saved(config: RunConfig) -> None:
    desk = ended(config)
    desk.conductor.introduce(desk.answered.append)
    (run,) = [event for event in desk.answered if isinstance(event, protocol.RunOpened)]
    assert run.timeline == tuple(drawn(desk)) == newest_save(desk.store.place(1), pytest.fail).standing.timeline


def test_untrained_model_without_run_has_no_timeline(config: RunConfig) -> None:
    desk = Desk()
    desk.do(protocol.PrepareRun(config, ""))
    assert not desk.conductor.busy
    assert opened(desk) == ()


def test_timeline_continues_after_reopening_and_in_fork(config: RunConfig) -> None:
    desk = Desk()
    desk.do(protocol.StartRun(config, "", steps=25))
    desk.work()
    before = drawn(desk)
    assert [sketch.step for sketch in before] == [0, 10, 20]
    desk.conductor.leave()
    other = Desk()
    other.do(archive.OpenRun(1, train=True))
    assert list(opened(other)) == before
    other.work()
    assert [sketch.step for sketch in drawn(other)] == [30, 40]
    other.do(archive.ForkRun(1))
    assert list(opened(other)) == before + drawn(other)


def test_reset_restarts_timeline(config: RunConfig) -> None:
    desk = ended(config)
    first = drawn(desk)[0]
    desk.forget()
    desk.do(protocol.ResetRun())
    assert opened(desk) == ()
    desk.work()
    assert drawn(desk) == [first]


def test_diverged_run_keeps_timeline_when_opened_or_rewound(config: RunConfig) -> None:
    desk = Desk()
    desk.do(protocol.StartRun(config, "", steps=25))
    desk.work()
    before = drawn(desk)
    trainer = desk.conductor._stage.run.trainer
    next(iter(trainer.model.parameters())).data.fill_(float("nan"))
    desk.do(protocol.StepRun())
    desk.work()
    desk.conductor.leave()
    other = Desk()
    other.do(archive.OpenRun(1))
    assert list(opened(other)) == before
    other.do(protocol.RewindRun())
    assert list(opened(other)) == before


def test_nan_weights_leave_no_names_and_no_error(config: RunConfig) -> None:
    told: list[protocol.Event] = []
    run = CurrentRun(config, "", told.append)
    next(iter(run.trainer.model.parameters())).data.fill_(float("nan"))
    whole(measuring.sketch(run))
    assert told == []
    assert run.course.timeline == ()


def test_timeline_does_not_change_training(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, same_bits: Callable[..., bool]
) -> None:
    def nothing(run: CurrentRun) -> Pieces[None]:
        return
        yield

    weights = []
    for sketches in (True, False):
        if not sketches:
            monkeypatch.setattr(measuring, "sketch", nothing)
        desk = ended(replace(config, drop_context=0.2))
        weights.append(desk.conductor._stage.run.trainer.weights())
        assert bool(drawn(desk)) is sketches
    assert same_bits(*weights)
