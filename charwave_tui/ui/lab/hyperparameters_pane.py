"""Pane 1, the form of hyperparameters."""

from __future__ import annotations

from itertools import groupby
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.widgets import Input

from charwave_tui.core.config.value_types import Value
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
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.inline_editor import InlineEditor
from charwave_tui.ui.widgets.pane import Pane
from charwave_tui.ui.widgets.text_lines import TextLines


class HyperparametersPane(Pane, can_focus=True):
    """Pane 1: the draft of the next run, row by row. Edits are posted; `form` is set with what they led to."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "edit", "Edit", key_display="enter"),
        Binding("left", "step_value(-1)", "Change", key_display=f"{GLYPHS.left}{GLYPHS.right}"),
        Binding("right", "step_value(1)", "Change", show=False),
        Binding("backspace", "revert", "Preset's value", key_display=GLYPHS.backspace),
        Binding("up", "walk(-1)", "Up", show=False),
        Binding("down", "walk(1)", "Down", show=False),
        Binding("home", f"walk(-{len(ROWS)})", "First", show=False),
        Binding("end", f"walk({len(ROWS)})", "Last", show=False),
        Binding("pageup", "leap(-1)", "Group up", show=False),
        Binding("pagedown", "leap(1)", "Group down", show=False),
    ]

    form: reactive[FormState] = reactive(FormState())
    here: reactive[str] = reactive(PRESET)  # the row under the cursor

    def __init__(self) -> None:
        super().__init__(1, "Hyperparameters", id="form")
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
        if action == "revert" and preset_value(self.form, self.here) is None:
            return None
        return None if action == "step_value" and not can_step(self.form, self.here) else True

    def action_walk(self, rows: int) -> None:
        order = self.form_layout.order
        self.here = order[min(max(order.index(self.here) + rows, 0), len(order) - 1)]

    def action_leap(self, direction: int) -> None:
        """Go to the next row that is the first of its group, or to the very last one."""
        order = self.form_layout.order
        index = order.index(self.here)
        firsts = [order.index(next(names)) for _, names in groupby(order, field_group)]
        if direction > 0:
            self.here = order[next((first for first in firsts if first > index), len(order) - 1)]
        else:
            self.here = order[next((first for first in reversed(firsts) if first < index), 0)]

    def action_step_value(self, direction: int) -> None:
        self._post_edit(stepped_value(self.form, self.here, direction))

    def action_revert(self) -> None:
        value = preset_value(self.form, self.here)
        if value is not None:
            self._post_edit(value)

    def action_edit(self) -> None:
        if is_picked_from_list(self.here):
            self.post_message(PickRequested(self.here))
        else:
            self._editor.open(self.here, value_text(self.form, self.here))
            self.update()

    def _post_edit(self, value: Value) -> None:
        self._touched = self.here
        # the next key may come before the lab sets `form`, and goes on from this value
        self.form = with_row(self.form, self.here, value)
        self.post_message(PresetChosen(str(value)) if self.here == PRESET else FieldEdited(self.here, value))

    @on(events.Click)
    async def select_row(self, event: events.Click) -> None:
        """Go to the row; edit the one where the cursor was already."""
        offset = event.screen_offset - self.content_region.offset
        for name, position in self.form_layout.positions.items():
            if offset.y == position.y and position.x <= offset.x < position.x + position.width:
                if name == self.here:
                    await self.run_action("edit")
                elif self.check_action("walk", ()):
                    self.here = name

    @on(Input.Changed)
    def preview_typed(self, event: Input.Changed) -> None:
        event.stop()
        self.update()

    @on(Input.Submitted)
    def take_typed(self, event: Input.Submitted) -> None:
        event.stop()
        preview = preview_edit(self.form, self.here, event.value) if self.is_editing else None
        if preview and not preview.refused:
            self._close_editor()
            if preview.form != self.form:
                self._post_edit(getattr(preview.form.draft.config, self.here))

    @on(InlineEditor.Cancelled)
    def cancel_typing(self, event: InlineEditor.Cancelled) -> None:
        event.stop()
        self._close_editor()

    def _close_editor(self) -> None:
        self._editor.close()
        self.screen.set_focus(self, scroll_visible=False)
        self.update()

    def on_focus(self) -> None:
        if self.is_editing:
            self.screen.set_focus(self._editor, scroll_visible=False)

    def watch_has_focus(self, _has_focus: bool) -> None:
        super().watch_has_focus(_has_focus)
        self.update()

    def on_resize(self) -> None:
        self.update()

    def watch_form(self) -> None:
        self.update()

    def watch_here(self) -> None:
        self.update()

    def update(self) -> None:
        """Lay out and draw the form."""
        if not self.is_mounted or not self.size:
            return
        is_editing, typed = self.is_editing, self._editor.value
        preview = preview_edit(self.form, self.here, typed) if is_editing else EditPreview(self.form)
        row_problems = problems(preview, (self.here, self._touched) if is_editing else (self._touched,))
        self.problem = bool(row_problems)
        self.note = _note(len(row_problems), len(staged_fields(self.form)))
        width, height = self.size
        rows = {
            name: FieldRow(
                name,
                has_cursor=name == self.here,
                is_active=name == self.here and (self.has_focus or is_editing),
                problem=row_problems.get(name),
                value_under_editor=value_text(self.form, name) if is_editing and name == self.here else None,
            )
            for name in ROWS
        }
        widths = column_widths(width)
        footers = list(footer_variants(preview, self.here, widths, width))
        columns = form_columns(preview.form, list(rows.values()), widths)
        self.form_layout = layout_form(columns, footers, width, height, self.here)
        self.provenance = self.form_layout.border
        if is_editing and (position := self.form_layout.positions.get(self.here)):
            self._editor.styles.offset = (position.x + value_column(self.here, position.width), position.y)
            self._editor.styles.width = editor_columns(preview.form, rows[self.here], position.width)
            self._editor.set_class(self.here in row_problems, "-wrong")
        self._lines.set_lines(self.form_layout.lines)
        self.refresh_bindings()


def _note(problems: int, staged: int) -> str:
    if problems:
        return f"{problems} problem{'s' * (problems > 1)}"
    return f"{staged} staged" if staged else ""
