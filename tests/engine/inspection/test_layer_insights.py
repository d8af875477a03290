"""Insights of each kind of layer against plain torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from charwave_tui.core.config.layer_shapes import ACTIVATIONS
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.protocol import layer_insights as insight_payloads
from charwave_tui.core.protocol.float_matrix import EMPTY_MATRIX, FloatMatrix
from charwave_tui.core.protocol.layer_insights import (
    ActivationInsight,
    BatchNormInsight,
    EmbeddingInsight,
    InsightQuery,
    LinearInsight,
    OutputInsight,
    ProbeBatch,
    TreeInsight,
)
from charwave_tui.engine.inspection import layer_insights
from charwave_tui.engine.inspection.layer_insights import layer_insight
from charwave_tui.engine.inspection.probe import LayerCapture, ProbeBatches, capture_layers
from charwave_tui.engine.model.layers import Activation, BatchNorm1d, Linear, Residual, Skips
from charwave_tui.engine.training.trainer import Trainer

CPU = torch.device("cpu")


def trained_trainer(config: RunConfig, corpus: Corpus, steps: int = 30, **changes: Any) -> Trainer:
    trainer = Trainer(replace(config, **changes), corpus, CPU)
    trainer.train_for(60, steps)
    return trainer


def probe(trainer: Trainer, examples: int = 64) -> LayerCapture:
    return capture_layers(trainer.model, ProbeBatches(trainer).get(ProbeBatch(examples)))


def layer_indices(trainer: Trainer, kind: type) -> list[int]:
    return [index for index, layer in enumerate(trainer.model.layers) if isinstance(layer, kind)]


def grid_to_tensor(tensor: FloatMatrix) -> Tensor:
    return torch.tensor([list(tensor.row(row)) for row in range(tensor.rows)])


def grid_close_to(tensor: FloatMatrix, expected: Tensor) -> bool:
    actual = grid_to_tensor(tensor)
    return actual.shape == expected.shape and torch.allclose(actual, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_insight_has_values_and_their_gradient(config: RunConfig, corpus: Corpus, name: str) -> None:
    trainer = trained_trainer(config, corpus, activation=name)
    capture = probe(trainer)
    index = layer_indices(trainer, Activation)[0]
    insight = layer_insight(trainer, capture, InsightQuery(index, position=1, top=3, left=2, rows=4, columns=3))
    assert isinstance(insight, ActivationInsight)

    x = capture.batch.contexts
    for layer in trainer.model.layers[: index + 1]:
        x = layer(x)
    activated = x.detach().requires_grad_()
    y = activated
    for layer in trainer.model.layers[index + 1 :]:
        y = layer(y)
    (gradient,) = torch.autograd.grad(functional.cross_entropy(y, capture.batch.targets), activated)
    assert (insight.examples, insight.positions, insight.units) == tuple(x.shape)
    assert insight.gradient is not None
    assert (insight.gradient.mean, insight.gradient.std) == pytest.approx(
        (gradient.mean().item(), gradient.std().item()), rel=1e-3, abs=1e-9
    )
    assert (insight.output.mean, insight.output.std) == pytest.approx((x.mean().item(), x.std().item()), rel=1e-4)
    assert (insight.position, insight.top, insight.left) == (1, 3, 2)
    assert grid_close_to(insight.values, x[3:7, 1, 2:5])
    characters = "\0" + corpus.symbols
    assert insight.contexts == tuple(
        "".join(characters[symbol] for symbol in row) for row in capture.batch.contexts[3:7].tolist()
    )


def test_dead_and_nearly_dead_units_listed_separately(
    config: RunConfig, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trained_trainer(config, corpus)
    capture = probe(trainer, 20)
    index = layer_indices(trainer, Activation)[0]
    values = torch.full_like(capture.outputs[index], 0.5)  # [20, 2, 7]
    values[..., 1], values[..., 3], values[..., 4] = 0.995, -0.995, 0.985
    values[..., 5], values[..., 6] = 0.995, 0.995
    values[:3, 0, 5], values[:4, 0, 6] = 0, 0  # 37 and 36 of 40: beyond 90 % and just not
    outputs = (*capture.outputs[:index], values, *capture.outputs[index + 1 :])
    insight = layer_insight(trainer, replace(capture, outputs=outputs), InsightQuery(index))
    assert isinstance(insight, ActivationInsight)
    assert (insight.dead, insight.dead_units, insight.nearly_dead) == ((1, 3), 2, (5,))
    monkeypatch.setattr(layer_insights, "MAX_LISTED_UNITS", 1)
    insight = layer_insight(trainer, replace(capture, outputs=outputs), InsightQuery(index))
    assert isinstance(insight, ActivationInsight)
    assert (insight.dead, insight.dead_units) == ((1,), 2)


def test_linear_insight_has_matrix_and_its_gradient(config: RunConfig, corpus: Corpus) -> None:
    trainer = trained_trainer(config, corpus)
    capture = probe(trainer)
    index = layer_indices(trainer, Linear)[1]
    weight = trainer.model.layers[index].weight
    assert isinstance(weight, Tensor)
    insight = layer_insight(trainer, capture, InsightQuery(index, rows=100, columns=100, singular_values=True))
    assert isinstance(insight, LinearInsight)
    assert (insight.fan_in, insight.fan_out) == (14, 7)
    assert grid_close_to(insight.heatmap, weight.detach())
    assert grid_close_to(insight.row_norms, weight.detach().norm(dim=1)[None])
    assert grid_close_to(insight.column_norms, weight.detach().norm(dim=0)[None])
    assert grid_close_to(insight.singular_values, torch.linalg.svdvals(weight.detach())[None])
    loss = functional.cross_entropy(trainer.model(capture.batch.contexts), capture.batch.targets)
    (gradient,) = torch.autograd.grad(loss, weight)
    assert insight.gradient is not None
    assert (insight.gradient.std, insight.weight.std) == pytest.approx((gradient.std().item(), weight.std().item()))
    without = layer_insight(trainer, capture, InsightQuery(index))
    assert isinstance(without, LinearInsight)
    assert without.singular_values == EMPTY_MATRIX


def test_too_large_matrix_has_no_singular_values(
    config: RunConfig, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trained_trainer(config, corpus)
    capture = probe(trainer)
    index = layer_indices(trainer, Linear)[0]
    for name, limit in (("MAX_SINGULAR_VALUES", 6), ("MAX_MATRIX_SIZE", 69)):  # of [10, 7]
        with monkeypatch.context() as patch:
            patch.setattr(insight_payloads, name, limit)
            insight = layer_insight(trainer, capture, InsightQuery(index, singular_values=True))
            assert isinstance(insight, LinearInsight)
            assert insight.singular_values == EMPTY_MATRIX


@pytest.mark.parametrize("norm", ["batch", "batch-bug"])
def test_norm_insight_compares_running_with_batch_statistics(config: RunConfig, corpus: Corpus, norm: str) -> None:
    trainer = trained_trainer(config, corpus, norm=norm)
    capture = probe(trainer)
    index = layer_indices(trainer, BatchNorm1d)[0]
    layer = trainer.model.layers[index]
    assert isinstance(layer, BatchNorm1d)
    x = capture.batch.contexts
    for earlier in trainer.model.layers[:index]:
        x = earlier(x)  # [64, 2, 7]
    x = x.detach()
    insight = layer_insight(trainer, capture, InsightQuery(index, left=1, columns=4))
    assert isinstance(insight, BatchNormInsight)
    assert (insight.units, insight.positions, insight.examples, insight.left) == (7, 2, 64, 1)
    assert grid_close_to(insight.gamma, layer.gamma.detach()[None, 1:5])
    assert grid_close_to(insight.beta, layer.beta.detach()[None, 1:5])
    flat = x.reshape(-1, 7)
    assert grid_close_to(insight.batch_mean, flat.mean(0)[None, 1:5])
    assert grid_close_to(insight.batch_var, flat.var(0, correction=1)[None, 1:5])
    assert grid_close_to(insight.position_mean, x.mean(0)[:, 1:5])
    assert grid_close_to(insight.position_var, x.var(0, correction=1)[:, 1:5])
    running_mean, running_var = layer.running_mean.reshape(-1, 7), layer.running_var.reshape(-1, 7)
    assert len(running_mean) == (2 if norm == "batch-bug" else 1)
    assert grid_close_to(insight.running_mean, running_mean[:, 1:5])
    assert grid_close_to(insight.running_var, running_var[:, 1:5])
    mean, var = (x.mean(0), x.var(0)) if norm == "batch-bug" else (flat.mean(0), flat.var(0))
    assert insight.mean_deviation == pytest.approx(((running_mean - mean).abs() / var.sqrt()).mean().item(), rel=1e-3)
    assert insight.var_deviation == pytest.approx((running_var / var).log10().abs().mean().item(), rel=1e-3, abs=1e-5)


def test_embedding_vectors_projected_to_plane_of_largest_variance(config: RunConfig, corpus: Corpus) -> None:
    trainer = trained_trainer(config, corpus)
    insight = layer_insight(trainer, probe(trainer), InsightQuery(0, symbol=3))
    assert isinstance(insight, EmbeddingInsight)
    vectors = trainer.model.layers[0].weight.detach()  # type: ignore[union-attr, operator]
    assert isinstance(vectors, Tensor)
    centred = vectors - vectors.mean(0)
    values, axes = torch.linalg.eigh(centred.T @ centred)
    expected = centred @ axes.flip(1)[:, :2]
    plane = grid_to_tensor(insight.projection)
    assert torch.allclose(plane.abs(), expected.abs(), atol=1e-4)
    assert (plane.gather(0, plane.abs().argmax(0, keepdim=True)) > 0).all()
    assert insight.explained_variance == pytest.approx(tuple((values.flip(0) / values.sum())[:2].tolist()), rel=1e-4)
    distances = (vectors - vectors[3]).norm(dim=1)
    order = [symbol for symbol in distances.argsort().tolist() if symbol != 3]
    assert list(insight.neighbours) == order
    assert list(insight.distances) == pytest.approx(distances[order].tolist(), rel=1e-5)
    assert insight.dimensions == 5
    assert (insight.symbol, insight.projection.rows) == (3, corpus.vocab_size)


DILATED = {"fuse": (2,), "dilations": (1, 2), "activation": "gated"}


@pytest.mark.parametrize("changes", [{}, DILATED, {"norm": "batch-bug"}, {"fuse": (4,), "norm": "none"}])
def test_tree_strengths_equal_forward_pass_by_hand(config: RunConfig, corpus: Corpus, changes: dict[str, Any]) -> None:
    trainer = trained_trainer(config, corpus, **changes)
    first, second, third = corpus.symbols[1], corpus.symbols[4], corpus.symbols[-1]
    insight = layer_insight(trainer, probe(trainer), InsightQuery(1, text=f"{first}?{second}!{third}?"))
    assert isinstance(insight, TreeInsight)
    assert insight.context == f"\0{first}{second}{third}"
    assert insight.unknown == "?!"
    row = torch.tensor([[0, 2, 5, len(corpus.symbols)]])
    outputs: list[Tensor] = []
    trainer.model.eval()
    for index in layer_indices(trainer, Activation):
        trainer.model.layers[index].register_forward_hook(lambda _, __, out: outputs.append(out))
    logits = trainer.model(row)
    assert [level.layer for level in insight.levels] == layer_indices(trainer, Activation)
    for level, out in zip(insight.levels, outputs, strict=True):
        expected = out.reshape(-1, out.shape[-1]).square().mean(1).sqrt()
        assert list(level.rms) == pytest.approx(expected.tolist(), rel=1e-5)
    receptive_fields = {
        "": [((0, 1), (2, 3)), ((0, 3),)],
        "dilations": [((0, 1), (1, 2), (2, 3)), ((0, 3),)],
        "one": [((0, 3),)],
    }["dilations" if "dilations" in changes else "one" if changes.get("fuse") == (4,) else ""]
    assert [level.receptive_fields for level in insight.levels] == receptive_fields
    probs = logits[0].softmax(0)
    assert [symbol_id for symbol_id, _ in insight.next_chars] == probs.argsort(descending=True)[:8].tolist()
    assert [prob for _, prob in insight.next_chars] == pytest.approx(probs.sort(descending=True)[0][:8].tolist())


def test_tree_empty_text_is_boundary_and_long_text_shows_end(config: RunConfig, corpus: Corpus) -> None:
    trainer = trained_trainer(config, corpus)
    capture = probe(trainer)
    end = corpus.symbols[:4]
    for text, context in (("", "\0" * 4), ("x" * 60_000, "\0" * 4), (corpus.symbols[5] * 60_000 + end, end)):
        insight = layer_insight(trainer, capture, InsightQuery(1, text=text))
        assert isinstance(insight, TreeInsight)
        assert insight.context == context


def test_layer_without_own_view_has_distribution(config: RunConfig, corpus: Corpus) -> None:
    trainer = trained_trainer(config, corpus, **DILATED)
    capture = probe(trainer)
    for index in (*layer_indices(trainer, Residual), *layer_indices(trainer, Skips)):
        insight = layer_insight(trainer, capture, InsightQuery(index))
        assert isinstance(insight, OutputInsight)
        assert insight.output.std == pytest.approx(capture.outputs[index].std().item())
