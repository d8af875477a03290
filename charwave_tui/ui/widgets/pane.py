"""Bordered pane; with age; without number."""

from __future__ import annotations

from rich.markup import escape
from textual.geometry import Region
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget

from charwave_tui.core.metrics import RunState
from charwave_tui.ui.drawing.number_format import format_steps
from charwave_tui.ui.state.run_state import RunViewState
from charwave_tui.ui.terminal.glyphs import GLYPHS

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

    def set_title_markup(self, title: str) -> None:
        """Write the top border, as markup; it alone is repainted."""
        self._border_title = self.render_str(title)
        self.refresh(Region(0, -1, self.size.width, 1))

    def watch_problem(self, problem: bool) -> None:
        self.set_class(problem, "-problem")
        self._write_title()

    def _write_title(self) -> None:
        if self.tabbed:
            wrong = f" {GLYPHS.wrong}" if self.problem else ""
            self.set_title_markup(
                "   ".join(
                    f"{number} {title}{wrong}" if number == self.number else f"[not bold $ink-muted]{number} {title}[/]"
                    for number, title in enumerate(TAB_TITLES, start=1)
                )
            )
        else:
            note = f"[not bold $ink-muted]  {escape(self.note)}[/]" if self.note else ""
            self.set_title_markup(f"{self.number} {self.title}{note}")


TICK = 1.0
"""Seconds between two looks at how old the figures are."""


class TimestampedPane(Pane):
    """A pane that says in its bottom border after which step, and how long ago, its figures were taken."""

    run: reactive[RunViewState] = reactive(RunViewState, repaint=False)
    """The run; figures grow old, and say so, only while it trains."""
    age: reactive[int] = reactive(0, repaint=False)
    """Seconds since the figures last changed."""

    def __init__(self, number: int, title: str, *, id: str) -> None:
        super().__init__(number, title, id=id)
        self._clock: Timer | None = None

    def on_mount(self) -> None:
        self._clock = self.set_interval(TICK, self._tick)

    @property
    def dated(self) -> bool:
        """Whether there are figures that have an age."""
        raise NotImplementedError

    def update_provenance(self) -> None:
        """Write the bottom border."""
        raise NotImplementedError

    def renewed(self) -> None:
        """Take in that the figures are new."""
        self.age = 0
        if self._clock is not None:
            self._clock.reset()

    def age_text(self, step: int) -> str:
        """After which step the figures were taken, and how long ago while more are to come."""
        told = f"step {format_steps(step)}"
        return f"{told} {GLYPHS.dot} {_ago(self.age)}" if self.run.state is RunState.TRAINING else told

    def watch_age(self) -> None:
        self.update_provenance()

    def _tick(self) -> None:
        if self.run.state is RunState.TRAINING and self.dated:
            self.age += 1


def _ago(seconds: int) -> str:
    """An age as it is written; fresh figures are a second old, so that the text stands still while they keep coming."""
    return f"{max(1, seconds)} s ago" if seconds < 60 else f"{seconds // 60} min ago"


class UnnumberedPane(Pane):
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
        self.set_title_markup(f"{self.title}{note}")
