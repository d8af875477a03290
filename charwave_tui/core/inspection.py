"""Commands and events about what is inside the layers of the run in hand."""

from __future__ import annotations

from charwave_tui.core.grids import Grid
from charwave_tui.core.insights import AnyInsight, Lens, ProbeBatch
from charwave_tui.core.protocol import Command, Event
from charwave_tui.core.readings import LayerStats


class InspectLayer(Command, frozen=True):
    """Look inside one layer; a viewer knows its own answer by `request`. Ignored where the model has no such layer."""

    lens: Lens
    batch: ProbeBatch = ProbeBatch()
    request: int = 0


class ReportChanges(Command, frozen=True):
    """Tell the asker how far steps have moved each matrix over time."""


class LayerInspected(Event, frozen=True):
    """The layer as it was after `step`; looking took `seconds` of the engine's time."""

    step: int
    request: int
    stats: LayerStats
    insight: AnyInsight
    seconds: float


class ChangesReported(Event, frozen=True):
    """The update ratios log10(std(Δp)/std(p)) of the run's matrices, measured now and then from a step's real change.

    `layers` are the places in the model of those that have a matrix, `ratios` [steps, layers]; NaN where there is none.
    """

    steps: tuple[int, ...]
    layers: tuple[int, ...]
    ratios: Grid
