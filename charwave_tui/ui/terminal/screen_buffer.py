"""Front and back buffer, cell styles, escape sequences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style

from charwave_tui.ui.terminal.capabilities import CharacterSet
from charwave_tui.ui.terminal.glyphs import character_fallback

_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "21": "24", "5": "25", "6": "25", "7": "27", "8": "28", "9": "29"}


_COLOURLESS = frozenset({"1", "4", "7"})


_ON_BLANKS = frozenset({"4", "21", "7", "9"})


_WEIGHTS = {
    "bold": "1",
    "dim": "2",
    "italic": "3",
    "underline": "4",
    "blink": "5",
    "blink2": "6",
    "reverse": "7",
    "conceal": "8",
    "strike": "9",
    "underline2": "21",
}


class CellStyle(NamedTuple):
    """The terminal's parameters for a cell; an empty `ink` is whatever there is, since the cell is blank."""

    weights: tuple[str, ...]
    ink: str
    ground: str

    def blank(self) -> CellStyle:
        """The pen for a blank, on which neither ink nor most weights are seen."""
        return self if _ON_BLANKS.intersection(self.weights) else _blank(self.ground)

    def same_as(self, other: CellStyle) -> bool:
        """Whether what is to be written with this pen can as well be written with the other."""
        if self.ink:
            return self == other
        return self.ground == other.ground and not _ON_BLANKS.intersection(other.weights)

    def transition_from(self, before: CellStyle | None) -> tuple[str, CellStyle]:
        """The sequence that takes the terminal from the pen `before`, None where it is unknown, and its pen then."""
        if before is None:
            return _afresh(self), CellStyle(self.weights, self.ink or "39", self.ground)
        target = self
        if not self.ink:
            kept = tuple(weight for weight in before.weights if weight not in _ON_BLANKS)
            target = CellStyle(kept, before.ink, self.ground)
        return _change(before, target), target


PLAIN = CellStyle((), "39", "49")
"""The terminal's own colours."""


@lru_cache(maxsize=4096)
def cell_style(style: Style | None, system: ColorSystem | None) -> CellStyle:
    """The pen for a style on a terminal of so many colours, None for one that has bold, underline and reverse alone."""
    if style is None:
        return PLAIN
    weights = tuple(code for name, code in _WEIGHTS.items() if getattr(style, name))
    if system is None:
        return PLAIN._replace(weights=tuple(code for code in weights if code in _COLOURLESS))
    inks = []
    for colour, foreground in ((style.color, True), (style.bgcolor, False)):
        codes = colour.downgrade(system).get_ansi_codes(foreground) if colour else ("39" if foreground else "49",)
        inks.append(";".join(codes))
    return CellStyle(weights, *inks)


@lru_cache(maxsize=256)
def _blank(ground: str) -> CellStyle:
    return CellStyle((), "", ground)


@lru_cache(maxsize=4096)
def _change(before: CellStyle, target: CellStyle) -> str:
    if target[1:] == before[1:] == PLAIN[1:] and not set(before.weights) <= set(target.weights):
        return _afresh(target)  # a terminal without colours may know no other way to end a weight
    off = {_OFF[weight] for weight in before.weights if weight not in target.weights}
    parameters = sorted(off)
    parameters += [code for code in target.weights if code not in before.weights or _OFF[code] in off]
    if target.ink != before.ink:
        parameters.append(target.ink)
    if target.ground != before.ground:
        parameters.append(target.ground)
    return _sequence(parameters) if parameters else ""


def _afresh(target: CellStyle) -> str:
    """The sequence for a pen whatever was before."""
    colours = (part for part in (target.ink, target.ground) if part not in ("", *PLAIN[1:]))
    return _sequence(["0", *target.weights, *colours])


def _sequence(parameters: list[str]) -> str:
    return f"\x1b[{';'.join(parameters)}m"


Cell = tuple[str, CellStyle]
"""A character and its pen; the second column of a wide character is an empty one."""


class ScreenBuffer:
    """A screen of `width` columns and `height` rows, of which nothing is known at first."""

    def __init__(
        self, width: int, height: int, colours: ColorSystem | None, characters: CharacterSet = CharacterSet.ALL
    ) -> None:
        self.width, self.height = width, height
        self._colours = colours
        self._spelling = character_fallback(characters)
        self._back: list[list[Cell | None]] = [[None] * width for _ in range(height)]
        self._front: list[list[Cell | None]] = [[None] * width for _ in range(height)]
        self._touched: set[int] = set()
        self._pen: CellStyle | None = None
        self._row = self._column = -1  # of the terminal's cursor, where it is known
        self._strokes: list[str] = []

    @property
    def dirty(self) -> bool:
        """Whether anything was put here since the last strokes."""
        return bool(self._touched)

    def invalidate(self) -> None:
        """Take it that anything may stand on the terminal now."""
        self._front = [[None] * self.width for _ in range(self.height)]
        self._touched.update(range(self.height))
        self._pen = None
        self._row = self._column = -1

    def put(self, row: int, column: int, segments: Iterable[Segment], end: int) -> None:
        """Have the segments stand in a row from a column on, as far as `end`."""
        cells = self._back[row]
        for text, style, control in segments:
            if control:
                continue
            if column >= end:
                break
            marked = cell_style(style, self._colours)
            written: Iterable[str] = text if cell_len(text) == len(text) else _columns(text)
            if self._spelling is not None:
                written = map(self._spelling.one, written)
            for character in written:
                if column >= end:
                    break
                cells[column] = (character, marked.blank() if character == " " else marked)
                column += 1
        self._touched.add(row)

    def diff(self, cursor: tuple[int, int]) -> str:
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
        return ["".join(_written(cells)) for cells in self._back]

    def _paint(self, row: int) -> None:
        wanted, shown = self._back[row], self._front[row]
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
        if self._pen is None or not wanted.same_as(self._pen):
            sequence, self._pen = wanted.transition_from(self._pen)
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
        between = self._front[row][start:end]
        if self._pen is None or len(between) > 4 or not all(cell and cell[1].same_as(self._pen) for cell in between):
            return []
        return ["".join(cell[0] for cell in between if cell)]


def _written(cells: Iterable[Cell | None]) -> Iterator[str]:
    before: CellStyle | None = None
    for text, wanted in (cell or (" ", PLAIN) for cell in cells):
        if before is None or not wanted.same_as(before):
            sequence, before = wanted.transition_from(before)
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
