"""How many columns a text takes, where terminals disagree, and how a mark is shown that stands alone.

Each character has a width whatever stands beside it, so that a text may be cut anywhere. Where terminals disagree it is
the larger one: what a terminal draws in fewer columns leaves a blank, what it draws in more would be written over.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rich import cells
from rich._unicode_data import load as load_cell_table
from rich.cells import CellSpan, cell_len

__all__ = ["cell_len", "clusters", "has_a_column_each", "is_disputed", "leading_marks", "shown_alone"]

DOTTED_CIRCLE = "\u25cc"  # what Unicode's own charts show marks on
REGIONAL_INDICATORS = range(0x1F1E6, 0x1F200)  # two are a flag, in some terminals
SKIN_TONES = range(0x1F3FB, 0x1F400)
JAMO_VOWELS_AND_FINALS = (range(0x1160, 0x1200), range(0xD7B0, 0xD800))  # drawn into the syllable before them
EMOJI_SELECTOR = "\ufe0f"  # makes a symbol an emoji, which is wider in some terminals
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


def _is_mark(character: str) -> bool:
    """Return whether the character is drawn into or onto the one before it."""
    return (
        unicodedata.category(character)[0] == "M"
        or _is_invisible(character)
        or any(ord(character) in block for block in JAMO_VOWELS_AND_FINALS)
    )


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) == "Cf" or "\ufe00" <= character <= EMOJI_SELECTOR


def has_a_column_each(text: str) -> bool:
    """Return whether every character takes one column and none can be a mark; False for some such texts too."""
    return text.isascii() or cells._is_single_cell_widths(text)


def leading_marks(text: str) -> str:
    """Return the marks at the head of a text, which belong to what stands before it."""
    return text[: next((index for index, character in enumerate(text) if not _is_mark(character)), len(text))]


def clusters(text: str) -> list[str]:
    """Split a text into characters, each with the marks and the skin tone behind it."""
    result: list[str] = []
    for character in text:
        if result and (_is_mark(character) or ord(character) in SKIN_TONES):
            result[-1] += character
        else:
            result.append(character)
    return result


@lru_cache(maxsize=4096)
def is_disputed(cluster: str) -> bool:
    """Return whether terminals draw the cluster in different numbers of columns."""
    if len(cluster) != 1:
        return len(cluster) > 1
    return ord(cluster) >= FIRST_EMOJI or _is_mark(cluster) or cluster in _SARA_AM or _is_wide_symbol(cluster)


def _is_wide_symbol(character: str) -> bool:
    return unicodedata.category(character) == "So" and unicodedata.east_asian_width(character) == "W"


def shown_alone(text: str) -> str:
    """Return a text with nothing before it so that its first character can be seen.

    A mark at its head stands on a dotted circle; an invisible character alone is shown as its code.
    """
    if not text or not _is_mark(text[0]):
        return text
    return f"U+{ord(text):04X}" if len(text) == 1 and _is_invisible(text) else DOTTED_CIRCLE + text
