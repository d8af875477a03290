"""The units of an activation that are worth a look, by number."""

from __future__ import annotations

from collections.abc import Iterator

from charwave_tui.core.insights import ActivationInsight
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.insight.units import joined
from charwave_tui.ui.pieces import Line, Piece, wrapped

MOST = 4
"""Lines that each list takes at most."""


def in_one_line(insight: ActivationInsight, width: int) -> tuple[Line, ...]:
    """The dead and the nearly dead ones behind each other, with a blank line above; nothing where there are none."""
    groups: list[Line] = []
    for label, numbers, role in _lists(insight):
        (text,) = wrapped(numbers, max(width // 2 - len(label) - 2, 12), 1)
        groups.append((Piece(f"{label}  ", "muted"), Piece(text, role)))
    return ((), joined(tuple(groups), width)) if groups else ()


def as_column(insight: ActivationInsight, width: int) -> tuple[Line, ...]:
    """The same below one another."""
    lines: list[Line] = []
    for label, numbers, role in _lists(insight):
        lines += [(Piece(label, "muted"),), *((Piece(text, role),) for text in wrapped(numbers, width, MOST)), ()]
    return tuple(lines)


def _lists(insight: ActivationInsight) -> Iterator[tuple[str, str, str]]:
    """The label, the numbers and the ink of each list that is not empty."""
    for label, units, total, role in (
        ("dead units", insight.dead, insight.dead_units, "warning"),
        ("nearly dead (over 90 % of examples)", insight.nearly_dead, len(insight.nearly_dead), "fg"),
    ):
        if units:
            yield label, ", ".join(map(str, units)) + (f", {GLYPHS.cut}" if total > len(units) else ""), role
