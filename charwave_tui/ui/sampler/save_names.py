"""Saving of names to a text, CSV or JSON file, and the row in which the file's name is typed."""

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

SUFFIXES = (".txt", ".csv", ".json")
DEFAULT_FILE = "names.txt"
FIELDS = ("name", "nll", "known", "near")
LABEL = " save as "


def resolve_path(text: str) -> Path:
    """Return the absolute path of a typed file name; raises UserError if no file can be written there."""
    if not text.strip():
        raise UserError("the file has no name", f"type one, such as {DEFAULT_FILE}")
    if not text.isprintable():
        raise UserError("the file name has unprintable characters", f"type one such as {DEFAULT_FILE}")
    path = Path(text.strip()).expanduser().absolute()
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path.name} does not end in {', '.join(SUFFIXES)}", f"try {path.stem}.txt")
    try:
        if path.is_dir():
            raise UserError(f"{path} is a folder", f"try {path / DEFAULT_FILE}")
        if not path.parent.is_dir():
            raise UserError(f"there is no folder {path.parent}", "choose another one")
        if not os.access(path.parent, os.W_OK):
            raise UserError(f"{path.parent} cannot be written", "choose another folder")
    except OSError as error:
        raise UserError(f"that is not a valid file name ({error.strerror or error})", f"try {DEFAULT_FILE}") from None
    return path


def write_names(path: Path, names: Sequence[SampledName]) -> None:
    """Write the file whole or not at all; raises UserError."""
    try:
        write_atomically(path, format_names(names, path.suffix.lower()).encode())
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror or error})", "choose another folder") from None


def format_names(names: Sequence[SampledName], suffix: str) -> str:
    """Return the file's text; CSV and JSON have all FIELDS, empty or null where a value is not known."""
    if suffix == ".txt":
        return "".join(f"{sampled.name}{'…' * sampled.is_cut}\n" for sampled in names)
    rows = [
        (
            sampled.name,
            sampled.nll if math.isfinite(sampled.nll) else None,
            _known(sampled),
            sampled.near,
        )
        for sampled in names
    ]
    if suffix == ".json":
        return json.dumps([dict(zip(FIELDS, row, strict=True)) for row in rows], ensure_ascii=False, indent=1) + "\n"
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([FIELDS, *rows])
    return text.getvalue()


def _known(sampled: SampledName) -> str | None:
    if sampled.is_cut:
        return "cut"
    if sampled.in_corpus is None:
        return None
    if sampled.held_out is not None:
        return "unseen" if sampled.held_out else "train"
    return "corpus" if sampled.in_corpus else "near" if sampled.near else "new"


class SaveNamesRow(ThemedWidget, can_focus=True):
    """An editor for the file's name with an error above it; hidden until it is opened."""

    DEFAULT_CSS = """
    SaveNamesRow { height: 1; display: none; background: $ink-bg; color: $ink-fg; }
    SaveNamesRow.-wrong { height: 2; }
    """

    @dataclass
    class Submitted(Message):
        """A valid path was entered for the names."""

        path: Path
        names: Sequence[SampledName]

    class Closed(Message):
        """The row was closed, with or without a path."""

    def __init__(self) -> None:
        super().__init__()
        self._lines = TextLines()
        self._editor = InlineEditor()
        self._names: Sequence[SampledName] = ()
        self._last_file = DEFAULT_FILE
        self._error: UserError | None = None

    def compose(self) -> ComposeResult:
        yield self._lines
        yield self._editor

    @property
    def is_open(self) -> bool:
        return self._editor.is_open

    def open(self, names: Sequence[SampledName]) -> None:
        """Ask for the name of a file for `names`; offers the one entered last."""
        self._names = names
        self.display = True
        self._editor.open("file", self._last_file)
        self._show_error(None)

    def _close(self) -> None:
        self._editor.close()
        self.display = False
        self.post_message(self.Closed())

    def _show_error(self, error: UserError | None) -> None:
        self._error = error
        self.set_class(error is not None, "-wrong")
        width = max(self.app.size.width, 1)
        text = f" {error.problem}; {error.remedy}" if error else ""
        error_lines = [(Span(shorten(text, width), "error"),)] if error else []
        self._lines.set_lines([*error_lines, (Span(LABEL, "accent", True),)])
        self._editor.styles.offset = (len(LABEL), len(error_lines))
        self._editor.styles.width = max(width - len(LABEL) - 1, 1)

    @on(Input.Submitted)
    def submit_path(self, event: Input.Submitted) -> None:
        event.stop()
        if not self.is_open:
            return
        try:
            path = resolve_path(event.value)
        except UserError as error:
            self._show_error(error)
        else:
            self._last_file = event.value.strip()
            self._close()
            self.post_message(self.Submitted(path, self._names))

    @on(Input.Changed)
    def clear_error(self, event: Input.Changed) -> None:
        event.stop()
        if self._error is not None:
            self._show_error(None)

    @on(InlineEditor.Cancelled)
    def cancel(self, event: InlineEditor.Cancelled) -> None:
        event.stop()
        self._close()

    def on_resize(self) -> None:
        if self.is_open:
            self._show_error(self._error)
