"""A dialog to pick one of a list, or to type a value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.markup import escape
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from charwave_tui.core.escaping import escape_invisible
from charwave_tui.ui.drawing.styled_text import (
    Span,
    StyledLine,
    cell_width,
    highlight,
    justify,
    scroll_top,
    shorten,
    wrap,
)
from charwave_tui.ui.keymap import PICK_KEYS
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.text_lines import TextLines

MIN_TWO_COLUMN_WIDTH = 46  # columns below which a detail stands under its label instead of beside it
DIALOG_WIDTHS = (54, 78)  # columns of a dialog without and with details, if the screen has as many


@dataclass(frozen=True, slots=True)
class Option:
    """One thing to pick: the `value` to return, its label, and a sentence on it."""

    value: str
    label: str
    detail: str = ""

    def matches(self, text: str) -> bool:
        """Whether the label or the value has `text`, ignoring case."""
        return text.strip().casefold() in f"{self.label}\n{self.value}".casefold()

    def is_described_by(self, text: str) -> bool:
        """Whether every word of `text` is in the label or the detail, ignoring case."""
        searched = f"{self.label}\n{self.detail}".casefold()
        return all(word in searched for word in text.casefold().split())


def option_lines(
    options: Iterable[Option], selected: int, current: str | None, width: int
) -> list[tuple[StyledLine, ...]]:
    """Return each option's lines; the one at the index `selected` is highlighted, the `current` value has a check."""
    options = list(options)
    labels = [shorten(escape_invisible(option.label), width - 4) for option in options]
    label_width = max((len(label) for label in labels), default=0) + 5 if width >= MIN_TWO_COLUMN_WIDTH else 0
    is_beside = 0 < label_width <= width // 2
    detail_width = width - label_width if is_beside else width - 2
    indent = Span(" " * (width - detail_width))
    blocks = []
    for index, (option, label) in enumerate(zip(options, labels, strict=True)):
        is_selected = index == selected
        head: StyledLine = (
            Span(f"{GLYPHS.cursor if is_selected else ' '} ", "accent"),
            Span(label, "bright" if is_selected else "fg", bold=is_selected),
            Span(f" {GLYPHS.check}" if option.value == current else "", "train"),
        )
        role = "fg" if is_selected else "muted"
        details = [(Span(text, role),) for text in wrap(option.detail, detail_width, 7)]
        if details and is_beside:
            head = (*head, Span(" " * (label_width - cell_width(head))), *details.pop(0))
        lines = tuple(justify(line, (), width) for line in (head, *((indent, *detail) for detail in details)))
        blocks.append(tuple(map(highlight, lines)) if is_selected else lines)
    return blocks


class PickDialog(ModalScreen[str | None]):
    """A list of options with a filter; dismissed with the value picked, or None.

    `allow_text` describes the text that may be typed instead (`or a path`), None if none may; `current` is the value to
    begin on, `about` a sentence below the options.
    """

    CSS_PATH = "pick.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*PICK_KEYS]

    def __init__(
        self,
        title: str,
        options: Sequence[Option],
        allow_text: str | None = None,
        *,
        current: str | None = None,
        about: str = "",
    ) -> None:
        super().__init__()
        self._title = title
        self._options = tuple(options)
        self._allow_text = allow_text
        self._current = current
        self._about = about
        self._selected = next((index for index, option in enumerate(options) if option.value == current), 0)
        self._tops: list[int] = []  # the first row of each option, from the top of the list
        self._list = TextLines(id="options")
        placeholder = "type to filter" if allow_text is None else f"type to filter, {allow_text}"
        self._input = Input(placeholder=placeholder, compact=True, select_on_focus=False)
        self._input.cursor_blink = False

    def compose(self) -> ComposeResult:
        with Vertical(id="pick") as dialog:
            dialog.border_title = escape(self._title)
            dialog.border_subtitle = "[$ink-accent b]enter[/] Choose  [$ink-accent b]esc[/] Cancel"
            yield self._input
            yield self._list

    def on_mount(self) -> None:
        self._input.focus()

    @property
    def options(self) -> tuple[Option, ...]:
        """The options that match the filter, and last the text itself if it is allowed."""
        text = self._input.value.strip()
        matching = [option for option in self._options if option.matches(text)]
        if text and self._allow_text is not None and all(option.value != text for option in self._options):
            return (*matching, Option(text, text, "as typed"))
        described = (option for option in self._options if option not in matching and option.is_described_by(text))
        return (*matching, *described)

    def action_move(self, rows: int) -> None:
        self._selected = max(min(self._selected + rows, len(self.options) - 1), 0)
        self._update()

    def action_cancel(self) -> None:
        self.dismiss(None)

    @on(Input.Changed)
    def select_first(self) -> None:
        self._selected = 0
        self._update()

    @on(Input.Submitted)
    def pick_selected(self) -> None:
        if self._selected < len(self.options):
            self.dismiss(self.options[self._selected].value)

    def on_click(self, event: events.Click) -> None:
        """Pick the option under the pointer; a click outside the dialog cancels it."""
        offset = event.screen_offset
        if self._list.region.contains_point(offset):
            row = offset.y - self._list.region.y
            clicked = [index for index, top in enumerate(self._tops) if top <= row]
            if clicked:
                self.dismiss(self.options[clicked[-1]].value)
        elif not self.query_one("#pick").region.contains_point(offset):
            self.dismiss(None)

    def on_resize(self) -> None:
        self._update()

    def _update(self) -> None:
        if not self.is_mounted or not self.size:
            return
        width = min(DIALOG_WIDTHS[any(option.detail for option in self._options)], self.size.width)
        inner_width = width - 4
        about: list[StyledLine] = [(Span(text, "muted"),) for text in wrap(self._about, inner_width, 6)]
        about = [(), *about] if about else []
        all_rows = sum(map(len, option_lines(self._options, 0, None, inner_width))) + (self._allow_text is not None)
        rows = max(min(all_rows, self.size.height - 3 - len(about)), 1)
        blocks = option_lines(self.options, self._selected, self._current, inner_width)
        tops = [sum(map(len, blocks[:index])) for index in range(len(blocks))]
        lines = [line for block in blocks for line in block] or [(Span("no match", "muted"),)]
        first = scroll_top(tops[self._selected], len(lines), rows) if tops else 0
        visible = lines[first : first + rows]
        self._tops = [top - first for top in tops]
        self.query_one("#pick").styles.width = width
        self._list.styles.height = rows + len(about)
        self._list.set_lines([*visible, *[()] * (rows - len(visible)), *about])
