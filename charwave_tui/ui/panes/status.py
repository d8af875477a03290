"""The first row of the screen: whose run it is, and how far it has come."""

from __future__ import annotations

from dataclasses import replace

from rich.cells import cell_len
from rich.text import Text
from textual.geometry import Region
from textual.reactive import reactive
from textual.timer import Timer

from charwave_tui.ui.headline import headline
from charwave_tui.ui.pieces import Line
from charwave_tui.ui.themes import Inked
from charwave_tui.ui.view import RunView
from charwave_tui.ui.written import plain, written

REST = 0.25
"""Seconds for which figures stand still once they were written: at most four times a second they change."""


class StatusLine(Inked):
    """One row: name and number of the run, its state, progress, speed and time to go."""

    DEFAULT_CSS = """
    StatusLine { height: 1; padding: 0 1; background: $ink-bg; color: $ink-fg; }
    """

    run: reactive[RunView] = reactive(RunView, repaint=False)
    """The run as it is now; a new state is shown at once, new figures when the last ones have rested."""

    line: reactive[str] = reactive("", repaint=False)
    """A word on the line to the terminal, where there is something to say."""

    place: reactive[str] = reactive("", repaint=False)
    """Where the engine is and how far away, empty where that is here."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown = RunView()
        self._line: Line = ()
        self._resting: Timer | None = None

    def watch_run(self, run: RunView) -> None:
        if self._resting is None or _still(run) != _still(self._shown):
            self._show()

    def watch_line(self) -> None:
        self._show()

    def watch_place(self) -> None:
        self._show()

    def render(self) -> Text:
        self._line = headline(self._shown, self.size.width, self.line, self.place)
        return written(self, self._line)

    def _show(self) -> None:
        self._shown = self.run
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(REST, self._rested)
        before, now = plain(self._line), plain(headline(self._shown, self.size.width, self.line, self.place))
        if before != now:
            self.refresh(*_changed(before, now))

    def _rested(self) -> None:
        self._resting = None
        if self.run != self._shown:
            self._show()


def _still(run: RunView) -> RunView:
    """The run without the figures that move as it trains."""
    return replace(run, step=0, steps_per_second=0.0)


def _changed(before: str, now: str) -> tuple[Region, ...]:
    """The stretch in which two lines differ; none, for the whole of it, where characters are not columns."""
    if not len(before) == len(now) == cell_len(before) == cell_len(now):
        return ()
    places = [place for place, (old, new) in enumerate(zip(before, now, strict=True)) if old != new]
    return (Region(places[0], 0, places[-1] - places[0] + 1, 1),)
