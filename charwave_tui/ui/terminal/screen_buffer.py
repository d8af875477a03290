"""The front and back buffer of the terminal's cells, and the escape sequences that lead from one to the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style

from charwave_tui.ui.terminal.capabilities import CharacterSet
from charwave_tui.ui.terminal.cell_width import cell_len, clusters, has_a_column_each, is_disputed, leading_marks
from charwave_tui.ui.terminal.glyphs import character_fallback

# SGR parameters of the attributes, and what ends each
_ATTRIBUTES = {
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
_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "21": "24", "5": "25", "6": "25", "7": "27", "8": "28", "9": "29"}
_MONOCHROME = frozenset({"1", "4", "7"})  # bold, underline, reverse: what a terminal without colours has
_VISIBLE_ON_BLANKS = frozenset({"4", "21", "7", "9"})


class CellStyle(NamedTuple):
    """The SGR parameters of a cell; the foreground of a blank cell is empty: any will do."""

    attributes: tuple[str, ...]
    foreground: str
    background: str

    def blank(self) -> CellStyle:
        """Return the style for a blank, which shows neither foreground nor most attributes."""
        return self if _VISIBLE_ON_BLANKS.intersection(self.attributes) else _blank(self.background)

    def looks_like(self, style: CellStyle) -> bool:
        """Return whether a cell of this style looks the same when it is written in the other."""
        if self.foreground:
            return self == style
        return self.background == style.background and not _VISIBLE_ON_BLANKS.intersection(style.attributes)

    def transition_from(self, before: CellStyle | None) -> tuple[str, CellStyle]:
        """Return the sequence that sets this style after `before` (None: unknown), and the terminal's style then."""
        if before is None:
            return _reset_to(self), CellStyle(self.attributes, self.foreground or "39", self.background)
        target = self
        if not self.foreground:
            attributes = tuple(attribute for attribute in before.attributes if attribute not in _VISIBLE_ON_BLANKS)
            target = CellStyle(attributes, before.foreground, self.background)
        return _change(before, target), target


JOINER = "\u200d"
DEFAULT_STYLE = CellStyle((), "39", "49")  # the terminal's default colours


@lru_cache(maxsize=4096)
def cell_style(style: Style | None, system: ColorSystem | None) -> CellStyle:
    """Return a style's parameters in a color system; None is a terminal without colours."""
    if style is None:
        return DEFAULT_STYLE
    attributes = tuple(code for name, code in _ATTRIBUTES.items() if getattr(style, name))
    if system is None:
        return DEFAULT_STYLE._replace(attributes=tuple(code for code in attributes if code in _MONOCHROME))
    colours = []
    for colour, is_foreground in ((style.color, True), (style.bgcolor, False)):
        default = ("39" if is_foreground else "49",)
        codes = colour.downgrade(system).get_ansi_codes(is_foreground) if colour else default
        colours.append(";".join(codes))
    return CellStyle(attributes, *colours)


@lru_cache(maxsize=256)
def _blank(background: str) -> CellStyle:
    return CellStyle((), "", background)


@lru_cache(maxsize=4096)
def _change(before: CellStyle, target: CellStyle) -> str:
    if target[1:] == before[1:] == DEFAULT_STYLE[1:] and not set(before.attributes) <= set(target.attributes):
        return _reset_to(target)  # a terminal without colours may know no other way to end an attribute
    off = {_OFF[attribute] for attribute in before.attributes if attribute not in target.attributes}
    parameters = sorted(off)
    parameters += [code for code in target.attributes if code not in before.attributes or _OFF[code] in off]
    if target.foreground != before.foreground:
        parameters.append(target.foreground)
    if target.background != before.background:
        parameters.append(target.background)
    return _sgr(parameters) if parameters else ""


def _reset_to(target: CellStyle) -> str:
    colours = (colour for colour in (target.foreground, target.background) if colour not in ("", *DEFAULT_STYLE[1:]))
    return _sgr(["0", *target.attributes, *colours])


def _sgr(parameters: list[str]) -> str:
    return f"\x1b[{';'.join(parameters)}m"


# a character and the marks on it, with their style; the further columns of a wide one have an empty text
Cell = tuple[str, CellStyle]


class ScreenBuffer:
    """The cells to be shown (back) and those on the terminal (front), None where unknown.

    `put` writes into the back buffer; `diff` returns the sequences that bring the terminal up to date.
    """

    def __init__(
        self, width: int, height: int, colours: ColorSystem | None, characters: CharacterSet = CharacterSet.ALL
    ) -> None:
        self.width, self.height = width, height
        self._colours = colours
        self._fallback = character_fallback(characters)
        self._back: list[list[Cell | None]] = [[None] * width for _ in range(height)]
        self._front: list[list[Cell | None]] = [[None] * width for _ in range(height)]
        self._dirty_rows: set[int] = set()
        self._style: CellStyle | None = None  # the terminal's, where it is known
        self._row = self._column = -1  # the terminal's cursor, where it is known
        self._output: list[str] = []

    @property
    def is_dirty(self) -> bool:
        return bool(self._dirty_rows)

    def invalidate(self) -> None:
        """Forget which cells the terminal shows."""
        self._front = [[None] * self.width for _ in range(self.height)]
        self._dirty_rows.update(range(self.height))
        self._style = None
        self._row = self._column = -1

    def write(self, row: int, column: int, segments: Iterable[Segment], end: int) -> None:
        """Write segments into a row from a column on, cut off at the column `end`."""
        cells, start = self._back[row], column
        for text, style, control in segments:
            if control:
                continue
            if column >= end:
                break
            text_style = cell_style(style, self._colours)
            characters: Iterable[str] = text
            if not has_a_column_each(text):
                marks, characters = _columns(text)
                if marks:
                    characters = (*_attach_marks(marks, text_style, cells, range(start, column)), *characters)
            if self._fallback is not None:
                characters = map(self._fallback.replace, characters)
            for character in characters:
                if column >= end:
                    break
                cells[column] = (character, text_style.blank() if character == " " else text_style)
                column += 1
        self._dirty_rows.add(row)

    def diff(self, cursor: tuple[int, int]) -> str:
        """Return what to write to show the back buffer, the cursor then at (row, column); empty if nothing changed."""
        for row in sorted(self._dirty_rows):
            self._diff_row(row)
        self._dirty_rows.clear()
        if self._output:
            self._move_to(*cursor)
        output = "".join(self._output)
        self._output.clear()
        return output

    def encode_rows(self) -> list[str]:
        """Return the rows of the back buffer with their escape sequences, each complete by itself."""
        return ["".join(_encode(cells)) for cells in self._back]

    def _diff_row(self, row: int) -> None:
        back, front = self._back[row], self._front[row]
        if back == front:
            return
        for column in range(self.width):
            cell = back[column]
            if cell is None or cell == front[column]:
                continue
            while not cell[0] and column:  # the further columns of a wide character come with the first
                column -= 1
                cell = back[column] or cell
            end = column + 1
            while end < self.width and (further := back[end]) and not further[0]:
                end += 1
            self._move_to(row, column)
            self._set_style(cell[1])
            if is_disputed(cell[0]):
                # In fewer columns than expected it leaves blanks; in more, one for each mark, these are written again.
                self._output += [" " * (end - column), _cursor_position(row, column)]
                overwritten = min(end + max(len(cell[0]) - 1, 1), self.width)
                front[end:overwritten] = [None] * (overwritten - end)
            self._output.append(cell[0])
            front[column:end] = back[column:end]
            self._column = end
            # terminals differ in where the cursor is after such a cell, and after the last column
            if is_disputed(cell[0]) or end >= self.width:
                self._row = -1

    def _set_style(self, style: CellStyle) -> None:
        if self._style is None or not style.looks_like(self._style):
            sequence, self._style = style.transition_from(self._style)
            self._output.append(sequence)

    def _move_to(self, row: int, column: int) -> None:
        if (row, column) == (self._row, self._column):
            return
        sequences = [_cursor_position(row, column)]
        if self._row >= 0:
            sequences.append(_cursor_rows(row - self._row) + _cursor_columns(column - self._column))
            if row == self._row and column > self._column:
                sequences += self._rewrite(row, self._column, column)
        self._output.append(min(sequences, key=lambda sequence: len(sequence.encode())))
        self._row, self._column = row, column

    def _rewrite(self, row: int, start: int, end: int) -> list[str]:
        """Return the text between two columns if writing it again needs no change of style, else nothing."""
        cells = self._front[row][start:end]
        if self._style is None or len(cells) > 4 or not all(cell and cell[1].looks_like(self._style) for cell in cells):
            return []
        if any(cell and is_disputed(cell[0]) for cell in cells):
            return []
        return ["".join(cell[0] for cell in cells if cell)]


def _encode(cells: Iterable[Cell | None]) -> Iterator[str]:
    before: CellStyle | None = None
    for text, style in (cell or (" ", DEFAULT_STYLE) for cell in cells):
        if before is None or not style.looks_like(before):
            sequence, before = style.transition_from(before)
            yield sequence
        yield text


@lru_cache(maxsize=4096)
def _columns(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the marks at the head of a text, and the rest as one string a column.

    A character has its marks with it; a wide one has empty strings after it.
    """
    marks = leading_marks(text)
    return marks, tuple(column for cluster in clusters(text[len(marks) :]) for column in _padded(cluster))


def _padded(cluster: str) -> tuple[str, ...]:
    width = cell_len(cluster)
    # tmux puts whatever is written behind a joiner into its cell, wherever the cursor has been sent
    return (cluster.rstrip(JOINER), *[""] * (width - 1)) if width else ()


def _attach_marks(marks: str, style: CellStyle, cells: list[Cell | None], before: range) -> tuple[str, ...]:
    """Add marks to the character in the columns `before` them; return the columns that they take further."""
    base = next((column for column in reversed(before) if (cell := cells[column]) and cell[0]), None)
    if base is None:
        return _padded(marks)
    text, base_style = cells[base] or ("", style)
    cells[base] = ((text + marks).rstrip(JOINER), style if text == " " else base_style)
    return ("",) * cell_len(marks)


def _cursor_position(row: int, column: int) -> str:
    if column:
        return f"\x1b[{row + 1};{column + 1}H"
    return f"\x1b[{row + 1}H" if row else "\x1b[H"


def _cursor_rows(rows: int) -> str:
    return _cursor_step(rows, "B") if rows > 0 else _cursor_step(-rows, "A") if rows else ""


def _cursor_columns(columns: int) -> str:
    if -3 <= columns < 0:
        return "\b" * -columns
    return _cursor_step(columns, "C") if columns > 0 else _cursor_step(-columns, "D") if columns else ""


def _cursor_step(count: int, direction: str) -> str:
    return f"\x1b[{count if count > 1 else ''}{direction}"
