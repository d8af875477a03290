"""Commands that the keys of the runs screen send, and the checks before they are sent."""

from __future__ import annotations

from enum import StrEnum

from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import Command, DeleteRun, ForkRun, OpenRun, ResumeRun
from charwave_tui.core.store.run_record import RESUMABLE_STATES, RunSummary
from charwave_tui.ui.state.run_state import RunViewState
from charwave_tui.ui.state.runs_state import active_run_number


class RunAction(StrEnum):
    """What a key does with the run under the cursor."""

    OPEN = "open"
    RESUME = "resume"
    FORK = "fork"
    DELETE = "delete"


def command_for_action(action: RunAction, row: RunSummary | None, run: RunViewState) -> Command | None:
    """Return the command that `action` sends for `row`, or None if it is not available; `run` is the active run."""
    if row is None:
        return None
    is_active = row.run == active_run_number(run)
    match action:
        case RunAction.OPEN:
            return OpenRun(row.run)
        case RunAction.FORK:
            return ForkRun(row.run)
        case RunAction.DELETE:
            return DeleteRun(row.run)
        case RunAction.RESUME if is_active and row.state is RunState.PAUSED:
            return ResumeRun()
        case RunAction.RESUME if row.state in RESUMABLE_STATES and not is_active:
            return OpenRun(row.run, train=True)
        case RunAction.RESUME if row.state is RunState.STOPPED and row.step < row.config.max_steps:
            return OpenRun(row.run, train=True)
        case _:
            return None


def returns_to_lab(command: Command) -> bool:
    """Whether the effect of the command is shown in the lab."""
    return isinstance(command, OpenRun | ForkRun | ResumeRun)


def is_already_open(command: Command, run: RunViewState) -> bool:
    """Whether the command opens the active run."""
    return isinstance(command, OpenRun) and command.run == active_run_number(run)


def replaces_active_run(command: Command, run: RunViewState) -> bool:
    """Whether the command would make another run active while `run` is training."""
    if run.state is not RunState.TRAINING or not isinstance(command, OpenRun | ForkRun):
        return False
    return command.run != active_run_number(run)


def refusal(command: Command, run: RunViewState) -> str:
    """Return why the command cannot be sent and the remedy, on two lines; empty if it can."""
    if isinstance(command, DeleteRun) and command.run == active_run_number(run) and run.state is RunState.TRAINING:
        return f"run {command.run} is training\npause or stop it in the lab first"
    return ""
