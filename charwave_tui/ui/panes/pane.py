"""The frame that all four panes share: number, name, state and provenance in a round border."""

from __future__ import annotations

from rich.markup import escape
from textual.geometry import Region
from textual.reactive import reactive
from textual.widget import Widget

from charwave_tui.ui.glyphs import GLYPHS

TAB_TITLES = ("Form", "Loss", "Layers", "Names")
"""The panes' short names, which are the tabs of a narrow screen."""


class Pane(Widget):
    """One of the panes 1 to 4; `tabbed` turns its top border into the row of tabs."""

    DEFAULT_CSS = """
    Pane {
        border: round $ink-line;
        border-title-color: $ink-fg;
        border-title-background: $ink-bg;
        border-subtitle-color: $ink-muted;
        border-subtitle-background: $ink-bg;
        padding: 0 1;
        background: $ink-bg;
        color: $ink-fg;
        &:focus, &:focus-within {
            border: round $ink-accent;
            border-title-color: $ink-accent;
            border-title-style: bold;
        }
        &.-problem { border: round $ink-error; border-title-color: $ink-error; border-subtitle-color: $ink-error; }
    }
    """

    tabbed: reactive[bool] = reactive(False)
    """Whether the panes are tabs of which only this one is seen."""
    note: reactive[str] = reactive("", repaint=False)
    """The pane's state, in muted ink behind its name."""
    provenance: reactive[str] = reactive("", repaint=False)
    """Where the figures come from, in the bottom border."""
    problem: reactive[bool] = reactive(False)
    """Whether something in the pane wants putting right."""

    def __init__(self, number: int, title: str, *, id: str) -> None:
        super().__init__(id=id)
        self.number = number
        self.title = title

    def on_mount(self) -> None:
        self._write_title()

    def watch_tabbed(self) -> None:
        self._write_title()

    def watch_note(self) -> None:
        self._write_title()

    def watch_provenance(self, provenance: str) -> None:
        # Textual's own setters of both borders would repaint the whole pane, and much oftener than it changes.
        self._border_subtitle = self.render_str(escape(provenance))
        self.refresh(Region(0, self.size.height, self.size.width, 1))

    def write_top(self, title: str) -> None:
        """Write the top border, as markup; it alone is repainted."""
        self._border_title = self.render_str(title)
        self.refresh(Region(0, -1, self.size.width, 1))

    def watch_problem(self, problem: bool) -> None:
        self.set_class(problem, "-problem")
        self._write_title()

    def _write_title(self) -> None:
        if self.tabbed:
            wrong = f" {GLYPHS.wrong}" if self.problem else ""
            self.write_top(
                "   ".join(
                    f"{number} {title}{wrong}" if number == self.number else f"[not bold $ink-muted]{number} {title}[/]"
                    for number, title in enumerate(TAB_TITLES, start=1)
                )
            )
        else:
            note = f"[not bold $ink-muted]  {escape(self.note)}[/]" if self.note else ""
            self.write_top(f"{self.number} {self.title}{note}")
