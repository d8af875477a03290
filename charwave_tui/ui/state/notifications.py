"""What is said of an event, and on leaving."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from charwave_tui.core.metrics import RunState, Split
from charwave_tui.core.paths import APP_NAME, log_path
from charwave_tui.core.protocol.events import (
    AnyEvent,
    CommandRefused,
    EngineFailed,
    ResumableRunFound,
    RunOpened,
    RunSaved,
    SaveFailed,
    SplitEvaluated,
    WarningIssued,
)
from charwave_tui.ui.drawing.number_format import format_loss, format_steps
from charwave_tui.ui.state.run_state import EngineDisconnected, LabState, LossCurveState, RunViewState
from charwave_tui.ui.terminal.glyphs import GLYPHS


@dataclass(frozen=True, slots=True)
class Notification:
    """A text and how grave it is."""

    text: str
    severity: Literal["information", "warning", "error"] = "error"


def notification_for(event: AnyEvent | EngineDisconnected, before: LabState, view: LabState) -> Notification | None:
    """What to say of an event that made `view` of the view `before`; None where the panes say it."""
    known = before.run
    match event:
        case EngineDisconnected(again_in=pause) if pause is not None:
            said = "the line dropped; the engine goes on without it\nit is tried again by itself"
            return Notification(said, "warning") if known.engine != "away" else None
        case EngineDisconnected(reason=reason):
            why = reason or f"the engine is gone; its log is {log_path()}"
            left = view.run.unfinished
            new = "t starts a new run" if known.config else "t tries again, with a new run"
            then = f"space goes on with run {left.run}, t starts a new one" if left else new
            return Notification(f"{why}\n{then}")
        case ResumableRunFound(run=run) if known.unfinished is None or known.unfinished.run != run.run:
            was = f"run {run.run} was left at step {format_steps(run.step)}"
            return Notification(f"{was}\nspace goes on with it", "information")
        case CommandRefused(problem=problem, remedy=remedy):
            return Notification(f"{problem}\n{remedy}", "warning")
        case SaveFailed(run=run, problem=problem) if not (known.unsaved and known.run == run):
            then = "training goes on" if view.run.state is RunState.TRAINING else "free the disk before you quit"
            return Notification(f"run {run} is not being saved: {problem}\n{then}")
        case RunSaved(run=run) if known.unsaved and known.run == run:
            return Notification(f"run {run} is saved again", "information")
        case WarningIssued(text=text):
            return Notification(text, "warning")
        case EngineFailed(problem=problem, log=log):
            return Notification(f"the engine met a fault: {problem}\nits log is {log}")
        case SplitEvaluated(evaluation=evaluation) if evaluation.split is Split.TEST:
            return Notification(_splits(view.curve, evaluation.step), "information")
        case _:
            return None


def reattached(event: RunOpened) -> Notification | None:
    """What to say of a run that was there before the screen was; None of a model that is none."""
    if event.run is None:
        return None
    return Notification(f"reattached to run {event.run}, step {format_steps(event.step)}", "information")


def _splits(curve: LossCurveState, step: int) -> str:
    losses = {item.split: item.loss for item in curve.history.evaluations if item.step == step}
    figures = f" {GLYPHS.dot} ".join(f"{split} {format_loss(losses[split])}" for split in Split if split in losses)
    return f"over whole splits after step {format_steps(step)}\n{figures}"


def saved_message(run: int) -> str:
    """The line for somebody who stopped the run and waited until it was saved."""
    return f"run {run} is saved; charwave-tui sample --run {run} draws names from it"


def exit_message(run: RunViewState, state: RunState | None, host: str = "") -> str:
    """The line for somebody who leaves a run that is in `state`, or about to be; empty where nothing is left behind.

    `host` is the machine that its engine is on, empty for this one.
    """
    again = f"{APP_NAME} --host {host}" if host else APP_NAME
    name = "the new run" if run.run is None else f"run {run.run}"
    if run.engine == "starting" and state is not None:  # what was asked for has reached nobody
        return "the engine had not started yet, so nothing was trained"
    if state is RunState.TRAINING:
        end = f"{APP_NAME} engine stop{f' on {host}' if host else ''} ends it"
        return f"{name} goes on training; {again} comes back to it, {end}"
    if run.unsaved:
        return f"{name} is not saved: {run.unsaved}; the engine holds it for as long as it runs"
    if state is RunState.PAUSED:
        return f"{name} is paused; {again} comes back to it"
    if run.engine == "lost" and run.unfinished:
        return f"run {run.unfinished.run} was left in the middle; {again} can go on with it"
    return ""
