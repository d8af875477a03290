"""The marks on the screen, with a form for terminals that have ASCII alone."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields


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
    leftward: str = "←"
    rightward: str = "→"


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
    val="o",
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
)
"""The same marks in ASCII."""


def glyphs() -> Glyphs:
    """The marks that the real stdout's encoding can carry."""
    encoding = getattr(sys.__stdout__, "encoding", None) or "ascii"
    return Glyphs() if "utf" in encoding.lower() else ASCII


GLYPHS = glyphs()
"""The marks of this process."""

PLAIN = str.maketrans({str(mark.default): str(getattr(ASCII, mark.name)) for mark in fields(Glyphs)})
"""What stands for each mark where there is ASCII alone."""


def plainly(text: str) -> str:
    """A text that was written with the usual marks, in those that this process has."""
    return text.translate(PLAIN | {ord("²"): "^2", ord("Δ"): "d", ord("σ"): "s"}) if GLYPHS is ASCII else text
