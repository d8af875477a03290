"""The runs screen: all runs that are kept, and the curves and differences of those that are compared.

Whoever pushes it binds `run`, `curve` and `archive` (from an action by way of `call_later`, for Textual binds to who is
active), and gets back how the runs were arranged, for the next time. What it asks of the engine it posts as
`Asked`, which bubbles to the app, and the app hands the command on.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.reactive import reactive

from charwave_tui.core.archive import DeleteRun, ForkRun, OpenRun
from charwave_tui.core.protocol import Command
from charwave_tui.ui.archive_view import Arrangement
from charwave_tui.ui.asked import Asked
from charwave_tui.ui.comparison import Compared
from charwave_tui.ui.differences import width_for
from charwave_tui.ui.panes.keys import KeyBar
from charwave_tui.ui.panes.run_curves import RunCurves
from charwave_tui.ui.panes.run_differences import RunDifferences
from charwave_tui.ui.panes.run_list import RunList
from charwave_tui.ui.run_commands import is_there_already, leads_back, puts_away, refusal
from charwave_tui.ui.run_keys import RUN_KEYS
from charwave_tui.ui.screens.comparing import Comparing
from charwave_tui.ui.screens.confirm import Answer, ConfirmScreen
from charwave_tui.ui.screens.help import HelpScreen
from charwave_tui.ui.view import RunView

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

    CSS_PATH = "runs.tcss"

    log_scale: reactive[bool] = reactive(True, repaint=False)
    """Whether losses are drawn by their logarithm."""

    def __init__(self, arrangement: Arrangement | None = None) -> None:
        super().__init__()
        self._list = RunList(arrangement or Arrangement())
        self._differs = RunDifferences(id="differs")
        self._curves = RunCurves(id="curves")
        self._deleting: tuple[int, ...] = ()
        self._left = False

    def compose(self) -> ComposeResult:
        yield self.status()
        yield self._list.data_bind(Comparing.run, Comparing.rows)
        with Horizontal(id="compared"):
            yield self._differs.data_bind(Comparing.among)
            yield self._curves.data_bind(Comparing.among, RunsScreen.log_scale)
        yield KeyBar(id="keys")

    @property
    def arrangement(self) -> Arrangement:
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

    def watch_among(self, among: tuple[Compared, ...]) -> None:
        self.set_class(not self.rows, "-empty")
        self._fit(among, self.size.width)

    def watch_archive(self) -> None:
        super().watch_archive()
        kept = {row.run for row in self.archive.listed or ()}
        for run in self._deleting:
            if run not in kept:
                self.notify(f"run {run} is deleted\nu brings it back", markup=False)
        self._deleting = tuple(run for run in self._deleting if run in kept)

    def on_run_editing_wished(self, message: RunList.Wished) -> None:
        message.stop()
        command = message.command
        if self._left:
            return
        if why := refusal(command, self.run):
            self.notify(why, severity="warning", markup=False)
        elif puts_away(command, self.run):
            self.app.push_screen(_ask_for_another(command, self.run), partial(self._answered, command))
        else:
            self._give(command)

    def on_run_list_wanted(self, message: RunList.Wanted) -> None:
        message.stop()
        match message.what:
            case "back":
                self._leave()
            case "help":
                self.app.push_screen(HelpScreen(None, RUN_KEYS))
            case "log":
                self.log_scale = not self.log_scale
            case "turn":
                self.toggle_class("-differing")

    def ask(self, command: Command) -> None:
        self.post_message(Asked(command))

    def _answered(self, command: Command, yes: bool | None) -> None:
        if yes:
            self._give(command)

    def _give(self, command: Command) -> None:
        if isinstance(command, DeleteRun):
            self._deleting = (*self._deleting, command.run)
        if not is_there_already(command, self.run):
            self.ask(command)
        if leads_back(command):
            self._leave()

    def _leave(self) -> None:
        if not self._left:
            self._left = True
            self.dismiss(replace(self.arrangement, query=""))

    def _fit(self, among: tuple[Compared, ...], width: int) -> None:
        self._differs.styles.width = "1fr" if width < SIDE_BY_SIDE else width_for(len(among)) + FRAME


def _ask_for_another(command: Command, run: RunView) -> ConfirmScreen[bool]:
    """Whether to put the run in training away for another one."""
    assert isinstance(command, OpenRun | ForkRun)
    verb = "Fork" if isinstance(command, ForkRun) else "Resume" if command.train else "Open"
    return ConfirmScreen(
        f"{verb} run {command.run}",
        f"run {run.run} is then held and saved; space goes on with it.",
        [
            Answer(("enter",), f"hold run {run.run} and {verb.lower()} run {command.run}", True),
            Answer(("escape",), f"let run {run.run} train on", False),
        ],
    )
