"""ActivationView, dead units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from charwave_tui.core.config.layer_shapes import ACTIVATION_OF_LAYER
from charwave_tui.core.protocol.layer_insights import ActivationInsight, Histogram, InsightQuery
from charwave_tui.ui.drawing.block_graphics import AXIS_LINES, draw_histogram, legend_swatch, shades_note
from charwave_tui.ui.drawing.number_format import format_gradient_std, format_signed, format_std
from charwave_tui.ui.drawing.styled_text import GAP, Span, StyledLine, columns, wrap
from charwave_tui.ui.inspector.views.base import CursorAxes, ViewData
from charwave_tui.ui.inspector.views.diagnostics import Diagnostic, advice_lines, row, table
from charwave_tui.ui.inspector.views.unit_image import (
    FRAME,
    GUTTER,
    draw_units,
    joined,
    legend,
    reading_within,
    readings,
    unit_coloring,
    window_start,
)
from charwave_tui.ui.state.inspector_state import ViewCursor
from charwave_tui.ui.state.layer_health import ranges_for
from charwave_tui.ui.terminal.glyphs import GLYPHS

MOST = 4
"""Lines that each list takes at most."""


def dead_units_line(insight: ActivationInsight, width: int) -> tuple[StyledLine, ...]:
    """The dead and the nearly dead ones behind each other, with a blank line above; nothing where there are none."""
    groups: list[StyledLine] = []
    for label, numbers, role in _lists(insight):
        (text,) = wrap(numbers, max(width // 2 - len(label) - 2, 12), 1)
        groups.append((Span(f"{label}  ", "muted"), Span(text, role)))
    return ((), joined(tuple(groups), width)) if groups else ()


def dead_units_column(insight: ActivationInsight, width: int) -> tuple[StyledLine, ...]:
    """The same below one another."""
    lines: list[StyledLine] = []
    for label, numbers, role in _lists(insight):
        lines += [(Span(label, "muted"),), *((Span(text, role),) for text in wrap(numbers, width, MOST)), ()]
    return tuple(lines)


def _lists(insight: ActivationInsight) -> Iterator[tuple[str, str, str]]:
    """The label, the numbers and the ink of each list that is not empty."""
    for label, units, total, role in (
        ("dead units", insight.dead, insight.dead_units, "warning"),
        ("nearly dead (over 90 % of examples)", insight.nearly_dead, len(insight.nearly_dead), "fg"),
    ):
        if units:
            yield label, ", ".join(map(str, units)) + (f", {GLYPHS.ellipsis}" if total > len(units) else ""), role


OVERVIEW, DENSITIES, UNITS = range(3)
"""The parts."""


FIGURES = 45
"""Columns of the table of figures."""


ROOMY = (100, 26)
"""Columns and lines from which figures, both densities and the picture stand together."""


LOW = 17
"""Lines with fewer of which the overview has no density."""


BESIDE = 40
"""Columns right of the picture from which what is read of it stands there."""


STEP = {"h": (-1, 0), "l": (1, 0), "k": (0, -1), "j": (0, 1)}
"""How far each key moves the cursor: units, examples."""


@dataclass(frozen=True, slots=True)
class ActivationLayout:
    """How many lines the densities' bars and the picture have; `roomy` where all stands together."""

    roomy: bool
    bars: int
    picture: int

    @staticmethod
    def of(part: int, width: int, height: int) -> ActivationLayout:
        """That of a part in so many columns and lines."""
        roomy = width >= ROOMY[0] and height >= ROOMY[1]
        if part == DENSITIES:
            return ActivationLayout(roomy, max(height - AXIS_LINES - 5 - _said(width), 1), 0)
        if part == UNITS:
            return ActivationLayout(roomy, 0, max(height - 5, 1))
        if roomy:
            bars = min(8 + (height - 36) // 4, 14) if height > 36 else 8
            return ActivationLayout(True, bars, max(height - bars - AXIS_LINES - 8, 1))
        bars = 0 if height < LOW else 4 + (height - 20) // 3 if height > 20 else 4
        return ActivationLayout(False, bars, max(height - (bars + AXIS_LINES + 2 if bars else 0) - 5, 1))


class ActivationView:
    """The view of an activation of the class `kind`."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._spec = ACTIVATION_OF_LAYER[kind]
        self._scale = unit_coloring(self._spec)
        threshold = None if self._spec.is_gated else self._spec.saturation_threshold  # of a gated one, the tanh's
        self._worry = float("inf") if threshold is None else threshold

    @property
    def parts(self) -> tuple[str, ...]:
        """All at once, the densities large, the picture large."""
        return ("overview", "densities", "units")

    def nouns(self, part: int) -> CursorAxes:
        """Units and examples where there is a picture, and positions."""
        return CursorAxes(on="position") if part == DENSITIES else CursorAxes("unit", "example", "position")

    def query(self, gaze: ViewCursor, width: int, height: int) -> InsightQuery:
        """The window of units and examples with the cursor in it."""
        rows, columns = 2 * ActivationLayout.of(gaze.part, width, height).picture, max(width - GUTTER, 1)
        if rows == 0:
            return InsightQuery(gaze.layer, gaze.position, rows=0, columns=0)
        top, left = window_start(gaze.example, rows), window_start(gaze.unit, columns)
        return InsightQuery(gaze.layer, gaze.position, top, left, rows, columns)

    def move_cursor(self, shown: ViewData, key: str) -> ViewCursor | None:
        """The cursor on a neighbouring unit or example, or at another position, round and round."""
        gaze, insight = shown.gaze, shown.insight
        if not isinstance(insight, ActivationInsight):
            return None
        if key in ("p", "P"):
            step = 1 if key == "p" else -1
            here = min(gaze.position, insight.positions - 1)
            return replace(gaze, position=(here + step) % insight.positions) if insight.positions > 1 else None
        if key not in STEP or gaze.part == DENSITIES:
            return None
        right, down = STEP[key]
        unit = min(max(min(gaze.unit, insight.units - 1) + right, 0), insight.units - 1)
        example = min(max(min(gaze.example, insight.examples - 1) + down, 0), insight.examples - 1)
        return replace(gaze, unit=unit, example=example)

    def lines(self, shown: ViewData, width: int, height: int) -> tuple[StyledLine, ...]:
        """The part at hand."""
        insight, gaze = shown.insight, shown.gaze
        if not isinstance(insight, ActivationInsight):
            return ()
        gaze = replace(gaze, unit=min(gaze.unit, insight.units - 1), example=min(gaze.example, insight.examples - 1))
        layout = ActivationLayout.of(gaze.part, width, height)
        known = self.diagnostics(shown)
        match gaze.part:
            case 1:
                lines = self._densities(insight, known, width, layout.bars)
            case 2:
                lines = (row(known, width), *self._units(insight, gaze, width, layout.picture))
            case _ if layout.roomy:
                top = tuple(self._roomy(insight, known, width, layout.bars))
                lines = (*top, (), *self._large(insight, gaze, width, layout.picture))
            case _:
                top = tuple(self._narrow(insight, known, width, layout.bars)) if layout.bars else ()
                lines = (row(known, width), *top, *self._units(insight, gaze, width, layout.picture))
        return tuple(lines)[:height]

    def diagnostics(self, shown: ViewData) -> tuple[Diagnostic, ...]:
        """All figures, in the order in which they are read."""
        stats, insight = shown.stats, shown.insight
        if not isinstance(insight, ActivationInsight):
            return ()
        health, out, gradient = ranges_for(self._kind), insight.output, insight.gradient
        known = [
            Diagnostic("mean", "mean", out.mean, format_signed(out.mean), health["mean"]),
            Diagnostic("std", "std", out.std, format_std(out.std), health["std"]),
        ]
        if stats.saturation is not None:
            text = f"{stats.saturation:.1f} %"
            known.append(Diagnostic("saturation", "sat", stats.saturation, text, health["saturation"]))
        if stats.dead is not None:
            text = f"{insight.dead_units:,} of {insight.units:,}"
            known.append(Diagnostic("dead units", "dead", insight.dead_units, text, health["dead"]))
        if gradient is not None:
            known.append(
                Diagnostic("grad std", "grad std", gradient.std, format_gradient_std(gradient.std), health["grad std"])
            )
            known.append(
                Diagnostic("grad mean", "grad mean", gradient.mean, _signed(gradient.mean), health["grad mean"])
            )
        return tuple(known)

    def _roomy(
        self, insight: ActivationInsight, known: tuple[Diagnostic, ...], width: int, bars: int
    ) -> Iterator[StyledLine]:
        each = (width - FIGURES - 2 * GAP) // 2
        left = table(known, FIGURES)
        room = bars + 1 + AXIS_LINES - len(left) - 1
        left = (*left, (), *advice_lines(_telling(known), FIGURES, max(room, 1)))
        output = self._density(insight.output, each, bars, _key(self._worry))
        gradient = self._gradient(insight, each, bars)
        for at in range(bars + 1 + AXIS_LINES):
            cells = (side[at] if at < len(side) else () for side in (left, output, gradient))
            yield columns(cells, (FIGURES, each, each))

    def _narrow(
        self, insight: ActivationInsight, known: tuple[Diagnostic, ...], width: int, bars: int
    ) -> Iterator[StyledLine]:
        each = min(width // 2 + 2, width)
        said = ((), *advice_lines(_telling(known), width - each - GAP, bars + AXIS_LINES))
        yield ()
        for at, line in enumerate(self._density(insight.output, each, bars, _key(self._worry))):
            yield columns((line, said[at] if at < len(said) else ()), (each, width - each - GAP))

    def _densities(
        self, insight: ActivationInsight, known: tuple[Diagnostic, ...], width: int, bars: int
    ) -> tuple[StyledLine, ...]:
        each = (width - GAP) // 2
        output = self._density(insight.output, each, bars, _key(self._worry))
        gradient = self._gradient(insight, each, bars)
        pairs = (columns(pair, (each, each)) for pair in zip(output, gradient, strict=True))
        return (row(known, width), (), *pairs, (), *advice_lines(_telling(known), width, _said(width)))

    def _density(self, of: Histogram, width: int, bars: int, key: StyledLine) -> tuple[StyledLine, ...]:
        heading: tuple[StyledLine, ...] = ((Span("output density"),), key) if key else ((Span("output density"),),)
        return (joined(heading, width), *draw_histogram(of, width, bars, self._worry))

    def _gradient(self, insight: ActivationInsight, width: int, bars: int) -> tuple[StyledLine, ...]:
        heading = joined(((Span("gradient density"),), (Span("at the output", "muted"),)), width)
        if insight.gradient is None:
            return (heading, (Span("no gradient", "muted"),), *((),) * (bars + AXIS_LINES - 1))
        return (heading, *draw_histogram(insight.gradient, width, bars))

    def _units(self, insight: ActivationInsight, gaze: ViewCursor, width: int, height: int) -> Iterator[StyledLine]:
        """The picture in so many lines, with its heading above and what the cursor reads below."""
        yield self._heading(insight, width)
        yield from draw_units(insight, gaze, self._scale, height + FRAME)
        yield reading_within(insight, gaze, self._scale, width)

    def _large(self, insight: ActivationInsight, gaze: ViewCursor, width: int, height: int) -> tuple[StyledLine, ...]:
        """The picture and the units worth a look: beside it where there is room, with what the cursor reads."""
        picture = tuple(self._units(insight, gaze, width, height))
        room = width - GUTTER - insight.values.columns - GAP
        if room < BESIDE:
            return (*picture, *dead_units_line(insight, width))
        *above, _ = picture
        beside_it = (
            (),
            (),
            *readings(insight, gaze, self._scale),
            (),
            *dead_units_column(insight, room),
        )
        rest = width - room - GAP
        return tuple(
            columns((line, beside_it[at] if at < len(beside_it) else ()), (rest, room)) if at else line
            for at, line in enumerate(above)
        )

    def _heading(self, insight: ActivationInsight, width: int) -> StyledLine:
        last = insight.left + insight.values.columns - 1
        whole = insight.values.columns == insight.units
        span = f"all {insight.units:,}" if whole else f"{insight.left:,} to {last:,} of {insight.units:,}"
        groups: list[StyledLine] = [(Span("units "), Span(span, "muted"))]
        if insight.positions > 1:
            arrows = (Span(f"{GLYPHS.left} ", "accent"), Span(f" {GLYPHS.right}", "accent"))
            place = (Span(f"{insight.position + 1}", "bright", True), Span(f" of {insight.positions}", "accent"))
            groups.append((Span("position ", "muted"), arrows[0], *place, arrows[1]))
        groups += legend(self._scale, self._spec.can_die)
        groups += ((Span("examples down, units across", "muted"),), *shades_note())
        return joined(tuple(groups), width)


def _key(worry: float) -> StyledLine:
    """What the ink of a density's ends means, where they worry."""
    return (Span("|h| > 0.97 ", "muted"), legend_swatch("warning")) if worry < 1 else ()


def _said(width: int) -> int:
    """Lines that the word on a figure takes at most."""
    return 2 if width >= ROOMY[0] else 4


def _signed(value: float) -> str:
    return format_gradient_std(value) if value < 0 else f"+{format_gradient_std(value)}"


def _telling(known: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """The figures in the order in which they tell most."""
    order = ("dead units", "saturation", "std", "mean", "grad std", "grad mean")
    calm_first = sorted(known, key=lambda figure: order.index(figure.label))
    return tuple(calm_first)
