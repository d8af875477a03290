"""The columns of a table that fit a width, shared by the layers table and the runs table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from charwave_tui.ui.drawing.styled_text import Span, StyledLine, justify


@dataclass(frozen=True, slots=True)
class ColumnLayout:
    """The widths of a table's columns in their order, and the blank columns between two.

    A column in `tight` has a single blank after it. With `short_names` there is no room for long names.
    """

    widths: tuple[tuple[str, int], ...] = ()
    gap: int = 0
    tight: frozenset[str] = frozenset()
    short_names: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(key for key, _ in self.widths)

    def width_of(self, key: str) -> int:
        """Return the width of a column, 0 if the table has no room for it."""
        return dict(self.widths).get(key, 0)

    def gap_after(self, key: str) -> int:
        return 1 if key in self.tight else self.gap

    def stretch(self, key: str, min_width: int) -> tuple[int, int]:
        """Return the first column and the width of `key`, with following ones until it is `min_width` wide."""
        start = width = 0
        for name, columns in self.widths:
            if name != key and not width:
                start += columns + self.gap_after(name)
            elif width < min_width:
                width += (self.gap if width else 0) + columns
        return start, width

    def line(self, cells: Mapping[str, StyledLine], left_aligned: Set[str]) -> StyledLine:
        """Join the cells of a row; those not `left_aligned` are aligned to the right."""
        line: StyledLine = ()
        for key, width in self.widths:
            cell = justify(cells[key], (), width) if key in left_aligned else justify((), cells[key], width)
            line = (*line, *cell, Span(" " * self.gap_after(key) * (key != self.widths[-1][0])))
        return line


def widen(widths: dict[str, int], keys: Sequence[str], limit: int, spare: int) -> int:
    """Widen columns equally, by at most `limit` each, and return what is left of the `spare` columns."""
    added = min(limit, spare // max(1, len(keys)))
    for key in keys:
        widths[key] += added
    return spare - added * len(keys)
