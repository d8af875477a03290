"""Characters that a terminal does not show, or not by themselves, or that move its cursor or reorder its text."""

from __future__ import annotations

import shlex
import unicodedata

JOINERS = "\u200c\u200d"  # invisible, but needed to spell Persian and the scripts of India

EMOJI_SELECTOR = "\ufe0f"  # makes a symbol an emoji, which is wider in some terminals
JAMO_VOWELS_AND_FINALS = (range(0x1160, 0x1200), range(0xD7B0, 0xD800))  # drawn into the syllable before them
DOTTED_CIRCLE = "\u25cc"  # what Unicode's own charts show marks on

INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def escape_invisible(text: str) -> str:
    """Write what is not visible in a text, which file names may hold, with Python's escapes."""
    if text.isascii() and text.isprintable():
        return text
    invisible = {symbol for symbol in text if unicodedata.category(symbol) in INVISIBLE_CATEGORIES}
    escapes = {ord(symbol): symbol.encode("unicode_escape").decode("ascii") for symbol in invisible.difference(JOINERS)}
    return text.translate(escapes)


def shell_quote(text: str) -> str:
    """Quote a text for a command line that can be typed: what is not visible as in bash's `$'...'`."""
    escaped = escape_invisible(text)
    if escaped == text:
        return shlex.quote(text)
    literal = text.replace("\\", r"\\").replace("'", r"\'")
    return f"$'{escape_invisible(literal)}'"


def is_mark(character: str) -> bool:
    """Return whether the character is drawn into or onto the one before it."""
    return (
        unicodedata.category(character)[0] == "M"
        or _is_joiner_or_selector(character)
        or any(ord(character) in block for block in JAMO_VOWELS_AND_FINALS)
    )


def _is_joiner_or_selector(character: str) -> bool:
    return unicodedata.category(character) == "Cf" or "\ufe00" <= character <= EMOJI_SELECTOR


def shown_alone(text: str) -> str:
    """Return a text with nothing before it so that its first character can be seen.

    A mark at its head stands on a dotted circle; an invisible character alone is shown as its code.
    """
    if not text or not is_mark(text[0]):
        return text
    return f"U+{ord(text):04X}" if len(text) == 1 and _is_joiner_or_selector(text) else DOTTED_CIRCLE + text
