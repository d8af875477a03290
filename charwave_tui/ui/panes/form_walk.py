"""Walking the rows of the form, by keys and by mouse."""

from __future__ import annotations

from itertools import groupby
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.reactive import reactive

from charwave_tui.ui.draft import PRESET, ROWS, FormView
from charwave_tui.ui.panes.form_plan import Plan, section
from charwave_tui.ui.panes.pane import Pane


class FormWalk(Pane):
    """A pane of rows with a cursor that walks as the eye does; whoever derives from it draws, and answers `edit`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "walk(-1)", "Up", show=False),
        Binding("down", "walk(1)", "Down", show=False),
        Binding("home", f"walk(-{len(ROWS)})", "First", show=False),
        Binding("end", f"walk({len(ROWS)})", "Last", show=False),
        Binding("pageup", "leap(-1)", "Group up", show=False),
        Binding("pagedown", "leap(1)", "Group down", show=False),
    ]

    form: reactive[FormView] = reactive(FormView())
    """What the form shows."""
    here: reactive[str] = reactive(PRESET)
    """The row that keys act on."""

    plan = Plan()
    """What stands where at present."""

    def update(self) -> None:
        """Draw what changed."""
        raise NotImplementedError

    def action_walk(self, rows: int) -> None:
        order = self.plan.order
        self.here = order[min(max(order.index(self.here) + rows, 0), len(order) - 1)]

    def action_leap(self, way: int) -> None:
        """Go to the next row that is the first of its group, or to the very last one."""
        order = self.plan.order
        at = order.index(self.here)
        firsts = [order.index(next(names)) for _, names in groupby(order, section)]
        if way > 0:
            self.here = order[next((first for first in firsts if first > at), len(order) - 1)]
        else:
            self.here = order[next((first for first in reversed(firsts) if first < at), 0)]

    async def on_click(self, event: events.Click) -> None:
        """Go to the row; edit the one where the cursor was already."""
        at = event.screen_offset - self.content_region.offset
        for name, place in self.plan.places.items():
            if at.y == place.y and place.x <= at.x < place.x + place.width:
                if name == self.here:
                    await self.run_action("edit")
                elif self.check_action("walk", ()):
                    self.here = name

    def watch_has_focus(self, _has_focus: bool) -> None:
        super().watch_has_focus(_has_focus)
        self.update()

    def on_resize(self) -> None:
        self.update()

    def watch_form(self) -> None:
        self.update()

    def watch_here(self) -> None:
        self.update()
