"""What a layer's view is drawn from, where a person points in it, and what every view can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from charwave_tui.core.insights import AnyInsight, Lens
from charwave_tui.core.inspection import ChangesReported
from charwave_tui.core.readings import LayerStats
from charwave_tui.ui.insight.figures import Figure
from charwave_tui.ui.pieces import Line


@dataclass(frozen=True, slots=True)
class Gaze:
    """Where a person points: the layer's place in the model, a part of its view, and what each view has to point at.

    `position`, `unit` and `example` are places in what the layer puts out (of a Linear, `example` is the row of the
    matrix and `unit` its column), `symbol` an id of the vocabulary, `text` a context that was typed, `figure` the label
    of the figure that is explained, empty for none.
    """

    layer: int = 0
    part: int = 0
    position: int = 0
    unit: int = 0
    example: int = 0
    symbol: int = 1
    text: str = ""
    figure: str = ""


@dataclass(frozen=True, slots=True)
class Nouns:
    """What the keys move the cursor among: `across` by `h` `l`, `down` by `j` `k`, `on` by `p`; empty for nothing."""

    across: str = ""
    down: str = ""
    on: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """All that a view draws: the layer's figures and insight after `step`, as soon as there are any, and the gaze.

    `layers` are the figures of all layers, `symbols` the characters in id order from 1, `changes` how far steps have
    moved the matrices, None before the first answer.
    """

    step: int
    layers: tuple[LayerStats, ...]
    stats: LayerStats
    insight: AnyInsight
    gaze: Gaze
    symbols: str = ""
    changes: ChangesReported | None = None


class LayerView(Protocol):
    """One kind of layer's view, in `parts` that `tab` goes through; all of it is pure."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of its parts, at least one."""

    def nouns(self, part: int) -> Nouns:
        """What the keys of `moved` move the cursor among in that part."""

    def figures(self, shown: Shown) -> tuple[Figure, ...]:
        """Its figures with what each means and what is healthy of it."""

    def lens(self, gaze: Gaze, width: int, height: int) -> Lens:
        """What to ask the engine for, so as to fill so many columns and lines."""

    def moved(self, shown: Shown, key: str) -> Gaze | None:
        """The gaze after `h`, `j`, `k` or `l` (left, down, up, right), `p` or `P` (position on, back).

        None where the key means nothing in this part.
        """

    def lines(self, shown: Shown, width: int, height: int) -> tuple[Line, ...]:
        """The view in at most `height` lines of at most `width` columns."""
