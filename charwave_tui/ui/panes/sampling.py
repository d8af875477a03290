"""The settings of the names pane as a line or two of fields, and the editor over one of them."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input

from charwave_tui.core.mistake import Mistake
from charwave_tui.core.sampling import USUAL, Sampling
from charwave_tui.ui.panes.field_editor import FieldEditor
from charwave_tui.ui.pieces import Line, Piece, columns, raised, shortened, wrapped
from charwave_tui.ui.spots import Spot, spots, value_text
from charwave_tui.ui.themes import Inked
from charwave_tui.ui.written import written


class SamplingFields(Inked):
    """The settings in reading order; one is `selected`, and an editor may stand over it."""

    DEFAULT_CSS = """
    SamplingFields { height: 1; background: $ink-bg; color: $ink-fg; }
    """

    sampling: reactive[Sampling] = reactive(Sampling)
    """The settings as they are."""
    selected: reactive[str] = reactive(USUAL[0])
    """The setting that keys work on."""
    active: reactive[bool] = reactive(False)
    """Whether keys come here, so that the selected setting is marked."""
    mistake: reactive[Mistake | None] = reactive(None)
    """What is wrong with the text that was typed."""

    @dataclass
    class Edited(Message):
        """A person typed a setting."""

        sampling: Sampling

    class Closed(Message):
        """The editor was put away."""

    def __init__(self) -> None:
        super().__init__()
        self.editor = FieldEditor()
        """What a setting is typed into."""

    def compose(self) -> ComposeResult:
        yield self.editor

    def edit(self) -> None:
        """Open the editor over the selected setting."""
        self.editor.open(self.selected, self.sampling.written(self.selected))
        self.update()

    def on_click(self, event: Click) -> None:
        """Go to the setting under the pointer; edit the one where the keys were already."""
        at = event.screen_offset - self.content_region.offset
        for spot in self._spots():
            if spot.holds(at.x, at.y) and not self.editor.is_open:
                if self.active and spot.name == self.selected:
                    self.edit()
                self.selected = spot.name

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not self.editor.is_open:
            return
        try:
            sampling = self.sampling.with_text(self.selected, event.value)
        except Mistake as mistake:
            self.mistake = mistake
        else:
            self._close()
            self.post_message(self.Edited(sampling))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.mistake = None

    def on_field_editor_left(self, event: FieldEditor.Left) -> None:
        event.stop()
        self._close()

    def on_resize(self) -> None:
        self.update()

    def watch_sampling(self) -> None:
        self.update()

    def watch_mistake(self) -> None:
        self.update()

    def update(self) -> None:
        """Fit the height to what is written, and the editor into its field."""
        if not self.is_mounted or not self.size.width:
            return
        placed = self._spots()
        self.styles.height = placed[-1].row + 1 + len(_complaint(self.mistake, self.size.width))
        self.editor.set_class(self.mistake is not None, "-wrong")
        for spot in placed:
            if spot.name == self.editor.name_edited:
                self.editor.styles.offset = (spot.value_column, spot.row)
                self.editor.styles.width = spot.width
        self.refresh()

    def render(self) -> Text:
        rows: dict[int, Line] = {}
        for spot in self._spots():
            before = rows.get(spot.row, ())
            rows[spot.row] = (*before, Piece(" " * (spot.column - columns(before))), *self._field(spot))
        return Text("\n").join(
            written(self, line) for line in (*rows.values(), *_complaint(self.mistake, self.size.width))
        )

    def _close(self) -> None:
        self.editor.close()
        self.mistake = None
        self.update()
        self.post_message(self.Closed())

    def _spots(self) -> tuple[Spot, ...]:
        return spots(self.sampling, self.size.width, self.editor.name_edited)

    def _field(self, spot: Spot) -> Line:
        text = shortened(value_text(self.sampling, spot.name), spot.width)
        value = text + " " * (spot.width - cell_len(text))
        if spot.name == self.selected and (self.active or self.editor.is_open):
            return raised((Piece(spot.label, "accent", True), Piece(" "), Piece(value, "bright", True)))
        return (Piece(spot.label, "muted"), Piece(" "), Piece(value, "bright"))


def _complaint(mistake: Mistake | None, width: int) -> list[Line]:
    """What is wrong and what to try, in at most two lines each."""
    if mistake is None:
        return []
    remedy = f"{mistake.remedy[0].upper()}{mistake.remedy[1:]}."
    wrong = [(Piece(line, "error"),) for line in wrapped(mistake.problem, width, 2)]
    return [*wrong, *((Piece(line, "muted"),) for line in wrapped(remedy, width, 2))]
