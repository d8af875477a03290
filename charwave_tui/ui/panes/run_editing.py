"""What is typed over the list of runs: a name, a note, a filter."""

from __future__ import annotations

from dataclasses import dataclass, replace

from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Input

from charwave_tui.core.archive import DescribeRun
from charwave_tui.core.protocol import Command
from charwave_tui.core.records import RunSummary
from charwave_tui.ui.archive_view import Arrangement
from charwave_tui.ui.drawn import Drawn
from charwave_tui.ui.panes.field_editor import FieldEditor
from charwave_tui.ui.panes.run_walk import HEAD, RunWalk

LONGEST = {"name": 60, "note": 400, "filter": 60}
"""Characters that each of the editors takes."""

NAME_COLUMNS = 24
"""Columns that the editor of a name takes at least where there are so many."""


class RunEditing(RunWalk):
    """The list with an editor: over the name of the run under the cursor, else in the last line."""

    @dataclass
    class Wished(Message):
        """A person wants the engine to do something with a run."""

        command: Command

    def __init__(self, arrangement: Arrangement, *, id: str) -> None:
        super().__init__(arrangement, id=id)
        self.lines = Drawn()
        self._editor = FieldEditor()
        self._edited: RunSummary | None = None

    def compose(self) -> ComposeResult:
        yield self.lines
        yield self._editor

    @property
    def edited(self) -> str:
        """What is being typed: `name`, `note`, `filter`, or nothing."""
        return self._editor.name_edited

    def action_edit(self, what: str) -> None:
        self._edited = row = self.here
        texts = {"filter": self.arrangement.query}
        if row is not None:
            texts |= {"name": row.name, "note": row.note}
        self._editor.max_length = LONGEST[what]
        self._editor.open(what, texts[what])
        self.update()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.edited == "filter":
            self.arrangement = replace(self.arrangement, query=event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        what, row = self.edited, self._edited
        self.close_editor()
        if what not in ("name", "note") or row is None:
            return
        if all(other.run != row.run for other in self.rows or ()):
            # it stayed open all the same: letters are not to become keys in the middle of a word
            self.notify(f"run {row.run} is not there any more", severity="warning", markup=False)
        else:
            text = "".join(letter for letter in event.value if letter.isprintable()).strip()
            words = {"name": row.name, "note": row.note, what: text}
            if words[what] != getattr(row, what):
                self.post_message(self.Wished(DescribeRun(row.run, **words)))

    def on_field_editor_left(self, event: FieldEditor.Left) -> None:
        event.stop()
        if self.edited == "filter":
            self.arrangement = replace(self.arrangement, query="")
        self.close_editor()

    def on_focus(self) -> None:
        if self.edited:
            self.screen.set_focus(self._editor, scroll_visible=False)

    def close_editor(self) -> None:
        """Put the editor away, and take the keys back."""
        if self.edited:
            self._editor.close()
            self.screen.set_focus(self, scroll_visible=False)
            self.update()

    def place_editor(self, name: tuple[int, int], label: int) -> None:
        """Fit the editor over the first column and the columns of the `name`, or behind so many columns of label."""
        if self.edited == "name":
            self._editor.styles.offset = (name[0], HEAD + self.index - self.top)
            self._editor.styles.width = max(min(name[1], self.size.width - name[0]), 1)
        elif self.edited:
            self._editor.styles.offset = (label, self.size.height - 1)
            self._editor.styles.width = max(self.size.width - label, 1)
