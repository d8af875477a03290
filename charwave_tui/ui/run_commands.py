"""What a key on the runs screen asks of the engine, and what has to be said before: pure functions."""

from __future__ import annotations

from charwave_tui.core import archive, protocol
from charwave_tui.core.protocol import Command
from charwave_tui.core.readings import State
from charwave_tui.core.records import UNFINISHED, RunSummary
from charwave_tui.ui.archive_view import held
from charwave_tui.ui.view import RunView


def command_for(key: str, row: RunSummary | None, run: RunView) -> Command | None:
    """The command that the `key` gives for the run under the cursor, or None where it means nothing."""
    if row is None:
        return None
    match key, row.state:
        case "open", _:
            return archive.OpenRun(row.run)
        case "resume", State.PAUSED if row.run == held(run):
            return protocol.ResumeRun()
        case "resume", state if state in UNFINISHED and row.run != held(run):
            return archive.OpenRun(row.run, train=True)
        case "resume", State.STOPPED if row.step < row.config.max_steps:
            return archive.OpenRun(row.run, train=True)
        case "fork", _:
            return archive.ForkRun(row.run)
        case "delete", _:
            return archive.DeleteRun(row.run)
        case _:
            return None


def leads_back(command: Command) -> bool:
    """Whether what the command does is to be seen in the lab."""
    return isinstance(command, archive.OpenRun | archive.ForkRun | protocol.ResumeRun)


def is_there_already(command: Command, run: RunView) -> bool:
    """Whether the run to be opened is the one that the engine holds."""
    return isinstance(command, archive.OpenRun) and command.run == held(run)


def puts_away(command: Command, run: RunView) -> bool:
    """Whether the command takes the place of another run, which is in training."""
    if run.state is not State.TRAINING or not isinstance(command, archive.OpenRun | archive.ForkRun):
        return False
    return command.run != held(run)


def refusal(command: Command, run: RunView) -> str:
    """Why the command is not given, and the remedy; empty where it can be."""
    if isinstance(command, archive.DeleteRun) and command.run == held(run) and run.state is State.TRAINING:
        return f"run {command.run} is training\nhold or stop it in the lab first"
    return ""
