"""Bars in a row of text: eighth blocks for a share, a line for progress."""

from __future__ import annotations

import math
from collections.abc import Iterable

from charwave_tui.ui.glyphs import GLYPHS

EIGHTHS = " ▏▎▍▌▋▊▉█"
"""A column filled from the left by 0 to 8 eighths."""

UPRIGHT = "▁▂▃▄▅▆▇█"
"""A column filled from below by 1 to 8 eighths."""

ASCII_UPRIGHT = "_.,-~=+#"
"""The same where there is ASCII alone."""


def eighths(share: float, width: int) -> str:
    """A bar of `share` (0 to 1, cut off beyond) of `width` columns, to the nearest eighth of one; nothing for NaN."""
    if math.isnan(share):
        return ""
    share = min(max(share, 0.0), 1.0)
    if not GLYPHS.fine:
        return GLYPHS.block * round(share * width)
    whole, rest = divmod(round(share * width * 8), 8)
    return EIGHTHS[8] * whole + (EIGHTHS[rest] if rest else "")


def spark(shares: Iterable[float | None]) -> str:
    """One block a share (0 to 1, cut off beyond), filled from below to at least an eighth; a blank for none or NaN."""
    return "".join(map(_block, shares))


def _block(share: float | None) -> str:
    if share is None or math.isnan(share):
        return " "
    level = round(min(max(share, 0.0), 1.0) * (len(UPRIGHT) - 1))
    return UPRIGHT[level] if GLYPHS.fine else ASCII_UPRIGHT[level]


def progress(share: float, width: int) -> tuple[str, str]:
    """The done and the remaining part of a line of `width` columns; the last column is done only when all is."""
    done = int(min(max(share, 0.0), 1.0) * width)
    return GLYPHS.heavy * done, GLYPHS.line * (width - done)
