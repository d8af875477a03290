"""Words that were scored, as lines: a list to compare them in, and one of them character by character."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.cells import cell_len

from charwave_tui.core.speaking import WordScored
from charwave_tui.ui import numbers
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.pieces import Line, Piece, columns, raised, readable, scrolled, shortened, spread
from charwave_tui.ui.sampler import path

MOST_WORDS = 100
"""Words that are remembered."""

_TOTAL, _MEAN, _SHARE, _MARK = 7, 7, 7, 9


def typed_line(text: str, width: int) -> Line:
    """What is being typed, with a cursor; of a long one its end."""
    seen = readable(text)
    while seen and cell_len(seen) > width - 7:
        seen = seen[1:]
    return (Piece("word  ", "muted"), Piece(seen, "bright", True), Piece(" ", ground="accent"))


def origin(word: WordScored) -> tuple[Piece, str]:
    """The glyph for where a word is known from, and the words for it."""
    if word.known == word.word:
        return Piece(GLYPHS.corpus, "muted"), "corpus"
    return (Piece(GLYPHS.near, "muted"), "near") if word.known else (Piece(GLYPHS.new, "train"), "new")


def unscored(word: WordScored) -> WordScored:
    """The word alone, for a model that has not scored it."""
    return WordScored(-1, word.request, word.word, (), "")


def put(words: tuple[WordScored, ...], scored: WordScored) -> tuple[tuple[WordScored, ...], int]:
    """The words with a score in the place of the word's last one, or before all others; and that place."""
    place = next((place for place, known in enumerate(words) if known.word == scored.word), None)
    if place is None:
        return (scored, *words)[:MOST_WORDS], 0
    if scored.percentile is None:
        before = words[place]  # its place in the corpus stands until the new one is known
        scored = msgspec.structs.replace(scored, percentile=before.percentile, among=before.among)
    return (*words[:place], scored, *words[place + 1 :]), place


def percentile(word: WordScored) -> str:
    """The share of the corpus that surprises more: `62%`, near the ends `99.7%`; a dash until it is known."""
    share = word.percentile
    if share is None:
        return GLYPHS.none
    return f"{share:.0f}%" if 1 <= share <= 99 or share in (0, 100) else f"{share:.1f}%"


def list_lines(words: Sequence[WordScored], here: int, width: int, room: int) -> list[Line]:
    """The words in at most `room` lines with the one under the cursor among them."""
    if not words or room < 2:
        return []
    fixed = _TOTAL + _MEAN + _SHARE + _MARK
    head: Line = (Piece(f"{'nats':>{_TOTAL}}{'/char':>{_MEAN}}{'pct':>{_SHARE}}{'':{_MARK}}", "muted"),)
    lines = [spread((Piece("  word", "muted"),), head, width)]
    top = scrolled(here, len(words), room - 1)
    for place, word in enumerate(words[top : top + room - 1], start=top):
        marked = path.marks(word.word, word.surprises)
        mark, known = origin(word) if marked else (Piece(" "), "")
        total, mean = (numbers.nll(of(marked)) if marked else GLYPHS.none for of in (path.total, path.mean))
        figures = f"{total:>{_TOTAL}}{mean:>{_MEAN}}"
        right: Line = (Piece(figures), Piece(f"{percentile(word):>{_SHARE}}  "), mark, Piece(f" {known:6}", "muted"))
        name = Piece(shortened(readable(word.word), max(width - fixed - 3, 1)), "bright", place == here)
        left = (Piece(f"{GLYPHS.here if place == here else ' '} ", "accent"), name)
        line = spread(left, right, width)
        lines.append(raised(line) if place == here else line)
    return lines


def character_lines(word: WordScored, width: int, height: int) -> list[Line]:
    """The word character by character in `height` lines, as a table where there is room, and what it comes to."""
    marked = path.marks(word.word, word.surprises)
    if not marked:
        return [(Piece("This model has not scored it yet.", "muted"),)]
    mark, known = origin(word)
    total = spread(
        (*path.sums(marked, "total"), Piece("   "), mark, Piece(f" {_origin_told(word, known)}", "muted")), (), width
    )
    sums = [total, _place(word, width)]
    if height >= len(marked) + 2 + len(sums):
        return [path.HEAD, *(path.row(mark, (), width) for mark in marked), (), *sums]
    made = path.block(marked, width)
    return [*made[: max(height - len(sums), 1)], *sums]


def _origin_told(word: WordScored, known: str) -> str:
    """Where a word is known from, with the word that it is near to."""
    return f"near {readable(word.known)}" if known == "near" else known


def _place(word: WordScored, width: int) -> Line:
    """Where the word stands among those of the corpus."""
    if word.percentile is None:
        return (Piece("finding its place in the corpus", "muted"),)
    share = Piece(percentile(word), "bright", True)
    for behind in (f" of {word.among:,} corpus words", " of the corpus", ""):
        line: Line = (Piece("less surprising than ", "muted"), share, Piece(behind, "muted"))
        if columns(line) <= width:
            return line
    return (share,)
