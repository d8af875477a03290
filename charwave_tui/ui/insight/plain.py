"""The view of a layer that only adds or rearranges: the spread of what it puts out."""

from __future__ import annotations

from charwave_tui.core.insights import Lens, PlainInsight
from charwave_tui.ui import numbers
from charwave_tui.ui.insight import histogram
from charwave_tui.ui.insight.shown import Gaze, Shown
from charwave_tui.ui.pieces import Line, Piece

TALLEST = 12
"""Rows of a density at most: a taller one tells no more."""

WIDEST = 80
"""Columns of a density at most."""


class PlainView:
    """Mean, standard deviation and density of the output."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The one part."""
        return ("output",)

    def lens(self, gaze: Gaze, width: int, height: int) -> Lens:
        """No part of the output is wanted."""
        return Lens(gaze.layer, rows=0, columns=0)

    def moved(self, shown: Shown, key: str) -> Gaze | None:
        """There is nothing to point at."""
        return None

    def lines(self, shown: Shown, width: int, height: int) -> tuple[Line, ...]:
        """The figures over the density."""
        if not isinstance(shown.insight, PlainInsight):
            return ()
        output = shown.insight.output
        figures: Line = (
            Piece("mean ", "muted"),
            Piece(numbers.signed(output.mean), "bright", True),
            Piece("   std ", "muted"),
            Piece(numbers.spread(output.std), "bright", True),
        )
        rows = min(height - 4 - histogram.AXIS, TALLEST)
        density = histogram.drawn(output, min(width, WIDEST), rows) if rows > 1 else ()
        return (figures, (), (Piece("output density"),), *density)[:height]
