"""The frame of the panes of the runs screen."""

from __future__ import annotations

from rich.markup import escape
from textual.reactive import reactive

from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.panes.pane import Pane


class RunPane(Pane):
    """A pane without a number: on the runs screen keys choose among runs, not among panes."""

    remark: reactive[str] = reactive("", repaint=False)
    """What has to be said of its contents, in the bottom border."""
    hint: reactive[str] = reactive("", repaint=False)
    """What key shows something else in its place, behind the remark."""

    def __init__(self, title: str, *, id: str) -> None:
        super().__init__(0, title, id=id)

    def watch_remark(self) -> None:
        self._write_provenance()

    def watch_hint(self) -> None:
        self._write_provenance()

    def _write_provenance(self) -> None:
        self.provenance = f" {GLYPHS.dot} ".join(filter(None, (self.remark, self.hint)))

    def _write_title(self) -> None:
        note = f"[not bold $ink-muted]  {escape(self.note)}[/]" if self.note else ""
        self.write_top(f"{self.title}{note}")
