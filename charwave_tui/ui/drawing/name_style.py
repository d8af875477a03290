"""How a name is inked by what the model thinks of each of its characters, and where the name is known from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.cells import cell_len

from charwave_tui.core.metrics import SampledName
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, readable, shortened
from charwave_tui.ui.terminal.glyphs import GLYPHS

LIKELY = 0.2
"""The probability from which on a character is no news, and is muted."""


SURPRISING = 0.03
"""The probability below which a character is a surprise, and is underlined besides its ink."""


LEGEND: StyledLine = (
    Span("likely", "muted"),
    Span("  "),
    Span("possible", "bright"),
    Span("  "),
    Span("surprising", "warning", underline=True),
    Span(f"  p < {SURPRISING:g}", "muted"),
)
"""What the three inks mean, each in itself."""


@dataclass(frozen=True, slots=True)
class NoveltyShares:
    """How many of some names are new, one edit away from a word of the corpus, and copied from it: 0 to 1 each."""

    new: float
    near: float
    copied: float


def shares(names: Sequence[SampledName]) -> NoveltyShares:
    """The shares of the three kinds, all 0 of no names."""
    total = max(len(names), 1)
    copied = sum(item.in_corpus for item in names)
    near = sum(bool(item.near) and not item.in_corpus for item in names)
    return NoveltyShares((len(names) - copied - near) / total, near / total, copied / total)


def mean_nll(names: Iterable[SampledName]) -> float:
    """The mean of what is finite of the names' nll; NaN where nothing is."""
    finite = [item.nll for item in names if math.isfinite(item.nll)]
    return sum(finite) / len(finite) if finite else math.nan


def novelty_mark(sampled: SampledName) -> tuple[Span, str]:
    """The glyph that says where a name is known from, and the word for it."""
    if sampled.in_corpus:
        return Span(GLYPHS.corpus, "muted"), "corpus"
    return (Span(GLYPHS.near, "muted"), "near") if sampled.near else (Span(GLYPHS.new, "train"), "new")


def character(text: str, surprise: float) -> Span:
    """A character of which −log p is `surprise` nats, in the ink that says so; what is not finite surprises."""
    if not surprise < -math.log(SURPRISING):
        return Span(text, "warning", underline=True)
    return Span(text, "muted" if surprise <= -math.log(LIKELY) else "bright")


def style_name(sampled: SampledName, room: int) -> StyledLine:
    """The name in at most `room` columns; one whose surprises are not told is bright, or muted if the corpus has it."""
    text = readable(sampled.name) or GLYPHS.none
    seen = shortened(text, room)
    if len(sampled.surprises) <= len(sampled.name) or not sampled.name:
        return (Span(seen, "muted" if sampled.in_corpus else "bright"),)
    clusters = _clusters(text, sampled.surprises)
    if seen != text:
        clusters = _cut(clusters, room)
    pieces = [character(letters, surprise) for letters, surprise in clusters]
    return tuple(
        Span("".join(piece.text for piece in same), role, underline=underlined)
        for (role, underlined), same in groupby(pieces, key=lambda piece: (piece.role, piece.underline))
    )


Cluster = tuple[str, float]
"""What is seen as one character, and how surprising the most surprising of its symbols is."""


def _clusters(text: str, surprises: Sequence[float]) -> list[Cluster]:
    """The name's characters; a mark that takes no column goes with the one before it."""
    clusters: list[Cluster] = []
    for symbol, surprise in zip(text, surprises, strict=False):
        if clusters and not cell_len(symbol):
            before, most = clusters[-1]
            clusters[-1] = (before + symbol, max(most, surprise))
        else:
            clusters.append((symbol, surprise))
    return clusters


def _cut(clusters: list[Cluster], room: int) -> list[Cluster]:
    """As many characters from the left as fit in `room` columns with `…` behind them."""
    room -= cell_len(GLYPHS.cut)
    kept: list[Cluster] = []
    for letters, surprise in clusters:
        room -= cell_len(letters)
        if room < 0:
            break
        kept.append((letters, surprise))
    return [*kept, (GLYPHS.cut, 0.0)]
