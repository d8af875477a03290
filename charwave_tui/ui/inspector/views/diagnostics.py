"""A layer's statistics beside their healthy ranges: as a table, as one line, and what they mean."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from charwave_tui.ui.drawing.styled_text import (
    Span,
    StyledLine,
    cell_width,
    justify,
    muted_lines,
    rule,
    side_by_side,
    wrap,
)
from charwave_tui.ui.state.layer_health import NOT_FINITE, HealthyRange, Severity
from charwave_tui.ui.terminal.glyphs import GLYPHS, with_local_glyphs

TABLE_COLUMNS = 45
WIDE_LAYOUT = (100, 26)  # columns and lines from which views show a table of diagnostics instead of one line
LABEL_COLUMNS, VALUE_COLUMNS = 12, 10
# an explanation: (minimum columns, lines of its text)
EXPLANATION_LINES = ((100, 2), (60, 4), (0, 4))


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One statistic with its healthy range. `short_label` is used in one line with others; by default the label."""

    label: str
    value: float | None
    text: str
    healthy_range: HealthyRange
    short_label: str = ""

    @property
    def severity(self) -> Severity:
        return self.healthy_range.severity(self.value)

    @property
    def value_text(self) -> Span:
        return Span(self.text, self.severity or "bright", True)

    @property
    def mark(self) -> StyledLine:
        sign = {Severity.WARNING: GLYPHS.warning, Severity.ERROR: GLYPHS.cross}.get(self.severity, "")
        return (Span(sign, self.severity, True),) if sign else ()


def is_wide_layout(width: int, height: int) -> bool:
    return width >= WIDE_LAYOUT[0] and height >= WIDE_LAYOUT[1]


def diagnostics_table(diagnostics: Iterable[Diagnostic], width: int = TABLE_COLUMNS) -> tuple[StyledLine, ...]:
    """Render a header and a line for each diagnostic, at most `width` columns wide, with marks at the right edge."""
    header = f"{'':{LABEL_COLUMNS}} {'now':{VALUE_COLUMNS}}{'usual'}"
    lines: list[StyledLine] = [(Span(header[:width], "muted"),)]
    for diagnostic in diagnostics:
        text = diagnostic.text if diagnostic.text[:1] in "+-−" else f" {diagnostic.text}"
        line: StyledLine = (
            Span(f"{diagnostic.label:{LABEL_COLUMNS}}"),
            Span(f"{text:{VALUE_COLUMNS}}", diagnostic.severity or "bright", True),
            Span(f" {with_local_glyphs(diagnostic.healthy_range.range_text)}", "muted"),
        )
        gap = max(width - cell_width(line) - cell_width(diagnostic.mark), 1)
        lines.append((*line, Span(" " * gap), *diagnostic.mark) if diagnostic.mark else line)
    return tuple(lines)


def beside_table(
    diagnostics: Iterable[Diagnostic],
    by_importance: Sequence[Diagnostic],
    blocks: Sequence[Sequence[StyledLine]],
    widths: Sequence[int],
    height: int,
) -> tuple[StyledLine, ...]:
    """Place blocks of those widths right of the table of diagnostics, below which is advice on the worst of them."""
    table = diagnostics_table(diagnostics)
    advice = advice_lines(by_importance, TABLE_COLUMNS, max(height - len(table) - 1, 1))
    return side_by_side(((*table, (), *advice), *blocks), (TABLE_COLUMNS, *widths), height)


def diagnostics_line(diagnostics: Iterable[Diagnostic], width: int) -> StyledLine:
    """Render as many diagnostics as fit into one line; those within their healthy range are left out first."""
    fitting = list(diagnostics)
    while len(fitting) > 1 and cell_width(_line(fitting)) > width:
        healthy = [diagnostic for diagnostic in fitting if not diagnostic.severity]
        fitting.remove((healthy or fitting)[-1])
    return _line(fitting)


def _line(diagnostics: Sequence[Diagnostic]) -> StyledLine:
    line: StyledLine = ()
    for diagnostic in diagnostics:
        separator = (Span("  "),) if line else ()
        mark = (Span(" "), *diagnostic.mark) if diagnostic.mark else ()
        label = Span(f"{diagnostic.short_label or diagnostic.label} ", "muted")
        line = (*line, *separator, label, diagnostic.value_text, *mark)
    return line


def explanation_lines(diagnostics: Sequence[Diagnostic], label: str, width: int) -> tuple[StyledLine, ...]:
    """Explain the diagnostic of that label: value, healthy range, meaning and advice; nothing if there is none.

    The number of lines depends on `width` only. Without room for both meaning and advice, only the advice is given.
    """
    index = next((index for index, diagnostic in enumerate(diagnostics) if diagnostic.label == label), None)
    if index is None:
        return ()
    diagnostic, max_lines = diagnostics[index], next(lines for columns, lines in EXPLANATION_LINES if width >= columns)
    meaning = diagnostic.healthy_range.about
    advice = diagnostic.healthy_range.word(diagnostic.value)
    if not math.isfinite(diagnostic.value or 0.0):
        advice = NOT_FINITE
    text = advice if advice.startswith(meaning) else f"{meaning} {advice}"
    body = wrap(with_local_glyphs(text), width, max_lines + 1)
    if len(body) > max_lines:
        body = wrap(with_local_glyphs(advice), width, max_lines)
    name = (Span(f"{GLYPHS.cursor} ", "accent"), Span(f"{diagnostic.label}  ", "fg", True), diagnostic.value_text)
    healthy = Span(f"usual  {with_local_glyphs(diagnostic.healthy_range.range_text)}", "muted")
    is_wide = width >= EXPLANATION_LINES[1][0]
    headings: list[StyledLine] = [(*name, Span("   "), healthy)] if is_wide else [name, (Span("  "), healthy)]
    headings[0] = justify(headings[0], (Span(f"{index + 1} of {len(diagnostics)}", "muted"),), width)
    lines: tuple[StyledLine, ...] = (rule((), width), *headings, *((Span(text),) for text in body))
    return (*lines, *((),) * (max_lines + 1 + len(headings) - len(lines)))


def advice_lines(diagnostics: Sequence[Diagnostic], width: int, most: int) -> tuple[StyledLine, ...]:
    """Explain the most severe diagnostic in at most `most` lines; of equally severe ones the first."""
    if any(diagnostic.value is not None and not math.isfinite(diagnostic.value) for diagnostic in diagnostics):
        advice = NOT_FINITE
    else:
        measured = [diagnostic for diagnostic in diagnostics if diagnostic.value is not None] or diagnostics
        severest = max(measured, key=lambda diagnostic: [*Severity].index(diagnostic.severity))
        advice = severest.healthy_range.word(severest.value)
    return muted_lines(with_local_glyphs(advice), width, most)
