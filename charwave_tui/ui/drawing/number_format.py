"""Formatting of losses, ratios, steps, durations and ages."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta

from charwave_tui.ui.terminal.glyphs import GLYPHS

NumberFormat = Callable[[float], str]


def format_loss(value: float | None) -> str:
    """Format a loss in nats: `1.8474`; from a hundred on without decimals, from ten million on `2.4e+09`."""
    if value is None:
        return GLYPHS.dash
    if not math.isfinite(value):
        return _format_nonfinite(value)
    if value >= 10_000_000:
        return f"{value:.1e}"
    return f"{value:.4f}" if value < 100 else f"{value:,.0f}"


def format_nll(value: float) -> str:
    """Format an nll per character in at most five columns: `1.87`."""
    if not math.isfinite(value):
        return "nan"
    return f"{value:.2f}" if value < 100 else f"{value:.0f}" if value < 100_000 else f"{value:.0e}"


def format_signed(value: float) -> str:
    """Format a mean with its sign, three decimals: `+0.011`; a rounded zero has no sign."""
    if not math.isfinite(value):
        return "+inf" if value > 0 else _format_nonfinite(value, signed=True)
    magnitude = _format_three_decimals(abs(value))
    sign = GLYPHS.minus if value < 0 else "+"
    return magnitude if float(magnitude) == 0 else sign + magnitude


def format_std(value: float) -> str:
    """Format a standard deviation: `1.274`, `40.0`."""
    return _format_three_decimals(value) if math.isfinite(value) else _format_nonfinite(value)


def _format_nonfinite(value: float, *, signed: bool = False) -> str:
    if math.isnan(value):
        return "nan"
    return f"{GLYPHS.minus}inf" if signed and value < 0 else "inf"


def _format_three_decimals(value: float) -> str:
    if value < 10:
        return f"{value:.3f}"
    return f"{value:.1f}" if value < 1_000 else f"{value:.0e}" if value >= 100_000 else f"{value:.0f}"


def format_gradient_std(value: float | None) -> str:
    """Format the std of a gradient, two digits and a power of ten: `8.7e−3`; None as a dash."""
    if value is None:
        return GLYPHS.dash
    if not math.isfinite(value):
        return _format_nonfinite(value, signed=True)
    digits, power = f"{abs(value):.1e}".split("e")
    return f"{GLYPHS.minus * (value < 0)}{digits}e{int(power)}".replace("-", GLYPHS.minus) if value else "0"


def format_ratio(value: float | None) -> str:
    """Format a ratio of two stds: `0.046`; from ten thousand on `2.4e4`, below a thousandth `2.8e−5`."""
    if value is None or not 0.001 <= value < 10_000:
        return format_gradient_std(value)
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def format_update_ratio(value: float | None) -> str:
    """Format an update ratio, log10(std(Δp)/std(p)): `−2.8`; None as a dash."""
    if value is None or not math.isfinite(value):
        return format_gradient_std(value)
    return f"{value:.1f}".replace("-", GLYPHS.minus)


def format_brief(value: float) -> str:
    """Format an end of an axis in few columns, with its sign: `−1`, `0`, `+1.5e−3`."""
    if not math.isfinite(value):
        return format_signed(value)
    sign = GLYPHS.minus if value < 0 else "+" if value > 0 else ""
    magnitude = abs(value)
    return sign + (f"{magnitude:.2g}" if value == 0 or 0.01 <= magnitude < 100 else format_gradient_std(magnitude))


def format_norm(value: float) -> str:
    """Format a gradient norm: `0.0087`, `12.4`, `3.2e+04`."""
    if not math.isfinite(value):
        return _format_nonfinite(value)
    return f"{value:.2g}" if value < 1 else f"{value:.1f}" if value < 1_000 else f"{value:.1e}"


def format_rate(value: float) -> str:
    return f"{value:.3g}"


def format_steps(value: int) -> str:
    return f"{value:,}"


def format_short_steps(value: float) -> str:
    """Format steps for an axis: `0`, `500`, `50k`, `1.5M`."""
    for unit, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= unit:
            return f"{value / unit:.12g}{letter}"
    return f"{value:.12g}"


def format_speed(value: float) -> str:
    """Format steps per second: `1,512`, `7.3`; a dash for 0, which means unknown."""
    if value <= 0:
        return GLYPHS.dash
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def format_duration(seconds: float) -> str:
    """Format a duration: `45s`, `1m40s`, `2h05m`, `12d`."""
    rounded = max(0, round(seconds))
    if rounded < 60:
        return f"{rounded}s"
    if rounded < 3_600:
        return f"{rounded // 60}m{rounded % 60:02}s"
    return f"{rounded // 3_600}h{rounded % 3_600 // 60:02}m" if rounded < 360_000 else f"{rounded // 86_400}d"


MAX_AGE_WIDTH = 10  # columns of the longest age, `59 min ago`
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def local_now() -> datetime:
    return datetime.now().astimezone()


def format_age(time: str, now: datetime) -> str:
    """Format how long before `present` the ISO time `moment` was, or its date; a dash if it is not a valid time.

    A moment in the future, as after a clock was set back, is formatted as a date.
    """
    try:
        then = datetime.fromisoformat(time).astimezone(now.tzinfo)
    except (ValueError, OverflowError, OSError):
        return GLYPHS.dash
    minutes = (now - then) // timedelta(minutes=1)
    if 0 <= minutes < 60:
        return f"{minutes} min ago" if minutes else "just now"
    if minutes >= 0 and then.date() == now.date():
        return f"{minutes // 60} h ago"
    if then.date() == now.date() - timedelta(days=1):
        return "yesterday"
    month = _MONTHS[then.month - 1]
    return f"{then.day} {month}" if then.year == now.year else f"{month} {then.year}"
