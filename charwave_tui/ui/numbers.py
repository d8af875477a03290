"""How numbers are written: fixed forms, so that nothing jumps as they change."""

from __future__ import annotations

import math
from collections.abc import Callable

from charwave_tui.ui.glyphs import GLYPHS

Written = Callable[[float], str]
"""How a number is written."""


def loss(value: float | None) -> str:
    """A loss in nats, four places: `1.8474`; from a hundred on none, beyond ten million `2.4e+09`."""
    if value is None:
        return GLYPHS.none
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf"
    if value >= 10_000_000:
        return f"{value:.1e}"
    return f"{value:.4f}" if value < 100 else f"{value:,.0f}"


def nll(value: float) -> str:
    """Negative log-likelihood per character, two places: `1.87`; never wider than five columns."""
    if not math.isfinite(value):
        return "nan"
    return f"{value:.2f}" if value < 100 else f"{value:.0f}" if value < 100_000 else f"{value:.0e}"


def signed(value: float) -> str:
    """A mean with its sign, three places: `+0.011`; none where nothing is left of it."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else ("+inf" if value > 0 else f"{GLYPHS.minus}inf")
    size = _three(abs(value))
    sign = GLYPHS.minus if value < 0 else "+"
    return size if float(size) == 0 else sign + size


def spread(value: float) -> str:
    """A standard deviation, four digits: `1.274`, `40.0`."""
    return _three(value) if math.isfinite(value) else ("nan" if math.isnan(value) else "inf")


def _three(value: float) -> str:
    if value < 10:
        return f"{value:.3f}"
    return f"{value:.1f}" if value < 1_000 else f"{value:.0e}" if value >= 100_000 else f"{value:.0f}"


def small(value: float | None) -> str:
    """The std of a gradient, two digits and a power of ten: `8.7e−3`; a dash where there is none."""
    if value is None:
        return GLYPHS.none
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else f"{GLYPHS.minus}inf")
    digits, power = f"{abs(value):.1e}".split("e")
    return f"{GLYPHS.minus * (value < 0)}{digits}e{int(power)}".replace("-", GLYPHS.minus) if value else "0"


def ratio(value: float | None) -> str:
    """A std by another, three places: `0.046`; of ten thousand and more `2.4e4`, under a thousandth `2.8e−5`."""
    if value is None or not math.isfinite(value):
        return small(value)
    return small(value) if value >= 10_000 or value < 0.001 else f"{value:.3f}" if value < 10 else f"{value:.1f}"


def update(value: float | None) -> str:
    """An update ratio, log10(std(Δp)/std(p)), one place: `−2.8`; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return small(value)
    return f"{value:.1f}".replace("-", GLYPHS.minus)


def brief(value: float) -> str:
    """An end of an axis in few columns, with its sign: `−1`, `0`, `+1.5e−3`."""
    if not math.isfinite(value):
        return signed(value)
    sign = GLYPHS.minus if value < 0 else "+" if value > 0 else ""
    size = abs(value)
    return sign + (f"{size:.2g}" if value == 0 or 0.01 <= size < 100 else small(size))


def norm(value: float) -> str:
    """The length of a gradient: `0.0087`, `12.4`, `3.2e+04`."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf"
    return f"{value:.2g}" if value < 1 else f"{value:.1f}" if value < 1_000 else f"{value:.1e}"


def rate(value: float) -> str:
    """A learning rate: `0.1`, `3.33`."""
    return f"{value:.3g}"


def steps(value: int) -> str:
    """A count of steps: `132,400`."""
    return f"{value:,}"


def short_steps(value: float) -> str:
    """A count of steps for an axis: `0`, `500`, `50k`, `1.5M`."""
    for unit, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= unit:
            return f"{value / unit:.12g}{letter}"
    return f"{value:.12g}"


def speed(value: float) -> str:
    """Steps a second: `1,512`, `7.3`; a dash while unknown."""
    if value <= 0:
        return GLYPHS.none
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def duration(seconds: float) -> str:
    """A time to go: `45s`, `1m40s`, `2h05m`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3_600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3_600}h{whole % 3_600 // 60:02}m" if whole < 360_000 else f"{whole // 86_400}d"
