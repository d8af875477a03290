"""The view of a Linear: its matrix as figures, densities and a picture, its norms and singular values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from charwave_tui.core.protocol.layer_insights import Histogram, InsightQuery, LinearInsight
from charwave_tui.ui.drawing.block_graphics import AXIS_LINES, draw_histogram, shades_note
from charwave_tui.ui.drawing.canvas import crop_line
from charwave_tui.ui.drawing.styled_text import GAP, Span, StyledLine, columns, justify
from charwave_tui.ui.inspector.views import diagnostics as diagnostics_module
from charwave_tui.ui.inspector.views.base import CursorAxes, ViewData
from charwave_tui.ui.inspector.views.diagnostics import Diagnostic
from charwave_tui.ui.inspector.views.unit_image import joined
from charwave_tui.ui.inspector.views.weight_heatmap import FRAME, GUTTER, Heatmap, draw_heatmap, heatmap_readout, legend
from charwave_tui.ui.inspector.views.weight_matrix import (
    LINEAR,
    cursor,
    draw_norms,
    input_source_text,
    matmul_text,
    spectrum_diagnostics,
    target,
    weight_diagnostics,
)
from charwave_tui.ui.state.inspector_state import ViewCursor
from charwave_tui.ui.terminal.glyphs import GLYPHS, with_local_glyphs

PARTS = ("weights", "matrix", "norms")
"""The parts: all at once, the picture large, and norms with singular values."""


FIGURES = 45
"""Columns of the table of figures."""


ROOMY = (100, 26)
"""Columns and lines from which figures, both densities and the picture stand together."""


LOW = 17
"""Lines with fewer of which there is no density beside the picture."""


STEP = {"h": (0, -1), "l": (0, 1), "k": (-1, 0), "j": (1, 0)}
"""How far each key moves the cursor: rows, columns."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How many lines the densities' bars and the picture have; `roomy` where a table of figures stands beside them."""

    roomy: bool
    bars: int
    picture: int

    @staticmethod
    def of(part: int, width: int, height: int) -> Layout:
        """That of a part in so many columns and lines; the picture has its frame among its lines."""
        roomy = width >= ROOMY[0] and height >= ROOMY[1]
        if part == 1:
            return Layout(roomy, 0, max(height - 4, 0))
        if part > 1:
            return Layout(roomy, 0, 0)
        if roomy:
            bars = min(8 + (height - 36) // 4, 14) if height > 36 else 8
            return Layout(True, bars, height - bars - AXIS_LINES - 6)
        bars = 0 if height < LOW else 3 + (height - LOW) // 3
        return Layout(False, bars, max(height - (bars + AXIS_LINES + 3 if bars else 0) - 4, 0))


class LinearView:
    """A Linear's matrix."""

    @property
    def parts(self) -> tuple[str, ...]:
        """PARTS."""
        return PARTS

    def nouns(self, part: int) -> CursorAxes:
        """Columns and rows of the matrix."""
        return CursorAxes("column", "row")

    def diagnostics(self, shown: ViewData) -> tuple[Diagnostic, ...]:
        """Those of the matrix, the most telling first; with its norms those of its singular values."""
        insight = shown.insight
        if not isinstance(insight, LinearInsight):
            return ()
        known = _known(shown, insight)
        return (*known, *spectrum_diagnostics(insight)) if shown.gaze.part == 2 else known

    def query(self, gaze: ViewCursor, width: int, height: int) -> InsightQuery:
        """The matrix in as many cells as the picture has; singular values where norms are shown."""
        layout = Layout.of(gaze.part, width, height)
        rows, columns = 2 * max(layout.picture - FRAME, 0), max(width - GUTTER, 1)
        return InsightQuery(gaze.layer, rows=rows, columns=columns if rows else 0, singular=gaze.part == 2)

    def move_cursor(self, shown: ViewData, key: str) -> ViewCursor | None:
        """The cursor on the next block of the picture, or the next row or column where there are profiles."""
        insight, gaze = shown.insight, shown.gaze
        if key not in STEP or not isinstance(insight, LinearInsight):
            return None
        row, column = cursor(shown, insight)
        if gaze.part < 2:
            tall, wide = _heat(insight).block
        else:  # a row that has no column of its own is passed over
            tall, wide = -(-insight.fan_in // 128), -(-insight.fan_out // 128)
        down, right = STEP[key]
        row, column = row // tall * tall + down * tall, column // wide * wide + right * wide
        return replace(
            gaze, example=min(max(row, 0), insight.fan_in - 1), unit=min(max(column, 0), insight.fan_out - 1)
        )

    def lines(self, shown: ViewData, width: int, height: int) -> tuple[StyledLine, ...]:
        """The part at hand."""
        insight = shown.insight
        if not isinstance(insight, LinearInsight):
            return ()
        form = joined(
            matmul_text(shown.layers, shown.stats, shown.gaze.layer, (insight.fan_in, insight.fan_out)), width
        )
        known = _known(shown, insight)
        layout = Layout.of(shown.gaze.part, width, height)
        lines: tuple[StyledLine, ...]
        match shown.gaze.part:
            case 2:
                lines = (form, *draw_norms(shown, insight, width, height - 1))
            case 1:
                lines = (form, diagnostics_module.row(known, width), *_picture(shown, insight, width, layout.picture))
            case _ if layout.roomy:
                top = tuple(_roomy(insight, known, width, layout.bars))
                lines = (form, (), *top, (), *_picture(shown, insight, width, layout.picture))
            case _:
                top = tuple(_narrow(insight, width, layout.bars)) if layout.bars else ()
                picture = _picture(shown, insight, width, layout.picture)
                lines = (form, diagnostics_module.row(known, width), *top, *picture)
        return tuple(crop_line(line, width) for line in lines)[: max(height, 0)]


def _known(shown: ViewData, insight: LinearInsight) -> tuple[Diagnostic, ...]:
    return weight_diagnostics(shown.stats, max(insight.fan_in, 1) ** -0.5, LINEAR, insight.weight.mean)


def _heat(insight: LinearInsight) -> Heatmap:
    return Heatmap(insight.fan_in, insight.fan_out, insight.heat)


def _roomy(insight: LinearInsight, known: tuple[Diagnostic, ...], width: int, bars: int) -> Iterator[StyledLine]:
    """The table of figures beside both densities."""
    each = (width - FIGURES - 2 * GAP) // 2
    left = diagnostics_module.table(reversed(known), FIGURES)
    room = bars + 1 + AXIS_LINES - len(left) - 1
    left = (*left, (), *diagnostics_module.advice_lines(known, FIGURES, max(room, 1)))
    sides = (left, *_densities(insight, each, bars))
    for at in range(bars + 1 + AXIS_LINES):
        cells = (side[at] if at < len(side) else () for side in sides)
        yield columns(cells, (FIGURES, each, each))


def _narrow(insight: LinearInsight, width: int, bars: int) -> Iterator[StyledLine]:
    """Both densities side by side between blank lines."""
    each = (width - GAP) // 2
    yield ()
    for pair in zip(*_densities(insight, each, bars), strict=True):
        yield columns(pair, (each, each))
    yield ()


def _densities(insight: LinearInsight, width: int, bars: int) -> tuple[tuple[StyledLine, ...], tuple[StyledLine, ...]]:
    return (
        _density("weight density", "", insight.weight, width, bars),
        _density("gradient density", "   of the loss, by the weights", insight.gradient, width, bars),
    )


def _density(name: str, note: str, of: Histogram | None, width: int, bars: int) -> tuple[StyledLine, ...]:
    heading = justify((Span(name), Span(note if len(name) + len(note) <= width else "", "muted")), (), width)
    if of is None:
        return (heading, (Span("no gradient", "muted"),), *((),) * (bars + AXIS_LINES - 1))
    return (heading, *draw_histogram(of, width, bars))


def _picture(shown: ViewData, insight: LinearInsight, width: int, height: int) -> tuple[StyledLine, ...]:
    """A heading, the matrix in `height` lines, its frame among them, and what the cursor reads."""
    matrix, at = _heat(insight), cursor(shown, insight)
    tall, wide = matrix.block
    groups: list[StyledLine] = [(Span("matrix"), Span("   rows in, columns out", "muted"))]
    if (tall, wide) != (1, 1):
        groups.append((Span(with_local_glyphs(f"a cell is the largest of {tall} × {wide}"), "muted"),))
    heading = joined((groups[0], *legend(matrix), *groups[1:], *shades_note()), width)
    if not math.isfinite(insight.weight.mean):
        heading = (*heading, Span(f"   {GLYPHS.cross} not finite", "error"))
    source = input_source_text(shown.layers, shown.gaze.layer, insight.fan_in, at[0])
    read = joined(heatmap_readout(matrix, at, source, target(shown, insight, at[1])), width)
    return (heading, *draw_heatmap(matrix, at, width, height), read)
