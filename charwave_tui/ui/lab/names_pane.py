"""Pane 4: names sampled from the model, and the sampling settings."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.reactive import reactive

from charwave_tui.core.config.sampling_config import DEFAULT_SAMPLING, SamplingConfig
from charwave_tui.core.errors import UserError
from charwave_tui.ui.drawing.number_format import format_steps
from charwave_tui.ui.keymap import NAMES_PANE_KEYS
from charwave_tui.ui.lab.sampling_fields import SamplingFields
from charwave_tui.ui.messages import SamplingEdited
from charwave_tui.ui.state.run_state import NamesState
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.name_list import NameList
from charwave_tui.ui.widgets.pane import Pane


class NamesPane(Pane, can_focus=True):
    """The sampling settings above the names sampled last."""

    BINDINGS: ClassVar[list[BindingType]] = [*NAMES_PANE_KEYS]

    names: reactive[NamesState] = reactive(NamesState, repaint=False)
    sampling: reactive[SamplingConfig] = reactive(SamplingConfig, repaint=False)  # of the next names

    def __init__(self, *, id: str = "names") -> None:
        super().__init__("Names", id=id, number=4)
        self._fields = SamplingFields()
        self._list = NameList()

    def compose(self) -> ComposeResult:
        yield self._fields.data_bind(NamesPane.sampling)
        yield self._list.data_bind(NamesPane.names)

    def on_mount(self) -> None:
        def show_pages(pages: str) -> None:
            self.note = pages

        def show_problem(error: UserError | None) -> None:
            self.problem = error is not None

        self.watch(self._list, "part", show_pages)
        self.watch(self._fields, "error", show_problem)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action not in ("select", "step_value", "edit", "turn"):
            return super().check_action(action, parameters)
        if self._fields.editor.is_open:
            return False
        return None if action == "step_value" and self._fields.selected == "prefix" else True

    def watch_names(self, names: NamesState) -> None:
        has_names = bool(names.names) and not names.refusal
        hint = "g again" if names.done else "sampling"
        self.provenance = f"step {format_steps(names.step)} {GLYPHS.dot} {hint}" if has_names else ""

    def on_focus(self) -> None:
        self._fields.active = True

    def on_blur(self) -> None:
        self._fields.active = False

    def action_select(self, distance: int) -> None:
        names = list(DEFAULT_SAMPLING)
        self._fields.selected = names[(names.index(self._fields.selected) + distance) % len(names)]
        self.refresh_bindings()

    def action_step_value(self, direction: int) -> None:
        # not by a message, so that the next key of a burst starts from the new value
        self._set_sampling(self.sampling.stepped(self._fields.selected, direction))

    def action_edit(self) -> None:
        self._fields.edit()

    def action_turn(self, pages: int) -> None:
        self._list.turn_page(pages)

    @on(SamplingFields.Edited)
    def set_typed(self, message: SamplingFields.Edited) -> None:
        message.stop()
        self._set_sampling(message.sampling)

    def _set_sampling(self, sampling: SamplingConfig) -> None:
        if sampling != self.sampling:
            self.sampling = sampling
            self.post_message(SamplingEdited(sampling))
