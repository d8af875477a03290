"""Walking the runs of the list, by keys and by mouse."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.reactive import reactive

from charwave_tui.core.records import RunSummary
from charwave_tui.ui.archive_view import Arrangement, arranged, held
from charwave_tui.ui.panes.run_pane import RunPane
from charwave_tui.ui.view import RunView

HEAD = 1
"""Lines above the first run."""

FAR = 1_000_000
"""More rows than any list has."""


class RunWalk(RunPane):
    """A pane with a row for each run and a cursor that stays on its run; whoever derives from it draws.

    Of the rows in `seen` the one at `top` is the first in sight and the cursor is on that at `index`; it goes to the
    run `returning` as soon as that is there.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "walk(-1)", "Up", show=False),
        Binding("down,j", "walk(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", f"walk(-{FAR})", "First", show=False),
        Binding("end", f"walk({FAR})", "Last", show=False),
    ]

    rows: reactive[tuple[RunSummary, ...] | None] = reactive(None, repaint=False)
    """All runs as they are now; None until the engine has told them."""
    run: reactive[RunView] = reactive(RunView, repaint=False)
    """The run that the engine holds."""
    arrangement: reactive[Arrangement] = reactive(Arrangement, repaint=False)
    """How the runs are arranged, and the one under the cursor; keys change it here, and the screen follows."""

    def __init__(self, arrangement: Arrangement, *, id: str) -> None:
        super().__init__("Runs", id=id)
        self.set_reactive(RunWalk.arrangement, arrangement)
        self.seen: tuple[RunSummary, ...] = ()
        self.top = 0
        self.index = 0
        self.returning: int | None = None

    @property
    def room(self) -> int:
        """The rows that can be seen at once."""
        return max(self.size.height - HEAD - self.foot, 1)

    @property
    def foot(self) -> int:
        """Lines below the last row that can be seen."""
        return 0 if self.size.height < 5 else 1 if self.size.height < 12 else 2

    @property
    def here(self) -> RunSummary | None:
        """The run under the cursor."""
        return self.seen[self.index] if self.seen else None

    def update(self) -> None:
        """Draw what changed."""
        raise NotImplementedError

    def action_walk(self, rows: int) -> None:
        if self.seen:
            index = min(max(self.index + rows, 0), len(self.seen) - 1)
            self.arrangement = replace(self.arrangement, here=self.seen[index].run)

    def action_page(self, pages: int) -> None:
        self.action_walk(pages * self.room)

    def on_mouse_scroll_down(self) -> None:
        if self.check_action("walk", (1,)):
            self.action_walk(1)

    def on_mouse_scroll_up(self) -> None:
        if self.check_action("walk", (-1,)):
            self.action_walk(-1)

    async def on_click(self, event: events.Click) -> None:
        """Go to the run; open the one where the cursor was already."""
        at = event.screen_offset - self.content_region.offset
        place = at.y - HEAD + self.top
        if HEAD <= at.y < HEAD + self.room and place < len(self.seen):
            if place == self.index:
                await self.run_action("command('open')")
            elif self.check_action("walk", (place,)):
                self.action_walk(place - self.index)

    def on_resize(self) -> None:
        self.refit()

    def watch_rows(self) -> None:
        self.refit()

    def watch_run(self, old: RunView, run: RunView) -> None:
        if (held(old), old.state, old.engine) != (held(run), run.state, run.engine):
            self.refit()

    def watch_arrangement(self) -> None:
        self.refit()

    def refit(self) -> None:
        """Arrange the rows, keep the cursor on its run, or where that was, and keep it in sight."""
        if not self.is_mounted or not self.size:
            return
        now, rows, present = self.arrangement, self.rows or (), held(self.run)
        self.seen = arranged(rows, now.order, now.query, present)
        places = {row.run: place for place, row in enumerate(self.seen)}
        here = now.here
        if self.returning in places:
            here, self.returning = self.returning, None
        elif here is None and present in places:
            here = present
        elif here not in places and self.rows is not None:
            here = self.seen[min(self.index, len(self.seen) - 1)].run if self.seen else None
        self.index = places.get(here, 0) if here is not None else 0
        lowest = max(len(self.seen) - self.room, 0)
        self.top = min(max(min(self.top, self.index), self.index - self.room + 1), lowest)
        fitted = replace(now.among(rows) if self.rows is not None else now, here=here)
        if fitted != now:
            self.arrangement = fitted
        else:
            self.update()
