"""What a key asks of the engine, by what the run is doing: the table of keys as one pure function."""

from __future__ import annotations

from charwave_tui.core import archive, protocol
from charwave_tui.core.protocol import Command
from charwave_tui.core.readings import Split, State
from charwave_tui.ui.draft import Draft
from charwave_tui.ui.view import Unfinished


def command_for(key: str, state: State | None, draft: Draft, unfinished: Unfinished | None = None) -> Command | None:
    """The command that the steering `key` gives in `state` (None: no model yet), or None where it means nothing.

    `unfinished` is the run that can be gone on with where the engine holds none of its own.
    """
    match key, state:
        case "train", _:
            return protocol.StartRun(draft.config, draft.preset)
        case "pause", None | State.READY if unfinished is not None:
            return archive.OpenRun(unfinished.run, train=True)
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
        case "rewind", State.DIVERGED:
            return protocol.RewindRun()
        case "evaluate", State.PAUSED | State.TRAINING | State.STOPPED | State.FINISHED:
            return protocol.EvaluateSplits(tuple(Split))
        case _:
            return None


def expected_after(command: Command) -> State | None:
    """The state the run will be in once the engine has obeyed, for reading the next key; None where it stays."""
    match command:
        case protocol.StartRun(steps=None) | protocol.ResumeRun() | protocol.ExtendRun() | protocol.RewindRun():
            return State.TRAINING
        case archive.OpenRun(train=True):
            return State.TRAINING
        case protocol.StartRun() | protocol.PauseRun() | protocol.StepRun() | protocol.ResetRun():
            return State.PAUSED
        case protocol.StopRun():
            return State.STOPPED
        case _:
            return None
