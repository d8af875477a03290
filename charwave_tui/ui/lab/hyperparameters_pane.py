"""Pane 1."""

from __future__ import annotations

from itertools import groupby
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input

from charwave_tui.core.config.value_types import Value
from charwave_tui.ui.lab.form_layout import (
    FieldRow,
    FormLayout,
    column_widths,
    editor_columns,
    footer_variants,
    form_columns,
    layout_form,
    picked,
    section,
    value_column,
    value_text,
)
from charwave_tui.ui.state.form_state import (
    PRESET,
    ROWS,
    EditPreview,
    FormState,
    asked,
    nudged,
    nudges,
    preview_edit,
    problems,
    reverted,
    staged,
)
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.inline_editor import InlineEditor
from charwave_tui.ui.widgets.pane import Pane
from charwave_tui.ui.widgets.text_lines import TextLines


class FormWalk(Pane):
    """A pane of rows with a cursor that walks as the eye does; whoever derives from it draws, and answers `edit`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "walk(-1)", "Up", show=False),
        Binding("down", "walk(1)", "Down", show=False),
        Binding("home", f"walk(-{len(ROWS)})", "First", show=False),
        Binding("end", f"walk({len(ROWS)})", "Last", show=False),
        Binding("pageup", "leap(-1)", "Group up", show=False),
        Binding("pagedown", "leap(1)", "Group down", show=False),
    ]

    form: reactive[FormState] = reactive(FormState())
    """What the form shows."""
    here: reactive[str] = reactive(PRESET)
    """The row that keys act on."""

    plan = FormLayout()
    """What stands where at present."""

    def update(self) -> None:
        """Draw what changed."""
        raise NotImplementedError

    def action_walk(self, rows: int) -> None:
        order = self.plan.order
        self.here = order[min(max(order.index(self.here) + rows, 0), len(order) - 1)]

    def action_leap(self, way: int) -> None:
        """Go to the next row that is the first of its group, or to the very last one."""
        order = self.plan.order
        at = order.index(self.here)
        firsts = [order.index(next(names)) for _, names in groupby(order, section)]
        if way > 0:
            self.here = order[next((first for first in firsts if first > at), len(order) - 1)]
        else:
            self.here = order[next((first for first in reversed(firsts) if first < at), 0)]

    async def on_click(self, event: events.Click) -> None:
        """Go to the row; edit the one where the cursor was already."""
        at = event.screen_offset - self.content_region.offset
        for name, place in self.plan.places.items():
            if at.y == place.y and place.x <= at.x < place.x + place.width:
                if name == self.here:
                    await self.run_action("edit")
                elif self.check_action("walk", ()):
                    self.here = name

    def watch_has_focus(self, _has_focus: bool) -> None:
        super().watch_has_focus(_has_focus)
        self.update()

    def on_resize(self) -> None:
        self.update()

    def watch_form(self) -> None:
        self.update()

    def watch_here(self) -> None:
        self.update()


class FieldEdited(Message):
    """A person wants the hyperparameter `name` to be `value`, which lies within its own bounds."""

    def __init__(self, name: str, value: Value) -> None:
        super().__init__()
        self.name = name
        self.value = value


class PresetChosen(Message):
    """A person wants the form as the preset `name` has it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class PickRequested(Message):
    """A person wants to pick the value of the row `name` from a list."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class HyperparametersPane(FormWalk, can_focus=True):
    """Pane 1: the draft of the next run, row by row; it asks for edits by message, and `form` brings them back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "edit", "Edit", key_display="enter"),
        Binding("left", "nudge(-1)", "Nudge", key_display=f"{GLYPHS.left}{GLYPHS.right}"),
        Binding("right", "nudge(1)", "Nudge", show=False),
        Binding("backspace", "revert", "Preset's value", key_display=GLYPHS.backspace),
    ]

    def __init__(self) -> None:
        super().__init__(1, "Hyperparameters", id="form")
        self._lines = TextLines()
        self._editor = InlineEditor()
        self._touched = ""

    def compose(self) -> ComposeResult:
        yield self._lines
        yield self._editor

    @property
    def editing(self) -> bool:
        """Whether a value is being typed."""
        return self._editor.is_open

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action not in ("edit", "walk", "leap", "nudge", "revert"):
            return super().check_action(action, parameters)
        if self.editing:
            return False
        idle = (action == "revert" and reverted(self.form, self.here) is None) or (
            action == "nudge" and not nudges(self.form, self.here)
        )
        return None if idle else True

    def action_nudge(self, way: int) -> None:
        self._ask(nudged(self.form, self.here, way))

    def action_revert(self) -> None:
        value = reverted(self.form, self.here)
        if value is not None:
            self._ask(value)

    def action_edit(self) -> None:
        if picked(self.here):
            self.post_message(PickRequested(self.here))
        else:
            self._editor.open(self.here, value_text(self.form, self.here))
            self.update()

    def _ask(self, value: Value) -> None:
        self._touched = self.here
        # the next key may come before the answer does, and goes on from this value
        self.form = asked(self.form, self.here, value)
        self.post_message(PresetChosen(str(value)) if self.here == PRESET else FieldEdited(self.here, value))

    @on(Input.Changed)
    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.update()

    @on(Input.Submitted)
    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        tried = preview_edit(self.form, self.here, event.value) if self.editing else None
        if tried and not tried.refused:
            self._close()
            if tried.view != self.form:
                self._ask(getattr(tried.view.draft.config, self.here))

    @on(InlineEditor.Cancelled)
    def on_field_editor_left(self, event: InlineEditor.Cancelled) -> None:
        event.stop()
        self._close()

    def _close(self) -> None:
        self._editor.close()
        self.screen.set_focus(self, scroll_visible=False)
        self.update()

    def on_focus(self) -> None:
        if self.editing:
            self.screen.set_focus(self._editor, scroll_visible=False)

    def update(self) -> None:
        if not self.is_mounted or not self.size:
            return
        tried = preview_edit(self.form, self.here, self._editor.value) if self.editing else EditPreview(self.form)
        wrong = problems(tried, (self.here, self._touched) if self.editing else (self._touched,))
        waiting = len(staged(self.form))
        self.problem = bool(wrong)
        self.note = f"{len(wrong)} problem{'s' * (len(wrong) > 1)}" if wrong else f"{waiting} staged" * bool(waiting)
        width, height = self.size
        rows = {
            name: FieldRow(
                name,
                here=name == self.here,
                active=name == self.here and (self.has_focus or self.editing),
                problem=wrong.get(name),
                typed_over=value_text(self.form, name) if self.editing and name == self.here else None,
            )
            for name in ROWS
        }
        widths = column_widths(width)
        columns = form_columns(tried.view, list(rows.values()), widths)
        self.plan = layout_form(
            columns, list(footer_variants(tried, self.here, widths, width)), width, height, self.here
        )
        self.provenance = self.plan.border
        if self.editing and (place := self.plan.places.get(self.here)):
            self._editor.styles.offset = (place.x + value_column(self.here, place.width), place.y)
            self._editor.styles.width = editor_columns(tried.view, rows[self.here], place.width)
            self._editor.set_class(self.here in wrong, "-wrong")
        self._lines.set_lines(self.plan.lines)
        self.refresh_bindings()
