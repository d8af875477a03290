"""The probe against figures worked out by hand, and that it leaves no trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from charwave_tui.core.config import RunConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.shapes import layer_shapes
from charwave_tui.engine.layers import BatchNorm1d, Embedding, Gated, Layer, ReLU, Sequential, Tanh
from charwave_tui.engine.model import build_model
from charwave_tui.engine.probe import PROBE_EXAMPLES, probe, probe_contexts
from charwave_tui.engine.randomness import training_stream
from charwave_tui.engine.trainer import Trainer

CPU = torch.device("cpu")
SameBits = Callable[..., bool]


def looked_up(rows: list[list[float]], activation: Layer) -> Sequential:
    """A model whose id n becomes the activation of row n."""
    table = Embedding(len(rows), len(rows[0]), training_stream(1))
    table.weight.data = torch.tensor(rows)
    return Sequential([table, activation])


def test_saturation_counts_beyond_097_and_dead_units_are_beyond_099_everywhere() -> None:
    # tanh: 0.5 → 0.46, 2.2 → 0.976, 3 → 0.995, −3 → −0.995
    model = looked_up([[3.0, 3.0, 0.5, 2.2], [-3.0, 0.5, 0.5, 2.2], [3.0, 3.0, -0.5, 2.2]], Tanh())
    _, tanh = probe(model, torch.tensor([[0, 1], [2, 0]]))
    assert tanh.saturation == pytest.approx(100 * 11 / 16)
    assert tanh.dead == 1
    assert tanh.output_shape == (2, 2, 4)


def test_dead_relu_units_are_zero_everywhere_and_have_no_saturation() -> None:
    model = looked_up([[-1.0, -1.0, 2.0], [-2.0, 1.0, 2.0]], ReLU())
    _, relu = probe(model, torch.tensor([[0, 1], [1, 1]]))
    assert (relu.saturation, relu.dead) == (None, 1)


def test_saturation_of_a_gate_is_that_of_its_tanh_though_the_gate_be_shut() -> None:
    # signals 3 and 0.5, −3 and 2.2; gates shut and open
    model = looked_up([[3.0, 0.5, -9.0, 9.0], [-3.0, 2.2, 9.0, -9.0]], Gated())
    _, gated = probe(model, torch.tensor([[0], [1]]))
    assert (gated.saturation, gated.dead) == (75, None)
    assert gated.output_shape == (2, 1, 2)


def test_a_stack_has_a_row_for_each_of_its_layers_as_worked_out_by_arithmetic(config: RunConfig) -> None:
    stack = replace(config, dilations=(1, 2), activation="gated")
    rows = probe(build_model(stack, 12, training_stream(1)), torch.zeros((2, 4), dtype=torch.int64))
    assert [(row.name, row.detail, row.output_shape[1:], row.parameters) for row in rows] == [
        (shape.kind, shape.detail, shape.output, shape.parameters) for shape in layer_shapes(stack, 12)
    ]


def test_mean_and_unbiased_deviation_are_those_of_the_output(trainer: Trainer) -> None:
    contexts = probe_contexts(trainer, 7)
    rows = probe(trainer.model, contexts)
    embedded = trainer.model.layers[0](contexts)
    assert rows[0].mean == pytest.approx(embedded.mean().item())
    assert rows[0].std == pytest.approx(embedded.std(correction=1).item())
    assert (rows[0].saturation, rows[0].dead) == (None, None)


def test_batch_statistics_are_used_even_of_a_model_in_eval_mode(trainer: Trainer) -> None:
    trainer.advance(60, 100)
    for layer in trainer.model.layers:
        if isinstance(layer, BatchNorm1d):
            layer.gamma.data.fill_(1)
            layer.beta.data.fill_(0)
    normed = [row for row in probe(trainer.model.eval(), probe_contexts(trainer, 7)) if row.name == "BatchNorm1d"]
    assert [(row.mean, row.std) for row in normed] == [pytest.approx((0, 1), abs=1e-2)] * 2


@pytest.mark.parametrize("norm", ["batch", "batch-bug"])
@pytest.mark.parametrize("training", [True, False])
def test_probing_leaves_no_trace(
    config: RunConfig, corpus: Corpus, same_bits: SameBits, norm: str, training: bool
) -> None:
    trainer = Trainer(replace(config, norm=norm), corpus, CPU)
    trainer.advance(60, 10)
    trainer.model.train(training)
    before, chance = trainer.weights(), torch.get_rng_state()
    first = probe(trainer.model, probe_contexts(trainer, 7))
    assert same_bits(trainer.weights(), before)
    assert torch.equal(torch.get_rng_state(), chance)
    assert all(layer.training is training for layer in trainer.model.modules())
    assert not any(layer._forward_hooks for layer in trainer.model.modules())
    assert probe(trainer.model, probe_contexts(trainer, 7)) == first


def test_a_probe_that_fails_leaves_no_trace_either(trainer: Trainer, same_bits: SameBits) -> None:
    before = trainer.weights()
    last = trainer.model.layers[-1]
    kept, last.weight = last.weight, torch.nn.Parameter(torch.zeros(1, 1))
    with pytest.raises(RuntimeError):
        probe(trainer.model.eval(), probe_contexts(trainer, 7))
    last.weight = kept
    assert same_bits(trainer.weights(), before)
    assert not trainer.model.training
    assert not any(layer._forward_hooks for layer in trainer.model.modules())


@pytest.mark.parametrize("activation", ["tanh", "relu", "gelu", "gated"])
def test_weights_of_nan_can_be_looked_at(
    config: RunConfig, corpus: Corpus, same_bits: SameBits, activation: str
) -> None:
    trainer = Trainer(replace(config, activation=activation), corpus, CPU)
    for parameter in trainer.model.parameters():
        parameter.data.fill_(torch.nan)
    before = trainer.weights()
    rows = probe(trainer.model, probe_contexts(trainer, 7))
    assert all(row.mean != row.mean for row in rows)
    assert same_bits(trainer.weights(), before)


def test_the_fixed_batch_is_the_same_for_a_seed_and_bounded_by_the_split(trainer: Trainer, corpus: Corpus) -> None:
    contexts = probe_contexts(trainer, 7)
    assert torch.equal(contexts, probe_contexts(trainer, 7))
    assert not torch.equal(contexts, probe_contexts(trainer, 8))
    assert contexts.shape == (min(PROBE_EXAMPLES, corpus.card().examples[0]), 4)


def test_the_fixed_batch_has_two_rows_at_least(config: RunConfig) -> None:
    short = Corpus("short", ("a", ""), "a", "0" * 64)
    trainer = Trainer(replace(config, batch_size=1), short, CPU)
    assert len(probe_contexts(trainer, 7)) == 2


def test_a_row_for_each_layer_of_the_model(config: RunConfig) -> None:
    model = build_model(config, 12, training_stream(1))
    rows = probe(model, torch.zeros((2, 4), dtype=torch.int64))
    assert [(row.name, row.detail, row.output_shape, row.parameters) for row in rows[:4]] == [
        ("Embedding", "", (2, 4, 5), 60),
        ("FlattenConsecutive", "2", (2, 2, 10), 0),
        ("Linear", "10→7", (2, 2, 7), 70),
        ("BatchNorm1d", "7", (2, 2, 7), 14),
    ]
