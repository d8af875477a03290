"""The path of a name that is made step by step, as lines: what is typed, how surprising it was, and what was tried."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len

from charwave_tui.core.speaking import NextPredicted
from charwave_tui.ui import numbers
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.name_inks import LEGEND, inked, known_from
from charwave_tui.ui.pieces import Line, Piece, columns, readable, spread
from charwave_tui.ui.sampler import path
from charwave_tui.ui.sampler.path import Mark
from charwave_tui.ui.sampler.stepping import END, Stepping
from charwave_tui.ui.speech import Tried

WIDEST_CONTEXT = 12
"""Columns of context that are shown at most before each character."""

TALL = 9
"""Rows from which the path is a table."""

LEAST_PATH = 4
"""Rows of the path that are shown before names are tried."""


@dataclass(frozen=True, slots=True)
class PathView:
    """What there is to show: the steps, what is known of them, the names tried from there, and the model's context."""

    stepping: Stepping
    known: NextPredicted | None
    tried: Tried
    context: int

    def lines(self, width: int, height: int) -> list[Line]:
        """All of it in `height` rows of `width` columns; in few rows the path is a line."""
        if height < TALL:
            marked = self._marks()
            mean = (Piece("mean ", "muted"), Piece(numbers.nll(path.mean(marked)), "bright"), Piece(" nll", "muted"))
            told = path.line(marked, mean, width) if marked else self._hint()
            return [self._typed(width), told][:height]
        below = self._sums()
        tried = self._tried(width, height - 3 - LEAST_PATH - len(below))
        table = self._table(width, height - 2 - len(tried) - len(below))
        return [self._typed(width), (), *table, *below, *tried]

    def _typed(self, width: int) -> Line:
        stepping = self.stepping
        temperature: Line = (
            Piece("temp ", "muted"),
            Piece(f"{GLYPHS.left} ", "accent"),
            Piece(f"{stepping.temperature:.1f}", "bright", True),
            Piece(f" {GLYPHS.right}", "accent"),
        )
        room = width - columns(temperature) - 11
        text = readable(stepping.prefix)
        while text and cell_len(text) > room:
            text = text[1:]
        cursor = Piece(f" {path.END_WORD}", "muted") if stepping.ended else Piece(" ", "fg", ground="accent")
        return spread((Piece("prefix  ", "muted"), Piece(text, "bright", True), cursor), temperature, width)

    def _hint(self) -> Line:
        if self.stepping.prefix:
            return ()
        return (Piece("type letters, or roll with ", "muted"), Piece("space", "accent", True))

    def _marks(self) -> list[Mark]:
        """The path as far as it was told."""
        if self.known is None:
            return []
        marked = path.marks(self.stepping.prefix, self.known.path)
        if self.stepping.ended and len(self.known.surprises) > END:
            marked.append(Mark(path.END_WORD, self.known.surprises[END]))
        return marked

    def _table(self, width: int, room: int) -> list[Line]:
        shown = min(self.context, WIDEST_CONTEXT)
        text = self.stepping.prefix
        rows: list[Line] = []
        for place, mark in enumerate(self._marks()):
            rows.append(path.row(mark, (Piece("  "), *path.in_context(text[:place], shown), Piece("  ")), width))
        if not self.stepping.ended:
            context = (Piece(f"{GLYPHS.here} ", "accent"), *path.in_context(text, shown), Piece("  "))
            rows.append((*context, Piece("?", "accent", True)))
        head = Piece(f"  {'context':<{shown + 2}}", "muted")
        return [(head, *path.HEAD), *rows[-max(room - 1, 1) :]]

    def _sums(self) -> list[Line]:
        sums = path.sums(self._marks(), "in all" if self.stepping.ended else "so far")
        return [(), sums] if sums else []

    def _tried(self, width: int, room: int) -> list[Line]:
        """Names drawn from the prefix, in at most `room` rows."""
        names = self.tried.names
        if room < 4 or self.stepping.ended or not names:
            return []
        legend = [(), LEGEND] if room >= 8 and columns(LEGEND) <= width else []
        figures = min(width, 40)
        name_room = figures - 17
        lines: list[Line] = [(), spread((Piece("tried from here"),), (Piece(f"nll{'':10}", "muted"),), figures)]
        for sampled in names[: room - 2 - len(legend)]:
            mark, word = known_from(sampled)
            right: Line = (Piece(f"{numbers.nll(sampled.nll):>6}  "), mark, Piece(f" {word:6}", "muted"))
            lines.append(spread((Piece("  "), *inked(sampled, name_room)), right, figures))
        return [*lines, *legend]
