"""The sampling settings in one or two lines, with an editor."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input

from charwave_tui.core.config.sampling_config import DEFAULT_SAMPLING, SamplingConfig
from charwave_tui.core.errors import UserError
from charwave_tui.ui.drawing.styled_text import (
    Span,
    StyledLine,
    cell_width,
    highlight,
    readable,
    shorten,
    to_sentence,
    wrap,
)
from charwave_tui.ui.drawing.theme import ThemedWidget, to_rich_text
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.inline_editor import InlineEditor

LABELS = {"temperature": "temp"}

MIN_EDITOR_COLUMNS = {"temperature": 6, "prefix": 8, "count": 6, "seed": 11}  # the cursor included


@dataclass(frozen=True, slots=True)
class FieldPosition:
    """Position of a setting: row and column of its label, and width of its value in columns."""

    name: str
    row: int
    column: int
    width: int

    @property
    def label(self) -> str:
        return LABELS.get(self.name, self.name)

    @property
    def value_column(self) -> int:
        return self.column + len(self.label) + 1

    def contains(self, column: int, row: int) -> bool:
        return row == self.row and self.column <= column < self.value_column + self.width


def value_text(sampling: SamplingConfig, name: str) -> str:
    """Return a setting's value as it is shown, a dash for an empty prefix."""
    return readable(sampling.formatted(name)) or GLYPHS.dash


def layout_fields(sampling: SamplingConfig, width: int, editing: str = "") -> tuple[FieldPosition, ...]:
    """Return the settings' positions in one row of `width` columns, else in two, else in one row each and cut off.

    The setting named `editing` is wide enough to type.
    """
    names = list(DEFAULT_SAMPLING)
    for rows in ([names], [names[:2], names[2:]]):
        positions = _positions(sampling, rows, editing)
        if all(position.value_column + position.width <= width for position in positions):
            return positions
    return tuple(
        FieldPosition(position.name, position.row, 0, max(1, min(position.width, width - position.value_column)))
        for position in _positions(sampling, [[name] for name in names], editing)
    )


def _positions(sampling: SamplingConfig, rows: list[list[str]], editing: str) -> tuple[FieldPosition, ...]:
    positions: list[FieldPosition] = []
    for row, names in enumerate(rows):
        column = 0
        for name in names:
            width = cell_len(value_text(sampling, name))
            if name == editing:
                width = max(width + 1, MIN_EDITOR_COLUMNS[name])
            position = FieldPosition(name, row, column, width)
            positions.append(position)
            column = position.value_column + position.width + 2
    return tuple(positions)


class SamplingFields(ThemedWidget):
    """The settings in reading order; one is `selected`, and the editor may be open over it."""

    DEFAULT_CSS = """
    SamplingFields { height: 1; background: $ink-bg; color: $ink-fg; }
    """

    sampling: reactive[SamplingConfig] = reactive(SamplingConfig)
    selected: reactive[str] = reactive(DEFAULT_SAMPLING[0])
    active: reactive[bool] = reactive(False)  # whether the pane has the focus, so that the selected setting is marked
    error: reactive[UserError | None] = reactive(None)  # of the text that was typed

    @dataclass
    class Edited(Message):
        """A valid value was typed."""

        sampling: SamplingConfig

    def __init__(self) -> None:
        super().__init__()
        self.editor = InlineEditor()

    def compose(self) -> ComposeResult:
        yield self.editor

    def edit(self) -> None:
        self.editor.open(self.selected, self.sampling.formatted(self.selected))
        self.update()

    @on(Click)
    def select_field(self, event: Click) -> None:
        """Select the setting under the pointer; edit it if it was selected already."""
        offset = event.screen_offset - self.content_region.offset
        for position in self._positions():
            if position.contains(offset.x, offset.y) and not self.editor.is_open:
                if self.active and position.name == self.selected:
                    self.edit()
                self.selected = position.name

    @on(Input.Submitted)
    def take_typed(self, event: Input.Submitted) -> None:
        event.stop()
        if not self.editor.is_open:
            return
        try:
            sampling = self.sampling.with_setting(self.selected, event.value)
        except UserError as error:
            self.error = error
        else:
            self._close()
            self.post_message(self.Edited(sampling))

    @on(Input.Changed)
    def clear_error(self, event: Input.Changed) -> None:
        event.stop()
        self.error = None

    @on(InlineEditor.Cancelled)
    def cancel_typing(self, event: InlineEditor.Cancelled) -> None:
        event.stop()
        self._close()

    def on_resize(self) -> None:
        self.update()

    def watch_sampling(self) -> None:
        self.update()

    def watch_error(self) -> None:
        self.update()

    def update(self) -> None:
        """Fit the height to the text, and the editor to its field."""
        if not self.is_mounted or not self.size.width:
            return
        positions = self._positions()
        self.styles.height = positions[-1].row + 1 + len(_error_lines(self.error, self.size.width))
        self.editor.set_class(self.error is not None, "-wrong")
        for position in positions:
            if position.name == self.editor.row_name:
                self.editor.styles.offset = (position.value_column, position.row)
                self.editor.styles.width = position.width
        self.refresh()

    def render(self) -> Text:
        rows: dict[int, StyledLine] = {}
        for position in self._positions():
            line = rows.get(position.row, ())
            gap = Span(" " * (position.column - cell_width(line)))
            rows[position.row] = (*line, gap, *self._field(position))
        lines = (*rows.values(), *_error_lines(self.error, self.size.width))
        return Text("\n").join(to_rich_text(self, line) for line in lines)

    def _close(self) -> None:
        self.editor.close()
        self.error = None
        self.update()

    def _positions(self) -> tuple[FieldPosition, ...]:
        return layout_fields(self.sampling, self.size.width, self.editor.row_name)

    def _field(self, position: FieldPosition) -> StyledLine:
        text = shorten(value_text(self.sampling, position.name), position.width)
        value = text + " " * (position.width - cell_len(text))
        if position.name == self.selected and (self.active or self.editor.is_open):
            return highlight((Span(position.label, "accent", True), Span(" "), Span(value, "bright", True)))
        return (Span(position.label, "muted"), Span(" "), Span(value, "bright"))


def _error_lines(error: UserError | None, width: int) -> list[StyledLine]:
    """The problem and the remedy in at most two lines each."""
    if error is None:
        return []
    problem_lines = [(Span(line, "error"),) for line in wrap(error.problem, width, 2)]
    return [*problem_lines, *((Span(line, "muted"),) for line in wrap(to_sentence(error.remedy), width, 2))]
