"""Characters that a terminal does not show, or that move its cursor or reorder its text, and their escapes."""

from __future__ import annotations

import shlex
import unicodedata

JOINERS = "\u200c\u200d"  # invisible, but needed to spell Persian and the scripts of India

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
