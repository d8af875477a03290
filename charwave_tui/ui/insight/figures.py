"""The figures of a layer beside what is healthy, the worrying ones with a mark, and a word on the one most worth it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from charwave_tui.ui.glyphs import GLYPHS, plainly
from charwave_tui.ui.insight.healthy import NOT_FINITE, Healthy
from charwave_tui.ui.pieces import Line, Piece, columns, wrapped

LABEL, NOW = 12, 10
"""Columns of the labels and of the figures as they are now."""

APART = "  "
"""What stands between two things in one line."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: its `label`, short where there is little room, its `value` as `text`, and what is healthy."""

    label: str
    short: str
    value: float | None
    text: str
    health: Healthy

    @property
    def judged(self) -> str:
        """`warning` or `error` where it is not healthy."""
        return self.health.judged(self.value)

    @property
    def now(self) -> Line:
        """The figure in the ink of how healthy it is."""
        return (Piece(self.text, self.judged or "bright", True),)

    @property
    def mark(self) -> Line:
        """A mark where it is not healthy."""
        sign = {"warning": GLYPHS.warning, "error": GLYPHS.wrong}.get(self.judged, "")
        return (Piece(sign, self.judged, True),) if sign else ()


def table(figures: Iterable[Figure], width: int) -> tuple[Line, ...]:
    """A line for each figure under a header, at most `width` columns wide, marks at the right edge."""
    lines: list[Line] = [(Piece(f"{'':{LABEL}} {'now':{NOW}}{'healthy'}"[:width], "muted"),)]
    for figure in figures:
        text = figure.text if figure.text[:1] in "+-−" else f" {figure.text}"
        healthy = plainly(figure.health.told)
        line: Line = (
            Piece(f"{figure.label:{LABEL}}"),
            Piece(f"{text:{NOW}}", figure.judged or "bright", True),
            Piece(f" {healthy}", "muted"),
        )
        gap = max(width - columns(line) - columns(figure.mark), 1)
        lines.append((*line, Piece(" " * gap), *figure.mark) if figure.mark else line)
    return tuple(lines)


def row(figures: Iterable[Figure], width: int) -> Line:
    """As many of the figures as fit in one line, those that worry first where not all do."""
    kept = list(figures)
    while len(kept) > 1 and columns(_row(kept)) > width:
        calm = [figure for figure in kept if not figure.judged]
        kept.remove((calm or kept)[-1])
    return _row(kept)


def _row(figures: Sequence[Figure]) -> Line:
    line: Line = ()
    for figure in figures:
        between = (Piece(APART),) if line else ()
        mark = (Piece(" "), *figure.mark) if figure.mark else ()
        line = (*line, *between, Piece(f"{figure.short} ", "muted"), *figure.now, *mark)
    return line


def words(figures: Sequence[Figure], width: int, most: int) -> tuple[Line, ...]:
    """What the most telling figure means, in at most `most` lines: the first error, else warning, else the first."""
    if any(figure.value is not None and not math.isfinite(figure.value) for figure in figures):
        said = NOT_FINITE
    else:
        severest = min(figures, key=lambda figure: ("error", "warning", "").index(figure.judged))
        said = severest.health.word(severest.value)
    return tuple((Piece(text, "muted"),) for text in wrapped(plainly(said), width, most))
