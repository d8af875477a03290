"""The row in which the name of a file is typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Input

from charwave_tui.core.mistake import Mistake
from charwave_tui.core.readings import SampledName
from charwave_tui.ui.drawn import Drawn
from charwave_tui.ui.panes.field_editor import FieldEditor
from charwave_tui.ui.pieces import Piece, shortened
from charwave_tui.ui.sampler.saving import DEFAULT, place_for
from charwave_tui.ui.themes import Inked

_LABEL = " save as "


class SaveRow(Inked, can_focus=True):
    """A label and an editor, with a line of what is wrong above them; hidden while nothing is being saved."""

    DEFAULT_CSS = """
    SaveRow { height: 1; display: none; background: $ink-bg; color: $ink-fg; }
    SaveRow.-wrong { height: 2; }
    """

    @dataclass
    class Named(Message):
        """The names shall be written to a file."""

        path: Path
        names: Sequence[SampledName]

    class Closed(Message):
        """The row was left."""

    def __init__(self) -> None:
        super().__init__()
        self._lines = Drawn()
        self._editor = FieldEditor()
        self._names: Sequence[SampledName] = ()
        self._typed = DEFAULT
        self._mistake: Mistake | None = None

    def compose(self) -> ComposeResult:
        yield self._lines
        yield self._editor

    @property
    def is_open(self) -> bool:
        """Whether a name is being typed."""
        return self._editor.is_open

    def open(self, names: Sequence[SampledName]) -> None:
        """Ask for the name of a file for `names`; the one that was typed last is offered."""
        self._names = names
        self.display = True
        self._editor.open("file", self._typed)
        self.complain(None)

    def close(self) -> None:
        """Be gone."""
        self._editor.close()
        self.display = False
        self.post_message(self.Closed())

    def complain(self, mistake: Mistake | None) -> None:
        """Say what is wrong with the name, if anything, and fit the editor."""
        self._mistake = mistake
        self.set_class(mistake is not None, "-wrong")
        width = max(self.app.size.width, 1)
        said = f" {mistake.problem}; {mistake.remedy}" if mistake else ""
        wrong = [(Piece(shortened(said, width), "error"),)] if mistake else []
        self._lines.draw([*wrong, (Piece(_LABEL, "accent", True),)])
        self._editor.styles.offset = (len(_LABEL), len(wrong))
        self._editor.styles.width = max(width - len(_LABEL) - 1, 1)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not self.is_open:
            return
        try:
            path = place_for(event.value)
        except Mistake as mistake:
            self.complain(mistake)
        else:
            self._typed = event.value.strip()
            self.close()
            self.post_message(self.Named(path, self._names))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.has_class("-wrong"):
            self.complain(None)

    def on_field_editor_left(self, event: FieldEditor.Left) -> None:
        event.stop()
        self.close()

    def on_resize(self) -> None:
        if self.is_open:
            self.complain(self._mistake)
