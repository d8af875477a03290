"""Shapes and parameter counts by arithmetic, against the published figures and by hand."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charwave_tui.core.config.layer_shapes import layer_shapes, level_shapes, parameter_count
from charwave_tui.core.config.run_config import RunConfig


@pytest.mark.parametrize(
    ("context", "fuse", "n_embd", "n_hidden", "published"),
    [
        (3, (3,), 10, 200, 12_097),
        (8, (8,), 10, 200, 22_097),
        (8, (2, 2, 2), 10, 68, 22_397),
        (8, (2, 2, 2), 24, 128, 76_579),
        (8, (2, 2, 2), 30, 256, 286_789),
    ],
)
def test_published_models_have_published_parameter_counts(
    context: int, fuse: tuple[int, ...], n_embd: int, n_hidden: int, published: int
) -> None:
    config = RunConfig(context=context, fuse=fuse, n_embd=n_embd, n_hidden=n_hidden).validated()
    assert parameter_count(config, 27) == published


def test_lecture_model_has_lecture_layers() -> None:
    layers = layer_shapes(RunConfig(n_embd=24, n_hidden=128), 27)
    assert [(layer.kind, layer.detail, layer.output, layer.parameters) for layer in layers] == [
        ("Embedding", "", (8, 24), 648),
        ("FlattenConsecutive", "2", (4, 48), 0),
        ("Linear", "48→128", (4, 128), 6_144),
        ("BatchNorm1d", "128", (4, 128), 256),
        ("Tanh", "", (4, 128), 0),
        ("FlattenConsecutive", "2", (2, 256), 0),
        ("Linear", "256→128", (2, 128), 32_768),
        ("BatchNorm1d", "128", (2, 128), 256),
        ("Tanh", "", (2, 128), 0),
        ("FlattenConsecutive", "2", (256,), 0),
        ("Linear", "256→128", (128,), 32_768),
        ("BatchNorm1d", "128", (128,), 256),
        ("Tanh", "", (128,), 0),
        ("Linear", "128→27", (27,), 3_483),
    ]


def test_without_norm_hidden_linears_have_bias() -> None:
    layers = layer_shapes(RunConfig(norm="none", activation="relu", context=4, fuse=(4,), n_embd=2, n_hidden=5), 10)
    assert [(layer.kind, layer.parameters) for layer in layers] == [
        ("Embedding", 20),
        ("FlattenConsecutive", 0),
        ("Linear", 8 * 5 + 5),
        ("ReLU", 0),
        ("Linear", 5 * 10 + 10),
    ]


def test_batch_bug_adds_no_parameters() -> None:
    assert parameter_count(RunConfig(norm="batch-bug"), 27) == parameter_count(RunConfig(norm="batch"), 27)


def test_dilated_stack_has_residuals_skips_and_double_width_gates() -> None:
    config = RunConfig(context=4, dilations=(1, 2), n_embd=3, n_hidden=5, activation="gated").validated()
    assert [(layer.kind, layer.detail, layer.output, layer.parameters) for layer in layer_shapes(config, 7)] == [
        ("Embedding", "", (4, 3), 21),
        ("FlattenDilated", "1", (3, 6), 0),
        ("Linear", "6→10", (3, 10), 60),
        ("BatchNorm1d", "10", (3, 10), 20),
        ("Gated", "", (3, 5), 0),
        ("FlattenDilated", "2", (10,), 0),
        ("Linear", "10→10", (10,), 100),
        ("BatchNorm1d", "10", (10,), 20),
        ("Gated", "", (5,), 0),
        ("Residual", "", (5,), 0),
        ("Skips", "2", (10,), 0),
        ("Linear", "10→7", (7,), 77),
    ]


def test_five_gated_levels_have_hand_counted_parameters() -> None:
    config = RunConfig(dilations=(1, 1, 2, 1, 2), n_embd=48, n_hidden=256, activation="gated").validated()
    assert parameter_count(config, 27) == 1_138_731
    assert len(layer_shapes(config, 27)) == 27


def test_levels_report_offsets_they_join() -> None:
    def offsets(**fields: object) -> list[tuple[int, ...]]:
        return [level.offsets for level in level_shapes(RunConfig().with_values(fields))]

    assert offsets(fuse=(2, 2, 2)) == [(1, 0), (2, 0), (4, 0)]
    assert offsets(fuse=(3, 2), context=6) == [(2, 1, 0), (3, 0)]
    assert offsets(dilations=(1, 2, 4)) == [(1, 0), (2, 0), (4, 0)]


@given(st.from_type(RunConfig), st.integers(2, 5_000))
def test_each_layer_input_shape_equals_previous_output(config: RunConfig, vocab_size: int) -> None:
    layers = layer_shapes(config, vocab_size)
    assert parameter_count(config, vocab_size) == sum(layer.parameters for layer in layers)
    assert layers[0].output == (config.context, config.n_embd)
    assert layers[-1].output == (vocab_size,)
    for before, layer in pairwise(layers):
        if layer.kind == "Linear":
            fan_in, fan_out = map(int, layer.detail.split("→"))
            assert before.output[-1] == fan_in
            assert layer.output == (*before.output[:-1], fan_out)
        elif layer.kind == "FlattenConsecutive":
            assert math.prod(layer.output) == math.prod(before.output)
            assert layer.output[-1] == before.output[-1] * int(layer.detail)
        elif layer.kind == "FlattenDilated":
            positions = math.prod(before.output[:-1]) - int(layer.detail)
            assert math.prod(layer.output) == positions * 2 * before.output[-1]
        elif layer.kind == "Gated":
            assert (*layer.output[:-1], 2 * layer.output[-1]) == before.output
        elif layer.kind == "Skips":
            assert layer.output == (int(layer.detail) * config.n_hidden,)
        else:
            assert layer.output == before.output
