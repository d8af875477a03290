"""A question with a few answers, each on a key of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from charwave_tui.ui.themes import Inked


@dataclass(frozen=True, slots=True)
class Answer:
    """One way to answer: the keys that give it (the first is shown), its words, and what the dialog returns."""

    keys: tuple[str, ...]
    words: str
    value: bool


class _Answers(Inked):
    """The answers, one a line; a click gives one."""

    DEFAULT_CSS = "_Answers { height: auto; margin-top: 1; }"

    def __init__(self, answers: Sequence[Answer]) -> None:
        super().__init__()
        self._answers = answers

    def render(self) -> Text:
        lines = []
        for answer in self._answers:
            keys = Text(" or ".join(answer.keys).replace("escape", "esc"), self.ink("accent", bold=True))
            line = Text.assemble(keys, "  ", (answer.words, self.ink("fg")))
            line.apply_meta({"@click": f"screen.answer({answer.value})"})
            lines.append(line)
        return Text("\n").join(lines)


class ConfirmScreen(ModalScreen[bool]):
    """Ask; the value of the answer is returned, that of the last one on Esc or Ctrl+C."""

    CSS_PATH = "dialog.tcss"

    def __init__(self, question: str, detail: str, answers: Sequence[Answer]) -> None:
        super().__init__()
        self._question = question
        self._detail = detail
        self._choices = answers

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = self._question
            yield Static(self._detail, markup=False)
            yield _Answers(self._choices)

    def on_mount(self) -> None:
        for answer in self._choices:
            for key in answer.keys:
                self._bindings.bind(key, f"answer({answer.value})", answer.words)
        for key in ("escape", "ctrl+c"):
            self._bindings.bind(key, f"answer({self._choices[-1].value})", "Cancel", show=False)

    def action_answer(self, value: bool) -> None:
        self.dismiss(value)
