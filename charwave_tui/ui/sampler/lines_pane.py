"""A framed pane that shows lines of pieces."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.message import Message

from charwave_tui.ui.drawn import Drawn
from charwave_tui.ui.panes.run_pane import RunPane
from charwave_tui.ui.pieces import Line


class LinesPane(RunPane):
    """A pane of a mode; `room` is how many columns and rows its lines have."""

    class Resized(Message):
        """The pane has another room, for which its lines have to be made anew."""

    def __init__(self, title: str, *, id: str, classes: str) -> None:
        super().__init__(title, id=id)
        self.add_class(*classes.split())
        self.lines = Drawn()

    def compose(self) -> ComposeResult:
        yield self.lines

    @property
    def room(self) -> tuple[int, int]:
        """Columns and rows within the frame; (0, 0) before there are any."""
        return self.content_size.width, self.content_size.height

    def on_resize(self) -> None:
        self.post_message(self.Resized())

    def draw(self, lines: Iterable[Line]) -> None:
        """Show the lines, as many as there are rows."""
        self.lines.draw(list(lines)[: self.room[1]])
