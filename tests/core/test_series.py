"""The loss history: bounded, with the means and extremes of all it was given."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charwave_tui.core.history import DownsampledLosses
from charwave_tui.core.metrics import LossPoint

losses = st.lists(st.floats(0, 100), min_size=1, max_size=300)


even = st.integers(1, 20).map(lambda half: 2 * half)


def course(values: list[float]) -> list[LossPoint]:
    """One point a step, whose low and high lie around its mean."""
    return [LossPoint(step, value, value - 1, value + 1) for step, value in enumerate(values, 1)]


def mean_over_steps(points: tuple[LossPoint, ...]) -> float:
    """The mean loss of all steps, each point counted for the steps since the one before."""
    ends = [0, *(point.step for point in points)]
    lengths = [end - start for start, end in pairwise(ends)]
    return sum(point.mean * length for point, length in zip(points, lengths, strict=True)) / ends[-1]


@given(losses, st.integers(2, 40))
def test_history_never_exceeds_capacity(values: list[float], capacity: int) -> None:
    series = DownsampledLosses(capacity=capacity)
    for point in course(values):
        series.append(point)
        assert len(series) == len(series.points()) <= capacity


@given(losses, st.integers(2, 40))
def test_history_extremes_survive_folding(values: list[float], capacity: int) -> None:
    points = DownsampledLosses(course(values), capacity).points()
    assert min(point.low for point in points) == min(values) - 1
    assert max(point.high for point in points) == max(values) + 1


@given(losses, even)
def test_history_mean_survives_folding(values: list[float], capacity: int) -> None:
    points = DownsampledLosses(course(values), capacity).points()
    assert mean_over_steps(points) == pytest.approx(sum(values) / len(values))


@given(losses, st.integers(2, 40))
def test_history_steps_ordered_and_newest_present(values: list[float], capacity: int) -> None:
    steps = [point.step for point in DownsampledLosses(course(values), capacity).points()]
    assert steps == sorted(set(steps))
    assert steps[-1] == len(values)


def test_short_history_kept_unchanged() -> None:
    points = course([3.3, 2.9, 2.7])
    assert DownsampledLosses(points).points() == tuple(points)
    assert len(DownsampledLosses()) == 0
    assert DownsampledLosses().points() == ()


def test_history_fold_merges_neighbours() -> None:
    assert DownsampledLosses(course([4.0, 2.0, 1.0, 3.0]), capacity=4).points() == (
        LossPoint(2, 3.0, 1.0, 5.0),
        LossPoint(4, 2.0, 0.0, 4.0),
    )


def test_partial_point_shown_after_fold() -> None:
    series = DownsampledLosses(course([4.0, 2.0, 1.0, 3.0, 9.0]), capacity=4)
    assert series.points()[-1] == LossPoint(5, 9.0, 8.0, 10.0)
