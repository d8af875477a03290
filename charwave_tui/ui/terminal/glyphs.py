"""Marks in Unicode, console and ASCII; fallback characters."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, fields, replace
from functools import cache

from rich.cells import cell_len

from charwave_tui.ui.terminal.capabilities import TERMINAL, CharacterSet


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One mark for each meaning."""

    live: str = "•"
    rebuild: str = "↻"
    choices: str = "▾"
    left: str = "‹"
    right: str = "›"
    here: str = "▸"
    wrong: str = "✗"
    warning: str = "!"
    right_so: str = "✓"
    running: str = "●"
    ready: str = "○"
    new: str = "+"
    near: str = "≈"
    corpus: str = "="
    star: str = "★"
    val: str = "◆"
    dot: str = "·"
    leftward: str = "←"
    rightward: str = "→"
    to: str = "→"
    times: str = "×"
    minus: str = "−"
    none: str = "–"
    up: str = "↑"
    line: str = "─"
    heavy: str = "━"
    product: str = "·"
    cut: str = "…"
    erase: str = "⌫"
    down: str = "↓"
    dashed: str = "╌"
    upright: str = "┊"
    corner: str = "└"
    tick: str = "┴"
    end: str = "┘"
    block: str = "█"

    @property
    def fine(self) -> bool:
        """Whether braille, and blocks of halves and eighths of a cell, can be written besides."""
        return self == FULL


FULL = Glyphs()
"""The marks where there is all of Unicode."""


ASCII = Glyphs(
    live="*",
    rebuild="^",
    choices="v",
    left="<",
    right=">",
    here=">",
    wrong="x",
    right_so="ok",
    running="@",
    ready="o",
    near="~",
    star="#",
    val="%",
    dot="-",
    to="->",
    times="x",
    minus="-",
    none="-",
    up="^",
    line="-",
    heavy="=",
    product="*",
    cut="..",
    erase="bksp",
    down="v",
    dashed="-",
    upright="|",
    corner="+",
    tick="+",
    end="+",
    leftward="<",
    rightward=">",
    block="#",
)
"""The same marks in ASCII."""


CONSOLE = replace(
    ASCII,
    live="•",
    choices="▼",
    near="≈",
    val="■",
    dot="·",
    to="→",
    up="↑",
    line="─",
    product="·",
    down="↓",
    upright="│",
    corner="└",
    tick="┴",
    end="┘",
    leftward="←",
    rightward="→",
    block="█",
)
"""The same for the Linux console: what both the kernel's own font (code page 437) and the usual ones of 256 characters
(Debian's Lat15, Lat2, CyrSlav; no half blocks in them) have."""


GLYPHS = {CharacterSet.ALL: FULL, CharacterSet.CONSOLE: CONSOLE, CharacterSet.ASCII: ASCII}[TERMINAL.characters]
"""The marks of this process."""


def translation_table(marks: Glyphs) -> dict[int, str]:
    """What stands for each mark in a text, for `str.translate`; of two that look alike, for the later field."""
    return {ord(getattr(FULL, mark.name)): getattr(marks, mark.name) for mark in fields(Glyphs)}


PLAIN = translation_table(GLYPHS)
"""What stands for each mark in the texts of this process."""


def with_local_glyphs(text: str) -> str:
    """A text that was written with the usual marks, in those that this process has."""
    return text.translate(PLAIN | {ord("²"): "^2", ord("Δ"): "d", ord("σ"): "s"}) if GLYPHS is not FULL else text


UNKNOWN = "?"
"""What stands for a character of which nothing better is known."""


BRAILLE = range(0x2800, 0x2900)
"""The braille characters; the eight lowest bits are the dots."""


_FRAMES = {
    **dict.fromkeys("─╌╴╶━═", "─"),
    **dict.fromkeys("│┊╵╷║", "│"),
    **dict(zip("╭╮╰╯", "┌┐└┘", strict=True)),
    **{mark: mark for mark in "┌┐└┘├┤┬┴┼"},
}


_BLOCKS = {**dict.fromkeys("▆▇█▊▉▋▓", "█"), **dict.fromkeys("▃▄▅▀▌▐▍▒", "▒"), **dict.fromkeys("▁▂▏▎▔▕░", "░")}


_PLAIN_BLOCKS = {"█": "#", "▒": "+", "░": "."}


_REST = dict(zip("ⅠⅡⅢⅣⅤⅥ", "123456", strict=True)) | dict(zip("▶▼▪‣⭑◦", ">v****", strict=True))  # of Textual's Markdown


_REST |= {"²": "2", "Δ": "d", "σ": "s", "→": ">", "✓": "v", "…": ".", "⌫": "<"}


class CharacterFallback:
    """How each column of text is written in `characters` alone, one character each."""

    def __init__(self, characters: CharacterSet) -> None:
        console = characters is CharacterSet.CONSOLE
        marks = CONSOLE if console else ASCII
        pairs = ((getattr(FULL, field.name), getattr(marks, field.name)) for field in fields(Glyphs))
        frames = _FRAMES if console else {mark: {"─": "-", "│": "|"}.get(twin, "+") for mark, twin in _FRAMES.items()}
        blocks = _BLOCKS if console else {mark: _PLAIN_BLOCKS[twin] for mark, twin in _BLOCKS.items()}
        self._letters = console
        self._known: dict[str, str] = _REST | frames | blocks | {mark: twin for mark, twin in pairs if len(twin) == 1}
        self._known |= {twin: twin for twin in self._known.values()}

    def one(self, column: str) -> str:
        """What is written in a column: for a character with its marks, or for the second half of a wide one (empty)."""
        if column.isascii() and column:
            return column
        if column not in self._known:
            self._known[column] = self._twin(column)
        return self._known[column]

    def _twin(self, column: str) -> str:
        if len(column) == 1 and ord(column) in BRAILLE:
            return "o" if (ord(column) - BRAILLE.start).bit_count() > 2 else "."
        # which letters a console's font has is its owner's choice
        whole = unicodedata.normalize("NFC", column)
        letter = self._letters and len(whole) == cell_len(whole) == 1 and unicodedata.category(whole)[0] == "L"
        return whole if letter else UNKNOWN


@cache
def character_fallback(characters: CharacterSet) -> CharacterFallback | None:
    """How it is written on a terminal of such characters; None where it has them all."""
    return None if characters is CharacterSet.ALL else CharacterFallback(characters)
