"""A question with a few answers, each on a key of its own."""

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
"""What a dialog returns."""


@dataclass(frozen=True, slots=True)
class DialogChoice(Generic[Reply]):
    """One way to answer: the keys that give it, its words, and what the dialog returns."""

    keys: tuple[str, ...]
    words: str
    value: Reply

    @property
    def written(self) -> str:
        """The keys as they are written."""
        return " or ".join(self.keys).replace("escape", "esc")


class _Answers(ThemedWidget):
    """The answers, one a line; a click gives one."""

    DEFAULT_CSS = "_Answers { height: auto; margin-top: 1; }"

    def __init__(self, answers: Sequence[DialogChoice[Reply]]) -> None:
        super().__init__()
        self._answers = answers

    @dataclass
    class Given(Message):
        """A person clicked on the answer at `place`."""

        place: int

    def render(self) -> Text:
        width = max(len(answer.written) for answer in self._answers)
        key, words = self.role_style("accent", bold=True), self.role_style("fg")
        lines = (Text.assemble((f"{item.written:{width}}", key), "  ", (item.words, words)) for item in self._answers)
        return Text("\n").join(lines)

    @on(Click)
    def on_click(self, event: Click) -> None:
        """Give the answer under the pointer."""
        self.post_message(self.Given(min(event.y, len(self._answers) - 1)))


class ConfirmDialog(ModalScreen[Reply]):
    """Ask; the value of the answer is returned, that of the last one on Esc or Ctrl+C."""

    CSS_PATH = "dialog.tcss"

    def __init__(self, question: str, detail: str, answers: Sequence[DialogChoice[Reply]]) -> None:
        super().__init__()
        self._question = question
        self._detail = detail
        self._choices = answers
        keys = {key: place for place, answer in enumerate(answers) for key in answer.keys}
        keys |= dict.fromkeys(("escape", "ctrl+c"), len(answers) - 1)
        own = BindingsMap(Binding(key, f"answer({place})", answers[place].words) for key, place in keys.items())
        # not `bind`, which would add to lists that this dialog shares with every other
        self._bindings.key_to_bindings.update(own.key_to_bindings)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = self._question
            yield Static(self._detail, markup=False)
            yield _Answers(self._choices)

    @on(_Answers.Given)
    def on__answers_given(self, message: _Answers.Given) -> None:
        self.action_answer(message.place)

    def action_answer(self, place: int) -> None:
        self.dismiss(self._choices[place].value)
