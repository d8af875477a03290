"""The axes of the loss chart: limits, when these change, and ticks."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charwave_tui.ui.charts.axes import (
    LABEL_WIDTH,
    MIN_X_STEPS,
    Axes,
    fit_axes,
    loss_ticks,
    step_ticks,
    to_columns,
    x_extent,
)

UNITS = {"k": 1e3, "M": 1e6}


def read(label: str) -> float:
    label = label.replace(",", "")
    return float(label[:-1]) * UNITS[label[-1]] if label[-1] in UNITS else float(label)


@given(st.floats(-6, 12), st.floats(1e-6, 18), st.integers(2, 97), st.booleans())
def test_loss_ticks_inside_strictly_rising_and_exact(low: float, span: float, rows: int, log: bool) -> None:
    axes = Axes(100, low, low + span, log) if log else Axes(100, 10**low, 10**low + max(10**span, 10**low) * 1e-6, log)
    ticks = loss_ticks(axes, rows)
    assert all(0 <= tick.cell < rows and len(tick.label) <= LABEL_WIDTH for tick in ticks)
    assert all(below.value < above.value and below.cell - above.cell >= 3 for below, above in pairwise(ticks))
    assert all(read(tick.label) == pytest.approx(tick.value, rel=1e-12, abs=0) for tick in ticks)
    assert all(-1e-9 <= axes.y_position(tick.value) <= 1 + 1e-9 for tick in ticks)


@given(st.floats(10, 1e8), st.integers(4, 280))
def test_step_ticks_whole_inside_and_exact(steps: float, columns: int) -> None:
    ticks = step_ticks(Axes(steps, 0, 1, True), columns)
    assert ticks[0].value == 0
    assert all(tick.value == int(tick.value) <= steps and 0 <= tick.cell < columns for tick in ticks)
    assert all(left.value < right.value and right.cell - left.cell >= 11 for left, right in pairwise(ticks))
    assert all(read(tick.label) == pytest.approx(tick.value, rel=1e-12) for tick in ticks)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (1.75, 2.35, ["1.8", "2.0", "2.2"]),
        (0.9, 9.0, ["1", "2", "5"]),
        (2.0, 1500.0, ["10", "100", "1,000"]),
    ],
)
def test_log_scale_has_round_losses_and_decades_beyond_factor_20(low: float, high: float, labels: list[str]) -> None:
    ticks = loss_ticks(Axes(100, math.log10(low), math.log10(high), True), 15)
    assert [tick.label for tick in ticks] == labels


@given(st.integers(0, 10**8), st.integers(1, 10**8))
def test_x_axis_halved_until_current_step_fills_half(step: int, max_steps: int) -> None:
    steps = x_extent(step, max_steps)
    assert math.log2(max(max_steps, step) / steps).is_integer()
    assert step <= steps
    assert steps < 2 * max(step, MIN_X_STEPS) or steps == max(max_steps, step)


@given(st.lists(st.floats(0.5, 9), min_size=1, max_size=30), st.lists(st.floats(0.5, 9), max_size=2), st.booleans())
def test_y_axis_holds_every_loss_and_is_stable_without_news(
    values: list[float], constants: list[float], log: bool
) -> None:
    axes = fit_axes(values, constants, 100, log)
    assert all(0 <= axes.y_position(value) <= 1 for value in values)
    assert fit_axes(values, constants, 100, log, axes) is axes


def test_y_axis_rescales_only_for_outside_loss_or_large_excess() -> None:
    axes = fit_axes([3.0, 2.0], [], 100, True)
    assert fit_axes([3.0, 1.97], [], 100, True, axes) is axes
    assert fit_axes([2.7, 2.1], [], 100, True, axes) is axes
    lower = fit_axes([3.0, 1.5], [], 100, True, axes)
    assert lower.y_position(1.5) >= 0 > axes.y_position(1.5)
    assert fit_axes([2.1, 2.0], [], 100, True, axes) is not axes
    assert fit_axes([3.0, 2.0], [], 200, True, axes) is not axes


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0, 9)), max_size=400), st.integers(8, 240))
def test_polyline_has_two_points_per_column_and_earlier_ones_stay(
    points: list[tuple[int, float]], columns: int
) -> None:
    points.sort()
    line = to_columns(points, 500, columns)
    assert [column for column, _ in line] == sorted({column for column, _ in line})
    assert all(0 <= column < columns for column, _ in line)
    longer = to_columns([*points, (500, 1.0)], 500, columns)
    assert longer[: len(line) - 1] == line[:-1]
    assert longer[-1][0] == columns - 1
