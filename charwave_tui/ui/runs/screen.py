"""RunsScreen."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from functools import partial

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.reactive import reactive
from textual.timer import Timer

from charwave_tui.core.protocol.commands import Command, DeleteRun, ForkRun, ListRuns, OpenRun, ShowRun
from charwave_tui.core.store.run_record import RunSummary
from charwave_tui.ui.dialogs.confirm import ConfirmDialog, DialogChoice
from charwave_tui.ui.dialogs.help import HelpScreen
from charwave_tui.ui.keymap import RUN_KEYS
from charwave_tui.ui.messages import Requested, ScreenRequest, SendCommand
from charwave_tui.ui.runs.commands import is_already_open, refusal, replaces_active_run, returns_to_lab
from charwave_tui.ui.runs.comparison import ComparisonChartPane, DifferencesPane, width_for
from charwave_tui.ui.runs.list_pane import RunsListPane
from charwave_tui.ui.state.run_state import LossCurveState, RunsState, RunViewState
from charwave_tui.ui.state.runs_state import (
    ComparedRun,
    RunsViewOptions,
    active_run_number,
    compared_runs,
    records_to_load,
    with_live_run,
)
from charwave_tui.ui.widgets.key_bar import KeyBar
from charwave_tui.ui.widgets.overlay_screen import OverlayScreen

REST = 0.25
"""Seconds for which the figures of a run in training stand still: at most four times a second they change."""


READ_AFTER = 0.1
"""Seconds that the cursor rests on a run before its record is asked for, so that walking along does not read each."""


class Comparing(OverlayScreen[RunsViewOptions]):
    """A screen with a list of runs, of which some are compared; what is not known of them it asks for."""

    curve: reactive[LossCurveState] = reactive(LossCurveState, repaint=False)
    """Its losses."""
    archive: reactive[RunsState] = reactive(RunsState, repaint=False)
    """The kept runs as the engine told them."""
    rows: reactive[tuple[RunSummary, ...] | None] = reactive(None, repaint=False)
    """The runs as they are by now; None until the engine has told them."""
    among: reactive[tuple[ComparedRun, ...]] = reactive((), repaint=False)
    """The runs that are compared."""

    def __init__(self) -> None:
        super().__init__()
        self._resting: Timer | None = None
        self._stale = False
        self._reading: Timer | None = None
        self._asked: frozenset[tuple[int, int]] = frozenset()

    @property
    @abstractmethod
    def arrangement(self) -> RunsViewOptions:
        """How the runs are arranged."""

    @abstractmethod
    def ask(self, command: Command) -> None:
        """Put a command on its way to the engine."""

    def watch_run(self, old: RunViewState, run: RunViewState) -> None:
        if run.is_connected and (not old.is_connected or active_run_number(old) != active_run_number(run)):
            self.ask(ListRuns())
        if (active_run_number(old), old.state) != (active_run_number(run), run.state):
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
        self.among = compared_runs(self.rows or (), self.arrangement, records, self.run, self.curve)
        missing = records_to_load(self.among, records, self.run)
        self._asked &= missing
        if missing - self._asked:
            if self._reading is not None:
                self._reading.stop()
            self._reading = self.set_timer(READ_AFTER, self._read)

    def _read(self) -> None:
        missing = records_to_load(self.among, self.archive.records, self.run)
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
        self.rows = None if listed is None else with_live_run(listed, self.run, self.curve)
        self.compare()


SIDE_BY_SIDE = 100
"""Columns from which curves and differences stand side by side."""


LOW = 20
"""Rows below which there is room for the list alone."""


TINY = (60, 16)
"""Columns and rows below which the list has all of them."""


FRAME = 4
"""Columns of a pane's border and padding."""


class RunsScreen(Comparing):
    """The list of runs above, what the compared ones came to below; dismissed with how the runs are arranged."""

    CSS_PATH = "screen.tcss"

    log_scale: reactive[bool] = reactive(True, repaint=False)
    """Whether losses are drawn by their logarithm."""

    def __init__(self, arrangement: RunsViewOptions | None = None) -> None:
        super().__init__()
        self._list = RunsListPane(arrangement or RunsViewOptions())
        self._differs = DifferencesPane(id="differs")
        self._curves = ComparisonChartPane(id="curves")
        self._deleting: tuple[int, ...] = ()
        self._left = False

    def compose(self) -> ComposeResult:
        yield self.make_status_bar()
        yield self._list.data_bind(Comparing.run, Comparing.rows)
        with Horizontal(id="compared"):
            yield self._differs.data_bind(Comparing.among)
            yield self._curves.data_bind(Comparing.among, RunsScreen.log_scale)
        yield KeyBar(id="keys")

    @property
    def arrangement(self) -> RunsViewOptions:
        return self._list.arrangement

    def on_mount(self) -> None:
        self.watch(self._list, "arrangement", self.compare)
        self._list.focus()

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        narrow = width < SIDE_BY_SIDE
        self.set_class(narrow, "-narrow")
        self._curves.hint, self._differs.hint = ("v what differs", "v curves") if narrow else ("", "")
        self.set_class(height < LOW, "-low")
        self.set_class(width < TINY[0] or height < TINY[1], "-tiny")
        self._fit(self.among, width)

    def watch_among(self, among: tuple[ComparedRun, ...]) -> None:
        self.set_class(not self.rows, "-empty")
        self._fit(among, self.size.width)

    def watch_archive(self) -> None:
        super().watch_archive()
        kept = {row.run for row in self.archive.listed or ()}
        for run in self._deleting:
            if run not in kept:
                self.notify(f"run {run} is deleted\nu brings it back", markup=False)
        self._deleting = tuple(run for run in self._deleting if run in kept)

    @on(RunsListPane.CommandRequested)
    def on_run_editing_wished(self, message: RunsListPane.CommandRequested) -> None:
        message.stop()
        command = message.command
        if self._left:
            return
        if why := refusal(command, self.run):
            self.notify(why, severity="warning", markup=False)
        elif replaces_active_run(command, self.run):
            self.app.push_screen(_ask_for_another(command, self.run), partial(self._answered, command))
        else:
            self._give(command)

    @on(ScreenRequest)
    def answer_request(self, message: ScreenRequest) -> None:
        message.stop()
        match message.requested:
            case Requested.BACK:
                self._leave()
            case Requested.HELP:
                self.app.push_screen(HelpScreen(None, RUN_KEYS))
            case Requested.LOG_SCALE:
                self.log_scale = not self.log_scale
            case Requested.OTHER_PANE:
                self.toggle_class("-differing")

    def ask(self, command: Command) -> None:
        self.post_message(SendCommand(command))

    def _answered(self, command: Command, yes: bool | None) -> None:
        if yes:
            self._give(command)

    def _give(self, command: Command) -> None:
        if isinstance(command, DeleteRun):
            self._deleting = (*self._deleting, command.run)
        if not is_already_open(command, self.run):
            self.ask(command)
        if returns_to_lab(command):
            self._leave()

    def _leave(self) -> None:
        if not self._left:
            self._left = True
            self.dismiss(replace(self.arrangement, query=""))

    def _fit(self, among: tuple[ComparedRun, ...], width: int) -> None:
        self._differs.styles.width = "1fr" if width < SIDE_BY_SIDE else width_for(len(among)) + FRAME


def _ask_for_another(command: Command, run: RunViewState) -> ConfirmDialog[bool]:
    """Whether to put the run in training away for another one."""
    assert isinstance(command, OpenRun | ForkRun)
    verb = "Fork" if isinstance(command, ForkRun) else "Resume" if command.train else "Open"
    return ConfirmDialog(
        f"{verb} run {command.run}",
        f"run {run.run} is then held and saved; space goes on with it.",
        [
            DialogChoice(("enter",), f"hold run {run.run} and {verb.lower()} run {command.run}", True),
            DialogChoice(("escape",), f"let run {run.run} train on", False),
        ],
    )
