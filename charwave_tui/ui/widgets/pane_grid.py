"""The layout of the panes: all four, as tabs, or one alone."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.containers import Container
from textual.message import Message
from textual.reactive import reactive

from charwave_tui.ui.widgets.pane import Pane

# columns and rows of the terminal
FOUR_PANES = (120, 36)  # from which all four panes fit; on smaller ones they are tabs
TABS = (60, 16)  # from which tabs fit; below, the focused pane has the whole screen
WIDE_COLUMNS, WIDEST_COLUMNS = 140, 180  # columns from which the form and the names get more room


class PaneGrid(Container):
    """The container of the panes.

    `current` is the id of the pane that was focused last, which is shown where there is room for one or if it is
    `zoomed`.
    """

    DEFAULT_CSS = """
    PaneGrid {
        layout: grid;
        grid-size: 3 2;
        grid-columns: 37 1fr 29;
        grid-rows: 1fr 18;
        height: 1fr;
        & > #form { row-span: 2; }
        & > #loss { column-span: 2; }
        &.-wider { grid-columns: 37 1fr 35; }
        &.-widest { grid-columns: 44 1fr 40; grid-rows: 1fr 20; }
        &.-alone { grid-size: 1 1; grid-columns: 1fr; grid-rows: 1fr; }
        &.-alone > Pane { display: none; row-span: 1; column-span: 1; }
        &.-alone > Pane.-current { display: block; }
    }
    """

    current: reactive[str] = reactive("form")
    zoomed: reactive[bool] = reactive(False)

    @dataclass
    class TooSmall(Message):
        """The screen became too small for anything beside a pane, or large enough again."""

        tiny: bool

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._applied: tuple[int, int, str, bool, int] | None = None

    @property
    def in_tabs(self) -> bool:
        return self._applied is not None and _in_tabs(*self._applied[:2])

    def focus_pane(self, pane_id: str) -> None:
        """Focus a pane, shown or not."""
        self.current = pane_id
        pane = self.query_one(f"#{pane_id}", Pane)
        target = next((widget for widget in (pane, *pane.query("*")) if widget.can_focus and widget.display), None)
        if target is not None:
            self.screen.set_focus(target)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        ids = (node.id for node in event.widget.ancestors_with_self if isinstance(node, Pane))
        self.current = next(ids, "") or "form"

    def watch_current(self) -> None:
        self.update_layout()

    def watch_zoomed(self) -> None:
        self.update_layout()

    def update_layout(self) -> None:
        """Apply the layout for the size of the terminal."""
        width, height = self.app.size
        panes = self.query(Pane)
        layout = (width, height, self.current, self.zoomed, len(panes))
        if layout == self._applied:
            return
        self._applied = layout
        tabs = _in_tabs(width, height)
        tiny = width < TABS[0] or height < TABS[1]
        self.set_class(tabs or self.zoomed, "-alone")
        self.set_class(width >= WIDE_COLUMNS, "-wider")
        self.set_class(width >= WIDEST_COLUMNS, "-widest")
        titles = tuple(str(pane.id).capitalize() for pane in panes) if tabs and not tiny else ()
        for pane in panes:
            pane.set_class(pane.id == self.current, "-current")
            pane.tabs = titles
        self.post_message(self.TooSmall(tiny))


def _in_tabs(width: int, height: int) -> bool:
    return width < FOUR_PANES[0] or height < FOUR_PANES[1]
