"""What a key on the runs screen asks of the engine, and what has to be said before: pure functions."""

from __future__ import annotations

from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import Command, DeleteRun, ForkRun, OpenRun, ResumeRun
from charwave_tui.core.store.run_record import RESUMABLE_STATES, RunSummary
from charwave_tui.ui.state.run_state import RunViewState
from charwave_tui.ui.state.runs_state import active_run_number


def command_for_key(key: str, row: RunSummary | None, run: RunViewState) -> Command | None:
    """The command that the `key` gives for the run under the cursor, or None where it means nothing."""
    if row is None:
        return None
    match key, row.state:
        case "open", _:
            return OpenRun(row.run)
        case "resume", RunState.PAUSED if row.run == active_run_number(run):
            return ResumeRun()
        case "resume", state if state in RESUMABLE_STATES and row.run != active_run_number(run):
            return OpenRun(row.run, train=True)
        case "resume", RunState.STOPPED if row.step < row.config.max_steps:
            return OpenRun(row.run, train=True)
        case "fork", _:
            return ForkRun(row.run)
        case "delete", _:
            return DeleteRun(row.run)
        case _:
            return None


def returns_to_lab(command: Command) -> bool:
    """Whether what the command does is to be seen in the lab."""
    return isinstance(command, OpenRun | ForkRun | ResumeRun)


def is_already_open(command: Command, run: RunViewState) -> bool:
    """Whether the run to be opened is the one that the engine holds."""
    return isinstance(command, OpenRun) and command.run == active_run_number(run)


def replaces_active_run(command: Command, run: RunViewState) -> bool:
    """Whether the command takes the place of another run, which is in training."""
    if run.state is not RunState.TRAINING or not isinstance(command, OpenRun | ForkRun):
        return False
    return command.run != active_run_number(run)


def refusal(command: Command, run: RunViewState) -> str:
    """Why the command is not given, and the remedy; empty where it can be."""
    if isinstance(command, DeleteRun) and command.run == active_run_number(run) and run.state is RunState.TRAINING:
        return f"run {command.run} is training\nhold or stop it in the lab first"
    return ""
