"""The screen of all runs: their list, and a comparison of the chosen ones."""

from __future__ import annotations

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
from charwave_tui.ui.runs.comparison import ComparisonChartPane, DifferencesPane, table_width
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

REFRESH_INTERVAL_SECONDS = 0.25  # figures of the training run that change more often cannot be read
LOAD_DELAY_SECONDS = 0.1  # a cursor that passes over runs does not load their records
MIN_WIDE_WIDTH = 100  # columns from which curves and differences are side by side
MIN_COMPARISON_HEIGHT = 20  # rows below which only the list is shown
MIN_WIDTH, MIN_HEIGHT = 60, 16  # below these the bars at top and bottom are hidden
FRAME_COLUMNS = 4  # of a pane's border and padding


class RunsScreen(OverlayScreen[RunsViewOptions]):
    """The list of runs above the comparison of those chosen; dismissed with the options of the list.

    Loads the records of compared runs when the cursor rests. The active run is updated from `run` and `curve`, at
    most once in `REFRESH_INTERVAL_SECONDS` while it trains.
    """

    CSS_PATH = "screen.tcss"

    curve: reactive[LossCurveState] = reactive(LossCurveState, repaint=False)
    stored_runs: reactive[RunsState] = reactive(RunsState, repaint=False)  # the runs and records that the engine sent
    rows: reactive[tuple[RunSummary, ...] | None] = reactive(None, repaint=False)  # None until the engine lists them
    compared: reactive[tuple[ComparedRun, ...]] = reactive((), repaint=False)
    log_scale: reactive[bool] = reactive(True, repaint=False)

    def __init__(self, view_options: RunsViewOptions | None = None) -> None:
        super().__init__()
        self._list = RunsListPane(view_options or RunsViewOptions())
        self._differences = DifferencesPane()
        self._chart = ComparisonChartPane()
        self._refresh_timer: Timer | None = None
        self._refresh_is_due = False
        self._load_timer: Timer | None = None
        self._requested_records: frozenset[tuple[int, int]] = frozenset()  # run and step of each
        self._runs_being_deleted: tuple[int, ...] = ()
        self._dismissed = False

    def compose(self) -> ComposeResult:
        yield self.make_status_bar()
        yield self._list.data_bind(RunsScreen.run, RunsScreen.rows)
        with Horizontal(id="compared"):
            yield self._differences.data_bind(RunsScreen.compared)
            yield self._chart.data_bind(RunsScreen.compared, RunsScreen.log_scale)
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        self.watch(self._list, "view_options", self._update_comparison)
        self._list.focus()

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        is_narrow = width < MIN_WIDE_WIDTH
        self.set_class(is_narrow, "-narrow")
        self._chart.hint, self._differences.hint = ("v what differs", "v curves") if is_narrow else ("", "")
        self.set_class(height < MIN_COMPARISON_HEIGHT, "-low")
        self.set_class(width < MIN_WIDTH or height < MIN_HEIGHT, "-tiny")
        self._fit_differences()

    def watch_run(self, old: RunViewState, run: RunViewState) -> None:
        if run.is_connected and (not old.is_connected or active_run_number(old) != active_run_number(run)):
            self._send(ListRuns())
        if (active_run_number(old), old.state) != (active_run_number(run), run.state):
            self._refresh()
        else:
            self._refresh_soon()

    def watch_curve(self) -> None:
        self._refresh_soon()

    def watch_stored_runs(self) -> None:
        self._refresh()
        listed = {row.run for row in self.stored_runs.listed or ()}
        for run in self._runs_being_deleted:
            if run not in listed:
                self.notify(f"run {run} is deleted\nu restores it", markup=False)
        self._runs_being_deleted = tuple(run for run in self._runs_being_deleted if run in listed)

    def watch_compared(self) -> None:
        self.set_class(not self.rows, "-empty")
        self._fit_differences()

    def _fit_differences(self) -> None:
        is_narrow = self.size.width < MIN_WIDE_WIDTH
        self._differences.styles.width = "1fr" if is_narrow else table_width(len(self.compared)) + FRAME_COLUMNS

    def _refresh_soon(self) -> None:
        if self._refresh_timer is None:
            self._refresh()
            self._refresh_timer = self.set_timer(REFRESH_INTERVAL_SECONDS, self._refresh_if_due)
        else:
            self._refresh_is_due = True

    def _refresh_if_due(self) -> None:
        self._refresh_timer = None
        if self._refresh_is_due:
            self._refresh_soon()

    def _refresh(self) -> None:
        """Bring the row of the active run up to date, and the comparison."""
        self._refresh_is_due = False
        listed = self.stored_runs.listed
        self.rows = None if listed is None else with_live_run(listed, self.run, self.curve)
        self._update_comparison()

    def _update_comparison(self) -> None:
        """Compare the chosen runs and the one under the cursor; load the records that are missing."""
        records = self.stored_runs.records
        self.compared = compared_runs(self.rows or (), self._list.view_options, records, self.run, self.curve)
        missing = records_to_load(self.compared, records, self.run)
        self._requested_records &= missing
        if missing - self._requested_records:
            if self._load_timer is not None:
                self._load_timer.stop()
            self._load_timer = self.set_timer(LOAD_DELAY_SECONDS, self._load_records)

    def _load_records(self) -> None:
        missing = records_to_load(self.compared, self.stored_runs.records, self.run)
        for run, _ in sorted(missing - self._requested_records):
            self._send(ShowRun(run))
        self._requested_records = missing

    @on(RunsListPane.CommandRequested)
    def run_command(self, message: RunsListPane.CommandRequested) -> None:
        message.stop()
        command = message.command
        if self._dismissed:
            return
        if reason := refusal(command, self.run):
            self.notify(reason, severity="warning", markup=False)
        elif replaces_active_run(command, self.run):
            self.app.push_screen(_confirm_replacement(command, self.run), partial(self._execute_if_confirmed, command))
        else:
            self._execute(command)

    @on(ScreenRequest)
    def handle_request(self, message: ScreenRequest) -> None:
        message.stop()
        match message.requested:
            case Requested.BACK:
                self._go_back()
            case Requested.HELP:
                self.app.push_screen(HelpScreen(None, RUN_KEYS))
            case Requested.LOG_SCALE:
                self.log_scale = not self.log_scale
            case Requested.OTHER_PANE:
                self.toggle_class("-differences")

    def _send(self, command: Command) -> None:
        self.post_message(SendCommand(command))

    def _execute_if_confirmed(self, command: Command, is_confirmed: bool | None) -> None:
        if is_confirmed:
            self._execute(command)

    def _execute(self, command: Command) -> None:
        if isinstance(command, DeleteRun):
            self._runs_being_deleted = (*self._runs_being_deleted, command.run)
        if not is_already_open(command, self.run):
            self._send(command)
        if returns_to_lab(command):
            self._go_back()

    def _go_back(self) -> None:
        if not self._dismissed:
            self._dismissed = True
            self.dismiss(replace(self._list.view_options, query=""))


def _confirm_replacement(command: Command, run: RunViewState) -> ConfirmDialog[bool]:
    """Return the dialog that asks whether to pause the training run for another one."""
    assert isinstance(command, OpenRun | ForkRun)
    verb = "Fork" if isinstance(command, ForkRun) else "Resume" if command.train else "Open"
    return ConfirmDialog(
        f"{verb} run {command.run}",
        f"run {run.run} is paused and saved first; space resumes it.",
        [
            DialogChoice(("enter",), f"pause run {run.run} and {verb.lower()} run {command.run}", True),
            DialogChoice(("escape",), f"keep training run {run.run}", False),
        ],
    )
