"""The pane of the settings of sampling: they are walked, nudged, and typed over."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input

from charwave_tui.core.mistake import Mistake
from charwave_tui.core.sampling import SETTINGS, Sampling
from charwave_tui.ui.panes.field_editor import FieldEditor
from charwave_tui.ui.pieces import Line, Piece, wrapped
from charwave_tui.ui.sampler.lines_pane import LinesPane
from charwave_tui.ui.sampler.settings import LABEL, bounds_lines, help_lines, settings_lines


class SettingsPane(LinesPane):
    """All settings; keys work on the one at `here` while the pane is `active`."""

    sampling: reactive[Sampling] = reactive(Sampling, repaint=False)
    """The settings as they are."""
    here: reactive[str] = reactive("temperature", repaint=False)
    """The setting under the cursor."""
    active: reactive[bool] = reactive(True, repaint=False)
    """Whether keys come here."""

    @dataclass
    class Edited(Message):
        """A person changed a setting, be it `nudged` or typed, or put the editor away without a change."""

        sampling: Sampling
        nudged: bool

    def __init__(self) -> None:
        super().__init__("1 Settings", id="settings", classes="side keyed")
        self.editor = FieldEditor()
        """What a value is typed into."""
        self._mistake: Mistake | None = None

    def compose(self) -> ComposeResult:
        yield self.lines
        yield self.editor

    def on_mount(self) -> None:
        for name in ("sampling", "here", "active"):
            self.watch(self, name, self.update, init=False)

    def walk(self, places: int) -> None:
        """Move the cursor."""
        names = list(SETTINGS)
        self.here = names[min(max(names.index(self.here) + places, 0), len(names) - 1)]

    def set(self, how: str) -> None:
        """Take the setting's next value `up` or `down` or its `usual` one, or open the editor over it (`edit`)."""
        match how:
            case "up" | "down":
                self._take(self.sampling.nudged(self.here, 1 if how == "up" else -1), nudged=True)
            case "usual":
                self._take(self.sampling.with_text(self.here, Sampling().written(self.here)), nudged=True)
            case "edit":
                self.editor.open(self.here, self.sampling.written(self.here))
                self.update()

    def on_resize(self) -> None:
        self.update()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not self.editor.is_open:
            return
        try:
            sampling = self.sampling.with_text(self.here, event.value)
        except Mistake as mistake:
            self._complain(mistake)
        else:
            self._close(sampling)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._complain(None)

    def on_field_editor_left(self, event: FieldEditor.Left) -> None:
        event.stop()
        self._close(self.sampling)

    def on_click(self, event: events.Click) -> None:
        """Go to the setting under the pointer."""
        at = event.screen_offset - self.content_region.offset
        names, top = list(SETTINGS), self._drawn()[1]
        if not self.editor.is_open and 0 <= at.y + top < len(names):
            self.here = names[at.y + top]

    def update(self) -> None:
        """Draw what changed, and fit the editor over the value."""
        width, height = self.room
        self.set_class(self.active, "keyed")
        if not self.is_mounted or not width or not height:
            return
        lines, top = self._drawn()
        self.editor.set_class(self._mistake is not None, "-wrong")
        if self.editor.is_open:
            self.editor.styles.offset = (LABEL, list(SETTINGS).index(self.here) - top)
            self.editor.styles.width = max(width - LABEL, 1)
        self.draw(lines)

    def _drawn(self) -> tuple[list[Line], int]:
        width, height = self.room
        below, brief = help_lines(self.here, width), bounds_lines(self.here, width)
        if self._mistake is not None:
            below = brief = _complaint(self._mistake, width)
        return settings_lines(self.sampling, self.here, self.active, below, brief, width, height)

    def _take(self, sampling: Sampling, nudged: bool) -> None:
        self.sampling = sampling
        self.post_message(self.Edited(sampling, nudged))

    def _close(self, sampling: Sampling) -> None:
        self.editor.close()
        self._complain(None)
        self._take(sampling, nudged=False)

    def _complain(self, mistake: Mistake | None) -> None:
        self._mistake = mistake
        self.problem = mistake is not None
        self.update()


def _complaint(mistake: Mistake, width: int) -> list[Line]:
    remedy = f"{mistake.remedy[0].upper()}{mistake.remedy[1:]}."
    wrong = [(Piece(line, "error"),) for line in wrapped(mistake.problem, width, 3)]
    return [*wrong, *((Piece(line, "muted"),) for line in wrapped(remedy, width, 3))]
