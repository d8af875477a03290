"""When something was, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from charwave_tui.ui.drawing.number_format import WIDEST, format_age, local_now

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
    assert len(words) <= WIDEST


def test_dates_are_in_local_time_zone():
    late = NOON.replace(hour=23).astimezone(timezone(timedelta(hours=2)))
    assert late.day == 15
    assert format_age("2026-03-14T20:00:00+00:00", late) == "yesterday"
    assert format_age("2026-03-14T22:30:00+00:00", late) == "30 min ago"


def test_now_has_a_time_zone():
    assert format_age(local_now().isoformat(), local_now()) == "just now"
