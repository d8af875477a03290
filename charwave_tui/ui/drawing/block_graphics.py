"""Bars, sparklines, histograms, half-block images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import groupby, zip_longest
from operator import itemgetter

from charwave_tui.core.protocol.layer_insights import Histogram
from charwave_tui.ui.drawing.number_format import format_brief
from charwave_tui.ui.drawing.styled_text import Span, StyledLine
from charwave_tui.ui.terminal.capabilities import TERMINAL
from charwave_tui.ui.terminal.glyphs import GLYPHS

HEIGHTS = " ▁▂▃▄▅▆▇█"
"""A cell filled from below by 0 to 8 eighths."""


AXIS = 2
"""Lines below the bars: the axis, and the numbers under it."""


def draw_histogram(histogram: Histogram, width: int, rows: int, worry: float = math.inf) -> tuple[StyledLine, ...]:
    """The density in `rows` lines of `width` columns, and AXIS lines below.

    Columns whose numbers are further from 0 than `worry`, to within a column, are in warning. Where no number is finite
    a word says so, with the same number of lines.
    """
    if not histogram.densities or width < 1:
        return (((Span("no finite number"[:width], "error"),)), *((),) * (rows - 1 + AXIS))
    heights = resample(histogram.densities, width)
    top = max(heights) or 1.0
    roles = ["warning" if _worrying(histogram, width, place, worry) else "muted" for place in range(width)]
    return (
        *vertical_bars([height / top for height in heights], rows, roles),
        *axis(histogram.low, histogram.high, width),
    )


def vertical_bars(shares: Sequence[float], rows: int, roles: Sequence[str]) -> tuple[StyledLine, ...]:
    """A bar a column in its role, in `rows` lines that a share of 1 fills."""
    fine = GLYPHS.fine
    return tuple(_row([share * rows - row for share in shares], roles, fine) for row in reversed(range(rows)))


def resample(densities: tuple[float, ...], width: int) -> list[float]:
    """The densities in `width` columns instead of bins, each the mean over the stretch of bins that it covers."""
    bins = len(densities)
    heights = []
    for place in range(width):
        left, right = place * bins / width, (place + 1) * bins / width
        covered = range(int(left), min(math.ceil(right - 1e-9), bins))
        weights = [min(right, at + 1) - max(left, at) for at in covered]
        heights.append(sum(w * densities[at] for w, at in zip(weights, covered, strict=True)) / sum(weights))
    return heights


def axis(low: float, high: float, width: int) -> tuple[StyledLine, ...]:
    """`└──┴──┘` from `low` to `high`, and the two numbers under it, with 0 where it lies between them."""
    if width < 3:
        return ((Span(GLYPHS.line * width, "line"),), ())
    marks = [GLYPHS.corner, *GLYPHS.line * (width - 2), GLYPHS.end]
    zero = min(int(-low / (high - low) * width), width - 1) if low < 0 < high else 0
    if 0 < zero < width - 1:
        marks[zero] = GLYPHS.tick
    left, right = format_brief(low), format_brief(high)
    labels = [*left.ljust(width - len(right)), *right][:width]
    if zero and all(labels[at : at + 1] == [" "] for at in (zero - 1, zero, zero + 1)):
        labels[zero] = "0"
    return ((Span("".join(marks), "line"),), (Span("".join(labels), "muted"),))


def axis_labels(labels: Iterable[tuple[int, int]], width: int) -> str:
    """Write numbers below a chart or image of `width` columns: `labels` are pairs of a column and a number."""
    text = ""
    for column, number in labels:
        label = f"{number:,}"
        if column + len(label) <= width:
            text = text.ljust(column) + label
    return text


def _worrying(histogram: Histogram, width: int, place: int, worry: float) -> bool:
    """Whether a column's middle lies beyond `worry`; the outermost ones count where their end does."""
    span = (histogram.high - histogram.low) / width
    nearest = 0.5 if 0 < place < width - 1 else 0.0 if place == 0 else 1.0
    return abs(histogram.low + (place + nearest) * span) > worry


def _row(heights: Sequence[float], roles: Sequence[str], fine: bool) -> StyledLine:
    """One line of bars that reach so many cells above its foot."""
    cells = zip([_bar_cell(height, fine) for height in heights], roles, strict=True)
    return tuple(Span("".join([text for text, _ in run]), role) for role, run in groupby(cells, key=itemgetter(1)))


def _bar_cell(height: float, fine: bool) -> str:
    if not fine:
        return GLYPHS.block if height >= 0.5 else "." if height >= 0.1 else " "
    return HEIGHTS[round(min(max(height, 0.0), 1.0) * 8)]


GROUND = "raised"
"""What a picture stands on; a cell of role "" shows it."""


MARKS = {
    "": " ",
    GROUND: " ",
    "grid": ".",
    "line": "-",
    "reference": "~",
    "val": "%",
    "train": "=",
    "muted": "+",
    "accent": "@",
    "fg": "*",
    "bright": "#",
    "warning": "!",
    "error": "x",
}
"""What stands for a role where there are no shades; the later one of two rows that share a line is seen."""


_STRENGTH = {role: strength for strength, role in enumerate(MARKS)}


def half_block_image(rows: Sequence[Sequence[str]]) -> tuple[StyledLine, ...]:
    """The rows of roles, two a line; an odd last one has ground below it."""
    width, blocks = max(map(len, rows), default=0), supports_shades()
    pairs = zip_longest(rows[::2], rows[1::2], fillvalue=())
    return tuple(_line(_filled(upper, width), _filled(lower, width), blocks) for upper, lower in pairs)


def legend_swatch(role: str) -> Span:
    """The sign of a role in a key to the picture: a block of its ink, or its mark."""
    return Span("█" if supports_shades() else MARKS[role], role)


def merged() -> tuple[StyledLine, ...]:
    """What the key to a picture adds where a mark stands for both rows of a line."""
    return () if supports_shades() else ((Span("a mark is the stronger of two rows", "muted"),),)


def supports_shades() -> bool:
    """Whether there are blocks of half cells, and inks enough to tell sizes by."""
    return GLYPHS.fine and TERMINAL.shades


def _filled(row: Sequence[str], width: int) -> list[str]:
    return [*row, *[""] * (width - len(row))]


def _line(upper: list[str], lower: list[str], blocks: bool) -> StyledLine:
    line: list[Span] = []
    cells = [_cell(*pair, blocks) for pair in zip(upper, lower, strict=True)]
    for (role, ground), run in groupby(cells, key=itemgetter(1, 2)):
        line.append(Span("".join([text for text, _, _ in run]), role, ground=ground))
    return tuple(line)


@cache
def _cell(upper: str, lower: str, blocks: bool) -> tuple[str, str, str]:
    """What is written for two roles above each other, in what ink and on what ground."""
    if not blocks:
        stronger = max(upper, lower, key=_STRENGTH.__getitem__)
        return MARKS[stronger], stronger or "fg", GROUND
    if upper == lower:
        return ("█", upper, GROUND) if upper else (" ", "fg", GROUND)
    if not upper:
        return "▄", lower, GROUND
    return "▀", upper, lower or GROUND


EIGHTHS = " ▏▎▍▌▋▊▉█"
"""A column filled from the left by 0 to 8 eighths."""


UPRIGHT = "▁▂▃▄▅▆▇█"
"""A column filled from below by 1 to 8 eighths."""


ASCII_UPRIGHT = "_.,-~=+#"
"""The same where there is ASCII alone."""


def horizontal_bar(share: float, width: int) -> str:
    """A bar of `share` (0 to 1, cut off beyond) of `width` columns, to the nearest eighth of one; nothing for NaN."""
    if math.isnan(share):
        return ""
    share = min(max(share, 0.0), 1.0)
    if not GLYPHS.fine:
        return GLYPHS.block * round(share * width)
    whole, rest = divmod(round(share * width * 8), 8)
    return EIGHTHS[8] * whole + (EIGHTHS[rest] if rest else "")


def sparkline(shares: Iterable[float | None]) -> str:
    """One block a share (0 to 1, cut off beyond), filled from below to at least an eighth; a blank for none or NaN."""
    return "".join(map(_block, shares))


def _block(share: float | None) -> str:
    if share is None or math.isnan(share):
        return " "
    level = round(min(max(share, 0.0), 1.0) * (len(UPRIGHT) - 1))
    return UPRIGHT[level] if GLYPHS.fine else ASCII_UPRIGHT[level]


def progress_bar(share: float, width: int) -> tuple[str, str]:
    """The done and the remaining part of a line of `width` columns; the last column is done only when all is."""
    done = int(min(max(share, 0.0), 1.0) * width)
    return GLYPHS.heavy * done, GLYPHS.line * (width - done)
