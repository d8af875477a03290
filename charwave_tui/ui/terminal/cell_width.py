"""How many columns a text takes, and where terminals disagree.

Each character has a width whatever stands beside it, so that a text may be cut anywhere. Where terminals disagree it is
the larger one: what a terminal draws in fewer columns leaves a blank, what it draws in more would be written over.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rich import cells
from rich._unicode_data import load as load_cell_table
from rich.cells import CellSpan, cell_len

from charwave_tui.core.escaping import EMOJI_SELECTOR, is_mark

__all__ = ["cell_len", "clusters", "has_a_column_each", "is_disputed", "leading_marks"]

REGIONAL_INDICATORS = range(0x1F1E6, 0x1F200)  # two are a flag, in some terminals
SKIN_TONES = range(0x1F3FB, 0x1F400)
FIRST_EMOJI = 0x1F000
LAST_DISPUTED = 0x20000  # what is behind it without width is not drawn anywhere
_SARA_AM = "\u0e33\u0eb3"  # Thai and Lao vowels that some terminals draw into the consonant before them


def _disputed_width(code: int) -> int:
    """Return the larger width of a character that rich gives none."""
    if code in SKIN_TONES:
        return 2
    # xterm, VTE, tmux and GNU screen give the spacing vowel signs of India a column, kitty does not
    return 1 if chr(code) == EMOJI_SELECTOR or unicodedata.category(chr(code)) == "Mc" else 0


def _text_width(text: str, unicode_version: str = "auto") -> int:
    return sum(map(cells.get_character_cell_size, text))


def _split_characters(text: str, unicode_version: str = "auto") -> tuple[list[CellSpan], int]:
    """Return (start, end, width) of each character with the marks without width behind it, and the width of all."""
    spans: list[CellSpan] = []
    for index, character in enumerate(text):
        if (width := cells.get_character_cell_size(character)) or not spans:
            spans.append((index, index + 1, width))
        else:
            spans[-1] = (spans[-1][0], index + 1, spans[-1][2])
    return spans, sum(width for *_, width in spans)


def _replace_widths_of_rich() -> None:
    """Let rich, and Textual which calls it, measure as this module does.

    Their own measure takes a joined emoji for one character, and the letter behind any other joiner, as Sinhala has
    them, for none.
    """
    table = load_cell_table().widths
    assert isinstance(table, list)
    entries = [(REGIONAL_INDICATORS.start, REGIONAL_INDICATORS.stop - 1, 2)]
    for start, end, width in table:
        is_disputed_range = width == 0 and end < LAST_DISPUTED
        widths = [_disputed_width(code) for code in range(start, end + 1)] if is_disputed_range else []
        if any(widths):
            entries += [(code, code, width) for code, width in enumerate(widths, start) if width != 1]  # 1: no entry
        else:
            entries.append((start, end, width))
    table[:] = sorted(entries)
    cells._cell_len = _text_width
    cells.split_graphemes = _split_characters
    cells.get_character_cell_size.cache_clear()
    cells.cached_cell_len.cache_clear()


_replace_widths_of_rich()


def has_a_column_each(text: str) -> bool:
    """Return whether every character takes one column and none can be a mark; False for some such texts too."""
    return text.isascii() or cells._is_single_cell_widths(text)


def leading_marks(text: str) -> str:
    """Return the marks at the head of a text, which belong to what stands before it."""
    return text[: next((index for index, character in enumerate(text) if not is_mark(character)), len(text))]


def clusters(text: str) -> list[str]:
    """Split a text into characters, each with the marks and the skin tone behind it."""
    result: list[str] = []
    for character in text:
        if result and (is_mark(character) or ord(character) in SKIN_TONES):
            result[-1] += character
        else:
            result.append(character)
    return result


@lru_cache(maxsize=4096)
def is_disputed(cluster: str) -> bool:
    """Return whether terminals draw the cluster in different numbers of columns."""
    if len(cluster) != 1:
        return len(cluster) > 1
    return ord(cluster) >= FIRST_EMOJI or is_mark(cluster) or cluster in _SARA_AM or _is_wide_symbol(cluster)


def _is_wide_symbol(character: str) -> bool:
    return unicodedata.category(character) == "So" and unicodedata.east_asian_width(character) == "W"
