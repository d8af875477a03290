"""A one-line input over a row's value."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from charwave_tui.core.escaping import JOINERS
from charwave_tui.ui.keymap import EDITOR_KEYS


class InlineEditor(Input):
    """A compact input that is hidden until it is opened over a row of its pane; Enter submits, Esc cancels.

    `row_name` is the row's name, empty while the editor is closed. The focus stays in the open editor, whoever gives it
    to the pane, which is the nearest ancestor that can have it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*EDITOR_KEYS]
    DEFAULT_CSS = """
    InlineEditor, InlineEditor:focus {
        position: absolute;
        background: $ink-grid;
        background-tint: $ink-grid 0%;
        color: $ink-bright;
        text-style: bold;
        &.-wrong { color: $ink-error; }
    }
    """

    class Cancelled(Message):
        """The editing was cancelled."""

    def __init__(self) -> None:
        super().__init__(compact=True)
        self.cursor_blink = False  # which would cost bytes twice a second
        self.display = False
        self.row_name = ""

    def on_mount(self) -> None:
        self.watch(self._pane, "has_focus", self._take_focus, init=False)

    @property
    def _pane(self) -> Widget:
        return next(node for node in self.ancestors if isinstance(node, Widget) and node.can_focus)

    def _take_focus(self, pane_has_focus: bool) -> None:
        if pane_has_focus and self.is_open:
            self.screen.set_focus(self, scroll_visible=False)

    @property
    def is_open(self) -> bool:
        return bool(self.row_name)

    def open(self, row_name: str, text: str) -> None:
        """Edit the row `row_name`; its value is selected, so that the first character typed replaces it."""
        self.row_name = row_name
        with self.prevent(Input.Changed):
            self.value = text
        self.display = True
        self.screen.set_focus(self, scroll_visible=False)

    def close(self) -> None:
        """Hide the editor and give the focus back to its pane."""
        self.row_name = ""
        self.screen.set_focus(self._pane, scroll_visible=False)
        self.display = False

    def on_key(self, event: events.Key) -> None:
        if event.character and event.character in JOINERS:  # which Textual's Input takes for unprintable
            event.prevent_default()
            event.stop()
            self.replace(event.character, *self.selection)

    def on_paste(self, event: events.Paste) -> None:
        selected = abs(self.selection.end - self.selection.start)
        if self.max_length and len(self.value) - selected + len(event.text) > self.max_length:
            event.prevent_default()  # Textual's Input would ring the bell
            self.notify(f"at most {self.max_length:,} characters are taken here", severity="warning", markup=False)

    def action_leave(self) -> None:
        self.post_message(self.Cancelled())
