"""What the screen knows of the layers: the table's figures with those before them, and the layer looked into."""

from __future__ import annotations

from dataclasses import dataclass, replace

from charwave_tui.core import inspection, protocol
from charwave_tui.core.framing import AnyEvent
from charwave_tui.core.readings import LayerStats

TREND = 8
"""Looks at the layers that are remembered, the last one among them."""


@dataclass(frozen=True, slots=True)
class LayersView:
    """The layers as last probed, after `step`; empty before the first probe. `past` are earlier looks, oldest first.

    They are `foreign` where another run was opened since, and not looked at yet.
    """

    step: int = 0
    layers: tuple[LayerStats, ...] = ()
    past: tuple[tuple[LayerStats, ...], ...] = ()
    foreign: bool = False

    def course(self, place: int) -> tuple[LayerStats, ...]:
        """One layer's figures at each look, oldest first."""
        return tuple(layers[place] for layers in (*self.past, self.layers))


@dataclass(frozen=True, slots=True)
class Inspection:
    """The last answers to who looks inside one layer; None before the first."""

    inspected: inspection.LayerInspected | None = None
    changes: inspection.ChangesReported | None = None


def probed_after(known: LayersView, event: AnyEvent) -> LayersView:
    """The table's figures once `event` has happened; figures of another model begin a new course."""
    match event:
        case protocol.RunOpened():
            return replace(known, past=(), foreign=True)
        case protocol.LayersProbed(step=step, layers=layers):
            alike = not known.foreign and [layer.name for layer in layers] == [layer.name for layer in known.layers]
            past = known.past if alike and step >= known.step else ()
            moved = alike and step > known.step
            return LayersView(step, layers, (*past, known.layers)[1 - TREND :] if moved else past)
        case _:
            return known


def inspection_after(known: Inspection, event: AnyEvent) -> Inspection:
    """What is known of the layer looked into once `event` has happened; another run's says nothing of this one."""
    match event:
        case protocol.RunOpened():
            return Inspection()
        case inspection.LayerInspected():
            return replace(known, inspected=event)
        case inspection.ChangesReported():
            return replace(known, changes=event)
        case _:
            return known
