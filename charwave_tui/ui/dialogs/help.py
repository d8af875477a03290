"""The help: the selected field, all keys, and a glossary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.screen import ModalScreen

from charwave_tui.core.config.layer_shapes import SATURATION_THRESHOLD
from charwave_tui.core.config.run_config import HYPERPARAMETERS, EditEffect
from charwave_tui.ui.drawing.theme import ThemedWidget
from charwave_tui.ui.keymap import FORM_KEYS, HELP_KEYS, LAB_KEYS
from charwave_tui.ui.terminal.glyphs import GLYPHS

GLOSSARY = {
    "saturation": f"fraction of tanh outputs, a gate's too, with |h| > {SATURATION_THRESHOLD}; such units hardly learn",
    "dead": "units that are saturated (tanh) or zero (relu) for every example",
    "unused": "a field without effect in this config; its value is kept and can be edited",
    "nll": "mean negative log-likelihood of a name's characters and its end, in nats",
    "val": "loss over the whole validation split, which training never sees",
    "published": "the loss that others reported for this preset on the lecture's names",
    "ghost": "the loss curve of the previous run, in grey",
    "unfinished": "a run that was paused or interrupted; it resumes from its last checkpoint",
    "ln 27": "the loss of a uniform prediction over 27 symbols; over 45 it is ln 45",
    f"{GLYPHS.live} live": "a field that takes effect at once; the curve gets a mark",
    f"{GLYPHS.rebuild} rebuild": "a field that takes effect in the next run",
}


class _HelpPage(ThemedWidget):
    """The text of the help on `keys`; `topic` is the hyperparameter to begin with, if any."""

    DEFAULT_CSS = "_HelpPage { height: auto; margin-right: 1; }"

    def __init__(self, topic: str | None, keys: Sequence[Binding]) -> None:
        super().__init__()
        self._topic = topic
        self._keys = keys

    def render(self) -> Text:
        return self._text(self.size.width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        # not by `render`, which is called before the widget has its width
        return len(self._text(width).wrap(self.app.console, max(width, 1)))

    def _text(self, width: int) -> Text:
        page = Text()
        if self._topic in HYPERPARAMETERS:
            self._append_field(page, self._topic)
        tables = {"keys": _tooltips(self._keys)}
        tables |= {"in the form": _tooltips(FORM_KEYS), "words": GLOSSARY} if self._keys is LAB_KEYS else {}
        name_width = max(len(name) for rows in tables.values() for name in rows) + 2
        for heading, rows in tables.items():
            self._append_table(page, heading, rows, name_width, max(20, width - name_width))
        page.rstrip()
        return page

    def _append_field(self, page: Text, name: str) -> None:
        spec = HYPERPARAMETERS[name]
        page.append(name, self.role_style("accent", bold=True)).append(f"  {spec.label}\n", self.role_style("muted"))
        page.append(f"{spec.help}\n{spec.about}\n", self.role_style("fg"))
        is_live = spec.effect is EditEffect.LIVE
        effect = f"{GLYPHS.live} live" if is_live else f"{GLYPHS.rebuild} rebuild"
        page.append(effect, self.role_style("train" if is_live else "fg"))
        page.append(f"  {spec.value_type.describe_bounds(name)}\n\n", self.role_style("muted"))

    def _append_table(self, page: Text, heading: str, rows: dict[str, str], name_width: int, text_width: int) -> None:
        page.append(f"{heading}\n", self.role_style("fg", bold=True))
        for name, meaning in rows.items():
            lines = Text(meaning, self.role_style("fg")).wrap(self.app.console, text_width)
            for number, line in enumerate(lines):
                page.append(f"{'' if number else name:{name_width}}", self.role_style("accent"))
                page.append_text(line).append("\n")
        page.append("\n")


def _tooltips(keys: Sequence[Binding]) -> dict[str, str]:
    return {key.key_display or key.key: key.tooltip for key in keys if key.tooltip}


class HelpScreen(ModalScreen[None]):
    """The help on a screen's `keys`, on those of the lab with the form's keys and the glossary."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*HELP_KEYS]

    def __init__(self, topic: str | None, keys: Sequence[Binding] = LAB_KEYS) -> None:
        super().__init__()
        self._topic = topic
        self._keys = keys

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog", can_focus=False) as box:
            box.border_title = "Help"
            box.border_subtitle = "g guide  esc close"
            yield _HelpPage(self._topic, self._keys)

    async def action_dismiss(self, result: None = None) -> None:
        self.dismiss(result)

    def action_guide(self) -> None:
        from charwave_tui.ui.dialogs.guide import GuideScreen  # Markdown is not needed for the first frame

        self.app.push_screen(GuideScreen())

    def action_scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
