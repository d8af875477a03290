"""Tables of numbers as they travel: 32-bit floats in rows."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable

import msgspec

WIDTH = 4
"""Bytes of a number."""


class FloatMatrix(msgspec.Struct, frozen=True, array_like=True):
    """`rows` times `columns` numbers, row after row, as 32-bit floats with the least significant byte first.

    Raises ValueError where `numbers` is not just as long.
    """

    rows: int
    columns: int
    numbers: bytes

    def __post_init__(self) -> None:
        if self.rows < 0 or self.columns < 0 or self.rows * self.columns * WIDTH != len(self.numbers):
            raise ValueError(f"{len(self.numbers)} bytes are not {self.rows}×{self.columns} numbers")

    @staticmethod
    def of(columns: int, values: Iterable[float]) -> FloatMatrix:
        """The grid of `values`, so many in a row."""
        numbers = array("f", values)
        if sys.byteorder == "big":
            numbers.byteswap()
        return FloatMatrix(len(numbers) // columns if columns else 0, columns, numbers.tobytes())

    def row(self, row: int) -> array[float]:
        """One row."""
        return _floats(self.numbers[row * self.columns * WIDTH : (row + 1) * self.columns * WIDTH])

    def flat(self) -> array[float]:
        """All numbers, row after row."""
        return _floats(self.numbers)

    def at(self, row: int, column: int) -> float:
        """One number."""
        start = (row * self.columns + column) * WIDTH
        return _floats(self.numbers[start : start + WIDTH])[0]


EMPTY_MATRIX = FloatMatrix(0, 0, b"")
"""No numbers."""


def _floats(numbers: bytes) -> array[float]:
    found = array("f", numbers)
    if sys.byteorder == "big":
        found.byteswap()
    return found
