"""A widget of styled lines, repainted where they change, and a pane of such lines."""

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
from charwave_tui.ui.widgets.pane import Pane


class TextLines(ThemedWidget):
    """A widget that shows styled lines from the top."""

    DEFAULT_CSS = "TextLines { width: 100%; height: 100%; background: $ink-bg; color: $ink-fg; }"

    _lines: tuple[StyledLine, ...] = ()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._strips: dict[int, Strip] = {}

    def set_lines(self, lines: Iterable[StyledLine]) -> None:
        """Show these lines; only those that changed are repainted."""
        before, self._lines = self._lines, tuple(lines)
        pairs = zip_longest(before, self._lines, fillvalue=())  # a missing line is blank
        changed = [y for y, (old, new) in enumerate(pairs) if old != new]
        for y in changed:
            self._strips.pop(y, None)
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def on_resize(self) -> None:
        self._strips.clear()  # they have the old width

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()  # they have the colours of the old theme

    def render_line(self, y: int) -> Strip:
        if y >= len(self._lines):
            return Strip.blank(self.size.width, self.rich_style)
        if y not in self._strips:
            self._strips[y] = self._strip(self._lines[y])
        return self._strips[y]

    def _strip(self, line: StyledLine) -> Strip:
        segments = [Segment(span.text, self.span_style(span)) for span in line]
        return Strip(segments).extend_cell_length(self.size.width).apply_style(self.rich_style)


class TextPane(Pane):
    """A pane of styled lines."""

    class Resized(Message):
        """The pane has another size, for which its lines must be made again."""

    def __init__(self, title: str, *, id: str, classes: str) -> None:
        super().__init__(title, id=id)
        self.add_class(*classes.split())
        self.lines = TextLines()

    def compose(self) -> ComposeResult:
        yield self.lines

    @property
    def inner_size(self) -> tuple[int, int]:
        """The columns and rows within the border; (0, 0) before the first layout."""
        return self.content_size.width, self.content_size.height

    def on_resize(self) -> None:
        self.post_message(self.Resized())

    def set_lines(self, lines: Iterable[StyledLine]) -> None:
        """Show the lines that fit."""
        self.lines.set_lines(list(lines)[: self.inner_size[1]])
