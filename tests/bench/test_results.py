"""Medians, and pairs whose speeds are compared only with each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charwave_tui.bench.results import Measurement, Pair, interleaved, median_cost, median_of


def test_result_is_median_and_keeps_run_order() -> None:
    measurement = median_of("first_frame", "s", "soon", [0.4, 9.0, 0.3])
    assert measurement == Measurement("first_frame", 0.4, "s", "soon", (0.4, 9.0, 0.3))
    assert median_of("one", "s", "", [1.0, 2.0]).value == 1.5


@pytest.mark.parametrize(("baseline", "loaded", "cost"), [(100, 95, 5), (100, 100, 0), (100, 102, -2), (80, 40, 50)])
def test_overhead_of_pair_is_fraction_lost_to_load(baseline: float, loaded: float, cost: float) -> None:
    assert Pair(baseline, loaded).cost == pytest.approx(cost)


def test_overhead_is_median_of_pair_ratios() -> None:
    pairs = [Pair(baseline=100, loaded=90), Pair(baseline=50, loaded=49), Pair(baseline=10, loaded=9.6)]
    measurement = median_cost("cost", "slower", pairs, baseline_key="without", loaded_key="with")
    assert measurement.value == pytest.approx(4)
    assert measurement.unit == "%"
    assert [run["with"] for run in measurement.runs if isinstance(run, dict)] == [90, 49, 9.6]
    assert [run["cost"] for run in measurement.runs if isinstance(run, dict)] == pytest.approx([10, 2, 4])


@given(speeds=st.lists(st.floats(0.1, 1), min_size=3, max_size=9), fraction=st.floats(0.5, 1))
def test_overhead_unaffected_by_gradual_slowdown(speeds: list[float], fraction: float) -> None:
    pairs = [Pair(baseline=1_000 * speed, loaded=1_000 * speed * fraction) for speed in speeds]
    assert median_cost("cost", "", pairs, "a", "b").value == pytest.approx(100 * (1 - fraction), abs=1e-6)


def test_paired_runs_alternate() -> None:
    order = []

    def measure(name: str, speed: float) -> float:
        order.append(name)
        return speed + len(order)

    pairs = list(interleaved(3, baseline=lambda: measure("B", 200), loaded=lambda: measure("A", 100)))
    assert order == ["A", "B"] * 3
    assert pairs == [Pair(202, 101), Pair(204, 103), Pair(206, 105)]
