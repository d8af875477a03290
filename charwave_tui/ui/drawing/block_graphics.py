"""Bars, sparklines, histograms and images of block characters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import groupby, zip_longest
from operator import itemgetter

from charwave_tui.core.protocol.layer_insights import Histogram
from charwave_tui.ui.drawing.number_format import format_brief
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, fit_groups
from charwave_tui.ui.terminal.capabilities import TERMINAL
from charwave_tui.ui.terminal.glyphs import GLYPHS

# a column filled by 0 to 8 eighths from below and from the left, and by 1 to 8 eighths in ASCII
VERTICAL_EIGHTHS = " ▁▂▃▄▅▆▇█"
HORIZONTAL_EIGHTHS = " ▏▎▍▌▋▊▉█"
ASCII_HEIGHTS = "_.,-~=+#"

AXIS_LINES = 2  # lines below a histogram's bars: the axis and its labels


def draw_histogram(
    histogram: Histogram, width: int, rows: int, warning_limit: float = math.inf
) -> tuple[StyledLine, ...]:
    """Draw the density in `rows` lines of `width` columns, and AXIS lines below.

    Columns of values whose magnitude exceeds `worry` are in the warning colour, to within a column. A histogram without
    a finite value has as many lines.
    """
    if not histogram.densities or width < 1:
        return (((Span("no finite value"[:width], "error"),)), *((),) * (rows - 1 + AXIS_LINES))
    heights = resample(histogram.densities, width)
    top = max(heights) or 1.0
    roles = ["warning" if _exceeds(histogram, width, column, warning_limit) else "muted" for column in range(width)]
    return (
        *vertical_bars([height / top for height in heights], rows, roles),
        *draw_axis(histogram.low, histogram.high, width),
    )


def draw_density(
    groups: Sequence[StyledLine], histogram: Histogram | None, width: int, rows: int, warning_limit: float = math.inf
) -> tuple[StyledLine, ...]:
    """Draw a heading, of as many groups as fit, above a histogram; there is none of a gradient before a backward."""
    heading = fit_groups(groups, width) or groups[0]
    if histogram is None:
        return (heading, (Span("no gradient", "muted"),), *((),) * (rows + AXIS_LINES - 1))
    return (heading, *draw_histogram(histogram, width, rows, warning_limit))


def vertical_bars(fractions: Sequence[float], rows: int, roles: Sequence[str]) -> tuple[StyledLine, ...]:
    """Draw one bar a column, each in its role; a fraction of 1 fills `rows` lines."""
    has_eighths = GLYPHS.has_braille
    return tuple(
        _row([fraction * rows - row for fraction in fractions], roles, has_eighths) for row in reversed(range(rows))
    )


def resample(densities: tuple[float, ...], width: int) -> list[float]:
    """Return the densities in `width` columns, each the mean over the bins, and parts of bins, that it covers."""
    bins = len(densities)
    heights = []
    for column in range(width):
        left, right = column * bins / width, (column + 1) * bins / width
        covered = range(int(left), min(math.ceil(right - 1e-9), bins))
        weights = [min(right, index + 1) - max(left, index) for index in covered]
        heights.append(sum(w * densities[index] for w, index in zip(weights, covered, strict=True)) / sum(weights))
    return heights


def draw_axis(low: float, high: float, width: int) -> tuple[StyledLine, ...]:
    """Draw `└──┴──┘` from `low` to `high` and the two numbers below it, with 0 if it lies between them."""
    if width < 3:
        return ((Span(GLYPHS.line * width, "line"),), ())
    marks = [GLYPHS.corner, *GLYPHS.line * (width - 2), GLYPHS.end]
    zero = min(int(-low / (high - low) * width), width - 1) if low < 0 < high else 0
    if 0 < zero < width - 1:
        marks[zero] = GLYPHS.tick
    left, right = format_brief(low), format_brief(high)
    labels = [*left.ljust(width - len(right)), *right][:width]
    if zero and all(labels[column : column + 1] == [" "] for column in (zero - 1, zero, zero + 1)):
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


def _exceeds(histogram: Histogram, width: int, column: int, limit: float) -> bool:
    """Return whether the middle of a column, or the end of the first and last one, lies beyond ±`limit`."""
    column_width = (histogram.high - histogram.low) / width
    offset = 0.5 if 0 < column < width - 1 else 0.0 if column == 0 else 1.0
    return abs(histogram.low + (column + offset) * column_width) > limit


def _row(heights: Sequence[float], roles: Sequence[str], has_eighths: bool) -> StyledLine:
    """Draw one line of bars whose `heights` in cells are measured from its lower edge."""
    cells = zip([_bar_cell(height, has_eighths) for height in heights], roles, strict=True)
    return tuple(Span("".join([text for text, _ in run]), role) for role, run in groupby(cells, key=itemgetter(1)))


def _bar_cell(height: float, has_eighths: bool) -> str:
    if not has_eighths:
        return GLYPHS.block if height >= 0.5 else "." if height >= 0.1 else " "
    return VERTICAL_EIGHTHS[round(_clamp(height) * 8)]


def _clamp(fraction: float) -> float:
    return min(max(fraction, 0.0), 1.0)


BACKGROUND = "raised"  # the background of an image, which a cell of role "" shows

# characters for the roles where there are no shades, from the weakest; of two rows in a line the stronger is shown
ASCII_SHADES = {
    "": " ",
    BACKGROUND: " ",
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
_STRENGTH = {role: strength for strength, role in enumerate(ASCII_SHADES)}


def half_block_image(rows: Sequence[Sequence[str]]) -> tuple[StyledLine, ...]:
    """Draw rows of roles, two a line; below an odd last row is background."""
    width, blocks = max(map(len, rows), default=0), supports_shades()
    pairs = zip_longest(rows[::2], rows[1::2], fillvalue=())
    return tuple(_line(_fill(upper, width), _fill(lower, width), blocks) for upper, lower in pairs)


def legend_swatch(role: str) -> Span:
    return Span("█" if supports_shades() else ASCII_SHADES[role], role)


def shades_note() -> tuple[StyledLine, ...]:
    """Return the legend's note for terminals on which a character stands for both rows of a line."""
    return () if supports_shades() else ((Span("a character shows the larger of two rows", "muted"),),)


def supports_shades() -> bool:
    """Return whether there are half blocks, and colours enough to show values by them."""
    return GLYPHS.has_braille and TERMINAL.has_shades


def _fill(row: Sequence[str], width: int) -> list[str]:
    return [*row, *[""] * (width - len(row))]


def _line(upper: list[str], lower: list[str], blocks: bool) -> StyledLine:
    cells = [_cell(*pair, blocks) for pair in zip(upper, lower, strict=True)]
    return tuple(
        Span("".join([text for text, _, _ in run]), role, background=background)
        for (role, background), run in groupby(cells, key=itemgetter(1, 2))
    )


@cache
def _cell(upper: str, lower: str, blocks: bool) -> tuple[str, str, str]:
    if not blocks:
        stronger = max(upper, lower, key=_STRENGTH.__getitem__)
        return ASCII_SHADES[stronger], stronger or "fg", BACKGROUND
    if upper == lower:
        return ("█", upper, BACKGROUND) if upper else (" ", "fg", BACKGROUND)
    if not upper:
        return "▄", lower, BACKGROUND
    return "▀", upper, lower or BACKGROUND


def horizontal_bar(fraction: float, width: int) -> str:
    """Return a bar for 0 to 1 (clamped) of `width` columns, to the nearest eighth of one; empty for NaN."""
    if math.isnan(fraction):
        return ""
    fraction = _clamp(fraction)
    if not GLYPHS.has_braille:
        return GLYPHS.block * round(fraction * width)
    full, eighths = divmod(round(fraction * width * 8), 8)
    return HORIZONTAL_EIGHTHS[8] * full + (HORIZONTAL_EIGHTHS[eighths] if eighths else "")


def sparkline(fractions: Iterable[float | None]) -> str:
    """Return a block for each fraction (clamped), filled to at least an eighth; a blank for None or NaN."""
    return "".join(map(_block, fractions))


def _block(fraction: float | None) -> str:
    if fraction is None or math.isnan(fraction):
        return " "
    level = round(_clamp(fraction) * 7)
    return VERTICAL_EIGHTHS[level + 1] if GLYPHS.has_braille else ASCII_HEIGHTS[level]


def progress_bar(fraction: float, width: int) -> tuple[str, str]:
    """Return the done and the remaining part of a line of `width` columns; only 1 fills the last column."""
    done = int(_clamp(fraction) * width)
    return GLYPHS.heavy * done, GLYPHS.line * (width - done)
