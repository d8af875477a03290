"""Pairs, whose speeds are compared only with each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charwave_tui.bench.results import Pair, interleaved


@pytest.mark.parametrize(("baseline", "loaded", "cost"), [(100, 95, 5), (100, 100, 0), (100, 102, -2), (80, 40, 50)])
def test_overhead_of_pair_is_fraction_lost_to_load(baseline: float, loaded: float, cost: float) -> None:
    assert Pair(baseline, loaded).cost == pytest.approx(cost)


@given(speeds=st.lists(st.floats(0.1, 1), min_size=3, max_size=9), fraction=st.floats(0.5, 1))
def test_overhead_unaffected_by_gradual_slowdown(speeds: list[float], fraction: float) -> None:
    pairs = [Pair(baseline=1_000 * speed, loaded=1_000 * speed * fraction) for speed in speeds]
    assert [pair.cost for pair in pairs] == pytest.approx([100 * (1 - fraction)] * len(pairs), abs=1e-6)


def test_paired_runs_alternate() -> None:
    order = []

    def measure(name: str, speed: float) -> float:
        order.append(name)
        return speed + len(order)

    pairs = list(interleaved(3, baseline=lambda: measure("B", 200), loaded=lambda: measure("A", 100)))
    assert order == ["A", "B"] * 3
    assert pairs == [Pair(202, 101), Pair(204, 103), Pair(206, 105)]
