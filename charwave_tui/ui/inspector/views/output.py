"""The view of a layer that only adds or rearranges: the spread of what it puts out."""

from __future__ import annotations

import math

from charwave_tui.core.protocol.layer_insights import InsightQuery, OutputInsight
from charwave_tui.ui.drawing.block_graphics import AXIS_LINES, draw_histogram
from charwave_tui.ui.drawing.number_format import format_signed, format_std
from charwave_tui.ui.drawing.styled_text import Span, StyledLine
from charwave_tui.ui.inspector.views.base import CursorAxes, ViewData
from charwave_tui.ui.inspector.views.diagnostics import Diagnostic, row
from charwave_tui.ui.state.inspector_state import ViewCursor
from charwave_tui.ui.state.layer_health import RELU, HealthyRange

TALLEST = 12
"""Rows of a density at most: a taller one tells no more."""


WIDEST = 80
"""Columns of a density at most."""


MEAN = HealthyRange(
    -math.inf, math.inf, "near 0", "Small beside the std: what comes next sees outputs on both sides of 0."
)
"""What the mean of an output means."""


class OutputView:
    """Mean, standard deviation and density of the output."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The one part."""
        return ("output",)

    def nouns(self, part: int) -> CursorAxes:
        """There is nothing to point at."""
        return CursorAxes()

    def diagnostics(self, shown: ViewData) -> tuple[Diagnostic, ...]:
        """Mean and standard deviation."""
        if not isinstance(shown.insight, OutputInsight):
            return ()
        out = shown.insight.output
        return (
            Diagnostic("mean", "mean", out.mean, format_signed(out.mean), MEAN),
            Diagnostic("std", "std", out.std, format_std(out.std), RELU["std"]),
        )

    def query(self, gaze: ViewCursor, width: int, height: int) -> InsightQuery:
        """No part of the output is wanted."""
        return InsightQuery(gaze.layer, rows=0, columns=0)

    def move_cursor(self, shown: ViewData, key: str) -> ViewCursor | None:
        """There is nothing to point at."""
        return None

    def lines(self, shown: ViewData, width: int, height: int) -> tuple[StyledLine, ...]:
        """The figures over the density."""
        if not isinstance(shown.insight, OutputInsight):
            return ()
        output = shown.insight.output
        rows = min(height - 4 - AXIS_LINES, TALLEST)
        density = draw_histogram(output, min(width, WIDEST), rows) if rows > 1 else ()
        return (row(self.diagnostics(shown), width), (), (Span("output density"),), *density)[:height]
