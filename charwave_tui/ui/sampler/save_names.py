"""Save to a file."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Input

from charwave_tui.core.atomic_write import write_atomically
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import SampledName
from charwave_tui.ui.drawing.styled_text import Span, shorten
from charwave_tui.ui.drawing.theme import ThemedWidget
from charwave_tui.ui.widgets.inline_editor import InlineEditor
from charwave_tui.ui.widgets.text_lines import TextLines

ENDINGS = (".txt", ".csv", ".json")
"""The endings that say how a file is written."""


DEFAULT = "names.txt"
"""What the file is called unless told otherwise."""


_FIELDS = ("name", "nll", "known", "near")


def resolve_path(text: str) -> Path:
    """The file that a person means, from where the program was started; raises Mistake where none can be there."""
    if not text.strip():
        raise UserError("a file needs a name", f"type one, such as {DEFAULT}")
    if not text.isprintable():
        raise UserError("that is no name for a file", f"type letters, such as {DEFAULT}")
    path = Path(text.strip()).expanduser().absolute()
    if path.suffix.lower() not in ENDINGS:
        raise UserError(f"{path.name} does not end in {', '.join(ENDINGS)}", f"try {path.stem}.txt")
    try:
        if path.is_dir():
            raise UserError(f"{path} is a folder", f"try {path / DEFAULT}")
        if not path.parent.is_dir():
            raise UserError(f"there is no folder {path.parent}", "take another one")
        if not os.access(path.parent, os.W_OK):
            raise UserError(f"{path.parent} cannot be written", "take another folder")
    except OSError as error:
        raise UserError(f"that is no name for a file ({error.strerror or error})", f"try {DEFAULT}") from None
    return path


def write(path: Path, names: Sequence[SampledName]) -> None:
    """Put the names at `path`, whole or not at all; raises Mistake."""
    try:
        write_atomically(path, format_names(names, path.suffix.lower()).encode())
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror or error})", "take another place") from None


def format_names(names: Sequence[SampledName], ending: str) -> str:
    """The file's text: names alone, or with nll (empty or null where it is no number) and where they are known from."""
    rows = [(item.name, item.nll if math.isfinite(item.nll) else None, known(item), item.near) for item in names]
    if ending == ".json":
        listed = [dict(zip(_FIELDS, row, strict=True)) for row in rows]
        return json.dumps(listed, ensure_ascii=False, indent=1) + "\n"
    if ending == ".csv":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([_FIELDS, *rows])
        return text.getvalue()
    return "".join(f"{item.name}\n" for item in names)


def known(sampled: SampledName) -> str:
    """Where the name is known from, in a word."""
    return "corpus" if sampled.in_corpus else "near" if sampled.near else "new"


_LABEL = " save as "


class SaveNamesRow(ThemedWidget, can_focus=True):
    """A label and an editor, with a line of what is wrong above them; hidden while nothing is being saved."""

    DEFAULT_CSS = """
    SaveNamesRow { height: 1; display: none; background: $ink-bg; color: $ink-fg; }
    SaveNamesRow.-wrong { height: 2; }
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
        self._lines = TextLines()
        self._editor = InlineEditor()
        self._names: Sequence[SampledName] = ()
        self._typed = DEFAULT
        self._mistake: UserError | None = None

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

    def complain(self, mistake: UserError | None) -> None:
        """Say what is wrong with the name, if anything, and fit the editor."""
        self._mistake = mistake
        self.set_class(mistake is not None, "-wrong")
        width = max(self.app.size.width, 1)
        said = f" {mistake.problem}; {mistake.remedy}" if mistake else ""
        wrong = [(Span(shorten(said, width), "error"),)] if mistake else []
        self._lines.set_lines([*wrong, (Span(_LABEL, "accent", True),)])
        self._editor.styles.offset = (len(_LABEL), len(wrong))
        self._editor.styles.width = max(width - len(_LABEL) - 1, 1)

    @on(Input.Submitted)
    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not self.is_open:
            return
        try:
            path = resolve_path(event.value)
        except UserError as mistake:
            self.complain(mistake)
        else:
            self._typed = event.value.strip()
            self.close()
            self.post_message(self.Named(path, self._names))

    @on(Input.Changed)
    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.has_class("-wrong"):
            self.complain(None)

    @on(InlineEditor.Cancelled)
    def on_field_editor_left(self, event: InlineEditor.Cancelled) -> None:
        event.stop()
        self.close()

    def on_resize(self) -> None:
        if self.is_open:
            self.complain(self._mistake)
