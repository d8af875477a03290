"""build_model against `layer_shapes` and the published parameter counts."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from charwave_tui.core.config.layer_shapes import ACTIVATIONS, layer_shapes
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.engine.data.window_dataset import WindowBatch
from charwave_tui.engine.inspection.probe import capture_layers, layer_stats
from charwave_tui.engine.model.architecture import build_model
from charwave_tui.engine.model.hooks import module_mode
from charwave_tui.engine.model.layers import BatchNorm1d, Linear
from charwave_tui.engine.runtime.random_streams import training_generator


@st.composite
def unusual_configs(draw: st.DrawFn) -> RunConfig:
    fuse = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    return RunConfig(
        context=math.prod(fuse),
        fuse=fuse,
        n_embd=draw(st.integers(1, 7)),
        n_hidden=draw(st.integers(1, 9)),
        norm=draw(st.sampled_from(["batch", "batch-bug", "none"])),
        activation=draw(st.sampled_from([*ACTIVATIONS])),
    ).validated()


@given(unusual_configs(), st.integers(2, 40))
@settings(max_examples=60, deadline=None)
def test_layers_equal_predicted_shapes(config: RunConfig, vocab_size: int) -> None:
    model = build_model(config, vocab_size, training_generator(1))
    contexts = torch.randint(0, vocab_size, (3, config.context), generator=training_generator(2))
    capture = capture_layers(model, WindowBatch(contexts, torch.zeros(3, dtype=torch.int64)))
    measured = layer_stats(capture, [None] * len(model.layers))
    built = [(row.name, row.detail, row.output_shape, row.parameters) for row in measured]
    counted = [
        (shape.kind, shape.detail, (3, *shape.output), shape.parameters) for shape in layer_shapes(config, vocab_size)
    ]
    assert built == counted


@pytest.mark.parametrize(
    ("context", "fuse", "n_embd", "n_hidden", "parameters"),
    [
        (3, (3,), 10, 200, 12_097),
        (8, (8,), 10, 200, 22_097),
        (8, (2, 2, 2), 10, 68, 22_397),
        (8, (2, 2, 2), 24, 128, 76_579),
        (8, (2, 2, 2), 30, 256, 286_789),
    ],
)
def test_published_parameter_counts_match(
    context: int, fuse: tuple[int, ...], n_embd: int, n_hidden: int, parameters: int
) -> None:
    config = RunConfig(context=context, fuse=fuse, n_embd=n_embd, n_hidden=n_hidden)
    model = build_model(config, 27, training_generator(42))
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


def test_gain_scales_hidden_and_output_scale_last_matrix() -> None:
    plain = build_model(RunConfig(init_gain=1, output_scale=1), 27, training_generator(1))
    scaled = build_model(RunConfig(init_gain=4, output_scale=0.5), 27, training_generator(1))
    pairs = zip(plain.parameters(), scaled.parameters(), strict=True)
    ratios = [(b.norm() / a.norm()).item() for a, b in pairs if a.ndim == 2]
    assert ratios == pytest.approx([1, 4, 4, 4, 0.5])


def test_without_norm_hidden_matrices_have_bias() -> None:
    layers = build_model(RunConfig(norm="none"), 27, training_generator(1)).layers
    assert not any(isinstance(layer, BatchNorm1d) for layer in layers)
    assert all(layer.bias is not None for layer in layers if isinstance(layer, Linear))


def test_batch_bug_keeps_positions_separate_until_one_remains() -> None:
    layers = build_model(RunConfig(norm="batch-bug", n_hidden=6), 27, training_generator(1)).layers
    kept = [tuple(layer.running_mean.shape) for layer in layers if isinstance(layer, BatchNorm1d)]
    assert kept == [(4, 6), (2, 6), (6,)]


@pytest.mark.parametrize("before", [True, False])
def test_eval_mode_restored_after_failure(before: bool) -> None:
    model = build_model(RunConfig(), 27, training_generator(1)).train(before)

    def fail() -> None:
        assert not torch.is_grad_enabled()
        assert all(layer.training is not before for layer in model.layers)
        raise KeyError

    with pytest.raises(KeyError), module_mode(model, training=not before):
        fail()
    assert model.training is before
    assert all(layer.training is before for layer in model.layers)
    assert torch.is_grad_enabled()
