"""Layout of the form: rows in columns, and the footer with summary and help."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby, zip_longest

from rich.cells import cell_len

from charwave_tui.core.config.choices import Device
from charwave_tui.core.config.run_config import HYPERPARAMETERS, EditEffect, FieldGroup, unused_fields
from charwave_tui.core.config.value_types import Choice, FreeText
from charwave_tui.core.escaping import escape_invisible
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
    to_sentence,
    wrap,
)
from charwave_tui.ui.drawing.theme import to_plain_text
from charwave_tui.ui.lab.form_summary import about_lines, help_lines, overlap_note, summary_lines, wide_summary_lines
from charwave_tui.ui.state.form_state import (
    PRESET,
    ROWS,
    EditPreview,
    FormState,
    Problem,
    changed_fields,
    previous_value,
    staged_fields,
    stepped_value,
)
from charwave_tui.ui.terminal.glyphs import GLYPHS

_BADGE_COLUMNS = 2

_LABEL_COLUMNS = 12  # of a narrow form

_MAX_LABEL_COLUMNS = max(map(len, HYPERPARAMETERS))  # of a wide form

_WIDE_FORM_COLUMNS = 36

_WIDE_SUMMARY_COLUMNS = 40

_MIN_COLUMN_WIDTH = 30

_MAX_COLUMN_WIDTH = 60


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A row to draw; `active` if it has the cursor and the keys, `typed_over` is the value under the editor."""

    name: str
    has_cursor: bool = False
    is_active: bool = False
    problem: Problem | None = None
    value_under_editor: str | None = None


def is_picked_from_list(name: str) -> bool:
    """Return whether the value is picked from a list instead of typed."""
    return name == PRESET or isinstance(HYPERPARAMETERS[name].value_type, Choice | FreeText)


def value_text(view: FormState, name: str) -> str:
    """Return the value as it is typed; `auto` with what it stands for."""
    if name == PRESET:
        return readable(view.draft.preset or GLYPHS.dash)
    text = escape_invisible(HYPERPARAMETERS[name].value_type.format(getattr(view.draft.config, name)))
    return f"{text} {GLYPHS.arrow} {view.accelerator}" if text == Device.AUTO and view.accelerator else text


def previous_value_text(view: FormState, row: FieldRow) -> str:
    """Return `was 0.1` if the row has another value than before, else an empty text."""
    if row.value_under_editor is not None:
        return "" if row.value_under_editor == value_text(view, row.name) else f"was {row.value_under_editor}"
    before = previous_value(view, row.name)
    return "" if before is None else f"was {escape_invisible(HYPERPARAMETERS[row.name].value_type.format(before))}"


def value_column(name: str, width: int) -> int:
    """Return the column of the row's value; in a narrow form a long label moves its own value to the right."""
    label = _MAX_LABEL_COLUMNS if width >= _WIDE_FORM_COLUMNS else max(_LABEL_COLUMNS, len(name))
    return 2 + label + 1


def editor_columns(view: FormState, row: FieldRow, width: int) -> int:
    """Return the width of the editor over the row's value, which leaves `was` visible beside it."""
    available = width - value_column(row.name, width) - _BADGE_COLUMNS
    previous = cell_len(previous_value_text(view, row))
    return available - previous - 2 if previous and available - previous - 2 >= 6 else available


def row_lines(view: FormState, row: FieldRow, width: int) -> tuple[StyledLine, ...]:
    """Return the row and the lines of its problem below it, each `width` columns wide."""
    line = justify(_name(row, width) + _value(view, row, width), _badge(view, row), width)
    return (highlight(line) if row.has_cursor and row.is_active else line, *_problem_lines(row.problem, width))


def _name(row: FieldRow, width: int) -> StyledLine:
    active = row.has_cursor and row.is_active
    role = "error" if row.problem else "accent" if active else "muted"
    marker = Span(GLYPHS.cross if row.problem else GLYPHS.cursor if row.has_cursor else " ", role)
    label = f"{row.name:<{value_column(row.name, width) - 2}}"
    return (marker, Span(" "), Span(label, role, bold=active or row.problem is not None))


def _value(view: FormState, row: FieldRow, width: int) -> StyledLine:
    text = value_text(view, row.name)
    active = row.has_cursor and row.is_active
    why_unused = unused_fields(view.draft.config).get(row.name, "")
    value = Span(text, "bright" if active else "muted" if why_unused else "fg", bold=active)
    count = len(changed_fields(view)) if row.name == PRESET else 0
    suffix = (Span(f" +{count}", "muted"),) if count else ()
    available = width - value_column(row.name, width) - _BADGE_COLUMNS
    previous = previous_value_text(view, row)
    choices: StyledLine = (Span(GLYPHS.marker, "muted"),) if is_picked_from_list(row.name) else ()
    if (
        active
        and is_picked_from_list(row.name)
        and not previous
        and stepped_value(view, row.name, 1) != stepped_value(view, row.name, 0)
    ):
        arrows = (Span(f"{GLYPHS.left} ", "accent"), value, Span(f" {GLYPHS.right}", "accent"), *suffix)
        if cell_width(arrows) <= available:
            return justify(arrows, (), available)
    left = (value, *suffix)
    texts = [previous] if previous else [why_unused, "unused"] if why_unused else []
    notes = [(Span(text, "muted"),) for text in texts]
    for right in (*((*note, Span(" "), *choices) for note in notes), *notes, choices, ()):
        if cell_width(left) + bool(right) + cell_width(right) <= available:
            return justify(left, right, available)
    cut = Span(shorten(text, available - cell_width(suffix)), value.role, value.bold)
    return justify((cut, *suffix), (), available)


def _badge(view: FormState, row: FieldRow) -> StyledLine:
    is_staged = row.name in staged_fields(view)
    if row.name != PRESET and HYPERPARAMETERS[row.name].effect is EditEffect.LIVE and not is_staged:
        return (Span(f" {GLYPHS.live}", "train"),)
    return (Span(f" {GLYPHS.rebuild}", "accent" if is_staged else "muted", bold=is_staged),)


def _problem_lines(problem: Problem | None, width: int) -> tuple[StyledLine, ...]:
    if problem is None:
        return ()
    problem_lines = [(Span(text, "error"),) for text in wrap(problem.problem, width - 2, 3)]
    remedy_lines = [_figures_bright(text) for text in wrap(to_sentence(problem.remedy), width - 2, 3)]
    return tuple(justify((Span("  "), *line), (), width) for line in (*problem_lines, *remedy_lines))


def _figures_bright(text: str) -> StyledLine:
    parts = re.split(r"(\d+(?:[.,]\d+)*)", text)  # every second part is a number
    return tuple(
        Span(part, "bright" if index % 2 else "fg", bold=bool(index % 2)) for index, part in enumerate(parts) if part
    )


@dataclass(frozen=True, slots=True)
class FormFooter:
    """The summary below the first column and the help at the bottom; `border` is what of them goes into the border.

    One that `needs_blank_lines` is used only if there is space for them before the headings, one that `is_minimal` only
    if no other fits.
    """

    summary: tuple[StyledLine, ...]
    help: tuple[StyledLine, ...]
    border: StyledLine = ()
    needs_blank_lines: bool = False
    is_minimal: bool = False

    @property
    def height(self) -> int:
        return len(self.summary) + len(self.help)


def footer_variants(preview: EditPreview, cursor_field: str, widths: Sequence[int], width: int) -> Iterator[FormFooter]:
    """Yield the footers for columns of `widths` in a form of `width` columns, longest first; the last has no lines.

    With two columns the summary is right of the help.
    """
    lines = help_lines(preview, cursor_field, width if len(widths) == 1 else widths[0])
    about = about_lines(preview.form, cursor_field, width if len(widths) == 1 else widths[0])
    short = summary_lines(preview, widths[-1])
    wide = wide_summary_lines(preview, widths[-1]) if widths[-1] >= _WIDE_SUMMARY_COLUMNS else ()
    plain_rule, title_rule = rule((), width), rule(lines[0], width)
    if len(widths) == 1:
        if wide:
            yield FormFooter(wide, (plain_rule, *lines, *about), needs_blank_lines=True)
            yield FormFooter(wide, (plain_rule, *lines))
        yield FormFooter(short, (plain_rule, *lines, *about), needs_blank_lines=True)
        yield FormFooter(short, (plain_rule, *lines))
        yield FormFooter(short, (title_rule, *lines[1:]))
        shapes, count = short
        border = summary_lines(preview, widths[0] - 2)[1]  # the border has its own ends
        if preview.is_typing:  # the help has been read; what the value does to the shapes is worth more
            yield FormFooter(short, (title_rule, lines[2]))
            yield FormFooter((shapes,), (title_rule, lines[2]), border=border)
            yield FormFooter((shapes,), (rule((lines[0][0], *lines[2][1:]), width),), border=border)
        else:
            yield FormFooter((count,), (title_rule, *lines[1:]))
            yield FormFooter((), (title_rule, *lines[1:]), border=border)
            # that an edit is staged is worth more than the help; the bounds come as soon as a value is typed
            is_staged = cursor_field in staged_fields(preview.form)
            yield FormFooter((), (title_rule, lines[2 if is_staged else 1]), border=border)
    else:
        for summary in filter(None, (wide, short)):
            yield FormFooter((), (plain_rule, *_two_columns((*lines, *about), summary, widths)), needs_blank_lines=True)
        yield FormFooter((), (plain_rule, *_two_columns(lines, short, widths)))
        yield FormFooter((), (title_rule, *_two_columns(lines[1:], short, widths)))
    yield FormFooter((), (title_rule, *lines[1:2]), is_minimal=True)
    yield FormFooter((), (), is_minimal=True)


def _two_columns(
    left: Sequence[StyledLine], right: Sequence[StyledLine], widths: Sequence[int]
) -> Iterator[StyledLine]:
    for cells in zip_longest(left, right, fillvalue=()):
        yield columns(cells, widths)


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Lines that stay together: a row and its problem, or a heading, which has no `name`."""

    name: str | None
    lines: tuple[StyledLine, ...]

    @property
    def has_problem(self) -> bool:
        return self.name is not None and len(self.lines) > 1


@dataclass(frozen=True, slots=True)
class RowPosition:
    """Position of a row's first line in columns and lines from the top left."""

    x: int
    y: int
    width: int


@dataclass(frozen=True, slots=True)
class FormLayout:
    """The lines of the form, and the positions of its visible rows.

    `order` has all rows, column by column; `border` says how many are hidden, or has the summary that did not fit.
    """

    lines: tuple[StyledLine, ...] = ()
    positions: Mapping[str, RowPosition] = field(default_factory=dict)
    order: tuple[str, ...] = ROWS
    border: str = ""


def field_group(name: str) -> FieldGroup | None:
    """Return the group of the row `name`, None for the preset, which is above all groups."""
    return None if name == PRESET else HYPERPARAMETERS[name].group


def column_widths(width: int) -> tuple[int, ...]:
    """Return the widths of the columns of rows: two if there is space for both."""
    half = (width - GAP) // 2
    if half >= _MIN_COLUMN_WIDTH:
        return min(half, _MAX_COLUMN_WIDTH), min(width - GAP - half, _MAX_COLUMN_WIDTH)
    return (min(width, _MAX_COLUMN_WIDTH),)


def form_columns(view: FormState, rows: Sequence[FieldRow], widths: Sequence[int]) -> list[list[RowBlock]]:
    """Return the rows under their headings in columns of `widths`; the group of training is in the last one."""
    columns: list[list[RowBlock]] = [[] for _ in widths]
    for group, members in groupby(rows, lambda row: field_group(row.name)):
        column = len(widths) - 1 if group is FieldGroup.TRAINING else 0
        width = widths[column]
        if group is not None:
            title: StyledLine = (Span(group),)
            if group is FieldGroup.RUN and (note := overlap_note(view)):
                note = note if cell_len(note) + len(group) + 2 <= width else note.replace(" also", "")
                title = (Span(f"{group}  "), Span(note, "warning"))
            columns[column].append(RowBlock(None, (rule(title, width, "grid"),)))
        columns[column] += [RowBlock(row.name, row_lines(view, row, width)) for row in members]
    return columns


def layout_form(
    block_columns: Sequence[Sequence[RowBlock]],
    footers: Sequence[FormFooter],
    width: int,
    height: int,
    cursor_field: str,
) -> FormLayout:
    """Lay out the form in `width` columns and `height` lines with the longest of `footers` that fits.

    If none fits, the columns scroll so that the row `cursor_field` is visible, above the shortest footer that leaves
    the border free, or above a minimal one if the rows would have less than two thirds of the lines.
    """
    full, lean = ([footer for footer in footers if footer.is_minimal is is_lean] for is_lean in (False, True))
    # a problem in another row is worth more than help
    has_other_problem = any(block.has_problem and block.name != cursor_field for block in chain(*block_columns))
    candidates = footers if has_other_problem else full
    fitting = (footer for footer in candidates if _needed_height(block_columns, footer) <= height)
    shortest = [footer for footer in full if not footer.border][-1]
    scrolling = (footer for footer in (shortest, *lean) if 3 * footer.height <= height)
    footer = next(chain(fitting, scrolling), lean[-1])
    rows_height = max(height - len(footer.help), 0)
    widths = column_widths(width)
    laid_out = [
        _layout_column(blocks, footer.summary if index == 0 else (), widths[index], rows_height, cursor_field)
        for index, blocks in enumerate(block_columns)
    ]
    line_pairs = zip(*(column.lines for column in laid_out), strict=True)
    lines = [*(columns(cells, widths) for cells in line_pairs), *footer.help]
    positions: dict[str, RowPosition] = {}
    for index, column in enumerate(laid_out):
        x = sum(widths[:index]) + GAP * index
        for name, y in column.tops.items():
            if 0 <= y < column.visible_height:
                positions[name] = RowPosition(x, y, widths[index])
    tops = [(y, column.visible_height) for column in laid_out for y in column.tops.values()]
    hidden = {GLYPHS.up: sum(y < 0 for y, _ in tops), GLYPHS.down: sum(y >= visible for y, visible in tops)}
    more = "  ".join(f"{glyph} {count} more" for glyph, count in hidden.items() if count)
    return FormLayout(
        tuple(justify(line, (), width) for line in lines[:height]),
        positions,
        tuple(block.name for block in chain(*block_columns) if block.name is not None),
        more or to_plain_text(footer.border),
    )


def _needed_height(block_columns: Sequence[Sequence[RowBlock]], footer: FormFooter) -> int:
    heights = []
    for index, blocks in enumerate(block_columns):
        blank_lines = sum(block.name is None for block in blocks[1:]) + (index == 0) if footer.needs_blank_lines else 0
        summary_height = len(footer.summary) if index == 0 else 0
        heights.append(sum(len(block.lines) for block in blocks) + summary_height + blank_lines)
    return max(heights) + len(footer.help)


@dataclass(frozen=True, slots=True)
class _ColumnLines:
    lines: list[StyledLine]
    tops: dict[str, int]  # line of each row, outside of 0 … visible_height - 1 if it is hidden
    visible_height: int


def _first_line(cursor_field: int | None, problems: Sequence[range], total: int, visible: int) -> int:
    """Return the first of `total` lines to show: the cursor's is visible, and if possible those of the problems."""
    first = scroll_top(cursor_field or 0, total, visible)
    for lines in problems:
        if lines.stop > first + visible:
            first = lines.stop - visible
        first = min(first, lines.start)
    return first if cursor_field is None else max(min(first, cursor_field), cursor_field + 1 - visible)


def _layout_column(
    blocks: Sequence[RowBlock], summary: tuple[StyledLine, ...], width: int, height: int, cursor_field: str
) -> _ColumnLines:
    """Lay out `height` lines, with blank lines before headings and summary as long as there is space."""
    visible_height = max(height - len(summary), 0)
    blank_lines = visible_height - sum(len(block.lines) for block in blocks)
    lines: list[StyledLine] = []
    tops: dict[str, int] = {}
    for block in blocks:
        if block.name is None and lines and blank_lines > 0:
            lines.append(())
            blank_lines -= 1
        elif block.name is not None:
            tops[block.name] = len(lines)
        lines += block.lines
    if blank_lines > 0 and summary:
        lines.append(())
    if len(lines) > visible_height:
        problems = [
            range(tops[block.name], tops[block.name] + len(block.lines))
            for block in blocks
            if block.name is not None and block.has_problem
        ]
        first = _first_line(tops.get(cursor_field), problems, len(lines), visible_height)
        lines = lines[first : first + visible_height]
        tops = {name: y - first for name, y in tops.items()}
    lines = [*lines, *summary]
    return _ColumnLines([*lines, *[()] * (height - len(lines))][:height], tops, visible_height)
