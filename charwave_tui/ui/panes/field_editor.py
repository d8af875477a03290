"""The one-line input that stands over a row's value while it is typed."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from charwave_tui.ui.own_keys import OwnKeys


class FieldEditor(Input, OwnKeys):
    """A compact input that is hidden until it is opened over a row; Enter submits, Esc leaves all as it was."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Apply", key_display="enter"),
        Binding("tab,shift+tab", "submit", "Apply", show=False),
        Binding("escape", "leave", "Cancel", key_display="esc"),
    ]
    DEFAULT_CSS = """
    FieldEditor, FieldEditor:focus {
        position: absolute;
        background: $ink-grid;
        background-tint: $ink-grid 0%;
        color: $ink-bright;
        text-style: bold;
        &.-wrong { color: $ink-error; }
    }
    """

    class Left(Message):
        """The editor was left without taking what stands in it."""

    def __init__(self) -> None:
        super().__init__(compact=True)
        self.cursor_blink = False  # a blink is bytes over the line, twice a second
        self.display = False
        self.name_edited = ""
        self.last_key: events.Key | None = None
        self._handed_over = False
        self._held: list[events.Key] = []

    @property
    def is_open(self) -> bool:
        """Whether a row is being edited."""
        return bool(self.name_edited)

    def open(self, name: str, text: str) -> None:
        """Stand over the row `name`, with its value selected, so that the first letter typed replaces it."""
        self.name_edited = name
        with self.prevent(Input.Changed):
            self.value = text
        self.display = True
        self.screen.set_focus(self, scroll_visible=False)

    def close(self) -> None:
        """Hide, and hand the keys back to the pane."""
        self.name_edited = ""
        # before the keys that were held are let go: what is hidden loses the focus, and they would find none
        pane = next((node for node in self.ancestors if isinstance(node, Widget) and node.can_focus), None)
        if self.has_focus and pane is not None:
            self.screen.set_focus(pane, scroll_visible=False)
        self.display = False
        self._release()

    def refuse(self) -> None:
        """Stay open, as what was handed over does not fit."""
        self._release()

    async def action_submit(self) -> None:
        self._handed_over = True
        await super().action_submit()

    def action_leave(self) -> None:
        self._handed_over = True
        self.post_message(self.Left())

    def _release(self) -> None:
        """Let the keys that were held go where the focus will be."""
        held, self._held, self._handed_over = self._held, [], False
        for event in held:
            self.app.post_message(events.Key(event.key, event.character))

    async def _on_key(self, event: events.Key) -> None:
        self.last_key = event
        if self._handed_over:
            # Typed right behind the Enter; whether it is meant for the editor depends on whether the text is taken.
            event.stop()
            event.prevent_default()
            self._held.append(event)
        elif not self.is_open:
            event.prevent_default()  # typed for what comes after the editor, so it is no text
