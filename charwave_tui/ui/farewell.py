"""What is said on the way out, once the terminal is as it was."""

from __future__ import annotations

from charwave_tui.core.places import PROGRAM
from charwave_tui.core.readings import State
from charwave_tui.ui.view import RunView


def saved(run: int) -> str:
    """The line for somebody who stopped the run and waited until it was saved."""
    return f"run {run} is saved; charwave-tui sample --run {run} draws names from it"


def farewell(run: RunView, state: State | None, host: str = "") -> str:
    """The line for somebody who leaves a run that is in `state`, or about to be; empty where nothing is left behind.

    `host` is the machine that its engine is on, empty for this one.
    """
    again = f"{PROGRAM} --host {host}" if host else PROGRAM
    name = "the new run" if run.run is None else f"run {run.run}"
    if run.engine == "starting" and state is not None:  # what was asked for has reached nobody
        return "the engine had not started yet, so nothing was trained"
    if state is State.TRAINING:
        end = f"{PROGRAM} engine stop{f' on {host}' if host else ''} ends it"
        return f"{name} goes on training; {again} comes back to it, {end}"
    if run.unsaved:
        return f"{name} is not saved: {run.unsaved}; the engine holds it for as long as it runs"
    if state is State.PAUSED:
        return f"{name} is paused; {again} comes back to it"
    if run.engine == "lost" and run.unfinished:
        return f"run {run.unfinished.run} was left in the middle; {again} can go on with it"
    return ""
