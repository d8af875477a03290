"""Where everything in the form stands: columns of rows, the summary below the first, help at the bottom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from charwave_tui.core.config import HYPERPARAMETERS
from charwave_tui.ui.draft import PRESET, FormView, Trial
from charwave_tui.ui.panes.field_row import Row, row_lines
from charwave_tui.ui.panes.summary import about_lines, help_lines, summary_lines, wide_summary_lines
from charwave_tui.ui.pieces import Line, Piece, rule, scrolled, spread

GAP = 3
"""Columns between two columns of rows."""

_NARROWEST = 30
_WIDEST = 60
_ROOMY = 40


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that stay together: a row and its problem, or (`name` None) a heading."""

    name: str | None
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Foot:
    """One way to fill what the rows leave: the summary, and the help below the rule; `airy` only beside blank lines."""

    summary: tuple[Line, ...]
    help: tuple[Line, ...]
    airy: bool = False

    @property
    def height(self) -> int:
        """Lines that the help takes with its rule."""
        return len(self.help) + bool(self.help)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row's first line stands, in columns and lines from the top left."""

    x: int
    y: int
    width: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole form, line by line, and the places of the rows in sight."""

    lines: tuple[Line, ...]
    places: Mapping[str, Place]


def column_widths(width: int) -> tuple[int, ...]:
    """How wide the columns of rows are: two where both have room."""
    half = (width - GAP) // 2
    if half >= _NARROWEST:
        return min(half, _WIDEST), min(width - GAP - half, _WIDEST)
    return (min(width, _WIDEST),)


def form_columns(view: FormView, rows: Sequence[Row], widths: Sequence[int]) -> list[list[Block]]:
    """The rows under their headings, divided among columns of `widths`: what is built first, then how it is trained."""
    sections: list[list[Row]] = [
        list(section)
        for _, section in groupby(rows, lambda row: None if row.name == PRESET else HYPERPARAMETERS[row.name].group)
    ]
    columns: list[list[Block]] = [[] for _ in widths]
    for index, section in enumerate(sections):
        column = 0 if len(widths) == 1 or index < 2 else 1
        width = widths[column]
        if section[0].name != PRESET:
            columns[column].append(Block(None, (rule(HYPERPARAMETERS[section[0].name].group, width, "grid"),)))
        columns[column] += [Block(row.name, row_lines(view, row, width)) for row in section]
    return columns


def feet(tried: Trial, here: str, width: int) -> list[Foot]:
    """What may stand below the rows, from the fullest to the leanest; help gives way before the summary does."""
    column = column_widths(width)[0]
    short = summary_lines(tried, column)
    said = help_lines(tried, here, width)
    wide = wide_summary_lines(tried, column) if len(column_widths(width)) == 1 and column >= _ROOMY else ()
    about = about_lines(tried.view, here, width)
    fullest = [Foot(wide, (*said, *about), airy=True), Foot(wide, said)] if wide else []
    leaner = [Foot(short, said[:kept]) for kept in (3, 2, 1)]
    return [*fullest, Foot(short, (*said, *about), airy=True), *leaner, Foot(short[:1], ())]


def plan(columns: Sequence[Sequence[Block]], feet: Sequence[Foot], width: int, height: int, here: str) -> Plan:
    """The form in `width` columns and `height` lines with the richest of `feet` that fits.

    If none does, the last of them stands and each column scrolls so far that the row `here` is in sight.
    """
    foot = next((foot for foot in feet if _needed(columns, foot) <= height), feet[-1])
    room = max(height - foot.height, 0)
    widths = column_widths(width)
    drawn = [
        _column(blocks, foot.summary if index == 0 else (), widths[index], room, here)
        for index, blocks in enumerate(columns)
    ]
    lines: list[Line] = []
    for y in range(room):
        line: Line = ()
        for index, (shown, _) in enumerate(drawn):
            line = (*line, *((Piece(" " * GAP),) if index else ()), *spread(shown[y], (), widths[index]))
        lines.append(line)
    lines += [rule("", width), *foot.help] if foot.help else []
    places: dict[str, Place] = {}
    for index, (_, tops) in enumerate(drawn):
        x = sum(widths[:index]) + GAP * index
        places |= {name: Place(x, y, widths[index]) for name, y in tops.items()}
    return Plan(tuple(spread(line, (), width) for line in lines[:height]), places)


def _needed(columns: Sequence[Sequence[Block]], foot: Foot) -> int:
    heights = []
    for index, blocks in enumerate(columns):
        air = sum(block.name is None for block in blocks[1:]) + (index == 0) if foot.airy else 0
        heights.append(sum(len(block.lines) for block in blocks) + len(foot.summary) * (index == 0) + air)
    return max(heights) + foot.height


def _column(
    blocks: Sequence[Block], summary: tuple[Line, ...], width: int, room: int, here: str
) -> tuple[list[Line], dict[str, int]]:
    """`room` lines with air before headings and summary as far as it lasts, and the line on which each row stands."""
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
        first = scrolled(tops.get(here, 0), len(lines), space)
        lines = lines[first : first + space]
        tops = {name: y - first for name, y in tops.items() if 0 <= y - first < space}
    lines = [*lines, *summary]
    return [*lines, *[()] * (room - len(lines))][:room], tops
