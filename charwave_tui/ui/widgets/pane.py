"""The bordered pane, and one that shows the age of its data."""

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


class Pane(Widget):
    """A bordered pane, with a number if a key focuses it.

    Its top border shows its title and, muted, a `note`; on a small screen, where the panes are tabs, the titles of all
    `tabs`. Its bottom border shows the `provenance` of its data and a `hint` at a key. A `problem` in its contents
    colours it.
    """

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

    tabs: reactive[tuple[str, ...]] = reactive(())
    note: reactive[str] = reactive("", repaint=False)
    provenance: reactive[str] = reactive("", repaint=False)
    hint: reactive[str] = reactive("", repaint=False)
    problem: reactive[bool] = reactive(False)

    def __init__(self, title: str, *, id: str, number: int | None = None) -> None:
        super().__init__(id=id)
        self.number = number
        self.title = title

    def on_mount(self) -> None:
        self._update_title()

    def watch_tabs(self) -> None:
        self._update_title()

    def watch_note(self) -> None:
        self._update_title()

    def watch_provenance(self) -> None:
        self._update_subtitle()

    def watch_hint(self) -> None:
        self._update_subtitle()

    def _update_subtitle(self) -> None:
        # Textual's own setters of both borders would repaint the whole pane, and more often than the text changes.
        subtitle = f" {GLYPHS.dot} ".join(filter(None, (self.provenance, self.hint)))
        self._border_subtitle = self.render_str(escape(subtitle))
        self.refresh(Region(0, self.size.height, self.size.width, 1))

    def set_title_markup(self, title: str) -> None:
        """Set the text of the top border as markup, and repaint the border alone."""
        self._border_title = self.render_str(title)
        self.refresh(Region(0, -1, self.size.width, 1))

    def watch_problem(self, problem: bool) -> None:
        self.set_class(problem, "-problem")
        self._update_title()

    def _update_title(self) -> None:
        if self.tabs:
            mark = f" {GLYPHS.cross}" if self.problem else ""
            tabs = (
                f"{number} {title}{mark}" if number == self.number else f"[not bold $ink-muted]{number} {title}[/]"
                for number, title in enumerate(self.tabs, start=1)
            )
            self.set_title_markup("   ".join(tabs))
        else:
            number = "" if self.number is None else f"{self.number} "
            note = f"[not bold $ink-muted]  {escape(self.note)}[/]" if self.note else ""
            self.set_title_markup(f"{number}{self.title}{note}")


AGE_INTERVAL = 1.0  # seconds between two updates of the age


class TimestampedPane(Pane):
    """A pane whose bottom border shows the step and the age of its data, which grows only while `run` trains."""

    run: reactive[RunViewState] = reactive(RunViewState, repaint=False)
    age: reactive[int] = reactive(0, repaint=False)  # seconds

    def __init__(self, title: str, *, id: str, number: int) -> None:
        super().__init__(title, id=id, number=number)
        self._age_timer: Timer | None = None

    def on_mount(self) -> None:
        self._age_timer = self.set_interval(AGE_INTERVAL, self._grow_older)

    @property
    def has_data(self) -> bool:
        raise NotImplementedError

    def update_provenance(self) -> None:
        raise NotImplementedError

    def reset_age(self) -> None:
        """Set the age of new data to 0."""
        self.age = 0
        if self._age_timer is not None:
            self._age_timer.reset()

    def age_text(self, step: int) -> str:
        """Return the step of the data and, while the run trains, their age."""
        text = f"step {format_steps(step)}"
        if self.run.state is not RunState.TRAINING:
            return text
        # new data are one second old, so that the text does not change while they keep coming
        age = f"{max(1, self.age)} s ago" if self.age < 60 else f"{self.age // 60} min ago"
        return f"{text} {GLYPHS.dot} {age}"

    def watch_age(self) -> None:
        self.update_provenance()

    def _grow_older(self) -> None:
        if self.run.state is RunState.TRAINING and self.has_data:
            self.age += 1
