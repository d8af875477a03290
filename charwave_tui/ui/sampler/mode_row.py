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

WIDE = 3
"""Columns before each name where there is room, of which the last but one is for the mark of the mode that is seen."""


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
            mark = f"{GLYPHS.here if here else ' '} ".rjust(self._before)
            line += (Piece(mark, "accent"), Piece(title, "accent" if here else "muted", here))
        return written(self, line)

    @property
    def _before(self) -> int:
        """Columns before each name."""
        return WIDE if sum(map(len, self._titles)) + WIDE * len(self._titles) <= self.size.width else WIDE - 1

    def on_click(self, event: Click) -> None:
        """Go to the mode under the pointer."""
        start = 0
        for place, title in enumerate(self._titles):
            end = start + self._before + len(title)
            if start <= event.x < end:
                self.post_message(self.Chosen(place))
            start = end
