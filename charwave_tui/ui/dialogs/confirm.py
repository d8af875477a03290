"""A dialog that asks a question with a few choices, each on keys of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingsMap
from textual.containers import Vertical
from textual.events import Click
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from charwave_tui.ui.drawing.theme import ThemedWidget

Reply = TypeVar("Reply")


@dataclass(frozen=True, slots=True)
class DialogChoice(Generic[Reply]):
    """One choice: its keys, its label, and the value that the dialog returns."""

    keys: tuple[str, ...]
    label: str
    value: Reply

    @property
    def keys_text(self) -> str:
        return " or ".join(self.keys).replace("escape", "esc")


class _ChoiceList(ThemedWidget):
    """The choices, one a line, which can be clicked."""

    DEFAULT_CSS = "_ChoiceList { height: auto; margin-top: 1; }"

    @dataclass
    class Clicked(Message):
        """The choice at `index` was clicked."""

        index: int

    def __init__(self, choices: Sequence[DialogChoice[Reply]]) -> None:
        super().__init__()
        self._choices = choices

    def render(self) -> Text:
        width = max(len(choice.keys_text) for choice in self._choices)
        key_style, label_style = self.role_style("accent", bold=True), self.role_style("fg")
        lines = (
            Text.assemble((f"{choice.keys_text:{width}}", key_style), "  ", (choice.label, label_style))
            for choice in self._choices
        )
        return Text("\n").join(lines)

    @on(Click)
    def post_clicked(self, event: Click) -> None:
        self.post_message(self.Clicked(min(event.y, len(self._choices) - 1)))


class ConfirmDialog(ModalScreen[Reply]):
    """A question; dismissed with the value of the choice, that of the last one on Esc or Ctrl+C."""

    CSS_PATH = "dialog.tcss"

    def __init__(self, question: str, detail: str, choices: Sequence[DialogChoice[Reply]]) -> None:
        super().__init__()
        self._question = question
        self._detail = detail
        self._choices = choices
        keys = {key: index for index, choice in enumerate(choices) for key in choice.keys}
        keys |= dict.fromkeys(("escape", "ctrl+c"), len(choices) - 1)
        bindings = BindingsMap(Binding(key, f"choose({index})", choices[index].label) for key, index in keys.items())
        # not `bind`, which would add to lists that all dialogs share
        self._bindings.key_to_bindings.update(bindings.key_to_bindings)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = self._question
            yield Static(self._detail, markup=False)
            yield _ChoiceList(self._choices)

    @on(_ChoiceList.Clicked)
    def choose_clicked(self, message: _ChoiceList.Clicked) -> None:
        self.action_choose(message.index)

    def action_choose(self, index: int) -> None:
        self.dismiss(self._choices[index].value)
