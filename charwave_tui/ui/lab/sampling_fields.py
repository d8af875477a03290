"""Sampling settings in one or two lines."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input

from charwave_tui.core.config.sampling_config import DEFAULT_SAMPLING, SamplingConfig
from charwave_tui.core.errors import UserError
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, cell_width, highlight, readable, shorten, wrap
from charwave_tui.ui.drawing.theme import ThemedWidget, to_rich_text
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.inline_editor import InlineEditor

LABELS = {"temperature": "temp"}
"""Settings whose label is shorter than their name."""


EDITOR_WIDTHS = {"temperature": 6, "prefix": 8, "count": 6, "seed": 11}
"""Columns that each setting's editor takes at least, its cursor included."""


@dataclass(frozen=True, slots=True)
class FieldPosition:
    """Where one setting stands: row and column of its label, and the columns of its value."""

    name: str
    row: int
    column: int
    width: int

    @property
    def label(self) -> str:
        """What stands before the value."""
        return LABELS.get(self.name, self.name)

    @property
    def value_column(self) -> int:
        """The column where the value begins."""
        return self.column + len(self.label) + 1

    def holds(self, column: int, row: int) -> bool:
        """Whether the place lies on the label or the value."""
        return row == self.row and self.column <= column < self.value_column + self.width


def value_text(sampling: SamplingConfig, name: str) -> str:
    """A setting's value as it is shown; a dash for no prefix."""
    return readable(sampling.formatted(name)) or GLYPHS.dash


def layout_fields(sampling: SamplingConfig, width: int, editing: str = "") -> tuple[FieldPosition, ...]:
    """The settings in reading order: in one row of `width` columns, else two and two, else one by one and cut off.

    The one named `editing` gets room to type.
    """
    names = list(DEFAULT_SAMPLING)
    for rows in ([names], [names[:2], names[2:]]):
        placed = _placed(sampling, rows, editing)
        if all(spot.value_column + spot.width <= width for spot in placed):
            return placed
    return tuple(
        FieldPosition(spot.name, spot.row, 0, max(1, min(spot.width, width - spot.value_column)))
        for spot in _placed(sampling, [[name] for name in names], editing)
    )


def _placed(sampling: SamplingConfig, rows: list[list[str]], editing: str) -> tuple[FieldPosition, ...]:
    placed: list[FieldPosition] = []
    for row, names in enumerate(rows):
        column = 0
        for name in names:
            columns = cell_len(value_text(sampling, name))
            spot = FieldPosition(
                name, row, column, max(columns + 1, EDITOR_WIDTHS[name]) if name == editing else columns
            )
            placed.append(spot)
            column = spot.value_column + spot.width + 2
    return tuple(placed)


class SamplingFields(ThemedWidget):
    """The settings in reading order; one is `selected`, and an editor may stand over it."""

    DEFAULT_CSS = """
    SamplingFields { height: 1; background: $ink-bg; color: $ink-fg; }
    """

    sampling: reactive[SamplingConfig] = reactive(SamplingConfig)
    """The settings as they are."""
    selected: reactive[str] = reactive(DEFAULT_SAMPLING[0])
    """The setting that keys work on."""
    active: reactive[bool] = reactive(False)
    """Whether keys come here, so that the selected setting is marked."""
    mistake: reactive[UserError | None] = reactive(None)
    """What is wrong with the text that was typed."""

    @dataclass
    class Edited(Message):
        """A person typed a setting."""

        sampling: SamplingConfig

    class Closed(Message):
        """The editor was put away."""

    def __init__(self) -> None:
        super().__init__()
        self.editor = InlineEditor()
        """What a setting is typed into."""

    def compose(self) -> ComposeResult:
        yield self.editor

    def edit(self) -> None:
        """Open the editor over the selected setting."""
        self.editor.open(self.selected, self.sampling.formatted(self.selected))
        self.update()

    @on(Click)
    def on_click(self, event: Click) -> None:
        """Go to the setting under the pointer; edit the one where the keys were already."""
        at = event.screen_offset - self.content_region.offset
        for spot in self._spots():
            if spot.holds(at.x, at.y) and not self.editor.is_open:
                if self.active and spot.name == self.selected:
                    self.edit()
                self.selected = spot.name

    @on(Input.Submitted)
    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not self.editor.is_open:
            return
        try:
            sampling = self.sampling.with_text(self.selected, event.value)
        except UserError as mistake:
            self.mistake = mistake
        else:
            self._close()
            self.post_message(self.Edited(sampling))

    @on(Input.Changed)
    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.mistake = None

    @on(InlineEditor.Cancelled)
    def on_field_editor_left(self, event: InlineEditor.Cancelled) -> None:
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
            if spot.name == self.editor.row_name:
                self.editor.styles.offset = (spot.value_column, spot.row)
                self.editor.styles.width = spot.width
        self.refresh()

    def render(self) -> Text:
        rows: dict[int, StyledLine] = {}
        for spot in self._spots():
            before = rows.get(spot.row, ())
            rows[spot.row] = (*before, Span(" " * (spot.column - cell_width(before))), *self._field(spot))
        return Text("\n").join(
            to_rich_text(self, line) for line in (*rows.values(), *_complaint(self.mistake, self.size.width))
        )

    def _close(self) -> None:
        self.editor.close()
        self.mistake = None
        self.update()
        self.post_message(self.Closed())

    def _spots(self) -> tuple[FieldPosition, ...]:
        return layout_fields(self.sampling, self.size.width, self.editor.row_name)

    def _field(self, spot: FieldPosition) -> StyledLine:
        text = shorten(value_text(self.sampling, spot.name), spot.width)
        value = text + " " * (spot.width - cell_len(text))
        if spot.name == self.selected and (self.active or self.editor.is_open):
            return highlight((Span(spot.label, "accent", True), Span(" "), Span(value, "bright", True)))
        return (Span(spot.label, "muted"), Span(" "), Span(value, "bright"))


def _complaint(mistake: UserError | None, width: int) -> list[StyledLine]:
    """What is wrong and what to try, in at most two lines each."""
    if mistake is None:
        return []
    remedy = f"{mistake.remedy[0].upper()}{mistake.remedy[1:]}."
    wrong = [(Span(line, "error"),) for line in wrap(mistake.problem, width, 2)]
    return [*wrong, *((Span(line, "muted"),) for line in wrap(remedy, width, 2))]
