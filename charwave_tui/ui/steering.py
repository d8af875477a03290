"""What a key asks of the engine, by what the run is doing: the table of keys as one pure function."""

from __future__ import annotations

from charwave_tui.core import protocol
from charwave_tui.core.protocol import Command
from charwave_tui.core.readings import Split, State
from charwave_tui.ui.draft import Draft


def command_for(key: str, state: State | None, draft: Draft) -> Command | None:
    """The command that the steering `key` gives in `state` (None: no model yet), or None where it means nothing."""
    match key, state:
        case "train", _:
            return protocol.StartRun(draft.config, draft.preset)
        case "pause", State.TRAINING:
            return protocol.PauseRun()
        case (("pause" | "extend"), State.PAUSED):
            return protocol.ResumeRun()
        case "step", None | State.READY:
            return protocol.StartRun(draft.config, draft.preset, steps=1)
        case "step", State.TRAINING | State.PAUSED | State.STOPPED | State.FINISHED:
            return protocol.StepRun()
        case "stop", State.TRAINING | State.PAUSED:
            return protocol.StopRun()
        case "extend", State.STOPPED | State.FINISHED:
            return protocol.ExtendRun()
        case "reset", State.TRAINING | State.PAUSED | State.STOPPED | State.FINISHED | State.DIVERGED:
            return protocol.ResetRun()
        case "evaluate", State.PAUSED | State.TRAINING | State.STOPPED | State.FINISHED:
            return protocol.EvaluateSplits(tuple(Split))
        case _:
            return None


def expected_after(command: Command) -> State | None:
    """The state the run will be in once the engine has obeyed, for reading the next key; None where it stays."""
    match command:
        case protocol.StartRun(steps=None) | protocol.ResumeRun() | protocol.ExtendRun():
            return State.TRAINING
        case protocol.StartRun() | protocol.PauseRun() | protocol.StepRun() | protocol.ResetRun():
            return State.PAUSED
        case protocol.StopRun():
            return State.STOPPED
        case _:
            return None
