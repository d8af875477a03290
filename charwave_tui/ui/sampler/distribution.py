"""What may come next, as lines: a bar for each character, its probability at each temperature, and what it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from charwave_tui.ui import numbers
from charwave_tui.ui.bars import eighths
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.pieces import Line, Piece, columns, readable, shortened, spread
from charwave_tui.ui.sampler.path import END_WORD, probability
from charwave_tui.ui.sampler.stepping import END, order_of
from charwave_tui.ui.sampler.tempering import (
    MOST_LIKELY,
    TEMPERATURES,
    entropy,
    held_by_the_likeliest,
    tempered,
)

SCALES = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
"""The probabilities that a whole bar may stand for: the least that holds the highest one."""

_LABEL, _FIGURE, _NARROW = 8, 9, 48


@dataclass(frozen=True, slots=True)
class Distribution:
    """What may follow: the ids with the likeliest first, and their probabilities at each of TEMPERATURES."""

    order: tuple[int, ...]
    columns: tuple[tuple[float, ...], ...]
    column: int
    symbols: str

    @classmethod
    def of(cls, surprises: tuple[float, ...], column: int, symbols: str) -> Distribution:
        """The distribution whose −log p at temperature 1 are told, looked at in one column of TEMPERATURES."""
        return cls(
            tuple(order_of(surprises)),
            tuple(tempered(surprises, temperature) for temperature in TEMPERATURES),
            column,
            symbols,
        )

    @property
    def probabilities(self) -> tuple[float, ...]:
        """The probabilities in the column that is looked at, by id."""
        return self.columns[self.column]

    def word(self, place: int) -> str:
        """How the id is written."""
        return END_WORD if place == END else readable(self.symbols[place - 1])

    def lines(self, after: str, here: int | None, width: int, height: int) -> list[Line]:
        """All of it in `height` rows: a heading, the rows around the one under the cursor, and the sums below."""
        order = self.order
        at = order.index(here) if here in order else 0
        sums = self._sums(width)
        foot = [(), *sums] if len(order) + 2 + len(sums) <= height else []
        room = height - 1 - len(foot)
        if len(order) > room and not foot:
            room -= 1
        if room < 1:
            return [self._head(after, width)][:height]
        top = max(min(at - room // 2, len(order) - room), 0)
        seen = order[top : top + room]
        lines = [self._head(after, width), *(self._row(place, place == order[at], width) for place in seen)]
        if len(order) > len(seen):
            lines.append(self._rest(top, order[top + room :], width))
        return [*lines, *foot]

    def _shown(self, width: int) -> tuple[int, ...]:
        """The columns of probabilities for which there is room."""
        return tuple(range(len(TEMPERATURES))) if width >= _NARROW else (self.column,)

    def _head(self, after: str, width: int) -> Line:
        heads: Line = ()
        for place in self._shown(width):
            chosen = place == self.column
            text = f"T {TEMPERATURES[place]:.1f}"
            heads = (*heads, Piece(f"{text:>{_FIGURE}}", "accent" if chosen else "muted", chosen))
        text = shortened(readable(after), max(width - _LABEL - columns(heads) - 12, 1))
        said = (Piece("next after "), Piece(text, "bright")) if after else (Piece("first character"),)
        return spread((Piece(" " * _LABEL), *said), heads, width)

    def _row(self, place: int, here: bool, width: int) -> Line:
        shown = self._shown(width)
        scale = next((scale for scale in SCALES if max(self.probabilities) <= scale), SCALES[-1])
        bar = eighths(self.probabilities[place] / scale, max(width - _LABEL - _FIGURE * len(shown) - 2, 0))
        word = self.word(place)
        left: Line = (
            Piece(GLYPHS.here if here else " ", "accent"),
            Piece(" " * max(_LABEL - 2 - cell_len(word), 0)),
            Piece(word, "bright" if here else "fg", here),
            Piece(" "),
            Piece(bar, "accent" if here else "muted"),
        )
        figures = tuple(
            Piece(
                f"{probability(self.columns[column][place]):>{_FIGURE}}",
                "muted" if column != self.column else "bright" if here else "fg",
                here and column == self.column,
            )
            for column in shown
        )
        return spread(left, figures, width)

    def _rest(self, above: int, below: Sequence[int], width: int) -> Line:
        """How many rows are out of sight, and what those below come to."""
        said = [f"{above:,} more, {GLYPHS.up}"] if above else []
        if below:
            together = sum(self.probabilities[place] for place in below)
            said.append(f"{len(below):,} more, {GLYPHS.down}  together {probability(together)}")
        return spread((Piece(" " * _LABEL), Piece("   ".join(said), "muted")), (), width)

    def _sums(self, width: int) -> list[Line]:
        held = held_by_the_likeliest(self.probabilities)
        count = len(self.order)
        parts: list[Line] = [
            (Piece(f"top {min(MOST_LIKELY, count)} hold ", "muted"), Piece(f"{held:.3f}", "bright")),
            (
                Piece("entropy ", "muted"),
                Piece(numbers.nll(entropy(self.probabilities)), "bright"),
                Piece(" nats", "muted"),
            ),
            (Piece(f"chance 1/{count:,} = {probability(1 / count)}", "muted"),),
        ]
        lines: list[Line] = [(Piece(" " * _LABEL), *parts[0])]
        for part in parts[1:]:
            longer = (*lines[-1], Piece("   "), *part)
            if columns(longer) <= width:
                lines[-1] = longer
            else:
                lines.append((Piece(" " * _LABEL), *part))
        return lines
