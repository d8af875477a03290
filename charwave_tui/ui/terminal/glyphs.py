"""The symbols of the interface in Unicode, for the Linux console and in ASCII, and a fallback for all other text."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from rich.cells import cell_len

from charwave_tui.ui.terminal.capabilities import TERMINAL, CharacterSet


def _glyph(full: str, ascii: str, console: str = "") -> Any:
    return field(default=full, metadata={CharacterSet.ASCII: ascii, CharacterSet.CONSOLE: console or ascii})


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One symbol for each meaning: in Unicode, in ASCII, and for the Linux console where it differs from ASCII.

    Those for the console are in both the kernel's own font (code page 437) and the usual fonts of 256 characters
    (Debian's Lat15, Lat2, CyrSlav), which have no half blocks.
    """

    live: str = _glyph("•", "*", console="•")
    rebuild: str = _glyph("↻", "^")
    marker: str = _glyph("▾", "v", console="▼")
    left: str = _glyph("‹", "<")
    right: str = _glyph("›", ">")
    cursor: str = _glyph("▸", ">")
    cross: str = _glyph("✗", "x")
    warning: str = _glyph("!", "!")
    check: str = _glyph("✓", "ok")
    running: str = _glyph("●", "@")
    ready: str = _glyph("○", "o")
    new: str = _glyph("+", "+")
    near: str = _glyph("≈", "~", console="≈")
    corpus: str = _glyph("=", "=")
    star: str = _glyph("★", "#")
    val: str = _glyph("◆", "%", console="■")
    unseen: str = _glyph("◇", "&")
    dot: str = _glyph("·", "-", console="·")
    arrow_left: str = _glyph("←", "<", console="←")
    arrow_right: str = _glyph("→", ">", console="→")
    arrow: str = _glyph("→", "->", console="→")
    times: str = _glyph("×", "x")
    minus: str = _glyph("−", "-")
    dash: str = _glyph("–", "-")
    up: str = _glyph("↑", "^", console="↑")
    line: str = _glyph("─", "-", console="─")
    heavy: str = _glyph("━", "=")
    product: str = _glyph("·", "*", console="·")
    ellipsis: str = _glyph("…", "..")
    backspace: str = _glyph("⌫", "bksp")
    down: str = _glyph("↓", "v", console="↓")
    dashed: str = _glyph("╌", "-")
    vertical: str = _glyph("┊", "|", console="│")
    corner: str = _glyph("└", "+", console="└")
    tick: str = _glyph("┴", "+", console="┴")
    end: str = _glyph("┘", "+", console="┘")
    block: str = _glyph("█", "#", console="█")

    @property
    def has_braille(self) -> bool:
        """Whether braille and blocks of halves and eighths of a cell can be shown too."""
        return self == FULL

    @staticmethod
    @cache
    def of(characters: CharacterSet) -> Glyphs:
        return Glyphs(**{glyph.name: glyph.metadata.get(characters, glyph.default) for glyph in fields(Glyphs)})


FULL, CONSOLE, ASCII = map(Glyphs.of, (CharacterSet.ALL, CharacterSet.CONSOLE, CharacterSet.ASCII))
GLYPHS = Glyphs.of(TERMINAL.character_set)


def translation_table(glyphs: Glyphs) -> dict[int, str]:
    """Return a table for `str.translate` from the full symbols; of two that look alike the later field counts."""
    return {ord(getattr(FULL, glyph.name)): getattr(glyphs, glyph.name) for glyph in fields(Glyphs)}


LOCAL_GLYPHS = translation_table(GLYPHS)


def with_local_glyphs(text: str) -> str:
    """Replace the full symbols in a text by those of this terminal."""
    return text.translate(LOCAL_GLYPHS | {ord("²"): "^2", ord("Δ"): "d", ord("σ"): "s"}) if GLYPHS != FULL else text


REPLACEMENT = "?"
BRAILLE = range(0x2800, 0x2900)  # the eight lowest bits are the dots

_FRAMES = {
    **dict.fromkeys("─╌╴╶━═", "─"),
    **dict.fromkeys("│┊╵╷║", "│"),
    **dict(zip("╭╮╰╯", "┌┐└┘", strict=True)),
    **{corner: corner for corner in "┌┐└┘├┤┬┴┼"},
}
_BLOCKS = {**dict.fromkeys("▆▇█▊▉▋▓", "█"), **dict.fromkeys("▃▄▅▀▌▐▍▒", "▒"), **dict.fromkeys("▁▂▏▎▔▕░", "░")}
_ASCII_BLOCKS = {"█": "#", "▒": "+", "░": "."}
_OTHERS = {
    **{"²": "2", "Δ": "d", "σ": "s", "→": ">", "✓": "v", "…": ".", "⌫": "<"},
    **dict(zip("ⅠⅡⅢⅣⅤⅥ▶▼▪‣⭑◦", "123456>v****", strict=True)),  # of Textual's Markdown
}


class CharacterFallback:
    """Replaces each column of text by one character of a limited character set."""

    def __init__(self, characters: CharacterSet) -> None:
        is_console = characters is CharacterSet.CONSOLE
        glyphs = CONSOLE if is_console else ASCII
        pairs = ((getattr(FULL, glyph.name), getattr(glyphs, glyph.name)) for glyph in fields(Glyphs))
        ascii_frames = {frame: {"─": "-", "│": "|"}.get(simple, "+") for frame, simple in _FRAMES.items()}
        ascii_blocks = {block: _ASCII_BLOCKS[simple] for block, simple in _BLOCKS.items()}
        self._keeps_letters = is_console
        self._replacements: dict[str, str] = _OTHERS | (_FRAMES if is_console else ascii_frames)
        self._replacements |= _BLOCKS if is_console else ascii_blocks
        self._replacements |= {symbol: simple for symbol, simple in pairs if len(simple) == 1}
        self._replacements |= {simple: simple for simple in self._replacements.values()}

    def replace(self, column: str) -> str:
        """Replace a character with its combining marks, or the second half of a wide one (empty)."""
        if column.isascii() and column:
            return column
        if column not in self._replacements:
            self._replacements[column] = self._find_replacement(column)
        return self._replacements[column]

    def _find_replacement(self, column: str) -> str:
        if len(column) == 1 and ord(column) in BRAILLE:
            return "o" if (ord(column) - BRAILLE.start).bit_count() > 2 else "."
        # which letters a console's font has is its owner's choice
        composed = unicodedata.normalize("NFC", column)
        is_narrow = len(composed) == cell_len(composed) == 1
        is_letter = self._keeps_letters and is_narrow and unicodedata.category(composed)[0] == "L"
        return composed if is_letter else REPLACEMENT


# by the sum of 1 for the upper left quarter of a cell, 2 for the upper right, 4 and 8 for the lower ones
_QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
_DOTS_OF_QUARTERS = (0x03, 0x18, 0x44, 0xA0)


class BlockFallback:
    """Replaces braille by blocks of the quarters of a cell that have dots."""

    def replace(self, column: str) -> str:
        if len(column) != 1 or ord(column) not in BRAILLE:
            return column
        dots = ord(column) - BRAILLE.start
        return _QUADRANTS[sum(1 << quarter for quarter, mask in enumerate(_DOTS_OF_QUARTERS) if dots & mask)]


@cache
def character_fallback(characters: CharacterSet) -> CharacterFallback | BlockFallback | None:
    """Return the fallback of a character set; None for all of Unicode."""
    if characters is CharacterSet.ALL:
        return None
    return BlockFallback() if characters is CharacterSet.BLOCKS else CharacterFallback(characters)
