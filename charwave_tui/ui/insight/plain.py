"""The view of a layer that only adds or rearranges: the spread of what it puts out."""

from __future__ import annotations

import math

from charwave_tui.core.insights import Lens, PlainInsight
from charwave_tui.ui import numbers
from charwave_tui.ui.insight import figures, histogram
from charwave_tui.ui.insight.figures import Figure
from charwave_tui.ui.insight.healthy import RELU, Healthy
from charwave_tui.ui.insight.shown import Gaze, Nouns, Shown
from charwave_tui.ui.pieces import Line, Piece

TALLEST = 12
"""Rows of a density at most: a taller one tells no more."""

WIDEST = 80
"""Columns of a density at most."""

MEAN = Healthy(-math.inf, math.inf, "near 0", "Small beside the std: what comes next sees outputs on both sides of 0.")
"""What the mean of an output means."""


class PlainView:
    """Mean, standard deviation and density of the output."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The one part."""
        return ("output",)

    def nouns(self, part: int) -> Nouns:
        """There is nothing to point at."""
        return Nouns()

    def figures(self, shown: Shown) -> tuple[Figure, ...]:
        """Mean and standard deviation."""
        if not isinstance(shown.insight, PlainInsight):
            return ()
        out = shown.insight.output
        return (
            Figure("mean", "mean", out.mean, numbers.signed(out.mean), MEAN),
            Figure("std", "std", out.std, numbers.spread(out.std), RELU["std"]),
        )

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
        rows = min(height - 4 - histogram.AXIS, TALLEST)
        density = histogram.drawn(output, min(width, WIDEST), rows) if rows > 1 else ()
        return (figures.row(self.figures(shown), width), (), (Piece("output density"),), *density)[:height]
