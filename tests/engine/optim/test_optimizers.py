"""Every optimiser against its formula written out in float64, and what it remembers across a file."""

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
    stream = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        assert parameter.grad is not None
        parameter.grad.copy_(torch.randn(parameter.shape, generator=stream))
    return {name: _gradient(parameter).clone() for name, parameter in model.named_parameters()}


def _gradient(parameter: nn.Parameter) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


def _weights(model: Sequential) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def _decay(name: str, config: RunConfig) -> float:
    return config.weight_decay if name.endswith(".weight") else 0.0


def _assert_close(model: Sequential, wanted: dict[str, Tensor]) -> None:
    for name, weight in _weights(model).items():
        assert torch.allclose(weight, wanted[name], rtol=1e-10, atol=1e-12), name


def test_plain_sgd_bit_identical_to_lecture(config: RunConfig) -> None:
    model = _model(config, torch.float32)
    update = Optimizer(model, config)
    assert update.is_plain_sgd
    wanted = _weights(model)
    for number, rate in enumerate(RATES):
        for name, gradient in _gradients(model, number).items():
            wanted[name] += -rate * gradient
        update(rate)
    assert all(torch.equal(weight, wanted[name]) for name, weight in _weights(model).items())
    assert update.state_dict() == {}


@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.9, 0.0), (0.9, 0.3), (0.0, 0.3)])
def test_sgd_follows_formula(config: RunConfig, momentum: float, weight_decay: float) -> None:
    config = replace(config, momentum=momentum, weight_decay=weight_decay)
    model = _model(config)
    update = Optimizer(model, config)
    assert not update.is_plain_sgd
    wanted = _weights(model)
    speed = {name: torch.zeros_like(weight) for name, weight in wanted.items()}
    for number, rate in enumerate(RATES):
        for name, gradient in _gradients(model, number).items():
            speed[name] = momentum * speed[name] + gradient + _decay(name, config) * wanted[name]
            wanted[name] = wanted[name] - rate * speed[name]
        update(rate)
    _assert_close(model, wanted)


def test_adamw_follows_formula(config: RunConfig) -> None:
    config = replace(config, optimizer="adamw", weight_decay=0.3, momentum=0.9)
    model = _model(config)
    update = Optimizer(model, config)
    wanted = _weights(model)
    mean = {name: torch.zeros_like(weight) for name, weight in wanted.items()}
    square = {name: torch.zeros_like(weight) for name, weight in wanted.items()}
    for number, rate in enumerate(RATES, start=1):
        for name, gradient in _gradients(model, number).items():
            mean[name] = 0.9 * mean[name] + 0.1 * gradient
            square[name] = 0.999 * square[name] + 0.001 * gradient**2
            root = torch.sqrt(square[name] / (1 - 0.999**number)) + 1e-8
            move = mean[name] / (1 - 0.9**number) / root
            wanted[name] = wanted[name] - rate * _decay(name, config) * wanted[name] - rate * move
        update(rate)
    _assert_close(model, wanted)


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
        moved = before[f"{name}.weight"] - _weights(model)[f"{name}.weight"]
        for half in moved.chunk(2, dim=1) if activation == "gated" else [moved]:
            values = torch.linalg.svdvals(half) / (0.05 * 0.2 * max(half.shape) ** 0.5)
            assert values.min() > 0.6
            assert values.max() < 1.3


def test_muon_keeps_momentum(config: RunConfig) -> None:
    config = replace(config, optimizer="muon")
    model, weight = _model(config), "layers.2.weight"
    update = Optimizer(model, config)
    mean = torch.zeros_like(_weights(model)[weight])
    for number in range(3):
        before, gradient = _weights(model)[weight], _gradients(model, number)[weight]
        update(0.05)
        mean = 0.95 * mean + 0.05 * gradient
        moved = (before - _weights(model)[weight]).chunk(2, dim=1)
        for half, aim in zip(moved, (0.05 * gradient + 0.95 * mean).chunk(2, dim=1), strict=True):
            left, _, right = torch.linalg.svd(aim, full_matrices=False)
            likeness = torch.cosine_similarity((left @ right).flatten(), half.flatten(), dim=0)
            assert likeness > 0.97


def test_muon_leaves_other_parameters_to_adamw(config: RunConfig) -> None:
    ends = {}
    for optimizer in ("adamw", "muon"):
        mixed = replace(config, optimizer=optimizer, weight_decay=0.3)
        model = _model(mixed)
        update = Optimizer(model, mixed)
        for number, rate in enumerate(RATES):
            _gradients(model, number)
            update(rate)
        ends[optimizer] = _weights(model)
    unlike = [name for name in ends["muon"] if not torch.equal(ends["muon"][name], ends["adamw"][name])]
    assert unlike == ["layers.2.weight", "layers.6.weight"]


def test_muon_decays_matrices_by_lr_times_weight_decay(config: RunConfig) -> None:
    ends = []
    for weight_decay in (0.0, 0.3):
        model = _model(config)
        before = _weights(model)["layers.2.weight"]
        _gradients(model, 1)
        Optimizer(model, replace(config, optimizer="muon", weight_decay=weight_decay))(0.05)
        ends.append(_weights(model)["layers.2.weight"])
    assert torch.allclose(ends[0] - ends[1], 0.05 * 0.3 * before)


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
    ends = []
    for inference in (False, True):
        model = _model(config, torch.float32)
        update = Optimizer(model, config)
        places = [_gradient(parameter) for parameter in model.parameters()]
        for number, rate in enumerate(RATES):
            with torch.inference_mode(inference):
                pulled = _gradients(model, number)
                before = _weights(model)
                update(rate)
            assert all(
                _gradient(parameter) is place for parameter, place in zip(model.parameters(), places, strict=True)
            )
            assert all(torch.equal(_gradient(parameter), pulled[name]) for name, parameter in model.named_parameters())
            assert not any(torch.equal(weight, before[name]) for name, weight in _weights(model).items())
        ends.append({**_weights(model), **update.state_dict()})
    assert bit_identical(*ends)


def test_momentum_toggled_in_live_model(config: RunConfig) -> None:
    model = _model(config)
    update = Optimizer(model, config)
    wanted = _weights(model)
    speed = {name: torch.zeros_like(weight) for name, weight in wanted.items()}
    for number, momentum in enumerate((0.0, 0.9, 0.9, 0.5, 0.0, 0.9, 0.9)):
        update.set_config(replace(config, momentum=momentum))
        assert update.is_plain_sgd == (momentum == 0)
        for name, gradient in _gradients(model, number).items():
            speed[name] = momentum * speed[name] + gradient
            wanted[name] = wanted[name] - 0.05 * speed[name]
            if momentum == 0:
                speed[name] = torch.zeros_like(gradient)  # plain descent leaves no speed behind
        update(0.05)
    _assert_close(model, wanted)


def test_weight_decay_changes_live(config: RunConfig) -> None:
    config = replace(config, optimizer="adamw")
    ends = []
    for first in (0.0, 0.3):
        model = _model(config)
        update = Optimizer(model, replace(config, weight_decay=first))
        update.set_config(replace(config, weight_decay=0.3))
        _gradients(model, 1)
        update(0.05)
        ends.append(_weights(model))
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


@pytest.mark.parametrize("settings", [{"momentum": 0.9}, {"optimizer": "adamw"}, {"optimizer": "muon"}])
def test_ten_steps_saved_plus_ten_equal_twenty_bit_identical(
    config: RunConfig, bit_identical: SameBits, tmp_path: Path, settings: dict[str, float | str]
) -> None:
    config = replace(config, weight_decay=0.1, **settings)  # type: ignore[arg-type]

    def go(model: Sequential, update: Optimizer, first: int) -> dict[str, Tensor]:
        for number in range(first, first + 10):
            _gradients(model, number)
            update(0.02)
        return {**_weights(model), **update.state_dict()}

    model = _model(config, torch.float32)
    update = Optimizer(model, config)
    save_weights(tmp_path / "weights", go(model, update, 0), {})
    straight = go(model, update, 10)
    other = _model(config, torch.float32)
    again = Optimizer(other, config)
    halfway, _ = load_weights(tmp_path / "weights")
    again.load_state_dict({name: tensor for name, tensor in halfway.items() if name.startswith("optimizer.")})
    other.load_state_dict({name: halfway.get(name, tensor) for name, tensor in other.state_dict().items()})
    assert bit_identical(go(other, again, 10), straight)


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
    update = Optimizer(model, config)
    fresh = update.state_dict()
    _gradients(model, 1)
    update(0.05)
    assert not bit_identical(update.state_dict(), fresh)
    update.load_state_dict({})
    assert bit_identical(update.state_dict(), fresh)


def test_plain_sgd_ignores_saved_momentum(config: RunConfig) -> None:
    state = Optimizer(_model(config), replace(config, momentum=0.9)).state_dict()
    update = Optimizer(_model(config), config)
    update.load_state_dict(state)
    assert update.is_plain_sgd
    assert update.state_dict() == {}


@pytest.mark.parametrize("fault", ["unknown", "missing", "shape", "dtype", "optimizer", "width"])
def test_mismatched_state_refused_without_change(config: RunConfig, bit_identical: SameBits, fault: str) -> None:
    config = replace(config, optimizer="adamw")
    model = _model(config)
    update = Optimizer(model, config)
    _gradients(model, 1)
    update(0.05)
    kept = update.state_dict()
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
        update.load_state_dict(others[fault])
    assert bit_identical(update.state_dict(), kept)


def test_no_optimizer_imports_dynamo(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)  # to import it fails from now on
    for settings in ({"momentum": 0.9}, {"optimizer": "muon"}):
        model = _model(config)
        Optimizer(model, replace(config, **settings))(0.1)  # type: ignore[arg-type]
