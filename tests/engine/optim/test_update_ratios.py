"""Update ratios against copies of the weights, and that measuring them changes nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.engine.model.layers import Embedding, Linear, Sequential, diagnostic_parameter
from charwave_tui.engine.optim import update_ratios
from charwave_tui.engine.optim.update_ratios import (
    CAPACITY,
    UpdateRatioHistory,
    UpdateRatioMeter,
    UpdateRatioState,
    update_ratio,
)
from charwave_tui.engine.training.trainer import Trainer

CPU = torch.device("cpu")


AGES = 60.0


SameBits = Callable[..., bool]


OPTIMISERS = [
    {"optimizer": "sgd", "momentum": 0.0},
    {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.01},
    {"optimizer": "adamw", "lr": 0.003},
    {"optimizer": "muon", "lr": 0.01},
]


def weights_of(model: Sequential) -> list[Tensor | None]:
    return [
        None if (weight := diagnostic_parameter(layer)) is None else weight.detach().clone() for layer in model.layers
    ]


@pytest.mark.parametrize("changed", OPTIMISERS)
@pytest.mark.parametrize("step", ["fast", "plain"])
@pytest.mark.parametrize("shape", [{}, {"dilations": (1, 2), "activation": "gated", "batches": "names"}])
def test_update_ratio_equals_actual_change_for_every_optimizer(
    config: RunConfig, corpus: Corpus, changed: dict[str, object], step: str, shape: dict[str, object]
) -> None:
    trainer = Trainer(replace(config, step=step, **changed, **shape), corpus, CPU)
    trainer.train_for(AGES, 30)
    before = weights_of(trainer.model)
    trainer.train_for(AGES, 1)
    after = weights_of(trainer.model)
    ratios = trainer.update_ratios.ratios
    assert len(ratios) == len(trainer.model.layers)
    for old, new, ratio in zip(before, after, ratios, strict=True):
        if old is None or new is None:
            assert ratio is None
        else:
            expected = math.log10(((new - old).std(correction=1) / new.std(correction=1)).item())
            assert ratio == pytest.approx(expected, abs=1e-6)
            assert expected < 0.5


def test_plain_sgd_update_ratio_equals_lecture(config: RunConfig, corpus: Corpus) -> None:
    trainer = Trainer(replace(config, step="plain", lr=0.1, lr_drop=1), corpus, CPU)
    trainer.train_for(AGES, 5)
    for layer, ratio in zip(trainer.model.layers, trainer.update_ratios.ratios, strict=True):
        if (weight := diagnostic_parameter(layer)) is not None:  # type: ignore[arg-type]
            assert weight.grad is not None
            assert ratio == pytest.approx(math.log10((0.1 * weight.grad.std() / weight.data.std()).item()), abs=1e-3)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([1.0, 2.0], [1.0, 2.0]),  # it did not move
        ([1.0, 2.0], [3.0, 3.0]),  # the weights are all alike
        ([1.0, 2.0], [math.nan, 2.0]),
        ([1.0, 2.0], [math.inf, 2.0]),
        ([1.0], [2.0]),  # one number has no deviation
    ],
)
def test_no_update_ratio_for_zero_or_nonfinite_std(before: list[float], after: list[float]) -> None:
    assert update_ratio(torch.tensor(before), torch.tensor(after)) is None


def test_update_ratio_is_log10_of_quotient() -> None:
    # (after − before) = ±0.01, after = ±1
    assert update_ratio(torch.tensor([0.99, -0.99]), torch.tensor([1.0, -1.0])) == pytest.approx(-2, abs=1e-4)


@pytest.mark.parametrize("changed", [*OPTIMISERS, {"step": "plain"}])
def test_measuring_update_ratios_changes_no_bits(
    config: RunConfig,
    corpus: Corpus,
    bit_identical: SameBits,
    changed: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured, bare = (Trainer(replace(config, **changed), corpus, CPU) for _ in range(2))
    losses = [point for _ in range(40) for point in measured.train_for(AGES, 1)]
    monkeypatch.setattr(UpdateRatioMeter, "before_step", lambda *_: False)
    assert bare.train_for(AGES, 40) == losses
    assert bit_identical(measured.state_dict(), bare.state_dict())
    assert bare.update_ratios.ratios == (None,) * len(bare.model.layers)


def test_last_step_of_each_burst_is_reported(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(update_ratios, "MAX_TIME_FRACTION", 1e9)  # however slow copying is here just now
    trainer.update_ratios.history.load_state(UpdateRatioState(stride=1_000_000))
    for _ in range(5):
        trainer.train_for(0.002)
        step, ratios = trainer.step, trainer.update_ratios.ratios
        replayed = Trainer(trainer.config, trainer.corpus, CPU)
        replayed.train_for(AGES, step)
        assert ratios == replayed.update_ratios.ratios
        assert None not in [ratios[0], ratios[-1]]


def test_slow_copying_skips_bursts_but_not_last_step(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(update_ratios, "MAX_TIME_FRACTION", 1e-9)  # an hour between two
    trainer.update_ratios.history.load_state(UpdateRatioState(stride=1_000_000))
    trainer.train_for(0.0)
    first = trainer.update_ratios.ratios
    assert None not in [first[0], first[-1]]
    trainer.train_for(0.0)
    assert trainer.update_ratios.ratios == first
    trainer.train_for(0.0, 1)
    assert trainer.update_ratios.ratios != first


def test_failed_step_keeps_previous_update_ratios(config: RunConfig, corpus: Corpus) -> None:
    trainer = Trainer(config, corpus, CPU)
    trainer.train_for(AGES, 3)
    before = trainer.update_ratios.ratios
    with torch.no_grad():
        trainer.model.layers[0].weight.fill_(math.nan)  # type: ignore[union-attr, operator]
    trainer.train_for(AGES, 1)
    assert trainer.diverged
    assert trainer.update_ratios.ratios == before


def test_other_model_has_no_update_ratios(trainer: Trainer) -> None:
    trainer.update_ratios.restore((-3.0,), UpdateRatioState())
    assert trainer.update_ratios.ratios == (None,) * len(trainer.model.layers)
    saved_ratios = tuple(-float(index) for index in range(len(trainer.model.layers)))
    trainer.update_ratios.restore(saved_ratios, UpdateRatioState())
    assert trainer.update_ratios.ratios == saved_ratios


def test_ratio_history_independent_of_burst_boundaries(config: RunConfig, corpus: Corpus) -> None:
    uninterrupted, interrupted = (Trainer(replace(config, max_steps=600), corpus, CPU) for _ in range(2))
    uninterrupted.train_for(AGES)
    while not interrupted.finished:
        interrupted.train_for(AGES, min(37, 600 - interrupted.step))
        state = interrupted.update_ratios.history.state()
        interrupted.update_ratios.restore(interrupted.update_ratios.ratios, state)
    report = uninterrupted.update_ratios.history.report()
    assert interrupted.update_ratios.history.report() == report
    assert report.steps == tuple(range(8, 601, 8))
    matrices = [
        index for index, layer in enumerate(uninterrupted.model.layers) if isinstance(layer, Embedding | Linear)
    ]
    assert report.layers == tuple(matrices)
    replayed = Trainer(uninterrupted.config, corpus, CPU)
    replayed.train_for(AGES, 304)
    expected = [replayed.update_ratios.ratios[index] for index in matrices]
    assert list(report.ratios.row(report.steps.index(304))) == pytest.approx(expected, abs=1e-6)


def test_ratio_history_bounded_with_even_steps() -> None:
    history = UpdateRatioHistory([Embedding(2, 2, torch.Generator())], 300)
    for step in range(1, 4_001):
        if history.is_sampled(step):
            history.add(step, (float(step),))
        assert len(history.state().steps) < CAPACITY
    state = history.state()
    assert state.steps == tuple(range(state.stride, 4_001, state.stride))
    assert [state.ratios.at(row, 0) for row in range(len(state.steps))] == list(state.steps)
    assert len(state.steps) >= CAPACITY // 2


def test_missing_ratio_is_nan_and_mismatched_history_dropped() -> None:
    history = UpdateRatioHistory([Embedding(2, 2, torch.Generator())], 300)
    history.add(1, (None,))
    assert math.isnan(history.report().ratios.at(0, 0))
    other = UpdateRatioHistory([Embedding(2, 2, torch.Generator()), Linear(2, 2, torch.Generator())], 300)
    other.load_state(history.state())
    assert other.report().steps == ()
