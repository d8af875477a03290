"""A name character by character, with the probability and the surprise of each: as a table, or as a line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from charwave_tui.ui import numbers
from charwave_tui.ui.bars import eighths
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.name_inks import character
from charwave_tui.ui.pieces import Line, Piece, columns, readable, spread

END_WORD = "end"
"""How the boundary that ends a name is written."""

FULL_BAR = 6.0
"""Nats of surprise that fill a bar: p = 0.0025."""

BAR = 14
"""Columns that a bar of surprise takes at most."""

_LABEL, _P, _SURPRISE = 6, 8, 10
_FIGURES = _P + _SURPRISE
_GAP = 2


HEAD: Line = (Piece(f"{'char':<{_LABEL}}{'p':>{_P}}{'surprise':>{_SURPRISE}}", "muted"),)
"""The heading of the table, without the context."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A character, or the word for the end, and −log p of it in nats."""

    text: str
    surprise: float

    @property
    def probability(self) -> float:
        """How probable it was."""
        return math.exp(-self.surprise)


def marks(text: str, surprises: Sequence[float]) -> list[Mark]:
    """The characters of `text` with their surprises; a further surprise is that of the end."""
    letters = [readable(symbol) for symbol in text]
    letters += [END_WORD] * (len(surprises) - len(letters))
    return [Mark(letter, surprise) for letter, surprise in zip(letters, surprises, strict=False)]


def probability(value: float) -> str:
    """A probability, four places: `0.1210`."""
    return f"{value:.4f}" if math.isfinite(value) else "nan"


def row(mark: Mark, context: Line, width: int) -> Line:
    """A line of the table in `width` columns: context, character, figures and the bar."""
    inked = character(mark.text, mark.surprise)
    bar = min(width - columns(context) - _LABEL - _FIGURES - _GAP, BAR)
    share = mark.surprise / FULL_BAR
    label = Piece(mark.text, "warning" if inked.underline else "bright", True, underline=inked.underline)
    return (
        *context,
        label,
        Piece(" " * max(_LABEL - cell_len(mark.text), 0)),
        Piece(f"{probability(mark.probability):>{_P}}{numbers.nll(mark.surprise):>{_SURPRISE}}"),
        *(
            (Piece(" " * _GAP), Piece(eighths(share, bar), "warning" if inked.underline else "muted"))
            if bar > 2
            else ()
        ),
    )


def in_context(text: str, length: int) -> Line:
    """The last `length` characters before a guess, the boundary as dots."""
    seen = readable(text[-length:])
    return (Piece(GLYPHS.dot * (length - len(seen)), "line"), Piece(seen, "fg"))


def line(path: Sequence[Mark], right: Line, width: int) -> Line:
    """Character and probability of each in one line with `right` behind them; what does not fit is cut at the left."""
    kept: list[Line] = []
    room = width - columns(right) - _GAP
    for mark in reversed(path):
        inked = character(mark.text, mark.surprise)
        label = Piece(mark.text, "warning" if inked.underline else "bright", True, underline=inked.underline)
        item: Line = (label, Piece(f" {probability(mark.probability)}", "muted"), Piece(" " * 3))
        more = 0 if len(kept) + 1 == len(path) else cell_len(GLYPHS.cut) + 1
        if sum(map(columns, kept)) + columns(item) + more > room:
            kept.append((Piece(f"{GLYPHS.cut} ", "muted"),))
            break
        kept.append(item)
    return (*(piece for item in reversed(kept) for piece in item), *right)


def block(path: Sequence[Mark], width: int) -> list[Line]:
    """Characters and probabilities in as many lines as it takes."""
    each = max((cell_len(mark.text) for mark in path), default=1) + 10
    across = max(width // each, 1)
    lines: list[Line] = []
    for start in range(0, len(path), across):
        made: Line = ()
        for mark in path[start : start + across]:
            made = (*made, *spread(line([mark], (), each + _GAP), (), each))
        lines.append(made)
    return lines


def total(path: Sequence[Mark]) -> float:
    """The surprises together, in nats."""
    return math.fsum(mark.surprise for mark in path)


def mean(path: Sequence[Mark]) -> float:
    """The mean surprise, in nats per character; NaN of nothing."""
    return total(path) / len(path) if path else math.nan


def sums(path: Sequence[Mark], words: str) -> Line:
    """What the surprises come to: `so far  7.09 nats   1.77 per char`."""
    if not path:
        return ()
    return (
        Piece(f"{words}  ", "muted"),
        Piece(numbers.nll(total(path)), "bright", True),
        Piece(" nats   ", "muted"),
        Piece(numbers.nll(mean(path)), "bright", True),
        Piece(" per char", "muted"),
    )
