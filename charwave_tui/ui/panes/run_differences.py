"""The table of what differs between the runs that are compared."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.reactive import reactive

from charwave_tui.ui.comparison import Compared
from charwave_tui.ui.differences import difference_lines
from charwave_tui.ui.drawn import Drawn
from charwave_tui.ui.panes.run_pane import RunPane


class RunDifferences(RunPane):
    """The fields in which the runs differ, and what each came to."""

    among: reactive[tuple[Compared, ...]] = reactive((), repaint=False)
    """The runs that are compared."""

    def __init__(self, *, id: str) -> None:
        super().__init__("What differs", id=id)
        self._lines = Drawn()

    def compose(self) -> ComposeResult:
        yield self._lines

    def watch_among(self) -> None:
        self.update()

    def on_resize(self) -> None:
        self.update()

    def update(self) -> None:
        """Write the table into the room there is."""
        if self.is_mounted and self.size:
            self._lines.draw(difference_lines(self.among, *self.size))
