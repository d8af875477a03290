"""The frame of the panes of the runs screen."""

from __future__ import annotations

from rich.markup import escape

from charwave_tui.ui.panes.pane import Pane


class RunPane(Pane):
    """A pane without a number: on the runs screen keys choose among runs, not among panes."""

    def __init__(self, title: str, *, id: str) -> None:
        super().__init__(0, title, id=id)

    def _write_title(self) -> None:
        note = f"[not bold $ink-muted]  {escape(self.note)}[/]" if self.note else ""
        self.border_title = f"{self.title}{note}"
