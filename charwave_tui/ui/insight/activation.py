"""The view of an activation: its figures, how its outputs and their gradient are spread, and every unit's outputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from charwave_tui.core.insights import ActivationInsight, Histogram, Lens
from charwave_tui.ui import numbers
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.insight import figures, histogram, unit_lists, units
from charwave_tui.ui.insight.figures import Figure
from charwave_tui.ui.insight.healthy import healthy
from charwave_tui.ui.insight.shades import merged, swatch
from charwave_tui.ui.insight.shown import Gaze, Nouns, Shown
from charwave_tui.ui.pieces import GAP, Line, Piece, beside

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

WORRY = 0.97
"""|h| beyond which a tanh hardly passes a gradient."""

STEP = {"h": (-1, 0), "l": (1, 0), "k": (0, -1), "j": (0, 1)}
"""How far each key moves the cursor: units, examples."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How many lines the densities' bars and the picture have; `roomy` where all stands together."""

    roomy: bool
    bars: int
    picture: int

    @staticmethod
    def of(part: int, width: int, height: int) -> Layout:
        """That of a part in so many columns and lines."""
        roomy = width >= ROOMY[0] and height >= ROOMY[1]
        if part == DENSITIES:
            return Layout(roomy, max(height - histogram.AXIS - 5 - _said(width), 1), 0)
        if part == UNITS:
            return Layout(roomy, 0, max(height - 5, 1))
        if roomy:
            bars = min(8 + (height - 36) // 4, 14) if height > 36 else 8
            return Layout(True, bars, max(height - bars - histogram.AXIS - 8, 1))
        bars = 0 if height < LOW else 4 + (height - 20) // 3 if height > 20 else 4
        return Layout(False, bars, max(height - (bars + histogram.AXIS + 2 if bars else 0) - 5, 1))


class ActivationView:
    """A Tanh, ReLU, GELU or Gated, its `kind`."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._scale = units.SCALES[kind]
        self._worry = WORRY if kind == "Tanh" else float("inf")

    @property
    def parts(self) -> tuple[str, ...]:
        """All at once, the densities large, the picture large."""
        return ("overview", "densities", "units")

    def nouns(self, part: int) -> Nouns:
        """Units and examples where there is a picture, and positions."""
        return Nouns(on="position") if part == DENSITIES else Nouns("unit", "example", "position")

    def lens(self, gaze: Gaze, width: int, height: int) -> Lens:
        """The window of units and examples with the cursor in it."""
        rows, columns = 2 * Layout.of(gaze.part, width, height).picture, max(width - units.GUTTER, 1)
        if rows == 0:
            return Lens(gaze.layer, gaze.position, rows=0, columns=0)
        top, left = units.first_of(gaze.example, rows), units.first_of(gaze.unit, columns)
        return Lens(gaze.layer, gaze.position, top, left, rows, columns)

    def moved(self, shown: Shown, key: str) -> Gaze | None:
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

    def lines(self, shown: Shown, width: int, height: int) -> tuple[Line, ...]:
        """The part at hand."""
        insight, gaze = shown.insight, shown.gaze
        if not isinstance(insight, ActivationInsight):
            return ()
        gaze = replace(gaze, unit=min(gaze.unit, insight.units - 1), example=min(gaze.example, insight.examples - 1))
        layout = Layout.of(gaze.part, width, height)
        known = self.figures(shown)
        match gaze.part:
            case 1:
                lines = self._densities(insight, known, width, layout.bars)
            case 2:
                lines = (figures.row(known, width), *self._units(insight, gaze, width, layout.picture))
            case _ if layout.roomy:
                top = tuple(self._roomy(insight, known, width, layout.bars))
                lines = (*top, (), *self._large(insight, gaze, width, layout.picture))
            case _:
                top = tuple(self._narrow(insight, known, width, layout.bars)) if layout.bars else ()
                lines = (figures.row(known, width), *top, *self._units(insight, gaze, width, layout.picture))
        return tuple(lines)[:height]

    def figures(self, shown: Shown) -> tuple[Figure, ...]:
        """All figures, in the order in which they are read."""
        stats, insight = shown.stats, shown.insight
        if not isinstance(insight, ActivationInsight):
            return ()
        health, out, gradient = healthy(self._kind), insight.output, insight.gradient
        known = [
            Figure("mean", "mean", out.mean, numbers.signed(out.mean), health["mean"]),
            Figure("std", "std", out.std, numbers.spread(out.std), health["std"]),
        ]
        if stats.saturation is not None:
            text = f"{stats.saturation:.1f} %"
            known.append(Figure("saturation", "sat", stats.saturation, text, health["saturation"]))
        if stats.dead is not None:
            text = f"{insight.dead_units:,} of {insight.units:,}"
            known.append(Figure("dead units", "dead", insight.dead_units, text, health["dead"]))
        if gradient is not None:
            known.append(Figure("grad std", "grad std", gradient.std, numbers.small(gradient.std), health["grad std"]))
            known.append(Figure("grad mean", "grad mean", gradient.mean, _signed(gradient.mean), health["grad mean"]))
        return tuple(known)

    def _roomy(self, insight: ActivationInsight, known: tuple[Figure, ...], width: int, bars: int) -> Iterator[Line]:
        each = (width - FIGURES - 2 * GAP) // 2
        left = figures.table(known, FIGURES)
        room = bars + 1 + histogram.AXIS - len(left) - 1
        left = (*left, (), *figures.words(_telling(known), FIGURES, max(room, 1)))
        output = self._density(insight.output, each, bars, _key(self._worry))
        gradient = self._gradient(insight, each, bars)
        for at in range(bars + 1 + histogram.AXIS):
            cells = (side[at] if at < len(side) else () for side in (left, output, gradient))
            yield beside(cells, (FIGURES, each, each))

    def _narrow(self, insight: ActivationInsight, known: tuple[Figure, ...], width: int, bars: int) -> Iterator[Line]:
        each = min(width // 2 + 2, width)
        said = ((), *figures.words(_telling(known), width - each - GAP, bars + histogram.AXIS))
        yield ()
        for at, line in enumerate(self._density(insight.output, each, bars, _key(self._worry))):
            yield beside((line, said[at] if at < len(said) else ()), (each, width - each - GAP))

    def _densities(
        self, insight: ActivationInsight, known: tuple[Figure, ...], width: int, bars: int
    ) -> tuple[Line, ...]:
        each = (width - GAP) // 2
        output = self._density(insight.output, each, bars, _key(self._worry))
        gradient = self._gradient(insight, each, bars)
        pairs = (beside(pair, (each, each)) for pair in zip(output, gradient, strict=True))
        return (figures.row(known, width), (), *pairs, (), *figures.words(_telling(known), width, _said(width)))

    def _density(self, of: Histogram, width: int, bars: int, key: Line) -> tuple[Line, ...]:
        heading: tuple[Line, ...] = ((Piece("output density"),), key) if key else ((Piece("output density"),),)
        return (units.joined(heading, width), *histogram.drawn(of, width, bars, self._worry))

    def _gradient(self, insight: ActivationInsight, width: int, bars: int) -> tuple[Line, ...]:
        heading = units.joined(((Piece("gradient density"),), (Piece("at the output", "muted"),)), width)
        if insight.gradient is None:
            return (heading, (Piece("no gradient", "muted"),), *((),) * (bars + histogram.AXIS - 1))
        return (heading, *histogram.drawn(insight.gradient, width, bars))

    def _units(self, insight: ActivationInsight, gaze: Gaze, width: int, height: int) -> Iterator[Line]:
        """The picture in so many lines, with its heading above and what the cursor reads below."""
        yield self._heading(insight, width)
        yield from units.drawn(insight, gaze, self._scale, height + units.FRAME)
        yield units.reading_within(insight, gaze, self._scale, width)

    def _large(self, insight: ActivationInsight, gaze: Gaze, width: int, height: int) -> tuple[Line, ...]:
        """The picture and the units worth a look: beside it where there is room, with what the cursor reads."""
        picture = tuple(self._units(insight, gaze, width, height))
        room = width - units.GUTTER - insight.values.columns - GAP
        if room < BESIDE:
            return (*picture, *unit_lists.in_one_line(insight, width))
        *above, _ = picture
        beside_it = ((), (), *units.readings(insight, gaze, self._scale), (), *unit_lists.as_column(insight, room))
        rest = width - room - GAP
        return tuple(
            beside((line, beside_it[at] if at < len(beside_it) else ()), (rest, room)) if at else line
            for at, line in enumerate(above)
        )

    def _heading(self, insight: ActivationInsight, width: int) -> Line:
        last = insight.left + insight.values.columns - 1
        whole = insight.values.columns == insight.units
        span = f"all {insight.units:,}" if whole else f"{insight.left:,} to {last:,} of {insight.units:,}"
        groups: list[Line] = [(Piece("units "), Piece(span, "muted"))]
        if insight.positions > 1:
            arrows = (Piece(f"{GLYPHS.left} ", "accent"), Piece(f" {GLYPHS.right}", "accent"))
            place = (Piece(f"{insight.position + 1}", "bright", True), Piece(f" of {insight.positions}", "accent"))
            groups.append((Piece("position ", "muted"), arrows[0], *place, arrows[1]))
        mortal = self._kind in ("Tanh", "ReLU")
        groups += units.legend(self._scale, mortal)
        groups += ((Piece("examples down, units across", "muted"),), *merged())
        return units.joined(tuple(groups), width)


def _key(worry: float) -> Line:
    """What the ink of a density's ends means, where they worry."""
    return (Piece("|h| > 0.97 ", "muted"), swatch("warning")) if worry < 1 else ()


def _said(width: int) -> int:
    """Lines that the word on a figure takes at most."""
    return 2 if width >= ROOMY[0] else 4


def _signed(value: float) -> str:
    return numbers.small(value) if value < 0 else f"+{numbers.small(value)}"


def _telling(known: tuple[Figure, ...]) -> tuple[Figure, ...]:
    """The figures in the order in which they tell most."""
    order = ("dead units", "saturation", "std", "mean", "grad std", "grad mean")
    calm_first = sorted(known, key=lambda figure: order.index(figure.label))
    return tuple(calm_first)
