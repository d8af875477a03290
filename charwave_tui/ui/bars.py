"""Bars in a row of text: eighth blocks for a share, a line for progress."""

from __future__ import annotations

import math

from charwave_tui.ui.glyphs import ASCII, GLYPHS

EIGHTHS = " ▏▎▍▌▋▊▉█"
"""A column filled from the left by 0 to 8 eighths."""


def eighths(share: float, width: int) -> str:
    """A bar of `share` (0 to 1, cut off beyond) of `width` columns, to the nearest eighth of one; nothing for NaN."""
    if math.isnan(share):
        return ""
    share = min(max(share, 0.0), 1.0)
    if GLYPHS is ASCII:
        return "#" * round(share * width)
    whole, rest = divmod(round(share * width * 8), 8)
    return EIGHTHS[8] * whole + (EIGHTHS[rest] if rest else "")


def progress(share: float, width: int) -> tuple[str, str]:
    """The done and the remaining part of a line of `width` columns; the last column is done only when all is."""
    done = int(min(max(share, 0.0), 1.0) * width)
    return GLYPHS.heavy * done, GLYPHS.line * (width - done)
