"""Layer statistics against values computed by hand, and that a probe leaves no trace."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from charwave_tui.core.config.layer_shapes import ACTIVATIONS, layer_shapes
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import LayerStats
from charwave_tui.core.protocol.layer_insights import ProbeBatch
from charwave_tui.engine.data.window_dataset import WindowBatch
from charwave_tui.engine.inspection import probe
from charwave_tui.engine.inspection.probe import ProbeBatches, capture_layers, layer_stats
from charwave_tui.engine.model.architecture import build_model
from charwave_tui.engine.model.layers import (
    BatchNorm1d,
    Embedding,
    FlattenConsecutive,
    Gated,
    Layer,
    Linear,
    ReLU,
    Sequential,
    Tanh,
    diagnostic_parameter,
)
from charwave_tui.engine.runtime.random_streams import training_generator
from charwave_tui.engine.training.trainer import Trainer

CPU = torch.device("cpu")


SameBits = Callable[..., bool]


def lookup_model(rows: list[list[float]], activation: Layer, positions: int, units: int) -> Sequential:
    """A model whose id n becomes the activation of row n at `positions` positions; the head has a symbol per row."""
    table = Embedding(len(rows), len(rows[0]), training_generator(1))
    table.weight.data = torch.tensor(rows)
    head = Linear(positions * units, len(rows), training_generator(2))
    return Sequential([table, activation, FlattenConsecutive(positions), head])


def probed_stats(model: Sequential, batch: WindowBatch) -> tuple[LayerStats, ...]:
    return tuple(layer_stats(capture_layers(model, batch), [None] * len(model.layers)))


def examples_of(*contexts: list[int]) -> WindowBatch:
    return WindowBatch(torch.tensor(contexts), torch.zeros(len(contexts), dtype=torch.int64))


def fixed_batch(trainer: Trainer, seed: int = 7) -> WindowBatch:
    return ProbeBatches(trainer).get(ProbeBatch(seed=seed))


def test_tanh_saturation_beyond_097_and_dead_units_beyond_099() -> None:
    # tanh: 0.5 → 0.46, 2.2 → 0.976, 3 → 0.995, −3 → −0.995
    model = lookup_model([[3.0, 3.0, 0.5, 2.2], [-3.0, 0.5, 0.5, 2.2], [3.0, 3.0, -0.5, 2.2]], Tanh(), 2, 4)
    _, tanh, *_ = probed_stats(model, examples_of([0, 1], [2, 0]))
    assert tanh.saturation == pytest.approx(100 * 11 / 16)
    assert tanh.dead == 1
    assert tanh.output_shape == (2, 2, 4)


def test_dead_relu_units_are_zero_everywhere_without_saturation() -> None:
    model = lookup_model([[-1.0, -1.0, 2.0], [-2.0, 1.0, 2.0]], ReLU(), 2, 3)
    _, relu, *_ = probed_stats(model, examples_of([0, 1], [1, 1]))
    assert (relu.saturation, relu.dead) == (None, 1)


def test_gate_saturation_is_that_of_its_tanh_even_if_closed() -> None:
    # signals 3 and 0.5, −3 and 2.2; gates shut and open
    model = lookup_model([[3.0, 0.5, -9.0, 9.0], [-3.0, 2.2, 9.0, -9.0]], Gated(), 1, 2)
    _, gated, *_ = probed_stats(model, examples_of([0], [1]))
    assert (gated.saturation, gated.dead) == (75, None)
    assert gated.output_shape == (2, 1, 2)


def test_dilated_stack_has_row_per_layer_as_computed(config: RunConfig) -> None:
    stack = replace(config, dilations=(1, 2), activation="gated")
    rows = probed_stats(build_model(stack, 12, training_generator(1)), examples_of([0] * 4, [1] * 4))
    assert [(row.name, row.detail, row.output_shape[1:], row.parameters) for row in rows] == [
        (shape.kind, shape.detail, shape.output, shape.parameters) for shape in layer_shapes(stack, 12)
    ]


def test_mean_and_unbiased_std_are_those_of_output(trainer: Trainer) -> None:
    batch = fixed_batch(trainer)
    rows = probed_stats(trainer.model, batch)
    embedded = trainer.model.layers[0](batch.contexts)
    assert rows[0].mean == pytest.approx(embedded.mean().item())
    assert rows[0].std == pytest.approx(embedded.std(correction=1).item())
    assert (rows[0].saturation, rows[0].dead) == (None, None)


def test_batch_statistics_used_even_in_eval_mode(trainer: Trainer) -> None:
    trainer.train_for(60, 100)
    for layer in trainer.model.layers:
        if isinstance(layer, BatchNorm1d):
            layer.gamma.data.fill_(1)
            layer.beta.data.fill_(0)
    normed = [row for row in probed_stats(trainer.model.eval(), fixed_batch(trainer)) if row.name == "BatchNorm1d"]
    assert [(row.mean, row.std) for row in normed] == [pytest.approx((0, 1), abs=1e-2)] * 2


@pytest.mark.parametrize("changes", [{}, {"norm": "batch-bug"}, {"dilations": (1, 2), "activation": "gated"}])
def test_gradients_equal_those_of_model_copy(config: RunConfig, corpus: Corpus, changes: dict[str, object]) -> None:
    trainer = Trainer(replace(config, **changes), corpus, CPU)
    trainer.train_for(60, 20)
    batch = fixed_batch(trainer)
    reference = copy.deepcopy(trainer.model).train()
    functional.cross_entropy(reference(batch.contexts), batch.targets).backward()
    for row, layer in zip(probed_stats(trainer.model, batch), reference.layers, strict=True):
        weight = diagnostic_parameter(layer)  # type: ignore[arg-type]
        if weight is None:
            assert (row.gradient_std, row.weight_std, row.grad_data) == (None, None, None)
            continue
        assert weight.grad is not None
        assert row.gradient_std == pytest.approx(weight.grad.std(correction=1).item(), rel=1e-5)
        assert row.weight_std == pytest.approx(weight.std(correction=1).item(), rel=1e-6)
        assert row.grad_data == pytest.approx((weight.grad.std() / weight.std()).item(), rel=1e-5)


def test_ratio_of_zero_std_is_none_and_single_value_has_no_std(config: RunConfig, corpus: Corpus) -> None:
    fresh = probed_stats((trainer := Trainer(config, corpus, CPU)).model, fixed_batch(trainer))
    assert [(row.weight_std, row.grad_data) for row in fresh if row.name == "BatchNorm1d"] == [(0, None)] * 2
    narrow = Trainer(replace(config, n_hidden=1), corpus, CPU)
    rows = probed_stats(narrow.model, fixed_batch(narrow))
    assert [(row.gradient_std, row.weight_std) for row in rows if row.name == "BatchNorm1d"] == [(None, None)] * 2


TRACES = [
    {"norm": "batch"},
    {"norm": "batch-bug"},
    {"norm": "none", "optimizer": "adamw"},
    {"momentum": 0.9, "step": "plain"},
    {"dilations": (1, 2), "activation": "gated", "optimizer": "muon", "batches": "names"},
]


def model_state(model: nn.Module) -> dict[str, Tensor]:
    """Weights, buffers and gradients of a model."""
    gradients = {
        f"{name}.grad": parameter.grad.clone()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    return {name: tensor.clone() for name, tensor in model.state_dict().items()} | gradients


@pytest.mark.parametrize("changes", TRACES)
@pytest.mark.parametrize("training", [True, False])
def test_probe_leaves_no_trace(
    config: RunConfig, corpus: Corpus, bit_identical: SameBits, changes: dict[str, object], training: bool
) -> None:
    trainer, alone = (Trainer(replace(config, **changes), corpus, CPU) for _ in range(2))
    for run in (trainer, alone):
        run.train_for(60, 10)
        run.model.train(training)
    before, model_before, rng_state = trainer.state_dict(), model_state(trainer.model), torch.get_rng_state()
    grads = [parameter.grad for parameter in trainer.model.parameters()]
    first = probed_stats(trainer.model, fixed_batch(trainer))
    assert bit_identical(trainer.state_dict(), before)
    assert bit_identical(model_state(trainer.model), model_before)
    assert all(parameter.grad is grad for parameter, grad in zip(trainer.model.parameters(), grads, strict=True))
    assert all(parameter.requires_grad for parameter in trainer.model.parameters())
    assert torch.equal(torch.get_rng_state(), rng_state)
    assert all(layer.training is training for layer in trainer.model.modules())
    assert not any(layer._forward_hooks for layer in trainer.model.modules())
    assert probed_stats(trainer.model, fixed_batch(trainer)) == first
    for run in (trainer, alone):
        run.model.train()
        run.train_for(60, 10)
    assert bit_identical(trainer.state_dict(), alone.state_dict())


def test_failed_probe_leaves_no_trace(trainer: Trainer, bit_identical: SameBits) -> None:
    before = trainer.state_dict()
    last = trainer.model.layers[-1]
    weight, last.weight = last.weight, torch.nn.Parameter(torch.zeros(1, 1))
    with pytest.raises(RuntimeError):
        probed_stats(trainer.model.eval(), fixed_batch(trainer))
    last.weight = weight
    assert bit_identical(trainer.state_dict(), before)
    assert not trainer.model.training
    assert not any(layer._forward_hooks for layer in trainer.model.modules())


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_nan_weights_can_be_probed(config: RunConfig, corpus: Corpus, bit_identical: SameBits, activation: str) -> None:
    trainer = Trainer(replace(config, activation=activation), corpus, CPU)
    for parameter in trainer.model.parameters():
        parameter.data.fill_(torch.nan)
    before = trainer.state_dict()
    rows = probed_stats(trainer.model, fixed_batch(trainer))
    assert all(math.isnan(row.mean) and row.grad_data is None for row in rows)
    assert bit_identical(trainer.state_dict(), before)


def test_fixed_batch_same_for_seed_and_bounded_by_split(trainer: Trainer, corpus: Corpus) -> None:
    batches = ProbeBatches(trainer)
    batch = batches.get(ProbeBatch())
    assert batches.get(ProbeBatch()) is batch
    assert torch.equal(batch.contexts, fixed_batch(trainer, trainer.config.seed).contexts)
    assert not torch.equal(batch.contexts, fixed_batch(trainer, 8).contexts)
    assert batch.contexts.shape == (min(ProbeBatch().examples, corpus.summary().examples[0]), 4)
    assert batch.targets.shape == (len(batch.contexts),)
    assert batches.get(ProbeBatch(examples=3)).contexts.shape == (3, 4)


def test_probe_batches_cached_within_bounds(trainer: Trainer) -> None:
    batches = ProbeBatches(trainer)
    first = batches.get(ProbeBatch(seed=0))
    for seed in range(1, probe.CACHED_BATCHES + 1):
        assert batches.get(ProbeBatch(seed=seed)) is batches.get(ProbeBatch(seed=seed))
    again = batches.get(ProbeBatch(seed=0))
    assert again is not first
    assert torch.equal(again.contexts, first.contexts)


@pytest.mark.parametrize("examples", [-1, 0, 1, 4_097, 2**62])
def test_examples_out_of_bounds_refused(trainer: Trainer, examples: int) -> None:
    with pytest.raises(UserError, match=f"{examples:,} examples; ask for 2 to 4,096"):
        ProbeBatches(trainer).get(ProbeBatch(examples=examples))


def test_large_model_probed_with_fewer_examples(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = fixed_batch(trainer)
    numbers_per_example = capture_layers(trainer.model, batch).output_numel // len(batch.contexts)
    monkeypatch.setattr(probe, "MAX_OUTPUT_NUMBERS", 5 * numbers_per_example)
    assert len(fixed_batch(trainer).contexts) == 5
    monkeypatch.setattr(probe, "MAX_OUTPUT_NUMBERS", 1)
    assert len(fixed_batch(trainer).contexts) == 2


def test_fixed_batch_has_at_least_two_rows(config: RunConfig) -> None:
    short = Corpus("short", ("a", ""), "a", "0" * 64)
    trainer = Trainer(replace(config, batch_size=1), short, CPU)
    assert len(fixed_batch(trainer).contexts) == 2


def test_probe_has_row_for_each_layer(config: RunConfig) -> None:
    model = build_model(config, 12, training_generator(1))
    rows = probed_stats(model, examples_of([0] * 4, [1] * 4))
    assert [(row.name, row.detail, row.output_shape, row.parameters) for row in rows[:4]] == [
        ("Embedding", "", (2, 4, 5), 60),
        ("FlattenConsecutive", "2", (2, 2, 10), 0),
        ("Linear", "10→7", (2, 2, 7), 70),
        ("BatchNorm1d", "7", (2, 2, 7), 14),
    ]
