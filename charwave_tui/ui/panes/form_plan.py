"""Where everything in the form stands: columns of rows, and below them what they come to and help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby

from charwave_tui.core.config import HYPERPARAMETERS
from charwave_tui.core.fields import Group
from charwave_tui.ui.draft import PRESET, ROWS, FormView
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.panes.field_row import Row, row_lines
from charwave_tui.ui.panes.form_foot import Foot
from charwave_tui.ui.pieces import GAP, Line, Piece, beside, rule, scrolled, spread
from charwave_tui.ui.written import plain

_NARROWEST = 30
_WIDEST = 60


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that stay together: a row and its problem, or (`name` None) a heading."""

    name: str | None
    lines: tuple[Line, ...]

    @property
    def wrong(self) -> str | None:
        """The row that it is, if it has a problem."""
        return self.name if len(self.lines) > 1 else None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row's first line stands, in columns and lines from the top left."""

    x: int
    y: int
    width: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole form, line by line, and the places of the rows in sight.

    `order` has all rows as the eye meets them, column by column; `border` tells how many of them are out of sight, or
    what had to give way to them.
    """

    lines: tuple[Line, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)
    order: tuple[str, ...] = ROWS
    border: str = ""


def section(name: str) -> Group | None:
    """The group that the row `name` belongs to; None for the preset, which stands before them all."""
    return None if name == PRESET else HYPERPARAMETERS[name].group


def column_widths(width: int) -> tuple[int, ...]:
    """How wide the columns of rows are: two where both have room."""
    half = (width - GAP) // 2
    if half >= _NARROWEST:
        return min(half, _WIDEST), min(width - GAP - half, _WIDEST)
    return (min(width, _WIDEST),)


def form_columns(view: FormView, rows: Sequence[Row], widths: Sequence[int]) -> list[list[Block]]:
    """The rows under their headings, divided among columns of `widths`: how it is trained fills the second."""
    columns: list[list[Block]] = [[] for _ in widths]
    for group, members in groupby(rows, lambda row: section(row.name)):
        column = len(widths) - 1 if group is Group.TRAINING else 0
        width = widths[column]
        if group is not None:
            columns[column].append(Block(None, (rule((Piece(group),), width, "grid"),)))
        columns[column] += [Block(row.name, row_lines(view, row, width)) for row in members]
    return columns


def plan(columns: Sequence[Sequence[Block]], feet: Sequence[Foot], width: int, height: int, here: str) -> Plan:
    """The form in `width` columns and `height` lines with the richest of `feet` that fits.

    If none does, the smallest stands that leaves the border free, or a lean one where the rows would not have two
    thirds of the lines, and each column scrolls so far that the row `here` is in sight.
    """
    whole, lean = ([foot for foot in feet if foot.lean is kind] for kind in (False, True))
    elsewhere = any(block.wrong not in (None, here) for block in chain(*columns))  # which is worth more than help
    fitting = (foot for foot in (feet if elsewhere else whole) if _needed(columns, foot) <= height)
    smallest = [foot for foot in whole if not foot.border][-1]
    scrolling = (foot for foot in (smallest, *lean) if 3 * foot.height <= height)
    foot = next(chain(fitting, scrolling), lean[-1])
    room = max(height - len(foot.help), 0)
    widths = column_widths(width)
    drawn = [
        _column(blocks, foot.summary if index == 0 else (), widths[index], room, here)
        for index, blocks in enumerate(columns)
    ]
    lines = [*(beside(cells, widths) for cells in zip(*(column.lines for column in drawn), strict=True)), *foot.help]
    places: dict[str, Place] = {}
    for index, column in enumerate(drawn):
        x = sum(widths[:index]) + GAP * index
        places |= {name: Place(x, y, widths[index]) for name, y in column.tops.items() if 0 <= y < column.space}
    tops = [(y, column.space) for column in drawn for y in column.tops.values()]
    hidden = {GLYPHS.up: sum(y < 0 for y, _ in tops), GLYPHS.down: sum(y >= space for y, space in tops)}
    more = "  ".join(f"{mark} {count} more" for mark, count in hidden.items() if count)
    return Plan(
        tuple(spread(line, (), width) for line in lines[:height]),
        places,
        tuple(block.name for block in chain(*columns) if block.name is not None),
        more or plain(foot.border),
    )


def _needed(columns: Sequence[Sequence[Block]], foot: Foot) -> int:
    heights = []
    for index, blocks in enumerate(columns):
        air = sum(block.name is None for block in blocks[1:]) + (index == 0) if foot.airy else 0
        heights.append(sum(len(block.lines) for block in blocks) + len(foot.summary) * (index == 0) + air)
    return max(heights) + len(foot.help)


@dataclass(frozen=True, slots=True)
class _Drawn:
    lines: list[Line]
    tops: dict[str, int]
    space: int


def _first(here: int | None, wrong: Sequence[range], total: int, space: int) -> int:
    """The first of `total` lines to show in `space`: the cursor's is in sight, and if it can be, what is wrong too."""
    first = scrolled(here or 0, total, space)
    for lines in wrong:
        if lines.stop > first + space:
            first = lines.stop - space
        first = min(first, lines.start)
    return first if here is None else max(min(first, here), here + 1 - space)


def _column(blocks: Sequence[Block], summary: tuple[Line, ...], width: int, room: int, here: str) -> _Drawn:
    """`room` lines with air before headings and summary as far as it lasts, and on which of them each row stands."""
    space = max(room - len(summary), 0)
    air = space - sum(len(block.lines) for block in blocks)
    lines: list[Line] = []
    tops: dict[str, int] = {}
    for block in blocks:
        if block.name is None and lines and air > 0:
            lines.append(())
            air -= 1
        elif block.name is not None:
            tops[block.name] = len(lines)
        lines += block.lines
    if air > 0 and summary:
        lines.append(())
    if len(lines) > space:
        wrong = [range(tops[b.wrong], tops[b.wrong] + len(b.lines)) for b in blocks if b.wrong]
        first = _first(tops.get(here), wrong, len(lines), space)
        lines = lines[first : first + space]
        tops = {name: y - first for name, y in tops.items()}
    lines = [*lines, *summary]
    return _Drawn([*lines, *[()] * (room - len(lines))][:room], tops, space)
