"""The figures of a layer beside what is healthy, the worrying ones with a mark, and a word on the one most worth it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from charwave_tui.ui.glyphs import GLYPHS, plainly
from charwave_tui.ui.insight.healthy import NOT_FINITE, Healthy
from charwave_tui.ui.pieces import Line, Piece, columns, rule, spread, wrapped

LABEL, NOW = 12, 10
"""Columns of the labels and of the figures as they are now."""

MEANT = ((100, 2), (60, 4), (0, 4))
"""Lines in which a figure's meaning is told, from so many columns on."""

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


def explained(figures: Sequence[Figure], label: str, width: int) -> tuple[Line, ...]:
    """What the figure of that label is, what is healthy of it and what it means, in always as many lines; else none.

    Where there is no room for both what it means and what to do, it is what to do.
    """
    place = next((place for place, figure in enumerate(figures) if figure.label == label), None)
    if place is None:
        return ()
    figure, room = figures[place], next(lines for columns, lines in MEANT if width >= columns)
    said = figure.health.word(figure.value)
    if not math.isfinite(figure.value or 0.0):
        said = NOT_FINITE
    both = said if said.startswith(figure.health.about) else f"{figure.health.about} {said}"
    meant = wrapped(plainly(both), width, room + 1)
    meant = meant if len(meant) <= room else wrapped(plainly(said), width, room)
    head: Line = (
        Piece(f"{GLYPHS.here} ", "accent"),
        Piece(f"{figure.label}  ", "fg", True),
        *figure.now,
    )
    healthy = Piece(f"healthy  {plainly(figure.health.told)}", "muted")
    count = (Piece(f"{place + 1} of {len(figures)}", "muted"),)
    wide = width >= MEANT[1][0]
    heads = [(*head, Piece("   "), healthy)] if wide else [head, (Piece("  "), healthy)]
    heads[0] = spread(heads[0], count, width)
    lines: tuple[Line, ...] = (rule((), width), *heads, *((Piece(text),) for text in meant))
    return (*lines, *((),) * (room + 1 + len(heads) - len(lines)))


def words(figures: Sequence[Figure], width: int, most: int) -> tuple[Line, ...]:
    """What the most telling figure means, in at most `most` lines: the first error, else warning, else the first."""
    if any(figure.value is not None and not math.isfinite(figure.value) for figure in figures):
        said = NOT_FINITE
    else:
        known = [figure for figure in figures if figure.value is not None] or figures
        severest = min(known, key=lambda figure: ("error", "warning", "").index(figure.judged))
        said = severest.health.word(severest.value)
    return tuple((Piece(text, "muted"),) for text in wrapped(plainly(said), width, most))
