"""Formatted numbers: fixed widths and a true minus."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from charwave_tui.ui.drawing.number_format import (
    MAX_AGE_WIDTH,
    format_age,
    format_duration,
    format_loss,
    format_nll,
    format_ratio,
    format_short_steps,
    format_signed,
    format_speed,
    format_std,
    format_steps,
    local_now,
)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1.8474, "1.8474"),
        (1.99999, "2.0000"),
        (0.0, "0.0000"),
        (99.5, "99.5000"),
        (104.4, "104"),
        (12_345.6, "12,346"),
        (2.4e9, "2.4e+09"),
        (None, "–"),
        (math.nan, "nan"),
        (math.inf, "inf"),
    ],
)
def test_small_loss_has_four_decimals(value, written):
    assert format_loss(value) == written


@pytest.mark.parametrize(("value", "written"), [(1.874, "1.87"), (12.0, "12.00"), (math.nan, "nan"), (math.inf, "nan")])
def test_nll_has_two_decimals(value, written):
    assert format_nll(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.011, "+0.011"),
        (-0.0041, "−0.004"),
        (0.0, "0.000"),
        (-0.0004, "0.000"),
        (0.0005, "+0.001"),
        (-12.34, "−12.3"),
        (1_234.5, "+1234"),
        (1.5e6, "+2e+06"),
        (math.nan, "nan"),
        (math.inf, "+inf"),
        (-math.inf, "−inf"),
    ],
)
def test_mean_has_sign_and_three_decimals(value, written):
    assert format_signed(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(1.2744, "1.274"), (40.0, "40.0"), (999.94, "999.9"), (4_321.0, "4321"), (math.nan, "nan"), (math.inf, "inf")],
)
def test_std_has_four_digits(value, written):
    assert format_std(value) == written


@given(st.floats(-1e30, 1e30))
def test_mean_fits_seven_columns_and_std_six(value):
    assert cell_len(format_signed(value)) <= 7
    assert cell_len(format_std(abs(value))) <= 6


@pytest.mark.parametrize(
    ("value", "written"), [(0, "0"), (500, "500"), (50_000, "50k"), (1_500_000, "1.5M"), (2_500, "2.5k")]
)
def test_axis_steps_are_short(value, written):
    assert format_short_steps(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(None, "–"), (0.0, "0"), (2.8e-5, "2.8e−5"), (0.0462, "0.046"), (31.25, "31.2"), (2.4e4, "2.4e4")],
)
def test_std_ratio_keeps_digits_however_small(value, written):
    assert format_ratio(value) == written


def test_step_count_has_commas():
    assert [format_steps(value) for value in (0, 999, 132_400)] == ["0", "999", "132,400"]


@pytest.mark.parametrize(
    ("value", "written"), [(1_512.4, "1,512"), (10.0, "10"), (7.34, "7.3"), (0.0, "–"), (-1.0, "–")]
)
def test_speed_is_whole_from_ten_and_dash_if_unknown(value, written):
    assert format_speed(value) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.2, "0s"),
        (-3.0, "0s"),
        (45, "45s"),
        (59.6, "1m00s"),
        (100, "1m40s"),
        (3_599.7, "1h00m"),
        (7_505, "2h05m"),
        (259_200, "72h00m"),
        (864_000, "10d"),
    ],
)
def test_remaining_time_has_two_largest_units(seconds, written):
    assert format_duration(seconds) == written


@given(st.floats(0, 8e9))
def test_remaining_time_fits_six_columns_of_status_bar(seconds):
    assert len(format_duration(seconds)) <= 6


NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2026-03-14T11:59:31+00:00", "just now"),
        ("2026-03-14T11:58:00+00:00", "2 min ago"),
        ("2026-03-14T11:00:01+00:00", "59 min ago"),
        ("2026-03-14T11:00:00+00:00", "1 h ago"),
        ("2026-03-14T00:30:00+00:00", "11 h ago"),
        ("2026-03-13T23:59:00+00:00", "yesterday"),
        ("2026-03-13T00:00:00+00:00", "yesterday"),
        ("2026-03-12T23:00:00+00:00", "12 Mar"),
        ("2025-12-31T23:00:00+00:00", "Dec 2025"),
        ("2026-03-14T15:59:00+05:00", "1 h ago"),
        ("2026-03-14T12:00:59+00:00", "14 Mar"),
        ("2027-01-01T00:00:00+00:00", "Jan 2027"),
        ("", "–"),
        ("yesterday", "–"),
        ("9999-12-31T23:59:59-12:00", "–"),
    ],
)
def test_timestamp_shown_as_age_then_as_date(moment, words):
    assert format_age(moment, NOON) == words
    assert len(words) <= MAX_AGE_WIDTH


def test_dates_are_in_local_time_zone():
    late = NOON.replace(hour=23).astimezone(timezone(timedelta(hours=2)))
    assert late.day == 15
    assert format_age("2026-03-14T20:00:00+00:00", late) == "yesterday"
    assert format_age("2026-03-14T22:30:00+00:00", late) == "30 min ago"


def test_now_has_a_time_zone():
    assert format_age(local_now().isoformat(), local_now()) == "just now"
