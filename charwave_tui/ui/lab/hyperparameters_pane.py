"""Pane 1, the form of hyperparameters."""

from __future__ import annotations

from itertools import groupby
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.reactive import reactive
from textual.widgets import Input

from charwave_tui.core.config.value_types import Value
from charwave_tui.ui.keymap import FORM_KEYS
from charwave_tui.ui.lab.form_layout import (
    FieldRow,
    FormLayout,
    column_widths,
    editor_columns,
    field_group,
    footer_variants,
    form_columns,
    is_picked_from_list,
    layout_form,
    value_column,
    value_text,
)
from charwave_tui.ui.messages import FieldEdited, PickRequested, PresetChosen
from charwave_tui.ui.state.form_state import (
    PRESET,
    ROWS,
    EditPreview,
    FormState,
    can_step,
    preset_value,
    preview_edit,
    problems,
    staged_fields,
    stepped_value,
    with_row,
)
from charwave_tui.ui.widgets.inline_editor import InlineEditor
from charwave_tui.ui.widgets.pane import Pane
from charwave_tui.ui.widgets.text_lines import TextLines


class HyperparametersPane(Pane, can_focus=True):
    """Pane 1: the draft of the next run, row by row. Edits are posted; `form` is set with what they led to."""

    BINDINGS: ClassVar[list[BindingType]] = [*FORM_KEYS]

    form: reactive[FormState] = reactive(FormState())
    cursor_field: reactive[str] = reactive(PRESET)  # the row under the cursor

    def __init__(self) -> None:
        super().__init__("Hyperparameters", id="form", number=1)
        self.form_layout = FormLayout()
        self._lines = TextLines()
        self._editor = InlineEditor()
        self._touched = ""  # the row that was edited last

    def compose(self) -> ComposeResult:
        yield self._lines
        yield self._editor

    @property
    def is_editing(self) -> bool:
        return self._editor.is_open

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action not in ("edit", "walk", "leap", "step_value", "revert"):
            return super().check_action(action, parameters)
        if self.is_editing:
            return False
        if action == "revert" and preset_value(self.form, self.cursor_field) is None:
            return None
        return None if action == "step_value" and not can_step(self.form, self.cursor_field) else True

    def action_walk(self, rows: int) -> None:
        order = self.form_layout.order
        self.cursor_field = order[min(max(order.index(self.cursor_field) + rows, 0), len(order) - 1)]

    def action_leap(self, direction: int) -> None:
        """Go to the next row that is the first of its group, or to the very last one."""
        order = self.form_layout.order
        index = order.index(self.cursor_field)
        firsts = [order.index(next(names)) for _, names in groupby(order, field_group)]
        if direction > 0:
            self.cursor_field = order[next((first for first in firsts if first > index), len(order) - 1)]
        else:
            self.cursor_field = order[next((first for first in reversed(firsts) if first < index), 0)]

    def action_step_value(self, direction: int) -> None:
        self._post_edit(stepped_value(self.form, self.cursor_field, direction))

    def action_revert(self) -> None:
        value = preset_value(self.form, self.cursor_field)
        if value is not None:
            self._post_edit(value)

    def action_edit(self) -> None:
        if is_picked_from_list(self.cursor_field):
            self.post_message(PickRequested(self.cursor_field))
        else:
            self._editor.open(self.cursor_field, value_text(self.form, self.cursor_field))
            self.update()

    def _post_edit(self, value: Value) -> None:
        self._touched = self.cursor_field
        # the next key may come before the lab sets `form`, and goes on from this value
        self.form = with_row(self.form, self.cursor_field, value)
        self.post_message(
            PresetChosen(str(value)) if self.cursor_field == PRESET else FieldEdited(self.cursor_field, value)
        )

    @on(events.Click)
    async def select_row(self, event: events.Click) -> None:
        """Go to the row; edit the one where the cursor was already."""
        offset = event.screen_offset - self.content_region.offset
        for name, position in self.form_layout.positions.items():
            if offset.y == position.y and position.x <= offset.x < position.x + position.width:
                if name == self.cursor_field:
                    await self.run_action("edit")
                elif self.check_action("walk", ()):
                    self.cursor_field = name

    @on(Input.Changed)
    def preview_typed(self, event: Input.Changed) -> None:
        event.stop()
        self.update()

    @on(Input.Submitted)
    def take_typed(self, event: Input.Submitted) -> None:
        event.stop()
        preview = preview_edit(self.form, self.cursor_field, event.value) if self.is_editing else None
        if preview and not preview.refused:
            self._close_editor()
            if preview.form != self.form:
                self._post_edit(getattr(preview.form.draft.config, self.cursor_field))

    @on(InlineEditor.Cancelled)
    def cancel_typing(self, event: InlineEditor.Cancelled) -> None:
        event.stop()
        self._close_editor()

    def _close_editor(self) -> None:
        self._editor.close()
        self.update()

    def watch_has_focus(self, _has_focus: bool) -> None:
        super().watch_has_focus(_has_focus)
        self.update()

    def on_resize(self) -> None:
        self.update()

    def watch_form(self) -> None:
        self.update()

    def watch_cursor_field(self) -> None:
        self.update()

    def update(self) -> None:
        if not self.is_mounted or not self.size:
            return
        is_editing, typed = self.is_editing, self._editor.value
        preview = preview_edit(self.form, self.cursor_field, typed) if is_editing else EditPreview(self.form)
        row_problems = problems(preview, (self.cursor_field, self._touched) if is_editing else (self._touched,))
        self.problem = bool(row_problems)
        self.note = _note(len(row_problems), len(staged_fields(self.form)))
        width, height = self.size
        rows = {
            name: FieldRow(
                name,
                has_cursor=name == self.cursor_field,
                is_active=name == self.cursor_field and (self.has_focus or is_editing),
                problem=row_problems.get(name),
                value_under_editor=value_text(self.form, name) if is_editing and name == self.cursor_field else None,
            )
            for name in ROWS
        }
        widths = column_widths(width)
        footers = list(footer_variants(preview, self.cursor_field, widths, width))
        columns = form_columns(preview.form, list(rows.values()), widths)
        self.form_layout = layout_form(columns, footers, width, height, self.cursor_field)
        self.provenance = self.form_layout.border
        if is_editing and (position := self.form_layout.positions.get(self.cursor_field)):
            self._editor.styles.offset = (position.x + value_column(self.cursor_field, position.width), position.y)
            self._editor.styles.width = editor_columns(preview.form, rows[self.cursor_field], position.width)
            self._editor.set_class(self.cursor_field in row_problems, "-wrong")
        self._lines.set_lines(self.form_layout.lines)
        self.refresh_bindings()


def _note(problems: int, staged: int) -> str:
    if problems:
        return f"{problems} problem{'s' * (problems > 1)}"
    return f"{staged} staged" if staged else ""
