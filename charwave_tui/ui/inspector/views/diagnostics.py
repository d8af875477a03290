"""The figures of a layer beside what is healthy, the worrying ones with a mark, and a word on the one most worth it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from charwave_tui.ui.drawing.styled_text import Span, StyledLine, cell_width, justify, rule, wrap
from charwave_tui.ui.state.layer_health import NOT_FINITE, HealthyRange
from charwave_tui.ui.terminal.glyphs import GLYPHS, with_local_glyphs

LABEL, NOW = 12, 10
"""Columns of the labels and of the figures as they are now."""


MEANT = ((100, 2), (60, 4), (0, 4))
"""Lines in which a figure's meaning is told, from so many columns on."""


APART = "  "
"""What stands between two things in one line."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One figure: its `label`, short where there is little room, its `value` as `text`, and what is healthy."""

    label: str
    short: str
    value: float | None
    text: str
    health: HealthyRange

    @property
    def severity(self) -> str:
        """`warning` or `error` where it is not healthy."""
        return self.health.severity(self.value)

    @property
    def value_text(self) -> StyledLine:
        """The figure in the ink of how healthy it is."""
        return (Span(self.text, self.severity or "bright", True),)

    @property
    def mark(self) -> StyledLine:
        """A mark where it is not healthy."""
        sign = {"warning": GLYPHS.warning, "error": GLYPHS.cross}.get(self.severity, "")
        return (Span(sign, self.severity, True),) if sign else ()


def table(figures: Iterable[Diagnostic], width: int) -> tuple[StyledLine, ...]:
    """A line for each figure under a header, at most `width` columns wide, marks at the right edge."""
    lines: list[StyledLine] = [(Span(f"{'':{LABEL}} {'now':{NOW}}{'healthy'}"[:width], "muted"),)]
    for figure in figures:
        text = figure.text if figure.text[:1] in "+-−" else f" {figure.text}"
        healthy = with_local_glyphs(figure.health.range_text)
        line: StyledLine = (
            Span(f"{figure.label:{LABEL}}"),
            Span(f"{text:{NOW}}", figure.severity or "bright", True),
            Span(f" {healthy}", "muted"),
        )
        gap = max(width - cell_width(line) - cell_width(figure.mark), 1)
        lines.append((*line, Span(" " * gap), *figure.mark) if figure.mark else line)
    return tuple(lines)


def row(figures: Iterable[Diagnostic], width: int) -> StyledLine:
    """As many of the figures as fit in one line, those that worry first where not all do."""
    kept = list(figures)
    while len(kept) > 1 and cell_width(_row(kept)) > width:
        calm = [figure for figure in kept if not figure.severity]
        kept.remove((calm or kept)[-1])
    return _row(kept)


def _row(figures: Sequence[Diagnostic]) -> StyledLine:
    line: StyledLine = ()
    for figure in figures:
        between = (Span(APART),) if line else ()
        mark = (Span(" "), *figure.mark) if figure.mark else ()
        line = (*line, *between, Span(f"{figure.short} ", "muted"), *figure.value_text, *mark)
    return line


def explanation_lines(figures: Sequence[Diagnostic], label: str, width: int) -> tuple[StyledLine, ...]:
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
    meant = wrap(with_local_glyphs(both), width, room + 1)
    meant = meant if len(meant) <= room else wrap(with_local_glyphs(said), width, room)
    head: StyledLine = (
        Span(f"{GLYPHS.cursor} ", "accent"),
        Span(f"{figure.label}  ", "fg", True),
        *figure.value_text,
    )
    healthy = Span(f"healthy  {with_local_glyphs(figure.health.range_text)}", "muted")
    count = (Span(f"{place + 1} of {len(figures)}", "muted"),)
    wide = width >= MEANT[1][0]
    heads = [(*head, Span("   "), healthy)] if wide else [head, (Span("  "), healthy)]
    heads[0] = justify(heads[0], count, width)
    lines: tuple[StyledLine, ...] = (rule((), width), *heads, *((Span(text),) for text in meant))
    return (*lines, *((),) * (room + 1 + len(heads) - len(lines)))


def advice_lines(figures: Sequence[Diagnostic], width: int, most: int) -> tuple[StyledLine, ...]:
    """What the most telling figure means, in at most `most` lines: the first error, else warning, else the first."""
    if any(figure.value is not None and not math.isfinite(figure.value) for figure in figures):
        said = NOT_FINITE
    else:
        known = [figure for figure in figures if figure.value is not None] or figures
        severest = min(known, key=lambda figure: ("error", "warning", "").index(figure.severity))
        said = severest.health.word(severest.value)
    return tuple((Span(text, "muted"),) for text in wrap(with_local_glyphs(said), width, most))
