"""Pick or type one of a list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.markup import escape
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from charwave_tui.ui.drawing.styled_text import (
    Span,
    StyledLine,
    cell_width,
    highlighted,
    justify,
    readable,
    scroll_top,
    shortened,
    wrapped,
)
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.text_lines import TextLines

NARROW = 46
"""Columns below which a sentence stands under its label instead of beside it."""


@dataclass(frozen=True, slots=True)
class Option:
    """One thing to pick: the answer `value`, how it is called, and a sentence on it."""

    value: str
    label: str
    detail: str = ""

    def matches(self, text: str) -> bool:
        """Whether the typed text is part of its name, in any case."""
        return text.strip().casefold() in f"{self.label}\n{self.value}".casefold()


def option_lines(options: Iterable[Option], here: int, present: str | None, width: int) -> list[tuple[StyledLine, ...]]:
    """Each option's lines, `width` columns wide; the one at index `here` raised, the `present` one with a check."""
    listed = list(options)
    labels = [shortened(readable(option.label), width - 4) for option in listed]
    beside = max((len(label) for label in labels), default=0) + 5 if width >= NARROW else 0
    blocks = []
    for index, (option, label) in enumerate(zip(listed, labels, strict=True)):
        chosen = index == here
        head: StyledLine = (
            Span(f"{GLYPHS.here if chosen else ' '} ", "accent"),
            Span(label, "bright" if chosen else "fg", bold=chosen),
            Span(f" {GLYPHS.right_so}" if option.value == present else "", "train"),
        )
        ink = "fg" if chosen else "muted"
        room = width - beside if 0 < beside <= width // 2 else width - 2
        said = [(Span(text, ink),) for text in wrapped(option.detail, room, 7)]
        if said and room == width - beside:
            head = (*head, Span(" " * (beside - cell_width(head))), *said.pop(0))
        indent = Span(" " * (width - room))
        lines = tuple(justify(line, (), width) for line in (head, *((indent, *line) for line in said)))
        blocks.append(tuple(map(highlighted, lines)) if chosen else lines)
    return blocks


__all__ = ["Option", "PickDialog"]


WIDTHS = (54, 78)
"""Columns that the dialog takes where there are so many: with options that have no sentences, and with such that do."""


class PickDialog(ModalScreen[str | None]):
    """Ends with the value picked, or None: arrows walk, letters filter; with `allow_text` what is typed can be taken.

    `allow_text` says what may be typed (`or a path`), `present` is the value to begin on, `about` a sentence below.
    """

    CSS_PATH = "pick.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "walk(-1)", "Up", show=False),
        Binding("down", "walk(1)", "Down", show=False),
        Binding("pageup", "walk(-5)", "Five up", show=False),
        Binding("pagedown", "walk(5)", "Five down", show=False),
        Binding("escape", "leave", "Cancel", key_display="esc"),
    ]

    def __init__(
        self,
        title: str,
        options: Sequence[Option],
        allow_text: str | None = None,
        *,
        present: str | None = None,
        about: str = "",
    ) -> None:
        super().__init__()
        self._title = title
        self._options = tuple(options)
        self._allow_text = allow_text
        self._present = present
        self._about = about
        self._here = next((i for i, option in enumerate(options) if option.value == present), 0)
        self._tops: list[int] = []
        self._list = TextLines(id="options")
        wish = "type to filter" if allow_text is None else f"type to filter, {allow_text}"
        self._typed = Input(placeholder=wish, compact=True, select_on_focus=False)
        self._typed.cursor_blink = False

    def compose(self) -> ComposeResult:
        with Vertical(id="pick") as dialog:
            dialog.border_title = escape(self._title)
            dialog.border_subtitle = "[$ink-accent b]enter[/] Take  [$ink-accent b]esc[/] Cancel"
            yield self._typed
            yield self._list

    def on_mount(self) -> None:
        self._typed.focus()

    @property
    def options(self) -> tuple[Option, ...]:
        """The options that match what is typed, and last what is typed itself where that may be taken."""
        text = self._typed.value.strip()
        found = tuple(option for option in self._options if option.matches(text))
        if text and self._allow_text is not None and all(option.value != text for option in self._options):
            return (*found, Option(text, text, "as typed"))
        return found

    def action_walk(self, rows: int) -> None:
        self._here = max(min(self._here + rows, len(self.options) - 1), 0)
        self._update()

    def action_leave(self) -> None:
        self.dismiss(None)

    def on_input_changed(self) -> None:
        self._here = 0
        self._update()

    def on_input_submitted(self) -> None:
        if self._here < len(self.options):
            self.dismiss(self.options[self._here].value)

    def on_click(self, event: events.Click) -> None:
        """Take the option under the pointer; a click beside the dialog leaves it."""
        at = event.screen_offset
        if self._list.region.contains_point(at):
            clicked = [index for index, top in enumerate(self._tops) if top <= at.y - self._list.region.y]
            if clicked:
                self.dismiss(self.options[clicked[-1]].value)
        elif not self.query_one("#pick").region.contains_point(at):
            self.dismiss(None)

    def on_resize(self) -> None:
        self._update()

    def _update(self) -> None:
        if not self.is_mounted or not self.size:
            return
        width = min(WIDTHS[any(option.detail for option in self._options)], self.size.width)
        inside = width - 4
        about: list[StyledLine] = [(Span(text, "muted"),) for text in wrapped(self._about, inside, 6)]
        about = [(), *about] if about else []
        whole = sum(map(len, option_lines(self._options, 0, None, inside))) + (self._allow_text is not None)
        room = max(min(whole, self.size.height - 3 - len(about)), 1)
        blocks = option_lines(self.options, self._here, self._present, inside)
        tops = [sum(map(len, blocks[:index])) for index in range(len(blocks))]
        lines = [line for block in blocks for line in block] or [(Span("nothing matches", "muted"),)]
        first = scroll_top(tops[self._here], len(lines), room) if tops else 0
        shown = lines[first : first + room]
        self._tops = [top - first for top in tops]
        self.query_one("#pick").styles.width = width
        self._list.styles.height = room + len(about)
        self._list.set_lines([*shown, *[()] * (room - len(shown)), *about])
