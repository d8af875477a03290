"""The last word on what the terminal is sent: a character for each that it may lack, whoever wrote it."""

from __future__ import annotations

import unicodedata
from dataclasses import fields
from functools import cache

from rich.cells import cell_len

from charwave_tui.ui.abilities import Characters
from charwave_tui.ui.glyphs import ASCII, CONSOLE, FULL, Glyphs

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
_REST = {"²": "2", "Δ": "d", "σ": "s", "→": ">", "✓": "v", "…": ".", "⌫": "<"}


class Spelling:
    """How each column of text is written in `characters` alone, one character each."""

    def __init__(self, characters: Characters) -> None:
        console = characters is Characters.CONSOLE
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
def spelling(characters: Characters) -> Spelling | None:
    """How it is written on a terminal of such characters; None where it has them all."""
    return None if characters is Characters.ALL else Spelling(characters)
