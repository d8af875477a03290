"""The selected layer with its view, and the cursors to which keys lead from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from charwave_tui.core.metrics import LayerStats
from charwave_tui.ui.inspector.views.base import LayerView, ViewData
from charwave_tui.ui.inspector.views.registry import view_for_layer
from charwave_tui.ui.state.inspector_state import ViewCursor


@dataclass(frozen=True, slots=True)
class SelectedLayer:
    """One of `layers`, with its statistics from the last probe; the cursor is within its tabs."""

    layers: tuple[LayerStats, ...]
    cursor: ViewCursor

    @staticmethod
    def of(layers: tuple[LayerStats, ...], cursor: ViewCursor) -> SelectedLayer | None:
        """Return the layer at the cursor, or the last one if there are fewer; None if there are none."""
        if not layers:
            return None
        layer = min(cursor.layer, len(layers) - 1)
        tab = min(cursor.tab, len(view_for_layer(layers[layer].name).tabs) - 1)
        return SelectedLayer(layers, replace(cursor, layer=layer, tab=tab))

    @property
    def stats(self) -> LayerStats:
        return self.layers[self.cursor.layer]

    @property
    def view(self) -> LayerView:
        return view_for_layer(self.stats.name)

    def cursor_on_layer(self, step: int) -> ViewCursor:
        """Return the cursor on another layer, in the tab of the same name if its view has one."""
        layer = min(max(self.cursor.layer + step, 0), len(self.layers) - 1)
        name, tabs = self.view.tabs[self.cursor.tab], view_for_layer(self.layers[layer].name).tabs
        return replace(self.cursor, layer=layer, tab=tabs.index(name) if name in tabs else 0)

    def cursor_on_tab(self, step: int) -> ViewCursor:
        return replace(self.cursor, tab=(self.cursor.tab + step) % len(self.view.tabs))


def cursor_on_next_diagnostic(data: ViewData[Any]) -> ViewCursor:
    """Return the cursor that explains the next diagnostic of the tab; after the last one, none."""
    labels = [diagnostic.label for diagnostic in view_for_layer(data.stats.name).diagnostics(data)]
    index = labels.index(data.cursor.diagnostic) + 1 if data.cursor.diagnostic in labels else 0
    return replace(data.cursor, diagnostic=labels[index] if index < len(labels) else "")
