"""RunHistory is bounded and resumable; SpeedMeter."""

from __future__ import annotations

import pytest

from charwave_tui.core.metrics import CurveMarker, Evaluation, LossPoint, Split
from charwave_tui.engine.runs.run_history import SPEED_MEMORY_SECONDS, RunHistory, SpeedMeter


def point(step: int) -> LossPoint:
    return LossPoint(step, 2.0, 1.0, 3.0)


def test_loss_history_stays_bounded_and_keeps_newest() -> None:
    course = RunHistory(1)
    course.add_points(point(step) for step in range(1, 10_001))
    for step in range(3_000):
        course.add_evaluation(Evaluation(step, Split.VAL, 2.0))
        course.add_marker(CurveMarker(step, "lr 0.1 → 0.05"))
    history = course.snapshot()
    assert len(history.points) <= 2_000
    assert len(history.evaluations) <= 1_000
    assert len(history.marks) <= 1_000
    assert (history.points[-1].step, history.evaluations[-1].step, history.marks[-1].step) == (10_000, 2_999, 2_999)


def test_partial_window_is_last_point() -> None:
    course = RunHistory(5)
    assert (course.has_points, course.snapshot().points) == (False, ())
    assert course.snapshot(point(3)).points == (point(3),)
    course.add_points([point(5)])
    assert course.has_points
    assert course.snapshot(point(7)).points == (point(5), point(7))
    assert course.snapshot().points == (point(5),)


def test_evaluation_found_by_split_and_step_newest_first() -> None:
    course = RunHistory(1)
    for loss in (2.0, 1.5):
        course.add_evaluation(Evaluation(10, Split.VAL, loss))
    assert course.evaluation(Split.VAL, 10) == Evaluation(10, Split.VAL, 1.5)
    assert course.evaluation(Split.VAL, 11) is None
    assert course.evaluation(Split.TRAIN, 10) is None


def test_speed_meter_counts_training_time_only() -> None:
    pace = SpeedMeter()
    pace.add_burst(0, 0.5)
    assert (pace.seconds, pace.steps_per_second) == (0.5, 0.0)
    pace.add_burst(10, 0.1)
    assert pace.steps_per_second == pytest.approx(100)
    pace.add_burst(10, SPEED_MEMORY_SECONDS)
    assert pace.steps_per_second == pytest.approx(10 / SPEED_MEMORY_SECONDS)
    assert pace.seconds == pytest.approx(0.6 + SPEED_MEMORY_SECONDS)
