"""Every optimizer against its formula in float64, and its state across a checkpoint."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.errors import UserError
from charwave_tui.engine.model.architecture import build_model
from charwave_tui.engine.model.layers import Linear, Sequential
from charwave_tui.engine.optim import optimizers
from charwave_tui.engine.optim.optimizers import Optimizer
from charwave_tui.engine.runs.checkpoint import load_weights, save_weights

SameBits = Callable[..., bool]


RATES = (0.05, 0.03, 0.04, 0.01, 0.02)


@pytest.fixture
def config(config: RunConfig) -> RunConfig:
    return replace(config, activation="gated", optimizer="sgd")


def _model(config: RunConfig, dtype: torch.dtype = torch.float64) -> Sequential:
    model = build_model(config, 9, torch.Generator().manual_seed(1)).to(dtype)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    return model


def _gradients(model: Sequential, seed: int) -> dict[str, Tensor]:
    """Fill every gradient in place, and tell them."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        assert parameter.grad is not None
        parameter.grad.copy_(torch.randn(parameter.shape, generator=generator))
    return {name: _gradient(parameter).clone() for name, parameter in model.named_parameters()}


def _gradient(parameter: nn.Parameter) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


def _weights(model: Sequential) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def _decay(name: str, config: RunConfig) -> float:
    return config.weight_decay if name.endswith(".weight") else 0.0


def _assert_close(model: Sequential, expected: dict[str, Tensor]) -> None:
    for name, weight in _weights(model).items():
        assert torch.allclose(weight, expected[name], rtol=1e-10, atol=1e-12), name


def test_plain_sgd_bit_identical_to_lecture(config: RunConfig) -> None:
    model = _model(config, torch.float32)
    optimizer = Optimizer(model, config)
    assert optimizer.is_plain_sgd
    expected = _weights(model)
    for seed, rate in enumerate(RATES):
        for name, gradient in _gradients(model, seed).items():
            expected[name] += -rate * gradient
        optimizer(rate)
    assert all(torch.equal(weight, expected[name]) for name, weight in _weights(model).items())
    assert optimizer.state_dict() == {}


@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.9, 0.0), (0.9, 0.3), (0.0, 0.3)])
def test_sgd_follows_formula(config: RunConfig, momentum: float, weight_decay: float) -> None:
    config = replace(config, momentum=momentum, weight_decay=weight_decay)
    model = _model(config)
    optimizer = Optimizer(model, config)
    assert not optimizer.is_plain_sgd
    expected = _weights(model)
    velocity = {name: torch.zeros_like(weight) for name, weight in expected.items()}
    for seed, rate in enumerate(RATES):
        for name, gradient in _gradients(model, seed).items():
            velocity[name] = momentum * velocity[name] + gradient + _decay(name, config) * expected[name]
            expected[name] = expected[name] - rate * velocity[name]
        optimizer(rate)
    _assert_close(model, expected)


def test_adamw_follows_formula(config: RunConfig) -> None:
    config = replace(config, optimizer="adamw", weight_decay=0.3, momentum=0.9)
    model = _model(config)
    optimizer = Optimizer(model, config)
    expected = _weights(model)
    mean = {name: torch.zeros_like(weight) for name, weight in expected.items()}
    square = {name: torch.zeros_like(weight) for name, weight in expected.items()}
    for step, rate in enumerate(RATES, start=1):
        for name, gradient in _gradients(model, step).items():
            mean[name] = 0.9 * mean[name] + 0.1 * gradient
            square[name] = 0.999 * square[name] + 0.001 * gradient**2
            root = torch.sqrt(square[name] / (1 - 0.999**step)) + 1e-8
            direction = mean[name] / (1 - 0.9**step) / root
            expected[name] = expected[name] - rate * _decay(name, config) * expected[name] - rate * direction
        optimizer(rate)
    _assert_close(model, expected)


@pytest.mark.parametrize("activation", ["gated", "tanh"])
def test_muon_update_orthogonal_per_hidden_matrix(config: RunConfig, activation: str) -> None:
    config = replace(config, optimizer="muon", activation=activation)
    model = _model(config)
    before = _weights(model)
    _gradients(model, 1)
    Optimizer(model, config)(0.05)
    hidden = [name for name, layer in model.named_modules() if isinstance(layer, Linear)][:-1]
    assert len(hidden) == 2
    for name in hidden:
        weight_update = before[f"{name}.weight"] - _weights(model)[f"{name}.weight"]
        for half in weight_update.chunk(2, dim=1) if activation == "gated" else [weight_update]:
            values = torch.linalg.svdvals(half) / (0.05 * 0.2 * max(half.shape) ** 0.5)
            assert values.min() > 0.6
            assert values.max() < 1.3


def test_muon_keeps_momentum(config: RunConfig) -> None:
    config = replace(config, optimizer="muon")
    model, weight = _model(config), "layers.2.weight"
    optimizer = Optimizer(model, config)
    mean = torch.zeros_like(_weights(model)[weight])
    for seed in range(3):
        before, gradient = _weights(model)[weight], _gradients(model, seed)[weight]
        optimizer(0.05)
        mean = 0.95 * mean + 0.05 * gradient
        weight_update = (before - _weights(model)[weight]).chunk(2, dim=1)
        for half, momentum_half in zip(weight_update, (0.05 * gradient + 0.95 * mean).chunk(2, dim=1), strict=True):
            left, _, right = torch.linalg.svd(momentum_half, full_matrices=False)
            similarity = torch.cosine_similarity((left @ right).flatten(), half.flatten(), dim=0)
            assert similarity > 0.97


def test_muon_leaves_other_parameters_to_adamw(config: RunConfig) -> None:
    results = {}
    for name in ("adamw", "muon"):
        mixed = replace(config, optimizer=name, weight_decay=0.3)
        model = _model(mixed)
        optimizer = Optimizer(model, mixed)
        for seed, rate in enumerate(RATES):
            _gradients(model, seed)
            optimizer(rate)
        results[name] = _weights(model)
    unlike = [name for name in results["muon"] if not torch.equal(results["muon"][name], results["adamw"][name])]
    assert unlike == ["layers.2.weight", "layers.6.weight"]


def test_muon_decays_matrices_by_lr_times_weight_decay(config: RunConfig) -> None:
    results = []
    for weight_decay in (0.0, 0.3):
        model = _model(config)
        before = _weights(model)["layers.2.weight"]
        _gradients(model, 1)
        Optimizer(model, replace(config, optimizer="muon", weight_decay=weight_decay))(0.05)
        results.append(_weights(model)["layers.2.weight"])
    assert torch.allclose(results[0] - results[1], 0.05 * 0.3 * before)


def test_muon_missing_in_torch_is_one_clear_line(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizers, "muon", None)
    with pytest.raises(UserError, match=r"needs torch 2\.9 or later, and this is torch \d.*; upgrade torch") as caught:
        Optimizer(_model(config), replace(config, optimizer="muon"))
    assert caught.value.field == "optimizer"


@pytest.mark.parametrize(
    "settings",
    [{}, {"momentum": 0.9}, {"weight_decay": 0.1}, {"optimizer": "adamw"}, {"optimizer": "muon", "weight_decay": 0.1}],
)
def test_gradients_written_without_autograd_keep_their_buffers(
    config: RunConfig, bit_identical: SameBits, settings: dict[str, float | str]
) -> None:
    config = replace(config, **settings)  # type: ignore[arg-type]
    results = []
    for inference in (False, True):
        model = _model(config, torch.float32)
        optimizer = Optimizer(model, config)
        buffers = [_gradient(parameter) for parameter in model.parameters()]
        for seed, rate in enumerate(RATES):
            with torch.inference_mode(inference):
                gradients = _gradients(model, seed)
                before = _weights(model)
                optimizer(rate)
            assert all(
                _gradient(parameter) is buffer for parameter, buffer in zip(model.parameters(), buffers, strict=True)
            )
            assert all(
                torch.equal(_gradient(parameter), gradients[name]) for name, parameter in model.named_parameters()
            )
            assert not any(torch.equal(weight, before[name]) for name, weight in _weights(model).items())
        results.append({**_weights(model), **optimizer.state_dict()})
    assert bit_identical(*results)


def test_momentum_toggled_in_live_model(config: RunConfig) -> None:
    model = _model(config)
    optimizer = Optimizer(model, config)
    expected = _weights(model)
    velocity = {name: torch.zeros_like(weight) for name, weight in expected.items()}
    for seed, momentum in enumerate((0.0, 0.9, 0.9, 0.5, 0.0, 0.9, 0.9)):
        optimizer.set_config(replace(config, momentum=momentum))
        assert optimizer.is_plain_sgd == (momentum == 0)
        for name, gradient in _gradients(model, seed).items():
            velocity[name] = momentum * velocity[name] + gradient
            expected[name] = expected[name] - 0.05 * velocity[name]
            if momentum == 0:
                velocity[name] = torch.zeros_like(gradient)  # plain descent leaves no speed behind
        optimizer(0.05)
    _assert_close(model, expected)


def test_weight_decay_changes_live(config: RunConfig) -> None:
    config = replace(config, optimizer="adamw")
    results = []
    for first in (0.0, 0.3):
        model = _model(config)
        optimizer = Optimizer(model, replace(config, weight_decay=first))
        optimizer.set_config(replace(config, weight_decay=0.3))
        _gradients(model, 1)
        optimizer(0.05)
        results.append(_weights(model))
    assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])


@pytest.mark.parametrize("settings", [{"momentum": 0.9}, {"optimizer": "adamw"}, {"optimizer": "muon"}])
def test_ten_steps_saved_plus_ten_equal_twenty_bit_identical(
    config: RunConfig, bit_identical: SameBits, tmp_path: Path, settings: dict[str, float | str]
) -> None:
    config = replace(config, weight_decay=0.1, **settings)  # type: ignore[arg-type]

    def train_ten_steps(model: Sequential, optimizer: Optimizer, first: int) -> dict[str, Tensor]:
        for seed in range(first, first + 10):
            _gradients(model, seed)
            optimizer(0.02)
        return {**_weights(model), **optimizer.state_dict()}

    model = _model(config, torch.float32)
    optimizer = Optimizer(model, config)
    save_weights(tmp_path / "weights", train_ten_steps(model, optimizer, 0), {})
    uninterrupted = train_ten_steps(model, optimizer, 10)
    resumed_model = _model(config, torch.float32)
    resumed_optimizer = Optimizer(resumed_model, config)
    saved, _ = load_weights(tmp_path / "weights")
    resumed_optimizer.load_state_dict({name: tensor for name, tensor in saved.items() if name.startswith("optimizer.")})
    resumed_model.load_state_dict(
        {name: saved.get(name, tensor) for name, tensor in resumed_model.state_dict().items()}
    )
    assert bit_identical(train_ten_steps(resumed_model, resumed_optimizer, 10), uninterrupted)


def test_optimizer_state_keyed_by_parameter_name(config: RunConfig) -> None:
    names = Optimizer(_model(config), replace(config, optimizer="muon")).state_dict().keys()
    assert {
        "optimizer.layers.0.weight.exp_avg",
        "optimizer.layers.0.weight.exp_avg_sq",
        "optimizer.layers.0.weight.step",
        "optimizer.layers.2.weight.first.momentum_buffer",
        "optimizer.layers.2.weight.second.momentum_buffer",
        "optimizer.layers.3.gamma.exp_avg",
    } <= names
    assert not any(name.startswith("optimizer.layers.2.weight.exp") for name in names)


def test_empty_optimizer_state_starts_fresh(config: RunConfig, bit_identical: SameBits) -> None:
    config = replace(config, optimizer="muon")
    model = _model(config)
    optimizer = Optimizer(model, config)
    fresh = optimizer.state_dict()
    _gradients(model, 1)
    optimizer(0.05)
    assert not bit_identical(optimizer.state_dict(), fresh)
    optimizer.load_state_dict({})
    assert bit_identical(optimizer.state_dict(), fresh)


def test_plain_sgd_ignores_saved_momentum(config: RunConfig) -> None:
    state = Optimizer(_model(config), replace(config, momentum=0.9)).state_dict()
    optimizer = Optimizer(_model(config), config)
    optimizer.load_state_dict(state)
    assert optimizer.is_plain_sgd
    assert optimizer.state_dict() == {}


@pytest.mark.parametrize("fault", ["unknown", "missing", "shape", "dtype", "optimizer", "width"])
def test_mismatched_state_refused_without_change(config: RunConfig, bit_identical: SameBits, fault: str) -> None:
    config = replace(config, optimizer="adamw")
    model = _model(config)
    optimizer = Optimizer(model, config)
    _gradients(model, 1)
    optimizer(0.05)
    kept = optimizer.state_dict()
    name = "optimizer.layers.0.weight.exp_avg"
    others = {
        "unknown": {**kept, "optimizer.layers.9.weight.exp_avg": kept[name]},
        "missing": {key: tensor for key, tensor in kept.items() if key != name},
        "shape": {**kept, name: kept[name][:-1]},
        "dtype": {**kept, name: kept[name].float()},
        "optimizer": Optimizer(_model(config), replace(config, optimizer="muon")).state_dict(),
        "width": Optimizer(_model(replace(config, n_hidden=8)), config).state_dict(),
    }
    with pytest.raises(UserError, match="does not fit this configuration; load the weights with"):
        optimizer.load_state_dict(others[fault])
    assert bit_identical(optimizer.state_dict(), kept)


def test_no_optimizer_imports_dynamo(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)  # to import it fails from now on
    for settings in ({"momentum": 0.9}, {"optimizer": "muon"}):
        model = _model(config)
        Optimizer(model, replace(config, **settings))(0.1)  # type: ignore[arg-type]
