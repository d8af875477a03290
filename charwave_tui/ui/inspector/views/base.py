"""`LayerView`, the base class of views, `ViewData`, which they render, and `CompositeView`, of several views."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from charwave_tui.core.metrics import LayerStats
from charwave_tui.core.protocol.events import UpdateRatiosReported
from charwave_tui.core.protocol.layer_insights import InsightQuery
from charwave_tui.ui.drawing.styled_text import StyledLine
from charwave_tui.ui.inspector.views.diagnostics import Diagnostic
from charwave_tui.ui.state.inspector_state import ViewCursor


@dataclass(frozen=True, slots=True)
class CursorAxes:
    """Names of what the cursor moves along: `columns` with h and l, `rows` with j and k, `position` with p and P.

    A name is empty if those keys do nothing.
    """

    columns: str = ""
    rows: str = ""
    position: str = ""


InsightT = TypeVar("InsightT")


@dataclass(frozen=True, slots=True)
class ViewData(Generic[InsightT]):
    """All that a view renders: the layer's statistics and insight, the statistics of all layers, and the cursor.

    `symbols` are the characters in id order from 1. `update_ratios` is None before the engine's first report.
    """

    layers: tuple[LayerStats, ...]
    stats: LayerStats
    insight: InsightT
    cursor: ViewCursor
    symbols: str = ""
    update_ratios: UpdateRatiosReported | None = None


class LayerView(ABC):
    """View of one kind of layer, in one or more tabs. Views hold no state: the same data gives the same lines.

    `ViewData.insight` is an instance of `insight_type`.
    """

    tabs: tuple[str, ...]
    insight_type: type = object

    def cursor_axes(self, tab: int) -> CursorAxes:
        return CursorAxes()

    @abstractmethod
    def query(self, cursor: ViewCursor, width: int, height: int) -> InsightQuery:
        """Return what to ask the engine for, so that `width` columns and `height` lines can be filled."""

    @abstractmethod
    def diagnostics(self, data: ViewData[Any]) -> tuple[Diagnostic, ...]:
        """Return the statistics of the tab with their healthy ranges, in reading order."""

    def move_cursor(self, data: ViewData[Any], key: str) -> ViewCursor | None:
        """Return the cursor after `h`, `j`, `k`, `l` (left, down, up, right), `p` or `P` (next, previous position).

        None if the key does nothing in this tab.
        """
        return None

    @abstractmethod
    def render(self, data: ViewData[Any], width: int, height: int) -> tuple[StyledLine, ...]:
        """Return at most `height` lines of at most `width` columns."""


class CompositeView(LayerView):
    """The tabs of several views, one after another. Each view sees its own tabs only, counted from 0."""

    def __init__(self, *views: LayerView) -> None:
        self._own_tabs = [(view, tab) for view in views for tab in range(len(view.tabs))]
        self.tabs = tuple(name for view in views for name in view.tabs)
        self.insight_type = views[0].insight_type

    def cursor_axes(self, tab: int) -> CursorAxes:
        view, own_tab = self._own_tabs[tab]
        return view.cursor_axes(own_tab)

    def query(self, cursor: ViewCursor, width: int, height: int) -> InsightQuery:
        view, own_tab = self._own_tabs[cursor.tab]
        return view.query(replace(cursor, tab=own_tab), width, height)

    def diagnostics(self, data: ViewData[Any]) -> tuple[Diagnostic, ...]:
        view, own_data = self._own_data(data)
        return view.diagnostics(own_data)

    def move_cursor(self, data: ViewData[Any], key: str) -> ViewCursor | None:
        view, own_data = self._own_data(data)
        cursor = view.move_cursor(own_data, key)
        return cursor and replace(cursor, tab=data.cursor.tab)

    def render(self, data: ViewData[Any], width: int, height: int) -> tuple[StyledLine, ...]:
        view, own_data = self._own_data(data)
        return view.render(own_data, width, height)

    def _own_data(self, data: ViewData[Any]) -> tuple[LayerView, ViewData[Any]]:
        view, own_tab = self._own_tabs[data.cursor.tab]
        return view, replace(data, cursor=replace(data.cursor, tab=own_tab))


def step_position(cursor: ViewCursor, key: str, positions: int) -> ViewCursor | None:
    """Return the cursor at the next (`p`) or previous (`P`) of several positions, from the last on to the first."""
    if positions < 2:
        return None
    position = min(cursor.position, positions - 1) + (1 if key == "p" else -1)
    return replace(cursor, position=position % positions)
