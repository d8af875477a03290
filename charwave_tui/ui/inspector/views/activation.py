"""View of an activation layer: distribution of outputs and gradients, outputs of single units, dead units."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from enum import IntEnum

from charwave_tui.core.config.layer_shapes import ACTIVATION_OF_LAYER
from charwave_tui.core.protocol.layer_insights import ActivationInsight, InsightQuery
from charwave_tui.ui.drawing.block_graphics import AXIS_LINES, draw_density, legend_swatch, shades_note
from charwave_tui.ui.drawing.number_format import format_gradient_std, format_signed, format_std
from charwave_tui.ui.drawing.styled_text import GAP, Span, StyledLine, fit_groups, side_by_side, wrap
from charwave_tui.ui.inspector.pictures.unit_image import (
    FRAME,
    GUTTER,
    cursor_readout_column,
    cursor_readout_line,
    draw_units,
    unit_coloring,
    unit_legend,
    window_start,
)
from charwave_tui.ui.inspector.views.base import CursorAxes, LayerView, ViewData, step_position
from charwave_tui.ui.inspector.views.diagnostics import (
    TABLE_COLUMNS,
    WIDE_LAYOUT,
    Diagnostic,
    advice_lines,
    beside_table,
    diagnostics_line,
    is_wide_layout,
)
from charwave_tui.ui.state.inspector_state import ViewCursor
from charwave_tui.ui.state.layer_health import ranges_for
from charwave_tui.ui.terminal.glyphs import GLYPHS

MIN_DENSITY_HEIGHT = 17  # lines below which the overview has no density
MIN_READOUT_COLUMNS = 40  # columns right of the image from which the readout is there
MAX_UNIT_LIST_LINES = 4
ADVICE_ORDER = ("dead units", "saturation", "std", "mean", "grad std", "grad mean")
CURSOR_STEPS = {"h": (-1, 0), "l": (1, 0), "k": (0, -1), "j": (0, 1)}  # units, examples


Tab = IntEnum("Tab", "OVERVIEW DENSITIES UNITS", start=0)


class ActivationView(LayerView):
    """View of an activation layer, by its class name."""

    tabs = tuple(tab.name.lower() for tab in Tab)
    insight_type = ActivationInsight

    def __init__(self, layer_name: str) -> None:
        self._layer_name = layer_name
        self._spec = ACTIVATION_OF_LAYER[layer_name]
        self._coloring = unit_coloring(self._spec)
        # a gated activation's threshold is of its tanh, not of its output
        threshold = None if self._spec.is_gated else self._spec.saturation_threshold
        self._threshold = math.inf if threshold is None else threshold

    def cursor_axes(self, tab: int) -> CursorAxes:
        return CursorAxes(position="position") if tab == Tab.DENSITIES else CursorAxes("unit", "example", "position")

    def query(self, cursor: ViewCursor, width: int, height: int) -> InsightQuery:
        rows = 2 * _line_counts(cursor.tab, width, height)[1]
        if rows == 0:
            return InsightQuery(cursor.layer, cursor.position, rows=0, columns=0)
        columns = max(width - GUTTER, 1)
        top, left = window_start(cursor.example, rows), window_start(cursor.unit, columns)
        return InsightQuery(cursor.layer, cursor.position, top, left, rows, columns)

    def diagnostics(self, data: ViewData[ActivationInsight]) -> tuple[Diagnostic, ...]:
        stats, insight = data.stats, data.insight
        ranges, output, gradient = ranges_for(self._layer_name), insight.output, insight.gradient
        diagnostics = [
            Diagnostic("mean", output.mean, format_signed(output.mean), ranges["mean"]),
            Diagnostic("std", output.std, format_std(output.std), ranges["std"]),
        ]
        if stats.saturation is not None:
            text = f"{stats.saturation:.1f} %"
            diagnostics.append(Diagnostic("saturation", stats.saturation, text, ranges["saturation"], "sat"))
        if stats.dead is not None:
            text = f"{insight.dead_units:,} of {insight.units:,}"
            diagnostics.append(Diagnostic("dead units", insight.dead_units, text, ranges["dead"], "dead"))
        if gradient is not None:
            std, mean = format_gradient_std(gradient.std), format_gradient_std(gradient.mean)
            sign = "" if gradient.mean < 0 else "+"
            diagnostics.append(Diagnostic("grad std", gradient.std, std, ranges["grad std"]))
            diagnostics.append(Diagnostic("grad mean", gradient.mean, f"{sign}{mean}", ranges["grad mean"]))
        return tuple(diagnostics)

    def move_cursor(self, data: ViewData[ActivationInsight], key: str) -> ViewCursor | None:
        cursor, insight = data.cursor, data.insight
        if key in ("p", "P"):
            return step_position(cursor, key, insight.positions)
        if key not in CURSOR_STEPS or cursor.tab == Tab.DENSITIES:
            return None
        right, down = CURSOR_STEPS[key]
        unit = min(max(min(cursor.unit, insight.units - 1) + right, 0), insight.units - 1)
        example = min(max(min(cursor.example, insight.examples - 1) + down, 0), insight.examples - 1)
        return replace(cursor, unit=unit, example=example)

    def render(self, data: ViewData[ActivationInsight], width: int, height: int) -> tuple[StyledLine, ...]:
        insight, cursor = data.insight, data.cursor
        unit, example = min(cursor.unit, insight.units - 1), min(cursor.example, insight.examples - 1)
        cursor = replace(cursor, unit=unit, example=example)
        bar_rows, image_height = _line_counts(cursor.tab, width, height)
        diagnostics = self.diagnostics(data)
        lines: tuple[StyledLine, ...]
        match cursor.tab:
            case Tab.DENSITIES:
                lines = self._densities(insight, diagnostics, width, bar_rows)
            case Tab.UNITS:
                units = self._units(insight, cursor, width, image_height)
                lines = (diagnostics_line(diagnostics, width), *units)
            case _ if is_wide_layout(width, height):
                statistics = self._wide_statistics(insight, diagnostics, width, bar_rows)
                lines = (*statistics, (), *self._units_and_lists(insight, cursor, width, image_height))
            case _:
                density = self._narrow_density(insight, diagnostics, width, bar_rows) if bar_rows else ()
                units = self._units(insight, cursor, width, image_height)
                lines = (diagnostics_line(diagnostics, width), *density, *units)
        return lines[:height]

    def _wide_statistics(
        self, insight: ActivationInsight, diagnostics: tuple[Diagnostic, ...], width: int, bar_rows: int
    ) -> tuple[StyledLine, ...]:
        density_width = (width - TABLE_COLUMNS - 2 * GAP) // 2
        densities = self._both_densities(insight, density_width, bar_rows)
        return beside_table(
            diagnostics, _by_importance(diagnostics), densities, [density_width] * 2, bar_rows + 1 + AXIS_LINES
        )

    def _narrow_density(
        self, insight: ActivationInsight, diagnostics: tuple[Diagnostic, ...], width: int, bar_rows: int
    ) -> tuple[StyledLine, ...]:
        density_width = min(width // 2 + 2, width)
        rest = width - density_width - GAP
        density = self._output_density(insight, density_width, bar_rows)
        advice = ((), *advice_lines(_by_importance(diagnostics), rest, bar_rows + AXIS_LINES))
        return ((), *side_by_side((density, advice), (density_width, rest), len(density)))

    def _densities(
        self, insight: ActivationInsight, diagnostics: tuple[Diagnostic, ...], width: int, bar_rows: int
    ) -> tuple[StyledLine, ...]:
        density_width = (width - GAP) // 2
        blocks = self._both_densities(insight, density_width, bar_rows)
        densities = side_by_side(blocks, (density_width, density_width), bar_rows + 1 + AXIS_LINES)
        advice = advice_lines(_by_importance(diagnostics), width, _max_advice_lines(width))
        return (diagnostics_line(diagnostics, width), (), *densities, (), *advice)

    def _output_density(self, insight: ActivationInsight, width: int, bar_rows: int) -> tuple[StyledLine, ...]:
        heading: list[StyledLine] = [(Span("output density"),)]
        if math.isfinite(self._threshold):
            heading.append((Span(f"|h| > {self._threshold} ", "muted"), legend_swatch("warning")))
        return draw_density(heading, insight.output, width, bar_rows, self._threshold)

    def _both_densities(self, insight: ActivationInsight, width: int, bar_rows: int) -> list[tuple[StyledLine, ...]]:
        heading = ((Span("gradient density"),), (Span("dL/dh", "muted"),))
        gradient = draw_density(heading, insight.gradient, width, bar_rows)
        return [self._output_density(insight, width, bar_rows), gradient]

    def _units(self, insight: ActivationInsight, cursor: ViewCursor, width: int, height: int) -> tuple[StyledLine, ...]:
        image = draw_units(insight, cursor, self._coloring, height + FRAME)
        return (self._heading(insight, width), *image, cursor_readout_line(insight, cursor, self._coloring, width))

    def _units_and_lists(
        self, insight: ActivationInsight, cursor: ViewCursor, width: int, height: int
    ) -> tuple[StyledLine, ...]:
        """Render the image with the lists of dead units: with the readout at its right if there is room, else below."""
        units = self._units(insight, cursor, width, height)
        free_columns = width - GUTTER - insight.values.columns - GAP
        if free_columns < MIN_READOUT_COLUMNS:
            return (*units, *dead_units_line(insight, width))
        heading, *image, _ = units
        readout = cursor_readout_column(insight, cursor, self._coloring)
        right = ((), *readout, (), *dead_units_column(insight, free_columns))
        return (heading, *side_by_side((image, right), (width - free_columns - GAP, free_columns), len(image)))

    def _heading(self, insight: ActivationInsight, width: int) -> StyledLine:
        last = insight.left + insight.values.columns - 1
        has_all_units = insight.values.columns == insight.units
        span = f"all {insight.units:,}" if has_all_units else f"{insight.left:,} to {last:,} of {insight.units:,}"
        groups: list[StyledLine] = [(Span("units "), Span(span, "muted"))]
        if insight.positions > 1:
            groups.append(
                (
                    Span("position ", "muted"),
                    Span(f"{GLYPHS.left} ", "accent"),
                    Span(f"{insight.position + 1}", "bright", True),
                    Span(f" of {insight.positions}", "accent"),
                    Span(f" {GLYPHS.right}", "accent"),
                )
            )
        groups += unit_legend(self._coloring, self._spec.can_die)
        groups += ((Span("rows: examples, columns: units", "muted"),), *shades_note())
        return fit_groups(groups, width)


def _line_counts(tab: int, width: int, height: int) -> tuple[int, int]:
    if tab == Tab.DENSITIES:
        return max(height - AXIS_LINES - 5 - _max_advice_lines(width), 1), 0
    if tab == Tab.UNITS:
        return 0, max(height - 5, 1)
    if is_wide_layout(width, height):
        bar_rows = min(8 + max(height - 36, 0) // 4, 14)
        return bar_rows, max(height - bar_rows - AXIS_LINES - 8, 1)
    bar_rows = 0 if height < MIN_DENSITY_HEIGHT else 4 + max(height - 20, 0) // 3
    return bar_rows, max(height - (bar_rows + AXIS_LINES + 2 if bar_rows else 0) - 5, 1)


def dead_units_line(insight: ActivationInsight, width: int) -> tuple[StyledLine, ...]:
    groups: list[StyledLine] = []
    for label, units, role in _unit_lists(insight):
        (text,) = wrap(units, max(width // 2 - len(label) - 2, 12), 1)
        groups.append((Span(f"{label}  ", "muted"), Span(text, role)))
    return ((), fit_groups(groups, width)) if groups else ()


def dead_units_column(insight: ActivationInsight, width: int) -> tuple[StyledLine, ...]:
    lines: list[StyledLine] = []
    for label, units, role in _unit_lists(insight):
        texts = wrap(units, width, MAX_UNIT_LIST_LINES)
        lines += [(Span(label, "muted"),), *((Span(text, role),) for text in texts), ()]
    return tuple(lines)


def _unit_lists(insight: ActivationInsight) -> Iterator[tuple[str, str, str]]:
    for label, units, total, role in (
        ("dead units", insight.dead, insight.dead_units, "warning"),
        ("nearly dead (over 90 % of examples)", insight.nearly_dead, len(insight.nearly_dead), "fg"),
    ):
        if units:
            yield label, ", ".join(map(str, units)) + (f", {GLYPHS.ellipsis}" if total > len(units) else ""), role


def _max_advice_lines(width: int) -> int:
    return 2 if width >= WIDE_LAYOUT[0] else 4


def _by_importance(diagnostics: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    return tuple(sorted(diagnostics, key=lambda diagnostic: ADVICE_ORDER.index(diagnostic.label)))
