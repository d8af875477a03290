"""Rows, columns, footer of the form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby, zip_longest

from rich.cells import cell_len

from charwave_tui.core.config.run_config import HYPERPARAMETERS, EditEffect, FieldGroup, unused_fields
from charwave_tui.core.config.value_types import Choice, FreeText
from charwave_tui.ui.drawing.styled_text import (
    GAP,
    Span,
    StyledLine,
    cell_width,
    columns,
    highlight,
    justify,
    readable,
    rule,
    scroll_top,
    shorten,
    wrap,
)
from charwave_tui.ui.drawing.theme import to_plain_text
from charwave_tui.ui.lab.form_summary import about_lines, help_lines, summary_lines, wide_summary_lines
from charwave_tui.ui.state.form_state import (
    PRESET,
    ROWS,
    EditPreview,
    FormState,
    Problem,
    changed,
    nudged,
    previous_value,
    staged,
)
from charwave_tui.ui.terminal.glyphs import GLYPHS

_BADGE_COLUMNS = 2


_LABEL_COLUMNS = 12


_LONGEST_LABEL = max(map(len, HYPERPARAMETERS))


_WIDE = 36


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A row to draw: `here` where the cursor stands, `active` where keys go to it, `typed_over` while it is edited."""

    name: str
    here: bool = False
    active: bool = False
    problem: Problem | None = None
    typed_over: str | None = None


def picked(name: str) -> bool:
    """Whether the row's value is picked from a list instead of typed."""
    return name == PRESET or isinstance(HYPERPARAMETERS[name].kind, Choice | FreeText)


def value_text(view: FormState, name: str) -> str:
    """The row's value as a person writes it; `auto` says what it stands for."""
    if name == PRESET:
        return readable(view.draft.preset or GLYPHS.dash)
    text = readable(HYPERPARAMETERS[name].kind.format(getattr(view.draft.config, name)))
    return f"{text} {GLYPHS.arrow} {view.accelerator}" if text == "auto" and view.accelerator else text


def previous_value_text(view: FormState, row: FieldRow) -> str:
    """`was 0.1` where the row has another value than before, else nothing."""
    if row.typed_over is not None:
        return "" if row.typed_over == value_text(view, row.name) else f"was {row.typed_over}"
    before = previous_value(view, row.name)
    return "" if before is None else f"was {readable(HYPERPARAMETERS[row.name].kind.format(before))}"


def value_column(name: str, width: int) -> int:
    """Where the row's value begins: in a narrow form a long label pushes its own aside."""
    label = _LONGEST_LABEL if width >= _WIDE else max(_LABEL_COLUMNS, len(name))
    return 2 + label + 1


def editor_columns(view: FormState, row: FieldRow, width: int) -> int:
    """How wide the editor over the row's value may be, so that `was` stays in sight beside it."""
    room = width - value_column(row.name, width) - _BADGE_COLUMNS
    before = cell_len(previous_value_text(view, row))
    return room - before - 2 if before and room - before - 2 >= 6 else room


def row_lines(view: FormState, row: FieldRow, width: int) -> tuple[StyledLine, ...]:
    """The row and, below it, what is wrong with it, each `width` columns wide."""
    line = justify(_name(row, width) + _value(view, row, width), _badge(view, row), width)
    return (highlight(line) if row.here and row.active else line, *_problem_lines(row.problem, width))


def _name(row: FieldRow, width: int) -> StyledLine:
    active = row.here and row.active
    marker = Span(GLYPHS.cursor if row.here else " ", "accent" if active else "muted")
    ink = "accent" if active else "muted"
    if row.problem:
        marker, ink = Span(GLYPHS.cross, "error"), "error"
    label = f"{row.name:<{value_column(row.name, width) - 2}}"
    return (marker, Span(" "), Span(label, ink, bold=active or row.problem is not None))


def _value(view: FormState, row: FieldRow, width: int) -> StyledLine:
    text = value_text(view, row.name)
    active = row.here and row.active
    why = unused_fields(view.draft.config).get(row.name, "")
    value = Span(text, "bright" if active else "muted" if why else "fg", bold=active)
    count = len(changed(view)) if row.name == PRESET else 0
    behind = (Span(f" +{count}", "muted"),) if count else ()
    room = width - value_column(row.name, width) - _BADGE_COLUMNS
    before = previous_value_text(view, row)
    mark: StyledLine = (Span(GLYPHS.marker, "muted"),) if picked(row.name) else ()
    if active and picked(row.name) and not before and nudged(view, row.name, 1) != nudged(view, row.name, 0):
        arrows = (Span(f"{GLYPHS.left} ", "accent"), value, Span(f" {GLYPHS.right}", "accent"), *behind)
        if cell_width(arrows) <= room:
            return justify(arrows, (), room)
    left = (value, *behind)
    notes = [before] if before else [why, "unused"] if why else []
    said = [(Span(note, "muted"),) for note in notes]
    for right in (*((*note, Span(" "), *mark) for note in said), *said, mark, ()):
        if cell_width(left) + bool(right) + cell_width(right) <= room:
            return justify(left, right, room)
    return justify((Span(shorten(text, room - cell_width(behind)), value.role, value.bold), *behind), (), room)


def _badge(view: FormState, row: FieldRow) -> StyledLine:
    if row.name != PRESET and HYPERPARAMETERS[row.name].effect is EditEffect.LIVE:
        return (Span(f" {GLYPHS.live}", "train"),)
    waits = row.name in staged(view)
    return (Span(f" {GLYPHS.rebuild}", "accent" if waits else "muted", bold=waits),)


def _problem_lines(problem: Problem | None, width: int) -> tuple[StyledLine, ...]:
    if problem is None:
        return ()
    room = width - 2
    said = [(Span(text, "error"),) for text in wrap(problem.problem, room, 3)]
    remedy = problem.remedy[:1].upper() + problem.remedy[1:]
    tries = [_figures_bright(text) for text in wrap(f"{remedy.rstrip('.')}.", room, 3)]
    return tuple(justify((Span("  "), *line), (), width) for line in (*said, *tries))


def _figures_bright(text: str) -> StyledLine:
    parts = re.split(r"(\d+(?:[.,]\d+)*)", text)  # every second part is a figure
    return tuple(
        Span(part, "bright" if index % 2 else "fg", bold=bool(index % 2)) for index, part in enumerate(parts) if part
    )


_ROOMY = 40


@dataclass(frozen=True, slots=True)
class FormFooter:
    """The summary below the first column, at the bottom the help, and what of them stands in the border.

    `airy`: only where the headings have air as well; `lean`: only where there is no room for a better one.
    """

    summary: tuple[StyledLine, ...]
    help: tuple[StyledLine, ...]
    border: StyledLine = ()
    airy: bool = False
    lean: bool = False

    @property
    def height(self) -> int:
        """Lines that it takes."""
        return len(self.summary) + len(self.help)


def footer_variants(tried: EditPreview, here: str, widths: Sequence[int], width: int) -> Iterator[FormFooter]:
    """Every foot for columns of `widths` in a form of `width` columns, richest first; the last has no lines at all.

    Beside a second column the summary has its place at the right of the help.
    """
    said = help_lines(tried, here, width if len(widths) == 1 else widths[0])
    about = about_lines(tried.view, here, width if len(widths) == 1 else widths[0])
    short = summary_lines(tried, widths[-1])
    wide = wide_summary_lines(tried, widths[-1]) if widths[-1] >= _ROOMY else ()
    ruled, titled = rule((), width), rule(said[0], width)
    if len(widths) == 1:
        if wide:
            yield FormFooter(wide, (ruled, *said, *about), airy=True)
            yield FormFooter(wide, (ruled, *said))
        yield FormFooter(short, (ruled, *said, *about), airy=True)
        yield FormFooter(short, (ruled, *said))
        yield FormFooter(short, (titled, *said[1:]))
        shapes, count = short
        border = summary_lines(tried, widths[0] - 2)[1]  # which has its own ends
        if tried.typing:  # and so has read what the field does, and would rather see what it does to the shapes
            yield FormFooter(short, (titled, said[2]))
            yield FormFooter((shapes,), (titled, said[2]), border=border)
        else:
            yield FormFooter((count,), (titled, *said[1:]))
            yield FormFooter((), (titled, *said[1:]), border=border)
    else:
        for summary in filter(None, (wide, short)):
            yield FormFooter((), (ruled, *_halves((*said, *about), summary, widths)), airy=True)
        yield FormFooter((), (ruled, *_halves(said, short, widths)))
        yield FormFooter((), (titled, *_halves(said[1:], short, widths)))
    yield FormFooter((), (titled, *said[1:2]), lean=True)
    yield FormFooter((), (), lean=True)


def _halves(left: Sequence[StyledLine], right: Sequence[StyledLine], widths: Sequence[int]) -> Iterator[StyledLine]:
    for cells in zip_longest(left, right, fillvalue=()):
        yield columns(cells, widths)


_NARROWEST = 30


_WIDEST = 60


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Lines that stay together: a row and its problem, or (`name` None) a heading."""

    name: str | None
    lines: tuple[StyledLine, ...]

    @property
    def wrong(self) -> str | None:
        """The row that it is, if it has a problem."""
        return self.name if len(self.lines) > 1 else None


@dataclass(frozen=True, slots=True)
class RowPosition:
    """Where a row's first line stands, in columns and lines from the top left."""

    x: int
    y: int
    width: int


@dataclass(frozen=True, slots=True)
class FormLayout:
    """The whole form, line by line, and the places of the rows in sight.

    `order` has all rows as the eye meets them, column by column; `border` tells how many of them are out of sight, or
    what had to give way to them.
    """

    lines: tuple[StyledLine, ...] = ()
    places: Mapping[str, RowPosition] = field(default_factory=dict)
    order: tuple[str, ...] = ROWS
    border: str = ""


def section(name: str) -> FieldGroup | None:
    """The group that the row `name` belongs to; None for the preset, which stands before them all."""
    return None if name == PRESET else HYPERPARAMETERS[name].group


def column_widths(width: int) -> tuple[int, ...]:
    """How wide the columns of rows are: two where both have room."""
    half = (width - GAP) // 2
    if half >= _NARROWEST:
        return min(half, _WIDEST), min(width - GAP - half, _WIDEST)
    return (min(width, _WIDEST),)


def form_columns(view: FormState, rows: Sequence[FieldRow], widths: Sequence[int]) -> list[list[RowBlock]]:
    """The rows under their headings, divided among columns of `widths`: how it is trained fills the second."""
    columns: list[list[RowBlock]] = [[] for _ in widths]
    for group, members in groupby(rows, lambda row: section(row.name)):
        column = len(widths) - 1 if group is FieldGroup.TRAINING else 0
        width = widths[column]
        if group is not None:
            columns[column].append(RowBlock(None, (rule((Span(group),), width, "grid"),)))
        columns[column] += [RowBlock(row.name, row_lines(view, row, width)) for row in members]
    return columns


def layout_form(
    block_columns: Sequence[Sequence[RowBlock]], feet: Sequence[FormFooter], width: int, height: int, here: str
) -> FormLayout:
    """The form in `width` columns and `height` lines with the richest of `feet` that fits.

    If none does, the smallest stands that leaves the border free, or a lean one where the rows would not have two
    thirds of the lines, and each column scrolls so far that the row `here` is in sight.
    """
    whole, lean = ([foot for foot in feet if foot.lean is kind] for kind in (False, True))
    elsewhere = any(block.wrong not in (None, here) for block in chain(*block_columns))  # which is worth more than help
    fitting = (foot for foot in (feet if elsewhere else whole) if _needed(block_columns, foot) <= height)
    smallest = [foot for foot in whole if not foot.border][-1]
    scrolling = (foot for foot in (smallest, *lean) if 3 * foot.height <= height)
    foot = next(chain(fitting, scrolling), lean[-1])
    room = max(height - len(foot.help), 0)
    widths = column_widths(width)
    drawn = [
        _column(blocks, foot.summary if index == 0 else (), widths[index], room, here)
        for index, blocks in enumerate(block_columns)
    ]
    lines = [*(columns(cells, widths) for cells in zip(*(column.lines for column in drawn), strict=True)), *foot.help]
    places: dict[str, RowPosition] = {}
    for index, column in enumerate(drawn):
        x = sum(widths[:index]) + GAP * index
        places |= {name: RowPosition(x, y, widths[index]) for name, y in column.tops.items() if 0 <= y < column.space}
    tops = [(y, column.space) for column in drawn for y in column.tops.values()]
    hidden = {GLYPHS.up: sum(y < 0 for y, _ in tops), GLYPHS.down: sum(y >= space for y, space in tops)}
    more = "  ".join(f"{mark} {count} more" for mark, count in hidden.items() if count)
    return FormLayout(
        tuple(justify(line, (), width) for line in lines[:height]),
        places,
        tuple(block.name for block in chain(*block_columns) if block.name is not None),
        more or to_plain_text(foot.border),
    )


def _needed(columns: Sequence[Sequence[RowBlock]], foot: FormFooter) -> int:
    heights = []
    for index, blocks in enumerate(columns):
        air = sum(block.name is None for block in blocks[1:]) + (index == 0) if foot.airy else 0
        heights.append(sum(len(block.lines) for block in blocks) + len(foot.summary) * (index == 0) + air)
    return max(heights) + len(foot.help)


@dataclass(frozen=True, slots=True)
class _Drawn:
    lines: list[StyledLine]
    tops: dict[str, int]
    space: int


def _first(here: int | None, wrong: Sequence[range], total: int, space: int) -> int:
    """The first of `total` lines to show in `space`: the cursor's is in sight, and if it can be, what is wrong too."""
    first = scroll_top(here or 0, total, space)
    for lines in wrong:
        if lines.stop > first + space:
            first = lines.stop - space
        first = min(first, lines.start)
    return first if here is None else max(min(first, here), here + 1 - space)


def _column(blocks: Sequence[RowBlock], summary: tuple[StyledLine, ...], width: int, room: int, here: str) -> _Drawn:
    """`room` lines with air before headings and summary as far as it lasts, and on which of them each row stands."""
    space = max(room - len(summary), 0)
    air = space - sum(len(block.lines) for block in blocks)
    lines: list[StyledLine] = []
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
