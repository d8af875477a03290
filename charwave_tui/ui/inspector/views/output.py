"""View of a layer that has no view of its own: the distribution of its output."""

from __future__ import annotations

import math

from charwave_tui.core.protocol.layer_insights import InsightQuery, OutputInsight
from charwave_tui.ui.drawing.block_graphics import AXIS_LINES, draw_histogram
from charwave_tui.ui.drawing.number_format import format_signed, format_std
from charwave_tui.ui.drawing.styled_text import Span, StyledLine
from charwave_tui.ui.inspector.views.base import LayerView, ViewData
from charwave_tui.ui.inspector.views.diagnostics import Diagnostic, diagnostics_line
from charwave_tui.ui.state.inspector_state import ViewCursor
from charwave_tui.ui.state.layer_health import RELU, HealthyRange

MAX_BAR_ROWS = 12
MAX_COLUMNS = 80
MEAN_RANGE = HealthyRange(
    -math.inf, math.inf, "near 0", "Small compared with the std: the next layer gets inputs on both sides of 0."
)


class OutputView(LayerView):
    """Mean, standard deviation and density of the output."""

    tabs = ("output",)
    insight_type = OutputInsight

    def query(self, cursor: ViewCursor, width: int, height: int) -> InsightQuery:
        return InsightQuery(cursor.layer, rows=0, columns=0)

    def diagnostics(self, data: ViewData[OutputInsight]) -> tuple[Diagnostic, ...]:
        output = data.insight.output
        return (
            Diagnostic("mean", output.mean, format_signed(output.mean), MEAN_RANGE),
            Diagnostic("std", output.std, format_std(output.std), RELU["std"]),
        )

    def render(self, data: ViewData[OutputInsight], width: int, height: int) -> tuple[StyledLine, ...]:
        rows = min(height - 4 - AXIS_LINES, MAX_BAR_ROWS)
        density = draw_histogram(data.insight.output, min(width, MAX_COLUMNS), rows) if rows > 1 else ()
        return (diagnostics_line(self.diagnostics(data), width), (), (Span("output density"),), *density)[:height]
