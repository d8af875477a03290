"""Names mode: the sampling settings, the sampled names, and the name under the cursor in detail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.timer import Timer

from charwave_tui.core.metrics import SampledName
from charwave_tui.core.protocol.commands import ListStars, SampleNames
from charwave_tui.ui.drawing.name_style import name_text
from charwave_tui.ui.drawing.styled_text import shorten
from charwave_tui.ui.keymap import NAMES_KEYS
from charwave_tui.ui.messages import SendCommand
from charwave_tui.ui.sampler.mode import SamplerMode, unavailable_lines
from charwave_tui.ui.sampler.names_table import NamesTable, name_detail
from charwave_tui.ui.sampler.settings_pane import SettingsPane
from charwave_tui.ui.sampler.starred_mode import StarredSet
from charwave_tui.ui.state.sampler_state import SamplerState
from charwave_tui.ui.widgets.text_lines import TextPane

SAMPLE_DELAY_SECONDS = 0.15  # after an edit: a value that is stepped on and on is not sampled at each step
MIN_THREE_PANES_WIDTH = 126  # columns from which the current name has a pane of its own
ACTIONS = frozenset(key.action.partition("(")[0] for key in NAMES_KEYS)


class NamesMode(SamplerMode):
    """Settings at the left, names at the right; arrows act on the pane that was selected last.

    An edited setting is in effect at once; names are sampled with it after a delay, or when the mode is left.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*NAMES_KEYS]

    title = "Names"
    keys = NAMES_KEYS

    def __init__(self) -> None:
        super().__init__(id="names")
        self._sample_timer: Timer | None = None
        self._starred = StarredSet()
        self._settings = SettingsPane()
        self._table = NamesTable("2 Names", id="listed", classes="main")
        self._detail = TextPane("Name", id="detail", classes="detail")

    def compose(self) -> ComposeResult:
        yield self._settings.data_bind(SamplerMode.sampling)
        yield self._table.data_bind(SamplerMode.names, SamplerMode.sampling)
        yield self._detail

    @property
    def names_shown(self) -> Sequence[SampledName]:
        return self.names.names

    @property
    def current_name(self) -> SampledName | None:
        return self._table.name_at_cursor(self.names.names)

    def load(self) -> None:
        if self.run.is_connected:
            self.send(ListStars())
        self.sample_if_empty()

    def watch_replies(self, old: SamplerState, new: SamplerState) -> None:
        if old.stars is not new.stars:
            self._starred.confirm(new.stars)
            self._table.starred = self._starred.names

    @on(SettingsPane.Edited)
    def sample_soon(self, message: SettingsPane.Edited) -> None:
        message.stop()
        if not message.is_stepped:
            self.take_focus()
        if message.sampling == self.sampling:
            return
        self.sampling = message.sampling
        if self._sample_timer is not None:
            self._sample_timer.stop()
        self._sample_timer = self.set_timer(SAMPLE_DELAY_SECONDS, self._sample)

    def _sample(self) -> None:
        if self._sample_timer is not None:
            self._sample_timer.stop()
            self._sample_timer = None
        self.post_message(SendCommand(SampleNames(self.sampling)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if self._settings.editor.is_open and action in ACTIONS:
            return False
        if action == "edit_setting":
            return True if self._settings.active else None
        return super().check_action(action, parameters)

    def action_request(self, requested: str) -> None:
        if self._sample_timer is not None or self._settings.sampling != self.sampling:
            self.sampling = self._settings.sampling  # an edit whose message or delay is still pending counts
            self._sample()
        super().action_request(requested)

    def action_edit_setting(self, how: str) -> None:
        if self._settings.active:
            self._settings.edit(how)
            self.refresh_bindings()

    def action_move_cursor(self, rows: int) -> None:
        if self._settings.active:
            self._settings.move_cursor(rows)
        else:
            self._table.move_cursor(rows)
            self.update()

    def action_page(self, pages: int) -> None:
        if not self._settings.active:
            self._table.move_cursor(pages * self._table.page_size)
            self.update()

    def action_select_pane(self, name: str) -> None:
        self._settings.active = name == "settings"
        self._table.active = name == "names"
        self.refresh_bindings()

    def action_star(self) -> None:
        if self.current_name is None:
            return
        if self.current_name.is_cut:
            length = len(self.current_name.name)
            text = f"the name was cut off after {length:,} characters\nset longest to more, and draw it whole"
            self.notify(text, severity="warning", markup=False)
        elif self.current_name.name:
            self.send(self._starred.toggle(self.current_name, self.run.run, self.names.step))
            self._table.starred = self._starred.names

    def draw(self) -> None:
        has_detail_pane = self.size.width >= MIN_THREE_PANES_WIDTH
        self._detail.display = has_detail_pane
        self._table.shows_detail = not has_detail_pane
        self._table.repeats = self.run.corpus.repeats if self.run.corpus else None
        names, width = self.names, self._table.inner_size[0]
        self._table.message = tuple(unavailable_lines(self.run, width, names.refusal, names.remedy))
        current = self.current_name
        self._detail.note = shorten(name_text(current), self._detail.inner_size[0] // 2) if current else ""
        self._detail.set_lines(name_detail(current, *self._detail.inner_size) if current else ())
