"""What a person can pick from: options with a sentence each, as lines of a list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.pieces import Line, Piece, columns, raised, readable, shortened, spread, wrapped

NARROW = 46
"""Columns below which a sentence stands under its label instead of beside it."""


@dataclass(frozen=True, slots=True)
class Option:
    """One thing to pick: the answer `value`, how it is called, and a sentence on it."""

    value: str
    label: str
    detail: str = ""

    def matches(self, text: str) -> bool:
        """Whether the typed text is part of its name, in any case."""
        return text.strip().casefold() in f"{self.label}\n{self.value}".casefold()


def option_lines(options: Iterable[Option], here: int, present: str | None, width: int) -> list[tuple[Line, ...]]:
    """Each option's lines, `width` columns wide; the one at index `here` raised, the `present` one with a check."""
    listed = list(options)
    labels = [shortened(readable(option.label), width - 4) for option in listed]
    beside = max((len(label) for label in labels), default=0) + 5 if width >= NARROW else 0
    blocks = []
    for index, (option, label) in enumerate(zip(listed, labels, strict=True)):
        chosen = index == here
        head: Line = (
            Piece(f"{GLYPHS.here if chosen else ' '} ", "accent"),
            Piece(label, "bright" if chosen else "fg", bold=chosen),
            Piece(f" {GLYPHS.right_so}" if option.value == present else "", "train"),
        )
        ink = "fg" if chosen else "muted"
        room = width - beside if 0 < beside <= width // 2 else width - 2
        said = [(Piece(text, ink),) for text in wrapped(option.detail, room, 7)]
        if said and room == width - beside:
            head = (*head, Piece(" " * (beside - columns(head))), *said.pop(0))
        indent = Piece(" " * (width - room))
        lines = tuple(spread(line, (), width) for line in (head, *((indent, *line) for line in said)))
        blocks.append(tuple(map(raised, lines)) if chosen else lines)
    return blocks
