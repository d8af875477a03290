"""The terminal's screen cell by cell: what stands on it, what shall stand on it, and the shortest way there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.segment import Segment

from charwave_tui.ui.abilities import Characters
from charwave_tui.ui.pens import PLAIN, Pen, pen
from charwave_tui.ui.spelling import spelling

Cell = tuple[str, Pen]
"""A character and its pen; the second column of a wide character is an empty one."""


class Picture:
    """A screen of `width` columns and `height` rows, of which nothing is known at first."""

    def __init__(
        self, width: int, height: int, colours: ColorSystem | None, characters: Characters = Characters.ALL
    ) -> None:
        self.width, self.height = width, height
        self._colours = colours
        self._spelling = spelling(characters)
        self._wanted: list[list[Cell | None]] = [[None] * width for _ in range(height)]
        self._shown: list[list[Cell | None]] = [[None] * width for _ in range(height)]
        self._touched: set[int] = set()
        self._pen: Pen | None = None
        self._row = self._column = -1  # of the terminal's cursor, where it is known
        self._strokes: list[str] = []

    @property
    def touched(self) -> bool:
        """Whether anything was put here since the last strokes."""
        return bool(self._touched)

    def forget(self) -> None:
        """Take it that anything may stand on the terminal now."""
        self._shown = [[None] * self.width for _ in range(self.height)]
        self._touched.update(range(self.height))
        self._pen = None
        self._row = self._column = -1

    def put(self, row: int, column: int, segments: Iterable[Segment], end: int) -> None:
        """Have the segments stand in a row from a column on, as far as `end`."""
        cells = self._wanted[row]
        for text, style, control in segments:
            if control:
                continue
            if column >= end:
                break
            marked = pen(style, self._colours)
            written: Iterable[str] = text if cell_len(text) == len(text) else _columns(text)
            if self._spelling is not None:
                written = map(self._spelling.one, written)
            for character in written:
                if column >= end:
                    break
                cells[column] = (character, marked.blank() if character == " " else marked)
                column += 1
        self._touched.add(row)

    def strokes(self, cursor: tuple[int, int]) -> str:
        """What to write so that the terminal shows what is wanted, its cursor at a row and column; empty if it does."""
        for row in sorted(self._touched):
            self._paint(row)
        self._touched.clear()
        if self._strokes:
            self._go(*cursor)
        written = "".join(self._strokes)
        self._strokes.clear()
        return written

    def rows(self) -> list[str]:
        """What is wanted, a string a row, each with all that its pens take."""
        return ["".join(_written(cells)) for cells in self._wanted]

    def _paint(self, row: int) -> None:
        wanted, shown = self._wanted[row], self._shown[row]
        if wanted == shown:
            return
        for column in range(self.width):
            cell = wanted[column]
            if cell is None or cell == shown[column]:
                continue
            if not cell[0] and column:  # the half of a wide character comes with the other
                column -= 1
                cell = wanted[column] or cell
            self._go(row, column)
            self._write(cell)
            if column + 1 < self.width and (half := wanted[column + 1]) and not half[0]:
                shown[column + 1] = half
                self._column += 1
            shown[column] = cell
            if self._column >= self.width:  # where a terminal's cursor is after the last column, they do not agree
                self._row = -1

    def _write(self, cell: Cell) -> None:
        text, wanted = cell
        if self._pen is None or not wanted.fits(self._pen):
            sequence, self._pen = wanted.after(self._pen)
            self._strokes.append(sequence)
        self._strokes.append(text)
        self._column += 1

    def _go(self, row: int, column: int) -> None:
        if (row, column) == (self._row, self._column):
            return
        ways = [_to(row, column)]
        if self._row >= 0:
            ways.append(_down(row - self._row) + _across(column - self._column))
            if row == self._row and column > self._column:
                ways += self._over(row, self._column, column)
        self._strokes.append(min(ways, key=lambda way: len(way.encode())))
        self._row, self._column = row, column

    def _over(self, row: int, start: int, end: int) -> list[str]:
        """What stands between two columns, to be written once more, where that takes no other pen."""
        between = self._shown[row][start:end]
        if self._pen is None or len(between) > 4 or not all(cell and cell[1].fits(self._pen) for cell in between):
            return []
        return ["".join(cell[0] for cell in between if cell)]


def _written(cells: Iterable[Cell | None]) -> Iterator[str]:
    before: Pen | None = None
    for text, wanted in (cell or (" ", PLAIN) for cell in cells):
        if before is None or not wanted.fits(before):
            sequence, before = wanted.after(before)
            yield sequence
        yield text


def _columns(text: str) -> Iterable[str]:
    """One string a column: marks that take no room are with the character before, wide ones have an empty one after."""
    columns: list[str] = []
    for character in text:
        width = cell_len(character)
        if width:
            columns += [character, *[""] * (width - 1)]
        elif columns:
            place = -1 if columns[-1] else -2
            columns[place] += character
    return columns


def _to(row: int, column: int) -> str:
    if column:
        return f"\x1b[{row + 1};{column + 1}H"
    return f"\x1b[{row + 1}H" if row else "\x1b[H"


def _down(rows: int) -> str:
    return _by(rows, "B") if rows > 0 else _by(-rows, "A") if rows else ""


def _across(columns: int) -> str:
    if -3 <= columns < 0:
        return "\b" * -columns
    return _by(columns, "C") if columns > 0 else _by(-columns, "D") if columns else ""


def _by(count: int, way: str) -> str:
    return f"\x1b[{count if count > 1 else ''}{way}"
