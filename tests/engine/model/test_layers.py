"""Each layer against torch's own."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from charwave_tui.engine.model.layers import BatchNorm1d, Embedding, FlattenConsecutive, Linear, ReLU, Sequential, Tanh
from charwave_tui.engine.runtime.random_streams import training_generator


def normal_tensor(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=training_generator(seed)) * 3 + 2


def test_embedding_equals_torch() -> None:
    layer = Embedding(9, 4, training_generator(1))
    ids = torch.tensor([[0, 8, 3], [3, 3, 1]])
    assert torch.equal(layer(ids), functional.embedding(ids, layer.weight))
    assert torch.equal(layer.weight, torch.randn((9, 4), generator=training_generator(1)))


@pytest.mark.parametrize("bias", [True, False])
def test_linear_equals_torch_with_transposed_weight(bias: bool) -> None:
    layer = Linear(6, 5, training_generator(1), bias=bias)
    if layer.bias is not None:
        nn.init.normal_(layer.bias, generator=training_generator(2))
    x = normal_tensor(3, 2, 6)
    torch.testing.assert_close(layer(x), functional.linear(x, layer.weight.T, layer.bias))


def test_linear_init_is_scaled_randn_without_bias() -> None:
    layer = Linear(6, 5, training_generator(1), gain=3)
    assert torch.equal(layer.weight, torch.randn((6, 5), generator=training_generator(1)) / 6**0.5 * 3)
    assert layer.bias is not None
    assert not layer.bias.any()


def test_flatten_joins_neighbours_in_order() -> None:
    x = normal_tensor(5, 8, 3)
    assert torch.equal(FlattenConsecutive(2)(x), torch.cat((x[:, ::2], x[:, 1::2]), dim=2))
    assert FlattenConsecutive(4)(x).shape == (5, 2, 12)


def test_flatten_drops_last_position_dimension() -> None:
    x = normal_tensor(5, 8, 3)
    assert torch.equal(FlattenConsecutive(8)(x), x.flatten(1))
    assert torch.equal(FlattenConsecutive(1)(x), x)
    assert torch.equal(FlattenConsecutive(1)(x[:, 0]), x[:, 0])


def test_activations_equal_torch() -> None:
    x = normal_tensor(4, 3) - 2
    assert torch.equal(Tanh()(x), torch.tanh(x))
    assert torch.equal(ReLU()(x), functional.relu(x))


def test_sequential_applies_layers_in_order() -> None:
    first, second = Linear(4, 3, training_generator(1)), Linear(3, 2, training_generator(2))
    x = normal_tensor(5, 4)
    assert torch.equal(Sequential([first, Tanh(), second])(x), second(torch.tanh(first(x))))


@pytest.mark.parametrize("shape", [(16, 5), (16, 4, 5)])
def test_batchnorm_equals_torch_except_unbiased_training_variance(shape: tuple[int, ...]) -> None:
    norm, torch_norm = BatchNorm1d(5), nn.BatchNorm1d(5)
    with torch.no_grad():
        norm.gamma.copy_(normal_tensor(5, seed=8))
        norm.beta.copy_(normal_tensor(5, seed=9))
        torch_norm.weight.copy_(norm.gamma)
        torch_norm.bias.copy_(torch.zeros(5))
    rows = math.prod(shape[:-1])
    for seed in range(20):
        x = normal_tensor(*shape, seed=seed)
        torch_out = torch_norm(x.view(rows, 5)).view(shape)
        torch.testing.assert_close(
            (norm(x) - norm.beta) * math.sqrt(rows / (rows - 1)), torch_out, rtol=1e-4, atol=1e-5
        )
    torch.testing.assert_close(norm.running_mean, torch_norm.running_mean)
    torch.testing.assert_close(norm.running_var, torch_norm.running_var)
    norm.eval()
    torch_norm.eval()
    torch.testing.assert_close(norm(x) - norm.beta, torch_norm(x.view(rows, 5)).view(shape))


def test_batchnorm_with_bug_equals_torch_per_position() -> None:
    norm, torch_norm = BatchNorm1d(5, positions=4), nn.BatchNorm1d(20)
    for seed in range(20):
        x = normal_tensor(16, 4, 5, seed=seed)
        torch_out = torch_norm(x.flatten(1)).view(16, 4, 5)
        torch.testing.assert_close(norm(x) * math.sqrt(16 / 15), torch_out, rtol=1e-4, atol=1e-5)
    assert norm.running_mean.shape == (4, 5)
    torch.testing.assert_close(norm.running_mean.flatten(), torch_norm.running_mean)
    torch.testing.assert_close(norm.running_var.flatten(), torch_norm.running_var)
    norm.eval()
    torch_norm.eval()
    torch.testing.assert_close(norm(x), torch_norm(x.flatten(1)).view(16, 4, 5))


@pytest.mark.parametrize(("layer", "shape"), [(BatchNorm1d(5), (1, 5)), (BatchNorm1d(5, positions=4), (1, 4, 5))])
def test_single_example_uses_running_statistics_unchanged(layer: BatchNorm1d, shape: tuple[int, ...]) -> None:
    layer(normal_tensor(16, *shape[1:]))
    before = [buffer.clone() for buffer in layer.buffers()]
    x = normal_tensor(*shape, seed=3)
    trained = layer(x)
    assert torch.equal(trained, layer.eval()(x))
    assert trained.isfinite().all()
    assert all(torch.equal(now, then) for now, then in zip(layer.buffers(), before, strict=True))


def test_single_example_of_many_positions_has_own_statistics() -> None:
    layer = BatchNorm1d(5)
    out = layer(normal_tensor(1, 4, 5))
    torch.testing.assert_close(out.mean((0, 1)), torch.zeros(5), atol=1e-5, rtol=0)
    assert layer.running_mean.any()
