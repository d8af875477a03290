"""The pane of sampling settings: a cursor, values that are stepped or typed, and a description of the current one."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events, on
from textual.app import ComposeResult
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input

from charwave_tui.core.config.sampling_config import AUTO_LONGEST, SAMPLING_FIELDS, SamplingConfig
from charwave_tui.core.errors import UserError
from charwave_tui.ui.drawing.styled_text import (
    Span,
    StyledLine,
    highlight,
    justify,
    muted_lines,
    readable,
    scroll_top,
    shorten,
    to_sentence,
    wrap,
)
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.inline_editor import InlineEditor
from charwave_tui.ui.widgets.text_lines import TextPane

HELP = {
    "temperature": "Divides the logits: below 1 likely characters become likelier, above 1 all become more alike.",
    "prefix": "Every name begins with this text.",
    "count": "How many names are sampled.",
    "seed": "The same seed gives the same names from the same weights.",
    "top_k": "Samples from the k most probable characters only; 0 keeps all.",
    "top_p": "Samples from the fewest characters whose probabilities sum to p; 1 keeps all.",
    "suffix": "Every name ends with this text.",
    "pattern": "Between prefix and suffix: ? is any one character, * any number of characters.",
    "shortest": "The minimum length of a name, in characters.",
    "longest": f"The maximum length of a name, in characters; {AUTO_LONGEST} is that of the corpus's longest word.",
    "only_new": "yes: names that are in the corpus are sampled again.",
}
NAMES = list(SAMPLING_FIELDS)
LABELS = {"top_k": "top-k", "top_p": "top-p", "only_new": "only new"}  # of settings not shown by their name
LABEL_COLUMNS = 14
UNRESTRICTED = {"top_k": (0, "all"), "top_p": (1.0, "all"), "longest": (AUTO_LONGEST, "auto")}  # and how it is shown


def value_text(sampling: SamplingConfig, name: str) -> str:
    """Return a setting's value: a word if it excludes nothing, a dash for an empty text."""
    value, shown = UNRESTRICTED.get(name, (None, ""))
    if getattr(sampling, name) == value:
        return shown
    return readable(sampling.formatted(name)) or GLYPHS.dash


def setting_line(sampling: SamplingConfig, name: str, is_current: bool, active: bool, width: int) -> StyledLine:
    is_lit = is_current and active
    text = shorten(value_text(sampling, name), max(width - LABEL_COLUMNS - 4, 1))
    is_default = getattr(sampling, name) == getattr(SamplingConfig(), name)
    value: StyledLine = (Span(text, "bright" if is_lit or not is_default else "fg", is_lit),)
    if is_lit and sampling.stepped(name, 1) != sampling.stepped(name, -1):
        value = (Span(f"{GLYPHS.left} ", "accent"), *value, Span(f" {GLYPHS.right}", "accent"))
    mark = Span(GLYPHS.cursor if is_current else " ", "accent" if active else "muted")
    label = Span(f"{LABELS.get(name, name):<{LABEL_COLUMNS - 2}}", "accent" if is_lit else "muted", is_lit)
    line = justify((mark, Span(" "), label, *value), (), width)
    return highlight(line) if is_lit else line


class SettingsPane(TextPane):
    """All settings; keys act on the one under the cursor while the pane is `active`."""

    sampling: reactive[SamplingConfig] = reactive(SamplingConfig, repaint=False)
    current: reactive[str] = reactive("temperature", repaint=False)  # name of the setting under the cursor
    active: reactive[bool] = reactive(True, repaint=False)

    @dataclass
    class Edited(Message):
        """A value was stepped, or the editor was closed, perhaps without a change."""

        sampling: SamplingConfig
        is_stepped: bool

    def __init__(self) -> None:
        super().__init__("1 Settings", id="settings", classes="side keyed")
        self.editor = InlineEditor()
        self._error: UserError | None = None

    def compose(self) -> ComposeResult:
        yield self.lines
        yield self.editor

    def on_mount(self) -> None:
        for name in ("sampling", "current", "active"):
            self.watch(self, name, self.update, init=False)

    def on_resize(self) -> None:
        self.update()

    def move_cursor(self, rows: int) -> None:
        self.current = NAMES[min(max(NAMES.index(self.current) + rows, 0), len(NAMES) - 1)]

    def edit(self, how: str) -> None:
        """Step the current setting `up` or `down`, reset it to its `default`, or open its editor (`edit`)."""
        name = self.current
        match how:
            case "up" | "down":
                self._set(self.sampling.stepped(name, 1 if how == "up" else -1), is_stepped=True)
            case "default":
                self._set(self.sampling.with_setting(name, SamplingConfig().formatted(name)), is_stepped=True)
            case "edit":
                self.editor.open(name, self.sampling.formatted(name))
                self.update()

    @on(Input.Submitted)
    def apply_value(self, event: Input.Submitted) -> None:
        event.stop()
        if not self.editor.is_open:
            return
        try:
            sampling = self.sampling.with_setting(self.current, event.value)
        except UserError as error:
            self._show_error(error)
        else:
            self._close_editor(sampling)

    @on(Input.Changed)
    def clear_error(self, event: Input.Changed) -> None:
        event.stop()
        self._show_error(None)

    @on(InlineEditor.Cancelled)
    def cancel_edit(self, event: InlineEditor.Cancelled) -> None:
        event.stop()
        self._close_editor(self.sampling)

    def on_click(self, event: events.Click) -> None:
        y = event.screen_offset.y - self.content_region.y
        index = y + self._layout_lines()[1]
        if not self.editor.is_open and 0 <= index < len(NAMES):
            self.current = NAMES[index]

    def update(self) -> None:
        width, height = self.inner_size
        self.set_class(self.active, "keyed")
        if not self.is_mounted or not width or not height:
            return
        lines, top = self._layout_lines()
        self.editor.set_class(self._error is not None, "-wrong")
        if self.editor.is_open:
            self.editor.styles.offset = (LABEL_COLUMNS, NAMES.index(self.current) - top)
            self.editor.styles.width = max(width - LABEL_COLUMNS, 1)
        self.set_lines(lines)

    def _layout_lines(self) -> tuple[list[StyledLine], int]:
        """Return settings above the error or help of the current one, and the index of the first visible setting."""
        width, height = self.inner_size
        if self._error is not None:
            problem = [(Span(text, "error"),) for text in wrap(self._error.problem, width, 3)]
            footer = [*problem, *muted_lines(to_sentence(self._error.remedy), width, 3)]
        else:
            name = self.current
            bounds = SAMPLING_FIELDS[name].describe_bounds(name).replace(name, LABELS.get(name, name))
            footer = [(Span(text),) for text in wrap(bounds, width, 2)]
            help_lines = muted_lines(HELP[self.current], width, 6)
            if height - len(NAMES) - 1 >= len(footer) + len(help_lines):
                footer += help_lines
        gap = 1 if height > len(NAMES) + len(footer) else 0
        row_count = max(height - len(footer) - gap, 1)
        top = scroll_top(NAMES.index(self.current), len(NAMES), row_count)
        visible = NAMES[top : top + row_count]
        lines = [setting_line(self.sampling, name, name == self.current, self.active, width) for name in visible]
        return [*lines, *[()] * (height - len(lines) - len(footer)), *footer], top

    def _set(self, sampling: SamplingConfig, is_stepped: bool) -> None:
        self.sampling = sampling
        self.post_message(self.Edited(sampling, is_stepped))

    def _close_editor(self, sampling: SamplingConfig) -> None:
        self.editor.close()
        self._show_error(None)
        self._set(sampling, is_stepped=False)

    def _show_error(self, error: UserError | None) -> None:
        self._error = error
        self.problem = error is not None
        self.update()
