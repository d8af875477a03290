"""Lines of pieces on the screen, of which only those that changed are repainted."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip

from charwave_tui.ui.pieces import Line
from charwave_tui.ui.themes import Inked


class Drawn(Inked):
    """A widget that shows the lines that `draw` was given last."""

    DEFAULT_CSS = "Drawn { width: 100%; height: 100%; background: $ink-bg; color: $ink-fg; }"

    _lines: tuple[Line, ...] = ()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._strips: dict[int, Strip] = {}

    def draw(self, lines: Iterable[Line]) -> None:
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

    def _strip(self, line: Line) -> Strip:
        segments = [Segment(piece.text, self.piece_style(piece)) for piece in line]
        return Strip(segments).extend_cell_length(self.size.width).apply_style(self.rich_style)
