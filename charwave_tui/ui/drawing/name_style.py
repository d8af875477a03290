"""The colours of a sampled name by the probability of its characters, and the mark of its novelty."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from charwave_tui.core.metrics import SampledName
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, readable, shorten
from charwave_tui.ui.terminal.cell_width import cell_len, clusters
from charwave_tui.ui.terminal.glyphs import GLYPHS

LIKELY_PROBABILITY = 0.2  # from this probability on a character is muted
SURPRISING_PROBABILITY = 0.03  # below this probability it is a warning, and underlined

LEGEND: StyledLine = (
    Span("likely", "muted"),
    Span("  "),
    Span("possible", "bright"),
    Span("  "),
    Span("unlikely", "warning", underline=True),
    Span(f"  p < {SURPRISING_PROBABILITY:g}", "muted"),
)


@dataclass(frozen=True, slots=True)
class NoveltyShares:
    """The fractions of names that are new, one edit away from a corpus word, words of train, and held-out words.

    `held_out` is None if it is not known which are: then `corpus` words are of either.
    """

    new: float
    near: float
    corpus: float
    held_out: float | None


def novelty_shares(names: Sequence[SampledName]) -> NoveltyShares | None:
    """Return the novelty fractions of whole names, all 0 without any.

    None if the words to compare with are missing.
    """
    whole = [name for name in names if not name.is_cut]
    if any(name.in_corpus is None for name in whole):
        return None
    total = max(len(whole), 1)
    in_corpus = [name for name in whole if name.in_corpus]
    near = sum(bool(name.near) and not name.in_corpus for name in whole)
    new = len(whole) - len(in_corpus) - near
    if any(name.held_out is None for name in in_corpus):
        return NoveltyShares(new / total, near / total, len(in_corpus) / total, None)
    held_out = sum(bool(name.held_out) for name in in_corpus)
    return NoveltyShares(new / total, near / total, (len(in_corpus) - held_out) / total, held_out / total)


def mean_nll(names: Iterable[SampledName]) -> float:
    """Return the mean of the finite nll of names; NaN without one."""
    finite = [name.nll for name in names if math.isfinite(name.nll)]
    return sum(finite) / len(finite) if finite else math.nan


def name_novelty(sampled: SampledName) -> tuple[Span, str]:
    """Return the glyph of a sampled name's novelty, and the word for it: `=` for words of train, `◇` for held-out ones.

    A name that is cut has no novelty.
    """
    if sampled.is_cut:
        return Span(" "), "cut"
    if sampled.held_out is None:
        return novelty_mark(sampled.in_corpus, sampled.near)
    return (Span(GLYPHS.unseen, "muted"), "unseen") if sampled.held_out else (Span(GLYPHS.corpus, "muted"), "train")


def novelty_mark(in_corpus: bool | None, near: str) -> tuple[Span, str]:
    """Return the glyph of a name's novelty, and the word for it, empty if the words to compare with are missing.

    `near` is a corpus word one edit away, or empty.
    """
    if in_corpus is None:
        return Span("?", "muted"), ""
    if in_corpus:
        return Span(GLYPHS.corpus, "muted"), "corpus"
    return (Span(GLYPHS.near, "muted"), "near") if near else (Span(GLYPHS.new, "train"), "new")


def style_character(text: str, nll: float) -> Span:
    """Style a character by its nll (nats); a non-finite one is surprising."""
    if not nll < -math.log(SURPRISING_PROBABILITY):
        return Span(text, "warning", underline=True)
    return Span(text, "muted" if nll <= -math.log(LIKELY_PROBABILITY) else "bright")


def style_name(sampled: SampledName, width: int) -> StyledLine:
    text = name_text(sampled)
    short = shorten(text, width)
    if len(sampled.nlls) < len(sampled.name) + (not sampled.is_cut) or not sampled.name:
        return (Span(short, "muted" if sampled.in_corpus else "bright"),)
    scored = _scored_clusters(sampled)
    if short != text:
        scored = _shorten(scored, width)
    spans = [style_character(text, nll) for text, nll in scored]
    return tuple(
        Span("".join(span.text for span in run), role, underline=underline)
        for (role, underline), run in groupby(spans, key=lambda span: (span.role, span.underline))
    )


def name_text(sampled: SampledName) -> str:
    """Return a name as it can be shown: one that is cut ends with `…`, an empty one is a dash."""
    return readable(sampled.name) + GLYPHS.ellipsis * sampled.is_cut or GLYPHS.dash


ScoredCluster = tuple[str, float]  # a character with its combining marks, and the highest nll among them


def _scored_clusters(sampled: SampledName) -> list[ScoredCluster]:
    scored: list[ScoredCluster] = []
    start = 0
    for cluster in clusters(sampled.name):
        end = start + len(cluster)
        scored.append((readable(cluster), max(sampled.nlls[start:end])))
        start = end
    return [*scored, (GLYPHS.ellipsis, 0.0)] if sampled.is_cut else scored


def _shorten(scored: list[ScoredCluster], width: int) -> list[ScoredCluster]:
    """Return the clusters from the left that fit in `width` columns with `…` behind them."""
    width -= cell_len(GLYPHS.ellipsis)
    fitting: list[ScoredCluster] = []
    for text, nll in scored:
        width -= cell_len(text)
        if width < 0:
            break
        fitting.append((text, nll))
    return [*fitting, (GLYPHS.ellipsis, 0.0)]
