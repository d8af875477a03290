"""Losses, ratios, steps, durations, ages."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta

from charwave_tui.ui.terminal.glyphs import GLYPHS

Written = Callable[[float], str]
"""How a number is written."""


def format_loss(value: float | None) -> str:
    """A loss in nats, four places: `1.8474`; from a hundred on none, beyond ten million `2.4e+09`."""
    if value is None:
        return GLYPHS.none
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf"
    if value >= 10_000_000:
        return f"{value:.1e}"
    return f"{value:.4f}" if value < 100 else f"{value:,.0f}"


def format_nll(value: float) -> str:
    """Negative log-likelihood per character, two places: `1.87`; never wider than five columns."""
    if not math.isfinite(value):
        return "nan"
    return f"{value:.2f}" if value < 100 else f"{value:.0f}" if value < 100_000 else f"{value:.0e}"


def format_signed(value: float) -> str:
    """A mean with its sign, three places: `+0.011`; none where nothing is left of it."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else ("+inf" if value > 0 else f"{GLYPHS.minus}inf")
    size = _three(abs(value))
    sign = GLYPHS.minus if value < 0 else "+"
    return size if float(size) == 0 else sign + size


def format_std(value: float) -> str:
    """A standard deviation, four digits: `1.274`, `40.0`."""
    return _three(value) if math.isfinite(value) else ("nan" if math.isnan(value) else "inf")


def _three(value: float) -> str:
    if value < 10:
        return f"{value:.3f}"
    return f"{value:.1f}" if value < 1_000 else f"{value:.0e}" if value >= 100_000 else f"{value:.0f}"


def format_gradient_std(value: float | None) -> str:
    """The std of a gradient, two digits and a power of ten: `8.7e−3`; a dash where there is none."""
    if value is None:
        return GLYPHS.none
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else f"{GLYPHS.minus}inf")
    digits, power = f"{abs(value):.1e}".split("e")
    return f"{GLYPHS.minus * (value < 0)}{digits}e{int(power)}".replace("-", GLYPHS.minus) if value else "0"


def format_ratio(value: float | None) -> str:
    """A std by another, three places: `0.046`; of ten thousand and more `2.4e4`, under a thousandth `2.8e−5`."""
    if value is None or not math.isfinite(value):
        return format_gradient_std(value)
    return (
        format_gradient_std(value)
        if value >= 10_000 or value < 0.001
        else f"{value:.3f}"
        if value < 10
        else f"{value:.1f}"
    )


def format_update_ratio(value: float | None) -> str:
    """An update ratio, log10(std(Δp)/std(p)), one place: `−2.8`; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return format_gradient_std(value)
    return f"{value:.1f}".replace("-", GLYPHS.minus)


def format_brief(value: float) -> str:
    """An end of an axis in few columns, with its sign: `−1`, `0`, `+1.5e−3`."""
    if not math.isfinite(value):
        return format_signed(value)
    sign = GLYPHS.minus if value < 0 else "+" if value > 0 else ""
    size = abs(value)
    return sign + (f"{size:.2g}" if value == 0 or 0.01 <= size < 100 else format_gradient_std(size))


def format_norm(value: float) -> str:
    """The length of a gradient: `0.0087`, `12.4`, `3.2e+04`."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf"
    return f"{value:.2g}" if value < 1 else f"{value:.1f}" if value < 1_000 else f"{value:.1e}"


def format_rate(value: float) -> str:
    """A learning rate: `0.1`, `3.33`."""
    return f"{value:.3g}"


def format_steps(value: int) -> str:
    """A count of steps: `132,400`."""
    return f"{value:,}"


def format_short_steps(value: float) -> str:
    """A count of steps for an axis: `0`, `500`, `50k`, `1.5M`."""
    for unit, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= unit:
            return f"{value / unit:.12g}{letter}"
    return f"{value:.12g}"


def format_speed(value: float) -> str:
    """Steps a second: `1,512`, `7.3`; a dash while unknown."""
    if value <= 0:
        return GLYPHS.none
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def format_duration(seconds: float) -> str:
    """A time to go: `45s`, `1m40s`, `2h05m`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3_600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3_600}h{whole % 3_600 // 60:02}m" if whole < 360_000 else f"{whole // 86_400}d"


WIDEST = 10
"""Columns of the longest of them, `59 min ago`."""


_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def local_now() -> datetime:
    """The time here, with its zone."""
    return datetime.now().astimezone()


def format_age(moment: str, present: datetime) -> str:
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
