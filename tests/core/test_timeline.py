"""The timeline stays bounded and even, and keeps its ends."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charwave_tui.core.history import FINEST, MAX_TIMELINE_SAMPLES, add_timeline_sample, timeline_sample_due
from charwave_tui.core.metrics import TimelineSample


def of_steps(steps: list[int]) -> tuple[TimelineSample, ...]:
    timeline: tuple[TimelineSample, ...] = ()
    for step in steps:
        timeline = add_timeline_sample(timeline, TimelineSample(step, ()))
    return timeline


def test_short_timeline_keeps_every_sample() -> None:
    steps = list(range(0, MAX_TIMELINE_SAMPLES * 7, 7))
    assert [sketch.step for sketch in of_steps(steps)] == steps


@pytest.mark.parametrize("count", [33, 64, 200, 1_001])
def test_long_timeline_keeps_ends_and_even_spacing(count: int) -> None:
    steps = [sketch.step for sketch in of_steps([number * 100 for number in range(count)])]
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
    assert drawn[:FINEST] == list(range(0, FINEST * 100, 100))
    assert len(drawn) < 500
    gaps = [after - before for before, after in pairwise([sketch.step for sketch in timeline])]
    assert max(gaps) <= 4 * 1_000_000 / MAX_TIMELINE_SAMPLES
    assert timeline_sample_due((), 0)
    assert timeline_sample_due((TimelineSample(0, ()),), 5)


@given(st.lists(st.integers(0, 100), max_size=80))
def test_timeline_steps_rise_after_resampling(steps: list[int]) -> None:
    kept = [sketch.step for sketch in of_steps(steps)]
    assert kept == sorted(set(kept))
    assert len(kept) <= MAX_TIMELINE_SAMPLES
    assert kept[-1:] == steps[-1:]
