"""The symbols of the interface in Unicode, for the Linux console and in ASCII, and a fallback for all other text."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, fields, replace
from functools import cache

from rich.cells import cell_len

from charwave_tui.ui.terminal.capabilities import TERMINAL, CharacterSet


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One symbol for each meaning."""

    live: str = "•"
    rebuild: str = "↻"
    marker: str = "▾"
    left: str = "‹"
    right: str = "›"
    cursor: str = "▸"
    cross: str = "✗"
    warning: str = "!"
    check: str = "✓"
    running: str = "●"
    ready: str = "○"
    new: str = "+"
    near: str = "≈"
    corpus: str = "="
    star: str = "★"
    val: str = "◆"
    dot: str = "·"
    arrow_left: str = "←"
    arrow_right: str = "→"
    arrow: str = "→"
    times: str = "×"
    minus: str = "−"
    dash: str = "–"
    up: str = "↑"
    line: str = "─"
    heavy: str = "━"
    product: str = "·"
    ellipsis: str = "…"
    backspace: str = "⌫"
    down: str = "↓"
    dashed: str = "╌"
    vertical: str = "┊"
    corner: str = "└"
    tick: str = "┴"
    end: str = "┘"
    block: str = "█"

    @property
    def has_braille(self) -> bool:
        """Whether braille and blocks of halves and eighths of a cell can be shown too."""
        return self == FULL


FULL = Glyphs()

ASCII = Glyphs(
    live="*",
    rebuild="^",
    marker="v",
    left="<",
    right=">",
    cursor=">",
    cross="x",
    check="ok",
    running="@",
    ready="o",
    near="~",
    star="#",
    val="%",
    dot="-",
    arrow="->",
    times="x",
    minus="-",
    dash="-",
    up="^",
    line="-",
    heavy="=",
    product="*",
    ellipsis="..",
    backspace="bksp",
    down="v",
    dashed="-",
    vertical="|",
    corner="+",
    tick="+",
    end="+",
    arrow_left="<",
    arrow_right=">",
    block="#",
)

# in both the kernel's own font (code page 437) and the usual fonts of 256 characters, which have no half blocks
# (Debian's Lat15, Lat2, CyrSlav)
CONSOLE = replace(
    ASCII,
    live="•",
    marker="▼",
    near="≈",
    val="■",
    dot="·",
    arrow="→",
    up="↑",
    line="─",
    product="·",
    down="↓",
    vertical="│",
    corner="└",
    tick="┴",
    end="┘",
    arrow_left="←",
    arrow_right="→",
    block="█",
)

GLYPHS = {CharacterSet.ALL: FULL, CharacterSet.CONSOLE: CONSOLE, CharacterSet.ASCII: ASCII}[TERMINAL.character_set]


def translation_table(glyphs: Glyphs) -> dict[int, str]:
    """Return a table for `str.translate` from the full symbols; of two that look alike the later field counts."""
    return {ord(getattr(FULL, field.name)): getattr(glyphs, field.name) for field in fields(Glyphs)}


LOCAL_GLYPHS = translation_table(GLYPHS)


def with_local_glyphs(text: str) -> str:
    """Replace the full symbols in a text by those of this terminal."""
    return text.translate(LOCAL_GLYPHS | {ord("²"): "^2", ord("Δ"): "d", ord("σ"): "s"}) if GLYPHS is not FULL else text


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
        pairs = ((getattr(FULL, field.name), getattr(glyphs, field.name)) for field in fields(Glyphs))
        ascii_frames = {frame: {"─": "-", "│": "|"}.get(simple, "+") for frame, simple in _FRAMES.items()}
        ascii_blocks = {block: _ASCII_BLOCKS[simple] for block, simple in _BLOCKS.items()}
        self._keeps_letters = is_console
        self._replacements: dict[str, str] = _OTHERS | (_FRAMES if is_console else ascii_frames)
        self._replacements |= _BLOCKS if is_console else ascii_blocks
        self._replacements |= {glyph: simple for glyph, simple in pairs if len(simple) == 1}
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


@cache
def character_fallback(characters: CharacterSet) -> CharacterFallback | None:
    """Return the fallback of a character set; None for all of Unicode."""
    return None if characters is CharacterSet.ALL else CharacterFallback(characters)
