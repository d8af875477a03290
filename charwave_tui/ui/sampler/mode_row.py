"""The row in which the modes of the sampler stand side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive

from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.pieces import Line, Piece
from charwave_tui.ui.themes import Inked
from charwave_tui.ui.written import written

BETWEEN = 3
"""Columns between two names of modes, of which the last is for the mark of the one that is seen."""


class ModeRow(Inked):
    """The names of the modes; the one at `place` is seen, and a click goes to one."""

    DEFAULT_CSS = "ModeRow { height: 1; background: $ink-bg; color: $ink-fg; }"

    place: reactive[int] = reactive(0)
    """The mode that is seen."""

    @dataclass
    class Chosen(Message):
        """A person clicked on a mode."""

        place: int

    def __init__(self, titles: Sequence[str]) -> None:
        super().__init__()
        self._titles = tuple(titles)

    def render(self) -> Text:
        line: Line = ()
        for place, title in enumerate(self._titles):
            here = place == self.place
            mark = (GLYPHS.here if here else " ").rjust(BETWEEN - 2 if place == 0 else BETWEEN - 1)
            line += (Piece(f"{mark} ", "accent"), Piece(title, "accent" if here else "muted", here))
        return written(self, line)

    def on_click(self, event: Click) -> None:
        """Go to the mode under the pointer."""
        start = 0
        for place, title in enumerate(self._titles):
            end = start + len(title) + (BETWEEN - 1 if place == 0 else BETWEEN)
            if start <= event.x < end:
                self.post_message(self.Chosen(place))
            start = end
