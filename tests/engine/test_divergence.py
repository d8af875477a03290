"""A run whose numbers stop being finite: what is said of it, and the way back."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from desk import Desk, small
from torch.nn import functional

from charwave_tui.core import archive, protocol
from charwave_tui.core.config import RunConfig
from charwave_tui.core.corpora import find_corpus
from charwave_tui.core.insights import ProbeBatch
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.readings import State
from charwave_tui.engine.batches import Examples
from charwave_tui.engine.divergence import explained, first_broken, last_gradient
from charwave_tui.engine.layers import Linear
from charwave_tui.engine.look import FixedBatches
from charwave_tui.engine.trainer import Trainer


@pytest.fixture
def config(words: Path) -> RunConfig:
    """One that runs away within a few steps."""
    return small(words, max_steps=400, norm="none", activation="relu", init_gain=30.0, lr=10.0)


def runaway(config: RunConfig) -> Trainer:
    trainer = Trainer(config, find_corpus(config.corpus), torch.device("cpu"))
    while not trainer.diverged:
        trainer.advance(0.01)
    return trainer


@pytest.mark.parametrize("step", ["fast", "plain"])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_last_update_gradient_equals_autograd(config: RunConfig, step: str, momentum: float) -> None:
    config = replace(config, step=step, momentum=momentum)
    trainer = runaway(config)
    assert trainer.step > 1
    oracle = Trainer(replace(config, step="plain"), trainer.corpus, torch.device("cpu"))
    oracle.advance(math.inf, trainer.step - 1)
    batch = oracle._batches.next(config.batch_size)
    assert isinstance(batch, Examples)
    functional.cross_entropy(oracle.model(batch.contexts), batch.targets).backward()
    norm = math.sqrt(sum(float(weight.grad.double().square().sum()) for weight in oracle.model.parameters()))  # type: ignore[union-attr]
    assert last_gradient(trainer) == pytest.approx(norm, rel=1e-4)


def test_untrained_run_has_no_gradient(config: RunConfig) -> None:
    assert last_gradient(Trainer(config, find_corpus(config.corpus), torch.device("cpu"))) is None


@pytest.mark.parametrize("place", range(3))
def test_first_nonfinite_layer_named_and_buffers_unchanged(config: RunConfig, place: int) -> None:
    trainer = Trainer(replace(config, norm="batch", init_gain=1.0), find_corpus(config.corpus), torch.device("cpu"))
    contexts = FixedBatches(trainer).of(ProbeBatch(seed=0)).contexts
    assert first_broken(trainer.model, contexts) == ""
    linear = [layer for layer in trainer.model.layers if isinstance(layer, Linear)][place]
    with torch.no_grad():
        linear.weight[0, 0] = math.inf
    before = {name: buffer.clone() for name, buffer in trainer.model.named_buffers()}
    name = first_broken(trainer.model, contexts)
    assert name == f"Linear {linear.detail}"
    assert all(torch.equal(buffer, before[name]) for name, buffer in trainer.model.named_buffers())


def test_divergence_details_reported_and_stored(config: RunConfig) -> None:
    desk = Desk()
    desk.do(protocol.StartRun(config, "wild"))
    desk.work()
    changed = desk.heard(protocol.RunChanged)[-1]
    told = changed.divergence
    assert (changed.state, told.step, told.lr, told.saved_step) == (State.DIVERGED, changed.step, 10.0, 0)
    assert told.became in ("NaN", "infinite")
    assert told.layer.split()[0] in ("Linear", "ReLU", "FlattenConsecutive")
    assert told.gradient is None or told.gradient > 100
    assert changed.reason == f"the loss became {told.became} at step {told.step} with lr 10"
    record = desk.store.read(1)
    assert (record.state, record.step, record.divergence) == (State.DIVERGED, told.step, told)
    heard: list[protocol.Event] = []
    desk.conductor.introduce(heard.append)
    opened = heard[-1]
    assert isinstance(opened, protocol.RunOpened)
    assert (opened.state, opened.step, opened.divergence) == (State.DIVERGED, told.step, told)
    with pytest.raises(Mistake, match="w rewinds"):
        desk.do(protocol.ExtendRun())


def test_rewind_restores_last_good_save_with_third_of_lr(config: RunConfig) -> None:
    desk = Desk()
    calm = replace(config, init_gain=1.0, lr=0.1)
    desk.do(protocol.StartRun(calm, "", steps=50))
    desk.work()
    desk.do(protocol.PauseRun())
    desk.conductor._stage.run.save()
    desk.do(protocol.EditRun(replace(calm, lr=10.0)))
    with torch.no_grad():
        for weight in desk.conductor._stage.run.trainer.model.parameters():
            weight *= 1e6
    desk.do(protocol.ResumeRun())
    desk.work(lambda: desk.states[-1][0] is State.DIVERGED)
    assert desk.heard(protocol.RunChanged)[-1].divergence.saved_step == 50
    desk.forget()
    desk.do(protocol.RewindRun())
    opened, changed = desk.heard(protocol.RunOpened)[-1], desk.heard(protocol.RunChanged)[-1]
    assert (opened.run, opened.step, opened.state, opened.divergence) == (1, 50, State.PAUSED, None)
    assert (changed.state, changed.step, changed.divergence) == (State.TRAINING, 50, None)
    assert desk.heard(protocol.RunEdited)[-1].config.lr == 3.33
    assert (50, "lr 10 → 3.33") in desk.marks
    desk.do(protocol.EditRun(replace(calm, lr=0.05)))
    desk.work()
    assert desk.store.read(1).state is State.FINISHED
    assert desk.store.read(1).divergence is None


def test_diverged_run_reopens_as_it_ended_and_can_rewind(config: RunConfig) -> None:
    desk = Desk()
    desk.do(protocol.StartRun(config, ""))
    desk.work()
    ended = desk.store.read(1)
    desk.conductor.leave()
    desk = Desk()
    with pytest.raises(Mistake, match="run 1 diverged; w rewinds"):
        desk.do(archive.OpenRun(1, train=True))
    opened = desk.heard(protocol.RunOpened)[-1]
    assert (opened.state, opened.step, opened.divergence) == (State.DIVERGED, ended.step, ended.divergence)
    assert opened.history == ended.history
    desk.do(protocol.RewindRun())
    assert desk.states[-1] == (State.TRAINING, 0)


def test_nonfinite_weights_never_overwrite_good_save(config: RunConfig) -> None:
    desk = Desk()
    desk.do(protocol.StartRun(replace(config, norm="batch", init_gain=1.0, lr=0.1), "", steps=20))
    desk.work()
    desk.do(protocol.ResumeRun(), protocol.PauseRun())
    saved = desk.store.place(1).saves()
    run = desk.conductor._stage.run
    with torch.no_grad():
        next(iter(run.trainer.model.buffers()))[0] = math.nan  # the loss of training does not see it
    run.save()
    changed = desk.heard(protocol.RunChanged)[-1]
    assert changed.state is State.DIVERGED
    assert changed.reason.startswith("a weight became NaN at step 20")
    assert desk.store.place(1).saves() == saved
    desk.do(protocol.RewindRun())
    assert run.trainer.sound


def test_only_diverged_run_can_rewind(config: RunConfig) -> None:
    desk = Desk()
    desk.do(protocol.RewindRun())
    desk.do(protocol.StartRun(replace(config, init_gain=1.0, lr=0.1), "", steps=5))
    desk.work()
    desk.forget()
    desk.do(protocol.RewindRun())
    assert desk.told == []


def test_cause_searched_first_on_failing_batch(config: RunConfig) -> None:
    trainer = runaway(config)
    told = explained(trainer, FixedBatches(trainer).of(ProbeBatch(seed=0)).contexts, None)
    assert isinstance(trainer.failed_on, Examples)
    assert told.layer == first_broken(trainer.model, trainer.failed_on.contexts)
    assert told.saved_step is None
