"""The timeline stays bounded and even, and keeps its ends."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charwave_tui.core.readings import Sketch
from charwave_tui.core.timeline import FINEST, MOST_SKETCHES, due, grown


def of_steps(steps: list[int]) -> tuple[Sketch, ...]:
    timeline: tuple[Sketch, ...] = ()
    for step in steps:
        timeline = grown(timeline, Sketch(step, ()))
    return timeline


def test_short_timeline_keeps_every_sample() -> None:
    steps = list(range(0, MOST_SKETCHES * 7, 7))
    assert [sketch.step for sketch in of_steps(steps)] == steps


@pytest.mark.parametrize("count", [33, 64, 200, 1_001])
def test_long_timeline_keeps_ends_and_even_spacing(count: int) -> None:
    steps = [sketch.step for sketch in of_steps([number * 100 for number in range(count)])]
    assert len(steps) == MOST_SKETCHES
    assert (steps[0], steps[-1]) == (0, (count - 1) * 100)
    gaps = [after - before for before, after in pairwise(steps)]
    assert max(gaps) <= 4 * count * 100 / MOST_SKETCHES


def test_frequent_evaluations_sample_proportionally_few_names() -> None:
    timeline: tuple[Sketch, ...] = ()
    drawn = []
    for step in range(0, 1_000_000, 100):
        if due(timeline, step):
            timeline = grown(timeline, Sketch(step, ()))
            drawn.append(step)
    assert drawn[:FINEST] == list(range(0, FINEST * 100, 100))
    assert len(drawn) < 500
    gaps = [after - before for before, after in pairwise([sketch.step for sketch in timeline])]
    assert max(gaps) <= 4 * 1_000_000 / MOST_SKETCHES
    assert due((), 0)
    assert due((Sketch(0, ()),), 5)


@given(st.lists(st.integers(0, 100), max_size=80))
def test_timeline_steps_rise_after_resampling(steps: list[int]) -> None:
    kept = [sketch.step for sketch in of_steps(steps)]
    assert kept == sorted(set(kept))
    assert len(kept) <= MOST_SKETCHES
    assert kept[-1:] == steps[-1:]
