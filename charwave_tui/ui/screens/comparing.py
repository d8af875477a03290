"""The half of the runs screen that follows what is known: the rows as they are by now, and the runs compared."""

from __future__ import annotations

from abc import abstractmethod

from textual.reactive import reactive
from textual.timer import Timer

from charwave_tui.core.archive import ListRuns, ShowRun
from charwave_tui.core.protocol import Command
from charwave_tui.core.records import RunSummary
from charwave_tui.ui.archive_view import Archive, Arrangement, held, present
from charwave_tui.ui.comparison import Compared, compared, unread
from charwave_tui.ui.screens.covering import Covering
from charwave_tui.ui.view import Curve, RunView

REST = 0.25
"""Seconds for which the figures of a run in training stand still: at most four times a second they change."""

READ_AFTER = 0.1
"""Seconds that the cursor rests on a run before its record is asked for, so that walking along does not read each."""


class Comparing(Covering[Arrangement]):
    """A screen with a list of runs, of which some are compared; what is not known of them it asks for."""

    curve: reactive[Curve] = reactive(Curve, repaint=False)
    """Its losses."""
    archive: reactive[Archive] = reactive(Archive, repaint=False)
    """The kept runs as the engine told them."""
    rows: reactive[tuple[RunSummary, ...] | None] = reactive(None, repaint=False)
    """The runs as they are by now; None until the engine has told them."""
    among: reactive[tuple[Compared, ...]] = reactive((), repaint=False)
    """The runs that are compared."""

    def __init__(self) -> None:
        super().__init__()
        self._resting: Timer | None = None
        self._stale = False
        self._reading: Timer | None = None
        self._asked: frozenset[tuple[int, int]] = frozenset()

    @property
    @abstractmethod
    def arrangement(self) -> Arrangement:
        """How the runs are arranged."""

    @abstractmethod
    def ask(self, command: Command) -> None:
        """Put a command on its way to the engine."""

    def watch_run(self, old: RunView, run: RunView) -> None:
        if run.engine == "ready" and (old.engine != "ready" or held(old) != held(run)):
            self.ask(ListRuns())
        if (held(old), old.state) != (held(run), run.state):
            self._follow()
        else:
            self._follow_soon()

    def watch_curve(self) -> None:
        self._follow_soon()

    def watch_archive(self) -> None:
        self._follow()

    def compare(self) -> None:
        """Compare the runs that are chosen and the one under the cursor, and have read what is not known of them."""
        records = self.archive.records
        self.among = compared(self.rows or (), self.arrangement, records, self.run, self.curve)
        missing = unread(self.among, records, self.run)
        self._asked &= missing
        if missing - self._asked:
            if self._reading is not None:
                self._reading.stop()
            self._reading = self.set_timer(READ_AFTER, self._read)

    def _read(self) -> None:
        missing = unread(self.among, self.archive.records, self.run)
        for run, _ in sorted(missing - self._asked):
            self.ask(ShowRun(run))
        self._asked = missing

    def _follow_soon(self) -> None:
        """Show what the run in training has come to, once its last figures have rested."""
        if self._resting is None:
            self._follow()
            self._resting = self.set_timer(REST, self._rested)
        else:
            self._stale = True

    def _rested(self) -> None:
        self._resting = None
        if self._stale:
            self._follow_soon()

    def _follow(self) -> None:
        self._stale = False
        listed = self.archive.listed
        self.rows = None if listed is None else present(listed, self.run, self.curve)
        self.compare()
