"""When something was, in the words in which a person would say it."""

from __future__ import annotations

from datetime import datetime, timedelta

from charwave_tui.ui.glyphs import GLYPHS

WIDEST = 10
"""Columns of the longest of them, `59 min ago`."""

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def now() -> datetime:
    """The time here, with its zone."""
    return datetime.now().astimezone()


def when(moment: str, present: datetime) -> str:
    """How long before `present` the ISO time `moment` was, or its day; a dash where it is no time.

    What lies ahead, as it does once a clock was set back, is told by its day.
    """
    try:
        then = datetime.fromisoformat(moment).astimezone(present.tzinfo)
    except (ValueError, OverflowError, OSError):
        return GLYPHS.none
    minutes = (present - then) // timedelta(minutes=1)
    if 0 <= minutes < 60:
        return f"{minutes} min ago" if minutes else "just now"
    if minutes >= 0 and then.date() == present.date():
        return f"{minutes // 60} h ago"
    if then.date() == present.date() - timedelta(days=1):
        return "yesterday"
    month = _MONTHS[then.month - 1]
    return f"{then.day} {month}" if then.year == present.year else f"{month} {then.year}"
