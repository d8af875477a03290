"""The loss history: bounded, with the means and extremes of all it was given."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charwave_tui.core.history import DownsampledLosses
from charwave_tui.core.metrics import LossPoint, TimelineSample
from charwave_tui.core.timeline import (
    MAX_TIMELINE_SAMPLES,
    TIMELINE_RESOLUTION,
    add_timeline_sample,
    timeline_sample_due,
)

losses = st.lists(st.floats(0, 100), min_size=1, max_size=300)


even = st.integers(1, 20).map(lambda half: 2 * half)


def loss_points(values: list[float]) -> list[LossPoint]:
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
    for point in loss_points(values):
        series.append(point)
        assert len(series) == len(series.points()) <= capacity


@given(losses, st.integers(2, 40))
def test_history_extremes_survive_folding(values: list[float], capacity: int) -> None:
    points = DownsampledLosses(loss_points(values), capacity).points()
    assert min(point.low for point in points) == min(values) - 1
    assert max(point.high for point in points) == max(values) + 1


@given(losses, even)
def test_history_mean_survives_folding(values: list[float], capacity: int) -> None:
    points = DownsampledLosses(loss_points(values), capacity).points()
    assert mean_over_steps(points) == pytest.approx(sum(values) / len(values))


@given(losses, st.integers(2, 40))
def test_history_steps_ordered_and_newest_present(values: list[float], capacity: int) -> None:
    steps = [point.step for point in DownsampledLosses(loss_points(values), capacity).points()]
    assert steps == sorted(set(steps))
    assert steps[-1] == len(values)


def test_short_history_kept_unchanged() -> None:
    points = loss_points([3.3, 2.9, 2.7])
    assert DownsampledLosses(points).points() == tuple(points)
    assert len(DownsampledLosses()) == 0
    assert DownsampledLosses().points() == ()


def test_history_fold_merges_neighbours() -> None:
    assert DownsampledLosses(loss_points([4.0, 2.0, 1.0, 3.0]), capacity=4).points() == (
        LossPoint(2, 3.0, 1.0, 5.0),
        LossPoint(4, 2.0, 0.0, 4.0),
    )


def test_partial_point_shown_after_fold() -> None:
    series = DownsampledLosses(loss_points([4.0, 2.0, 1.0, 3.0, 9.0]), capacity=4)
    assert series.points()[-1] == LossPoint(5, 9.0, 8.0, 10.0)


def samples_at(steps: list[int]) -> tuple[TimelineSample, ...]:
    timeline: tuple[TimelineSample, ...] = ()
    for step in steps:
        timeline = add_timeline_sample(timeline, TimelineSample(step, ()))
    return timeline


def test_short_timeline_keeps_every_sample() -> None:
    steps = list(range(0, MAX_TIMELINE_SAMPLES * 7, 7))
    assert [sketch.step for sketch in samples_at(steps)] == steps


@pytest.mark.parametrize("count", [33, 64, 200, 1_001])
def test_long_timeline_keeps_ends_and_even_spacing(count: int) -> None:
    steps = [sketch.step for sketch in samples_at([number * 100 for number in range(count)])]
    assert len(steps) == MAX_TIMELINE_SAMPLES
    assert (steps[0], steps[-1]) == (0, (count - 1) * 100)
    gaps = [after - before for before, after in pairwise(steps)]
    assert max(gaps) <= 4 * count * 100 / MAX_TIMELINE_SAMPLES


def test_frequent_evaluations_sample_proportionally_few_names() -> None:
    timeline: tuple[TimelineSample, ...] = ()
    drawn = []
    for step in range(0, 1_000_000, 100):
        if timeline_sample_due(timeline, step):
            timeline = add_timeline_sample(timeline, TimelineSample(step, ()))
            drawn.append(step)
    assert drawn[:TIMELINE_RESOLUTION] == list(range(0, TIMELINE_RESOLUTION * 100, 100))
    assert len(drawn) < 500
    gaps = [after - before for before, after in pairwise([sketch.step for sketch in timeline])]
    assert max(gaps) <= 4 * 1_000_000 / MAX_TIMELINE_SAMPLES
    assert timeline_sample_due((), 0)
    assert timeline_sample_due((TimelineSample(0, ()),), 5)


@given(st.lists(st.integers(0, 100), max_size=80))
def test_timeline_steps_rise_after_resampling(steps: list[int]) -> None:
    kept = [sketch.step for sketch in samples_at(steps)]
    assert kept == sorted(set(kept))
    assert len(kept) <= MAX_TIMELINE_SAMPLES
    assert kept[-1:] == steps[-1:]
