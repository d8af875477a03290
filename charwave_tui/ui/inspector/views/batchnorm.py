"""View of a BatchNorm1d: gamma, beta, and running beside batch statistics; of each unit and of each position."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from charwave_tui.core.config.layer_shapes import BATCHNORM_EPS
from charwave_tui.core.protocol.layer_insights import BatchNormInsight, InsightQuery
from charwave_tui.ui.drawing.block_graphics import vertical_bars
from charwave_tui.ui.drawing.number_format import format_gradient_std, format_signed, format_std, format_update_ratio
from charwave_tui.ui.drawing.styled_text import (
    GAP,
    Span,
    StyledLine,
    fit_groups,
    highlight,
    muted_lines,
    scroll_top,
)
from charwave_tui.ui.inspector.pictures.unit_image import GUTTER, unit_labels, window_start
from charwave_tui.ui.inspector.views.base import CursorAxes, LayerView, ViewData, step_position
from charwave_tui.ui.inspector.views.diagnostics import (
    TABLE_COLUMNS,
    Diagnostic,
    advice_lines,
    beside_table,
    diagnostics_line,
    is_wide_layout,
)
from charwave_tui.ui.state.inspector_state import ViewCursor
from charwave_tui.ui.state.layer_health import ranges_for
from charwave_tui.ui.terminal.glyphs import GLYPHS, with_local_glyphs

UNIT_THRESHOLD = 0.3  # single units scatter more than their mean, whose healthy range ends at 0.1
POSITION_THRESHOLD = 0.5  # in std

UNIT_TABLE_HEADERS = 2  # lines
# columns of: unit, gamma, beta, running mean, batch mean, running var, batch var
UNIT_TABLE_WIDTHS = (7, 8, 7, 9, 8, 9, 8)
UNIT_TABLE_COLUMNS = (range(7), (0, 3, 4, 5, 6), (0, 3, 4))  # the first of these that fits
WIDE_TABLES_HEIGHT = 11


Tab = IntEnum("Tab", "OVERVIEW UNITS POSITIONS", start=0)


@dataclass(frozen=True, slots=True)
class UnitStatistics:
    """Parameters and statistics of one unit."""

    gamma: float
    beta: float
    running_mean: float
    batch_mean: float
    running_var: float
    batch_var: float

    @property
    def mean_distance(self) -> float:
        """|running mean − batch mean| / batch std."""
        return abs(self.running_mean - self.batch_mean) / _std(self.batch_var)

    @property
    def var_distance(self) -> float:
        """|log10(running var / batch var)|."""
        ratio = (self.running_var + BATCHNORM_EPS) / (self.batch_var + BATCHNORM_EPS)
        return abs(math.log10(ratio)) if ratio > 0 and math.isfinite(ratio) else math.nan


def has_position_statistics(insight: BatchNormInsight) -> bool:
    return insight.running_mean.rows > 1


def unit_statistics(insight: BatchNormInsight, position: int) -> tuple[UnitStatistics, ...]:
    """Return the units of the insight's window; those of `position` if the layer keeps statistics of each position."""
    if has_position_statistics(insight):
        batch = (insight.position_mean, insight.position_var)
    else:
        batch = (insight.batch_mean, insight.batch_var)
    matrices = (insight.gamma, insight.beta, insight.running_mean, batch[0], insight.running_var, batch[1])
    rows = [matrix.row(min(position, matrix.rows - 1)) if matrix.rows else () for matrix in matrices]
    return tuple(UnitStatistics(*values) for values in zip(*rows, strict=True))


def position_statistics(insight: BatchNormInsight, column: int) -> tuple[tuple[float, float, float], ...]:
    """Return for each position a unit's mean, its variance, and |mean − batch mean| / batch std."""
    batch_mean, batch_std = insight.batch_mean.at(0, column), _std(insight.batch_var.at(0, column))
    means = [insight.position_mean.at(position, column) for position in range(insight.position_mean.rows)]
    return tuple(
        (mean, insight.position_var.at(position, column), abs(mean - batch_mean) / batch_std)
        for position, mean in enumerate(means)
    )


def _std(var: float) -> float:
    return math.sqrt(var + BATCHNORM_EPS) if var >= 0 else math.nan


def unit_table(insight: BatchNormInsight, cursor: ViewCursor, width: int, height: int) -> tuple[StyledLine, ...]:
    column_sets = (columns for columns in UNIT_TABLE_COLUMNS if sum(UNIT_TABLE_WIDTHS[i] for i in columns) <= width)
    columns = tuple(next(column_sets, UNIT_TABLE_COLUMNS[-1]))
    units = unit_statistics(insight, cursor.position)
    rows, cursor_row = max(height - UNIT_TABLE_HEADERS, 1), cursor.unit - insight.left
    top = scroll_top(cursor_row, len(units), rows)
    headers = (
        _cells(("", "", "", "mean", "", "var", ""), columns),
        _cells(("unit", "gamma", "beta", "running", "batch", "running", "batch"), columns),
    )
    return (
        *((Span(header, "muted"),) for header in headers),
        *(
            _unit_row(insight.left + row, units[row], row == cursor_row, columns)
            for row in range(top, min(top + rows, len(units)))
        ),
    )


def _unit_row(number: int, unit: UnitStatistics, has_cursor: bool, columns: Sequence[int]) -> StyledLine:
    values = (
        "",
        format_signed(unit.gamma),
        format_signed(unit.beta),
        format_signed(unit.running_mean),
        format_signed(unit.batch_mean),
        format_std(unit.running_var),
        format_std(unit.batch_var),
    )
    mark = GLYPHS.cursor if has_cursor else " "
    label = Span(f"{mark} {number:>{UNIT_TABLE_WIDTHS[0] - 2},}", "accent" if has_cursor else "muted")
    line = (label, Span(_cells(values, columns[1:])))
    return highlight(line) if has_cursor else line


def _cells(texts: Sequence[str], columns: Sequence[int]) -> str:
    return "".join(f"{texts[column]:>{UNIT_TABLE_WIDTHS[column]}}" for column in columns)


def position_table(insight: BatchNormInsight, cursor: ViewCursor, width: int, height: int) -> tuple[StyledLine, ...]:
    """Render one unit's statistics at each position and over all, and what averaging over the batch alone would do.

    That is the lecture's bug: statistics of its own for each position.
    """
    column = cursor.unit - insight.left
    if not 0 <= column < insight.position_mean.columns:
        return ()
    rows = position_statistics(insight, column)
    widths = (12 if width >= 40 else 8, 9, 9, 8)
    heading: StyledLine = (
        Span("unit ", "muted"),
        Span(f"{cursor.unit:,}", "accent", True),
        Span(" at each position", "muted"),
    )
    headers = zip(("position", "mean", "var", "diff"), widths, strict=True)
    text = _position_text(insight, rows, cursor.unit, width)
    max_rows = max(height - len(text) - 5, 1)
    top = scroll_top(cursor.position, len(rows), max_rows)
    lines = []
    for position, (mean, var, distance) in list(enumerate(rows))[top : top + max_rows]:
        is_far = distance > POSITION_THRESHOLD
        lines.append(
            (
                Span(f"{position + 1:>{widths[0]}}", "muted"),
                Span(f"{format_signed(mean):>{widths[1]}}{format_std(var):>{widths[2]}}"),
                Span(f"{distance:>{widths[3]}.2f}", "warning" if is_far else "fg"),
                Span(f" {GLYPHS.warning}" if is_far else "", "warning", True),
            )
        )
    mean, var = insight.batch_mean.at(0, column), insight.batch_var.at(0, column)
    total: StyledLine = (
        Span(f"{'all':>{widths[0]}}", "muted"),
        Span(f"{format_signed(mean):>{widths[1]}}{format_std(var):>{widths[2]}}", "bright", True),
    )
    header = Span("".join(f"{name:>{columns}}" for name, columns in headers), "muted")
    return (heading, (header,), *lines, total, (), *text)


def _position_text(
    insight: BatchNormInsight, rows: Sequence[tuple[float, float, float]], unit: int, width: int
) -> tuple[StyledLine, ...]:
    positions, units, examples = insight.positions, insight.units, insight.examples
    if positions == 1:
        text = "This layer has one position, so averaging over the batch dimension alone gives the same."
        return muted_lines(text, width, 2)
    times, distance = GLYPHS.times, max(distance for _, _, distance in rows)
    counts = (
        f"Averaging over the batch dimension alone gives {positions}{times}{units:,} = {positions * units:,} "
        f"means, each of {examples:,} examples; averaging over positions too gives {units:,}, each of "
        f"{positions}{times}{examples:,} = {positions * examples:,}."
    )
    consequence = (
        ". With norm batch-bug, as in this run, each position is normalized by itself."
        if has_position_statistics(insight)
        else "; norm batch-bug would shift each to 0 separately, and the differences would be lost."
    )
    spread = f"The {positions} means of unit {unit:,} are up to {distance:.2f} std from the overall mean{consequence}"
    return (*muted_lines(counts, width, 4), *muted_lines(spread, width, 4))


@dataclass(frozen=True, slots=True)
class UnitBars:
    """A bar chart of one value of each unit; values above `threshold` are warnings."""

    name: str
    about: str
    value: Callable[[UnitStatistics], float]
    threshold: float = math.inf

    def draw(self, units: Sequence[UnitStatistics], cursor: int, rows: int, width: int) -> tuple[StyledLine, ...]:
        values = [self.value(unit) for unit in units]
        sizes = [abs(value) for value in values]
        highest = max((size for size in sizes if math.isfinite(size)), default=0.0)
        scale = max(highest, self.threshold if math.isfinite(self.threshold) else 0.0) or 1.0
        heights = [size / scale if math.isfinite(size) else 1.0 for size in sizes]
        roles = ["muted" if size <= self.threshold else "warning" if math.isfinite(size) else "error" for size in sizes]
        groups: list[StyledLine] = [(Span(self.name),)]
        if 0 <= cursor < len(values):
            groups.append((Span("at cursor ", "muted"), Span(format_signed(values[cursor]), "bright", True)))
        groups.append((Span(f"max {format_std(highest)}", "muted"),))
        groups.append((Span(with_local_glyphs(self.about), "muted"),))
        bars = ((Span(" " * GUTTER), *line) for line in vertical_bars(heights, rows, roles))
        return (fit_groups(groups, width), *bars)


UNIT_BARS = (  # the most important first: there may not be room for all
    UnitBars("mean diff", "|running − batch mean| in std", lambda unit: unit.mean_distance, UNIT_THRESHOLD),
    UnitBars("var diff", "|log10(running / batch var)|", lambda unit: unit.var_distance, UNIT_THRESHOLD),
    UnitBars("gamma", "scale after normalization", lambda unit: unit.gamma),
    UnitBars("beta", "shift after normalization", lambda unit: unit.beta),
)


class BatchNormView(LayerView):
    """View of a BatchNorm1d layer."""

    tabs = tuple(tab.name.lower() for tab in Tab)
    insight_type = BatchNormInsight

    def cursor_axes(self, tab: int) -> CursorAxes:
        return CursorAxes("unit", "unit" if tab == Tab.UNITS else "", "position")

    def query(self, cursor: ViewCursor, width: int, height: int) -> InsightQuery:
        # above the table's rows are its headers and the line of diagnostics
        columns = max(height - UNIT_TABLE_HEADERS - 1 if cursor.tab == Tab.UNITS else width - GUTTER, 1)
        left = window_start(cursor.unit, columns)
        return InsightQuery(cursor.layer, cursor.position, left=left, rows=0, columns=columns)

    def diagnostics(self, data: ViewData[BatchNormInsight]) -> tuple[Diagnostic, ...]:
        stats, insight = data.stats, data.insight
        ranges = ranges_for("BatchNorm1d")
        diagnostics = [
            Diagnostic("mean diff", insight.mean_deviation, f"{insight.mean_deviation:.3f}", ranges["mean diff"]),
            Diagnostic("var diff", insight.var_deviation, f"{insight.var_deviation:.3f}", ranges["var diff"]),
        ]
        if stats.update_ratio is not None:
            text = format_update_ratio(stats.update_ratio)
            diagnostics.append(Diagnostic("update", stats.update_ratio, text, ranges["update"]))
        if stats.gradient_std is not None:
            text = format_gradient_std(stats.gradient_std)
            diagnostics.append(Diagnostic("grad std", stats.gradient_std, text, ranges["grad std"]))
        return tuple(diagnostics)

    def move_cursor(self, data: ViewData[BatchNormInsight], key: str) -> ViewCursor | None:
        cursor, insight = data.cursor, data.insight
        if key in ("p", "P"):
            return step_position(cursor, key, insight.positions) if has_position_statistics(insight) else None
        steps = {"h": -1, "l": 1, "k": -1, "j": 1} if cursor.tab == Tab.UNITS else {"h": -1, "l": 1}
        if key not in steps:
            return None
        unit = min(cursor.unit, insight.units - 1) + steps[key]
        return replace(cursor, unit=min(max(unit, 0), insight.units - 1))

    def render(self, data: ViewData[BatchNormInsight], width: int, height: int) -> tuple[StyledLine, ...]:
        insight = data.insight
        cursor = replace(data.cursor, unit=min(data.cursor.unit, insight.units - 1))
        diagnostics = self.diagnostics(data)
        line = diagnostics_line(diagnostics, width)
        lines: tuple[StyledLine, ...]
        if cursor.tab == Tab.UNITS:
            lines = (line, *unit_table(insight, cursor, width, height - 1))
        elif cursor.tab == Tab.POSITIONS:
            lines = (line, *position_table(insight, cursor, width, height - 1))
        elif is_wide_layout(width, height):
            bars = _unit_bars(insight, cursor, width, height - WIDE_TABLES_HEIGHT - 1)
            lines = (*_wide_tables(insight, cursor, diagnostics, width), (), *bars)
        else:
            advice = ((), *advice_lines(diagnostics, width, 2), ()) if height >= 20 else ()
            lines = (line, *advice, *_unit_bars(insight, cursor, width, height - 1 - len(advice)))
        return lines[:height]


def _wide_tables(
    insight: BatchNormInsight, cursor: ViewCursor, diagnostics: tuple[Diagnostic, ...], width: int
) -> tuple[StyledLine, ...]:
    rest = width - TABLE_COLUMNS - GAP
    units = unit_table(insight, cursor, rest, WIDE_TABLES_HEIGHT)
    return beside_table(diagnostics, diagnostics, [units], [rest], WIDE_TABLES_HEIGHT)


def _unit_bars(insight: BatchNormInsight, cursor: ViewCursor, width: int, height: int) -> tuple[StyledLine, ...]:
    units, column = unit_statistics(insight, cursor.position), cursor.unit - insight.left
    rows = height - 2
    count = min(len(UNIT_BARS), max(rows // 2, 1))
    chart_rows, spare_rows = max(rows // count, 2), max(rows % count, 0)
    heading: StyledLine = (Span("unit ", "muted"), Span(f"{cursor.unit:,}", "accent", True))
    if has_position_statistics(insight):
        position = f"{min(cursor.position, insight.positions - 1) + 1} of {insight.positions}"
        heading = (*heading, Span("   position ", "muted"), Span(position, "accent"))
    if 0 <= column < len(units):
        gap = max(GUTTER + column - sum(len(span.text) for span in heading), 1)
        heading = (*heading, Span(" " * gap + GLYPHS.marker, "accent"))
    charts = (
        line
        for index, bars in enumerate(UNIT_BARS[:count])
        for line in bars.draw(units, column, chart_rows - 1 + (index < spare_rows), width)
    )
    return (heading, *charts, (Span(" " * GUTTER + _unit_numbers(insight, len(units)), "muted"),))


def _unit_numbers(insight: BatchNormInsight, count: int) -> str:
    """Return the numbers of `count` units below their bars; at the end the total, if these are not all units."""
    labels = unit_labels(insight.left, count)
    if count == insight.units:
        return labels
    span = f" to {insight.left + count - 1:,} of {insight.units:,}"
    kept_labels = labels[: max(count - len(span), 0)].rpartition(" ")[0]  # a number is not cut in two
    return kept_labels.ljust(count - len(span)) + span
