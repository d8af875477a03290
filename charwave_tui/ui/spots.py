"""Where the settings of sampling stand: label and value, in one row or in several."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len

from charwave_tui.core.sampling import USUAL, Sampling
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.pieces import readable

LABELS = {"temperature": "temp"}
"""Settings whose label is shorter than their name."""

EDITOR_WIDTHS = {"temperature": 6, "prefix": 8, "count": 6, "seed": 11}
"""Columns that each setting's editor takes at least, its cursor included."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where one setting stands: row and column of its label, and the columns of its value."""

    name: str
    row: int
    column: int
    width: int

    @property
    def label(self) -> str:
        """What stands before the value."""
        return LABELS.get(self.name, self.name)

    @property
    def value_column(self) -> int:
        """The column where the value begins."""
        return self.column + len(self.label) + 1

    def holds(self, column: int, row: int) -> bool:
        """Whether the place lies on the label or the value."""
        return row == self.row and self.column <= column < self.value_column + self.width


def value_text(sampling: Sampling, name: str) -> str:
    """A setting's value as it is shown; a dash for no prefix."""
    return readable(sampling.written(name)) or GLYPHS.none


def spots(sampling: Sampling, width: int, editing: str = "") -> tuple[Spot, ...]:
    """The settings in reading order: in one row of `width` columns, else two and two, else one by one and cut off.

    The one named `editing` gets room to type.
    """
    names = list(USUAL)
    for rows in ([names], [names[:2], names[2:]]):
        placed = _placed(sampling, rows, editing)
        if all(spot.value_column + spot.width <= width for spot in placed):
            return placed
    return tuple(
        Spot(spot.name, spot.row, 0, max(1, min(spot.width, width - spot.value_column)))
        for spot in _placed(sampling, [[name] for name in names], editing)
    )


def _placed(sampling: Sampling, rows: list[list[str]], editing: str) -> tuple[Spot, ...]:
    placed: list[Spot] = []
    for row, names in enumerate(rows):
        column = 0
        for name in names:
            columns = cell_len(value_text(sampling, name))
            spot = Spot(name, row, column, max(columns + 1, EDITOR_WIDTHS[name]) if name == editing else columns)
            placed.append(spot)
            column = spot.value_column + spot.width + 2
    return tuple(placed)
