"""Matrices of 32-bit floats in messages."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable

import msgspec

FLOAT_BYTES = 4


class FloatMatrix(msgspec.Struct, frozen=True, array_like=True):
    """A [rows, columns] matrix in row-major order; `numbers` are little-endian 32-bit floats.

    Raises ValueError if `numbers` has another length.
    """

    rows: int
    columns: int
    numbers: bytes

    def __post_init__(self) -> None:
        if self.rows < 0 or self.columns < 0 or self.rows * self.columns * FLOAT_BYTES != len(self.numbers):
            raise ValueError(f"{len(self.numbers)} bytes are not {self.rows}×{self.columns} numbers")

    @staticmethod
    def from_values(columns: int, values: Iterable[float]) -> FloatMatrix:
        """Return a matrix of `values` in rows of `columns`."""
        numbers = array("f", values)
        if sys.byteorder == "big":
            numbers.byteswap()
        return FloatMatrix(len(numbers) // columns if columns else 0, columns, numbers.tobytes())

    def row(self, row: int) -> array[float]:
        return self._decode(row * self.columns, self.columns)

    def flat(self) -> array[float]:
        return self._decode(0, self.rows * self.columns)

    def at(self, row: int, column: int) -> float:
        return self._decode(row * self.columns + column, 1)[0]

    def _decode(self, start: int, count: int) -> array[float]:
        numbers = array("f", self.numbers[start * FLOAT_BYTES : (start + count) * FLOAT_BYTES])
        if sys.byteorder == "big":
            numbers.byteswap()
        return numbers


EMPTY_MATRIX = FloatMatrix(0, 0, b"")
