"""Learning rate schedules against values computed by hand, and one-cycle against torch's."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import OneCycleLR

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.engine.optim.lr_schedule import learning_rate, lr_drop_step


@pytest.mark.parametrize(
    ("drop", "step", "rate"),
    [(0.75, 0, 0.1), (0.75, 149_999, 0.1), (0.75, 150_000, 0.01), (0, 0, 0.01), (1, 199_999, 0.1), (1, 900_000, 0.1)],
)
def test_lr_drops_to_tenth_at_its_fraction_of_run(drop: float, step: int, rate: float) -> None:
    assert learning_rate(RunConfig(lr=0.1, lr_drop=drop, max_steps=200_000), step) == rate


def test_only_step_schedule_drops_at_once() -> None:
    drops = {name: lr_drop_step(RunConfig(schedule=name, max_steps=400)) for name in ("step", "cosine", "one-cycle")}
    assert drops == {"step": 300, "cosine": None, "one-cycle": None}
    assert lr_drop_step(RunConfig(lr_drop=1)) is None


@pytest.mark.parametrize(
    ("warmup", "step", "rate"),
    [
        (0.1, 0, 0.2),
        (0.1, 4, 1.0),
        (0.1, 9, 2.0),
        (0.1, 10, 2.0),
        (0.1, 40, 1.5),
        (0.1, 55, 1.0),
        (0.1, 100, 0.0),
        (0.1, 1_000, 0.0),
        (0.0, 0, 2.0),
        (0.0, 50, 1.0),
        (0.004, 0, 2.0),
        (1.0, 49, 1.0),
        (1.0, 99, 2.0),
        (1.0, 100, 0.0),
    ],
)
def test_cosine_warms_up_linearly_and_decays_along_half_cosine(warmup: float, step: int, rate: float) -> None:
    config = RunConfig(schedule="cosine", lr=2.0, warmup=warmup, max_steps=100)
    assert learning_rate(config, step) == pytest.approx(rate, abs=1e-12)


class NoOpOptimizer(torch.optim.Optimizer):
    """Just enough for a scheduler: a real one would import torch._dynamo, which takes seconds."""

    def __init__(self) -> None:
        self.param_groups = [{"lr": 0.0}]
        self.defaults = {}

    def step(self, closure: None = None) -> None:  # type: ignore[override]
        pass


@pytest.mark.parametrize(
    ("max_steps", "warmup"), [(400, 0.1), (400, 0.25), (37, 0.3), (10, 0.0), (10, 1.0), (10, 0.05), (2, 0.6), (1, 0.5)]
)
def test_one_cycle_equals_torch(max_steps: int, warmup: float) -> None:
    config = RunConfig(schedule="one-cycle", lr=0.03, warmup=warmup, max_steps=max_steps)
    optimizer = NoOpOptimizer()
    torch_schedule = OneCycleLR(optimizer, 0.03, total_steps=max_steps, pct_start=warmup, cycle_momentum=False)
    for step in range(max_steps):
        assert learning_rate(config, step) == pytest.approx(torch_schedule.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        if step < max_steps - 1:
            torch_schedule.step()
    assert learning_rate(config, max_steps + 5) == learning_rate(config, max_steps - 1)


def test_one_cycle_with_one_warmup_step_starts_at_maximum() -> None:
    config = RunConfig(schedule="one-cycle", lr=0.03, warmup=0.1, max_steps=10)  # torch divides by zero
    assert learning_rate(config, 0) == 0.03


@given(st.from_type(RunConfig), st.integers(0, 200_000_000))
def test_lr_never_negative_or_above_maximum(config: RunConfig, step: int) -> None:
    assert 0 <= learning_rate(config, step) <= config.lr * (1 + 1e-12)
