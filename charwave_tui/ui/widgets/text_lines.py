"""Lines of spans, repainted where they change."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest

from rich.segment import Segment
from textual.app import ComposeResult
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from charwave_tui.ui.drawing.styled_text import StyledLine
from charwave_tui.ui.drawing.theme import ThemedWidget
from charwave_tui.ui.widgets.pane import UnnumberedPane


class TextLines(ThemedWidget):
    """A widget that shows the lines that `draw` was given last."""

    DEFAULT_CSS = "TextLines { width: 100%; height: 100%; background: $ink-bg; color: $ink-fg; }"

    _lines: tuple[StyledLine, ...] = ()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._strips: dict[int, Strip] = {}

    def set_lines(self, lines: Iterable[StyledLine]) -> None:
        """Show the lines from the top; those that stand there already cost nothing."""
        before, self._lines = self._lines, tuple(lines)
        pairs = zip_longest(before, self._lines, fillvalue=())  # what is not there is blank
        changed = [y for y, (old, new) in enumerate(pairs) if old != new]
        for y in changed:
            self._strips.pop(y, None)
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def on_resize(self) -> None:
        self._strips.clear()  # they were as wide as there was room

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()  # their colours were those of another theme

    def render_line(self, y: int) -> Strip:
        """One line of the content."""
        if y >= len(self._lines):
            return Strip.blank(self.size.width, self.rich_style)
        if y not in self._strips:
            self._strips[y] = self._strip(self._lines[y])
        return self._strips[y]

    def _strip(self, line: StyledLine) -> Strip:
        segments = [Segment(piece.text, self.span_style(piece)) for piece in line]
        return Strip(segments).extend_cell_length(self.size.width).apply_style(self.rich_style)


class TextPane(UnnumberedPane):
    """A pane of a mode; `room` is how many columns and rows its lines have."""

    class Resized(Message):
        """The pane has another room, for which its lines have to be made anew."""

    def __init__(self, title: str, *, id: str, classes: str) -> None:
        super().__init__(title, id=id)
        self.add_class(*classes.split())
        self.lines = TextLines()

    def compose(self) -> ComposeResult:
        yield self.lines

    @property
    def room(self) -> tuple[int, int]:
        """Columns and rows within the frame; (0, 0) before there are any."""
        return self.content_size.width, self.content_size.height

    def on_resize(self) -> None:
        self.post_message(self.Resized())

    def draw(self, lines: Iterable[StyledLine]) -> None:
        """Show the lines, as many as there are rows."""
        self.lines.set_lines(list(lines)[: self.room[1]])
