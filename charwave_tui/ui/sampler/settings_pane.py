"""Sampling settings."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events, on
from textual.app import ComposeResult
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input

from charwave_tui.core.config.sampling_config import SAMPLING_FIELDS, SamplingConfig
from charwave_tui.core.errors import UserError
from charwave_tui.ui.drawing.styled_text import (
    Span,
    StyledLine,
    highlight,
    justify,
    readable,
    scroll_top,
    shorten,
    wrap,
)
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.inline_editor import InlineEditor
from charwave_tui.ui.widgets.text_lines import TextPane

HELP = {
    "temperature": "Divides the logits: below 1 the likely wins more often, above 1 all come closer.",
    "prefix": "What every name begins with.",
    "count": "How many names are drawn.",
    "seed": "The same seed draws the same names from the same weights.",
    "top_k": "Only so many of the likeliest characters are drawn from; 0 takes all.",
    "top_p": "Only the likeliest characters that hold this share are drawn from; 1 takes all.",
    "suffix": "What every name ends with.",
    "pattern": "What stands between prefix and suffix: ? is any character, * any number of them.",
    "shortest": "The fewest characters of a name.",
    "longest": "The most characters of a name.",
    "only_new": "yes draws again in place of names that the corpus has.",
}
"""What each setting does."""


LABEL = 14
"""Columns before a setting's value."""


_ALL = {"top_k": 0, "top_p": 1.0}


def label(name: str) -> str:
    """How a setting is called."""
    return {"top_k": "top-k", "top_p": "top-p", "only_new": "only new"}.get(name, name)


def value_text(sampling: SamplingConfig, name: str) -> str:
    """A setting's value as it is shown: `all` where it leaves nothing out, a dash for no text."""
    if name in _ALL and getattr(sampling, name) == _ALL[name]:
        return "all"
    return readable(sampling.formatted(name)) or GLYPHS.dash


def setting_line(sampling: SamplingConfig, name: str, here: bool, active: bool, width: int) -> StyledLine:
    """One setting in `width` columns; arrows stand around a value that the keys nudge."""
    lit = here and active
    text = shorten(value_text(sampling, name), max(width - LABEL - 4, 1))
    usual = getattr(sampling, name) == getattr(SamplingConfig(), name)
    value: StyledLine = (Span(text, "bright" if lit or not usual else "fg", lit),)
    if lit and sampling.stepped(name, 1) != sampling.stepped(name, -1):
        value = (Span(f"{GLYPHS.left} ", "accent"), *value, Span(f" {GLYPHS.right}", "accent"))
    mark = Span(GLYPHS.cursor if here else " ", "accent" if active else "muted")
    head = (mark, Span(" "), Span(f"{label(name):<{LABEL - 2}}", "accent" if lit else "muted", lit))
    line = justify((*head, *value), (), width)
    return highlight(line) if lit else line


def help_lines(name: str, width: int) -> list[StyledLine]:
    """Bounds and sentence of a setting."""
    return [*bounds_lines(name, width), *((Span(text, "muted"),) for text in wrap(HELP[name], width, 6))]


def bounds_lines(name: str, width: int) -> list[StyledLine]:
    """The bounds of a setting alone."""
    bounds = SAMPLING_FIELDS[name].describe_bounds(name).replace(name, label(name))
    return [(Span(text, "fg"),) for text in wrap(bounds, width, 2)]


def settings_lines(
    sampling: SamplingConfig,
    here: str,
    active: bool,
    below: list[StyledLine],
    brief: list[StyledLine],
    width: int,
    height: int,
) -> tuple[list[StyledLine], int]:
    """All rows in `height` rows with `below` under them, or what is `brief`; and the place of the first row seen."""
    names = list(SAMPLING_FIELDS)
    foot = below if height - len(names) - 1 >= len(below) else brief
    gap = [()] if height > len(names) + len(foot) else []
    room = max(height - len(foot) - len(gap), 1)
    top = scroll_top(names.index(here), len(names), room)
    rows = [setting_line(sampling, name, name == here, active, width) for name in names[top : top + room]]
    return [*rows, *[()] * (height - len(rows) - len(foot)), *foot], top


class SettingsPane(TextPane):
    """All settings; keys work on the one at `here` while the pane is `active`."""

    sampling: reactive[SamplingConfig] = reactive(SamplingConfig, repaint=False)
    """The settings as they are."""
    here: reactive[str] = reactive("temperature", repaint=False)
    """The setting under the cursor."""
    active: reactive[bool] = reactive(True, repaint=False)
    """Whether keys come here."""

    @dataclass
    class Edited(Message):
        """A person changed a setting, be it `nudged` or typed, or put the editor away without a change."""

        sampling: SamplingConfig
        nudged: bool

    def __init__(self) -> None:
        super().__init__("1 Settings", id="settings", classes="side keyed")
        self.editor = InlineEditor()
        """What a value is typed into."""
        self._mistake: UserError | None = None

    def compose(self) -> ComposeResult:
        yield self.lines
        yield self.editor

    def on_mount(self) -> None:
        for name in ("sampling", "here", "active"):
            self.watch(self, name, self.update, init=False)

    def walk(self, places: int) -> None:
        """Move the cursor."""
        names = list(SAMPLING_FIELDS)
        self.here = names[min(max(names.index(self.here) + places, 0), len(names) - 1)]

    def set(self, how: str) -> None:
        """Take the setting's next value `up` or `down` or its `usual` one, or open the editor over it (`edit`)."""
        match how:
            case "up" | "down":
                self._take(self.sampling.stepped(self.here, 1 if how == "up" else -1), nudged=True)
            case "usual":
                self._take(self.sampling.with_text(self.here, SamplingConfig().formatted(self.here)), nudged=True)
            case "edit":
                self.editor.open(self.here, self.sampling.formatted(self.here))
                self.update()

    def on_resize(self) -> None:
        self.update()

    @on(Input.Submitted)
    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not self.editor.is_open:
            return
        try:
            sampling = self.sampling.with_text(self.here, event.value)
        except UserError as mistake:
            self._complain(mistake)
        else:
            self._close(sampling)

    @on(Input.Changed)
    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._complain(None)

    @on(InlineEditor.Cancelled)
    def on_field_editor_left(self, event: InlineEditor.Cancelled) -> None:
        event.stop()
        self._close(self.sampling)

    def on_click(self, event: events.Click) -> None:
        """Go to the setting under the pointer."""
        at = event.screen_offset - self.content_region.offset
        names, top = list(SAMPLING_FIELDS), self._drawn()[1]
        if not self.editor.is_open and 0 <= at.y + top < len(names):
            self.here = names[at.y + top]

    def update(self) -> None:
        """Draw what changed, and fit the editor over the value."""
        width, height = self.inner_size
        self.set_class(self.active, "keyed")
        if not self.is_mounted or not width or not height:
            return
        lines, top = self._drawn()
        self.editor.set_class(self._mistake is not None, "-wrong")
        if self.editor.is_open:
            self.editor.styles.offset = (LABEL, list(SAMPLING_FIELDS).index(self.here) - top)
            self.editor.styles.width = max(width - LABEL, 1)
        self.set_lines(lines)

    def _drawn(self) -> tuple[list[StyledLine], int]:
        width, height = self.inner_size
        below, brief = help_lines(self.here, width), bounds_lines(self.here, width)
        if self._mistake is not None:
            below = brief = _complaint(self._mistake, width)
        return settings_lines(self.sampling, self.here, self.active, below, brief, width, height)

    def _take(self, sampling: SamplingConfig, nudged: bool) -> None:
        self.sampling = sampling
        self.post_message(self.Edited(sampling, nudged))

    def _close(self, sampling: SamplingConfig) -> None:
        self.editor.close()
        self._complain(None)
        self._take(sampling, nudged=False)

    def _complain(self, mistake: UserError | None) -> None:
        self._mistake = mistake
        self.problem = mistake is not None
        self.update()


def _complaint(mistake: UserError, width: int) -> list[StyledLine]:
    remedy = f"{mistake.remedy[0].upper()}{mistake.remedy[1:]}."
    wrong = [(Span(line, "error"),) for line in wrap(mistake.problem, width, 3)]
    return [*wrong, *((Span(line, "muted"),) for line in wrap(remedy, width, 3))]
