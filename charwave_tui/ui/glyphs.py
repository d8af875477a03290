"""The marks on the screen, with forms for terminals that have ASCII alone, or little more."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from charwave_tui.ui.abilities import TERMINAL, Characters


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

GLYPHS = {Characters.ALL: FULL, Characters.CONSOLE: CONSOLE, Characters.ASCII: ASCII}[TERMINAL.characters]
"""The marks of this process."""


def table(marks: Glyphs) -> dict[int, str]:
    """What stands for each mark in a text, for `str.translate`; of two that look alike, for the later field."""
    return {ord(getattr(FULL, mark.name)): getattr(marks, mark.name) for mark in fields(Glyphs)}


PLAIN = table(GLYPHS)
"""What stands for each mark in the texts of this process."""


def plainly(text: str) -> str:
    """A text that was written with the usual marks, in those that this process has."""
    return text.translate(PLAIN | {ord("²"): "^2", ord("Δ"): "d", ord("σ"): "s"}) if GLYPHS is not FULL else text
