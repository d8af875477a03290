"""How far steps moved each matrix over a whole run: a bounded series of update ratios."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable

import msgspec
from torch import nn

from charwave_tui.core.grids import EMPTY, Grid
from charwave_tui.core.inspection import ChangesReported
from charwave_tui.engine.layers import Embedding, Linear

CAPACITY = 128
"""Steps that a series has at the most; then every second is let go, and as many fewer are taken up from there on."""

DENSE = 2 * CAPACITY
"""Steps of a whole run that are measured, or up to twice as many: a curve from early on that costs little."""

Ratios = tuple[float | None, ...]
"""One a layer: log10(std(Δp)/std(p)), None where the layer has no weight, or a deviation is 0 or not finite."""


class KeptChanges(msgspec.Struct, frozen=True):
    """All that a series needs to go on alike: the steps in it, the ratios [steps, matrices], and how far apart.

    A `stride` of 0 is that of a run that begins.
    """

    steps: tuple[int, ...] = ()
    ratios: Grid = EMPTY
    stride: int = 0


class Changes:
    """The update ratios of a model's matrices, the Embedding's and each Linear's, of every `stride`th step.

    Which steps those are depends on their numbers alone, so that a run gives the same series however it is cut. `steps`
    are those that the run is to have: it begins with the stride that makes about DENSE of them.
    """

    def __init__(self, layers: Iterable[nn.Module], steps: int) -> None:
        self._first = 2 ** max(0, (steps // DENSE).bit_length() - 1)
        self._layers = tuple(place for place, layer in enumerate(layers) if isinstance(layer, Embedding | Linear))
        self.take(KeptChanges())

    def take(self, kept: KeptChanges) -> None:
        """Go on from what was `kept`; from nothing where that is of another model."""
        fits = kept.ratios.columns == len(self._layers) and kept.ratios.rows == len(kept.steps)
        self._stride = kept.stride or self._first
        self._rows = [(step, kept.ratios.row(row)) for row, step in enumerate(kept.steps)] if fits else []

    def wants(self, step: int) -> bool:
        """Whether that step belongs to the series."""
        return step % self._stride == 0

    def add(self, step: int, ratios: Ratios) -> None:
        """Take up the `ratios` of all layers by a step that it `wants`."""
        found = (ratios[layer] for layer in self._layers)
        self._rows.append((step, array("f", (math.nan if ratio is None else ratio for ratio in found))))
        if len(self._rows) >= CAPACITY:
            self._stride *= 2
            self._rows = [(step, row) for step, row in self._rows if self.wants(step)]

    def kept(self) -> KeptChanges:
        """All of it, frozen."""
        return KeptChanges(self._steps, self._ratios, self._stride)

    def reported(self) -> ChangesReported:
        """All of it, for who asks."""
        return ChangesReported(self._steps, self._layers, self._ratios)

    @property
    def _steps(self) -> tuple[int, ...]:
        return tuple(step for step, _ in self._rows)

    @property
    def _ratios(self) -> Grid:
        return Grid.of(len(self._layers), (ratio for _, row in self._rows for ratio in row))
