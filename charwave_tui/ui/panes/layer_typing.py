"""The pane of a layer in which a context can be typed, over its last line."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Input

from charwave_tui.ui.drawn import Drawn
from charwave_tui.ui.panes.dated import DatedPane
from charwave_tui.ui.panes.field_editor import FieldEditor

LONGEST = 64
"""Characters of a context that can be typed."""

LABEL = "context  "
"""What stands before the editor."""


class LayerTyping(DatedPane):
    """Lines, and an editor that is opened over the last of them; whoever derives from it takes what is `typed`."""

    def __init__(self, *, id: str) -> None:
        super().__init__(3, "Layers", id=id)
        self.lines = Drawn()
        self._editor = FieldEditor()
        self._editor.max_length = LONGEST

    def compose(self) -> ComposeResult:
        yield self.lines
        yield self._editor

    @property
    def typing(self) -> bool:
        """Whether a context is being typed."""
        return self._editor.is_open

    @property
    def text(self) -> str:
        """The context as it was typed last."""
        raise NotImplementedError

    def typed(self, text: str) -> None:
        """Take what was typed."""
        raise NotImplementedError

    def action_type(self) -> None:
        self._editor.open("context", self.text)
        self.refit()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.typed(event.value)
        self._put_away()

    def on_field_editor_left(self, event: FieldEditor.Left) -> None:
        event.stop()
        self._put_away()

    def on_focus(self) -> None:
        if self.typing:
            self.screen.set_focus(self._editor, scroll_visible=False)

    def refit(self) -> None:
        """Draw what changed, with the editor over the last line while it is open."""
        self._editor.styles.offset = (len(LABEL), self.size.height - 1)
        self._editor.styles.width = max(self.size.width - len(LABEL), 1)

    def _put_away(self) -> None:
        self._editor.close()
        self.screen.set_focus(self, scroll_visible=False)
        self.refit()
