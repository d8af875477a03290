"""A run whose loss or weights stop being finite: its diagnosis, and the rewind."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.dispatcher_harness import DispatcherHarness, small_config
from torch.nn import functional

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.registry import find_corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import EditRun, ExtendRun, OpenRun, PauseRun, ResumeRun, RewindRun, StartRun
from charwave_tui.core.protocol.events import Event, RunChanged, RunEdited, RunOpened
from charwave_tui.core.protocol.layer_insights import ProbeBatch
from charwave_tui.engine.data.window_dataset import WindowBatch
from charwave_tui.engine.inspection.probe import ProbeBatches
from charwave_tui.engine.model.layers import Linear
from charwave_tui.engine.training.divergence import diagnose_divergence, first_nonfinite_layer, last_gradient_norm
from charwave_tui.engine.training.trainer import Trainer


@pytest.fixture
def config(words: Path) -> RunConfig:
    """A config that diverges within a few steps."""
    return small_config(words, max_steps=400, norm="none", activation="relu", init_gain=30.0, lr=10.0)


def diverging_trainer(config: RunConfig) -> Trainer:
    trainer = Trainer(config, find_corpus(config.corpus), torch.device("cpu"))
    while not trainer.diverged:
        trainer.train_for(0.01)
    return trainer


@pytest.mark.parametrize("step", ["fast", "plain"])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_last_update_gradient_equals_autograd(config: RunConfig, step: str, momentum: float) -> None:
    config = replace(config, step=step, momentum=momentum)
    trainer = diverging_trainer(config)
    assert trainer.step > 1
    reference = Trainer(replace(config, step="plain"), trainer.corpus, torch.device("cpu"))
    reference.train_for(math.inf, trainer.step - 1)
    batch = reference._loader.next_batch(config.batch_size)
    assert isinstance(batch, WindowBatch)
    functional.cross_entropy(reference.model(batch.contexts), batch.targets).backward()
    norm = math.sqrt(sum(float(weight.grad.double().square().sum()) for weight in reference.model.parameters()))  # type: ignore[union-attr]
    assert last_gradient_norm(trainer) == pytest.approx(norm, rel=1e-4)


def test_untrained_run_has_no_gradient(config: RunConfig) -> None:
    assert last_gradient_norm(Trainer(config, find_corpus(config.corpus), torch.device("cpu"))) is None


@pytest.mark.parametrize("index", range(3))
def test_first_nonfinite_layer_named_and_buffers_unchanged(config: RunConfig, index: int) -> None:
    trainer = Trainer(replace(config, norm="batch", init_gain=1.0), find_corpus(config.corpus), torch.device("cpu"))
    contexts = ProbeBatches(trainer).get(ProbeBatch(seed=0)).contexts
    assert first_nonfinite_layer(trainer.model, contexts) == ""
    linear = [layer for layer in trainer.model.layers if isinstance(layer, Linear)][index]
    with torch.no_grad():
        linear.weight[0, 0] = math.inf
    before = {name: buffer.clone() for name, buffer in trainer.model.named_buffers()}
    name = first_nonfinite_layer(trainer.model, contexts)
    assert name == f"Linear {linear.detail}"
    assert all(torch.equal(buffer, before[name]) for name, buffer in trainer.model.named_buffers())


def test_divergence_details_reported_and_stored(config: RunConfig) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, "wild"))
    harness.run_until_idle()
    changed = harness.events_of(RunChanged)[-1]
    diagnosis = changed.divergence
    assert (changed.state, diagnosis.step, diagnosis.lr, diagnosis.saved_step) == (
        RunState.DIVERGED,
        changed.step,
        10.0,
        0,
    )
    assert diagnosis.became in ("NaN", "infinite")
    assert diagnosis.layer.split()[0] in ("Linear", "ReLU", "FlattenConsecutive")
    assert diagnosis.gradient is None or diagnosis.gradient > 100
    assert changed.reason == f"the loss became {diagnosis.became} at step {diagnosis.step} with lr 10"
    record = harness.store.read(1)
    assert (record.state, record.step, record.divergence) == (RunState.DIVERGED, diagnosis.step, diagnosis)
    events: list[Event] = []
    harness.dispatcher.send_snapshot(events.append)
    opened = events[-1]
    assert isinstance(opened, RunOpened)
    assert (opened.state, opened.step, opened.divergence) == (RunState.DIVERGED, diagnosis.step, diagnosis)
    with pytest.raises(UserError, match="w rewinds"):
        harness.send(ExtendRun())


def test_rewind_restores_last_good_save_with_third_of_lr(config: RunConfig) -> None:
    harness = DispatcherHarness()
    calm = replace(config, init_gain=1.0, lr=0.1)
    harness.send(StartRun(calm, "", steps=50))
    harness.run_until_idle()
    harness.send(PauseRun())
    harness.dispatcher.active_run.save()
    harness.send(EditRun(replace(calm, lr=10.0)))
    with torch.no_grad():
        for weight in harness.dispatcher.active_run.trainer.model.parameters():
            weight *= 1e6
    harness.send(ResumeRun())
    harness.run_until_idle(lambda: harness.states[-1][0] is RunState.DIVERGED)
    assert harness.events_of(RunChanged)[-1].divergence.saved_step == 50
    harness.clear_events()
    harness.send(RewindRun())
    opened, changed = harness.events_of(RunOpened)[-1], harness.events_of(RunChanged)[-1]
    assert (opened.run, opened.step, opened.state, opened.divergence) == (1, 50, RunState.PAUSED, None)
    assert (changed.state, changed.step, changed.divergence) == (RunState.TRAINING, 50, None)
    assert harness.events_of(RunEdited)[-1].config.lr == 3.33
    assert (50, "lr 10 → 3.33") in harness.marks
    harness.send(EditRun(replace(calm, lr=0.05)))
    harness.run_until_idle()
    assert harness.store.read(1).state is RunState.FINISHED
    assert harness.store.read(1).divergence is None


def test_diverged_run_reopens_as_it_ended_and_can_rewind(config: RunConfig) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, ""))
    harness.run_until_idle()
    ended = harness.store.read(1)
    harness.dispatcher.shut_down()
    harness = DispatcherHarness()
    with pytest.raises(UserError, match="run 1 diverged; w rewinds"):
        harness.send(OpenRun(1, train=True))
    opened = harness.events_of(RunOpened)[-1]
    assert (opened.state, opened.step, opened.divergence) == (RunState.DIVERGED, ended.step, ended.divergence)
    assert opened.history == ended.history
    harness.send(RewindRun())
    assert harness.states[-1] == (RunState.TRAINING, 0)


def test_nonfinite_weights_never_overwrite_good_save(config: RunConfig) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(replace(config, norm="batch", init_gain=1.0, lr=0.1), "", steps=20))
    harness.run_until_idle()
    harness.send(ResumeRun(), PauseRun())
    saved = harness.store.folder_of(1).checkpoints()
    run = harness.dispatcher.active_run
    with torch.no_grad():
        next(iter(run.trainer.model.buffers()))[0] = math.nan  # the loss of training does not see it
    run.save()
    changed = harness.events_of(RunChanged)[-1]
    assert changed.state is RunState.DIVERGED
    assert changed.reason.startswith("a weight became NaN at step 20")
    assert harness.store.folder_of(1).checkpoints() == saved
    harness.send(RewindRun())
    assert run.trainer.all_finite


def test_only_diverged_run_can_rewind(config: RunConfig) -> None:
    harness = DispatcherHarness()
    harness.send(RewindRun())
    harness.send(StartRun(replace(config, init_gain=1.0, lr=0.1), "", steps=5))
    harness.run_until_idle()
    harness.clear_events()
    harness.send(RewindRun())
    assert harness.broadcasts == []


def test_cause_searched_first_on_failing_batch(config: RunConfig) -> None:
    trainer = diverging_trainer(config)
    diagnosis = diagnose_divergence(trainer, ProbeBatches(trainer).get(ProbeBatch(seed=0)).contexts, None)
    assert isinstance(trainer.failed_batch, WindowBatch)
    assert diagnosis.layer == first_nonfinite_layer(trainer.model, trainer.failed_batch.contexts)
    assert diagnosis.saved_step is None
