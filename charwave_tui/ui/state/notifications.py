"""Notifications of events, text of empty panes, and exit messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from charwave_tui.core.metrics import RunState, Split
from charwave_tui.core.paths import APP_NAME, log_path
from charwave_tui.core.protocol.events import (
    CommandRefused,
    EngineFailed,
    Event,
    ResumableRunFound,
    RunOpened,
    RunSaved,
    SaveFailed,
    SplitEvaluated,
    WarningIssued,
)
from charwave_tui.ui.drawing.number_format import format_loss, format_steps
from charwave_tui.ui.state.run_state import ConnectionState, EngineDisconnected, LabState, LossCurveState, RunViewState
from charwave_tui.ui.terminal.glyphs import GLYPHS


@dataclass(frozen=True, slots=True)
class Notification:
    """A toast."""

    text: str
    severity: Literal["information", "warning", "error"] = "error"


def notification_for(event: Event | EngineDisconnected, before: LabState, after: LabState) -> Notification | None:
    """Return what to notify the user of after `event`, None if the panes show it."""
    run = before.run
    match event:
        case EngineDisconnected(retry_in=float()):
            text = "connection lost; the engine keeps running\nreconnecting by itself"
            return Notification(text, "warning") if run.connection is not ConnectionState.OFFLINE else None
        case EngineDisconnected(reason=reason):
            reason = reason or f"the engine is gone; its log is {log_path()}"
            if unfinished := after.run.unfinished:
                return Notification(f"{reason}\nspace resumes run {unfinished.run}, t starts a new one")
            return Notification(f"{reason}\n{'t starts a new run' if run.config else 't tries again, with a new run'}")
        case ResumableRunFound(run=found) if run.unfinished is None or run.unfinished.run != found.run:
            text = f"run {found.run} is unfinished, at step {format_steps(found.step)}\nspace resumes it"
            return Notification(text, "information")
        case RunOpened(missing_words=text) if text:
            return Notification(text, "warning")
        case CommandRefused(problem=problem, remedy=remedy):
            return Notification(f"{problem}\n{remedy}", "warning")
        case SaveFailed(run=number, problem=problem) if not (run.unsaved and run.run == number):
            is_training = after.run.state is RunState.TRAINING
            hint = "training continues" if is_training else "free disk space before you quit"
            return Notification(f"run {number} is not being saved: {problem}\n{hint}")
        case RunSaved(run=number) if run.unsaved and run.run == number:
            return Notification(f"run {number} is saved again", "information")
        case WarningIssued(text=text):
            return Notification(text, "warning")
        case EngineFailed(problem=problem, log=log):
            return Notification(f"internal error in the engine: {problem}\nits log is {log}")
        case SplitEvaluated(evaluation=evaluation) if evaluation.split is Split.TEST:
            return Notification(_split_losses(after.curve, evaluation.step), "information")
        case _:
            return None


def reattached_notification(event: RunOpened) -> Notification | None:
    """Return the notification of a run that the engine had before, None for a model without a run."""
    if event.run is None:
        return None
    text = f"reattached to run {event.run}, step {format_steps(event.step)}"
    if event.missing_words:
        return Notification(f"{text}\n{event.missing_words}", "warning")
    return Notification(text, "information")


def _split_losses(curve: LossCurveState, step: int) -> str:
    losses = {item.split: item.loss for item in curve.history.evaluations if item.step == step}
    figures = f" {GLYPHS.dot} ".join(f"{split} {format_loss(losses[split])}" for split in Split if split in losses)
    return f"whole splits after step {format_steps(step)}\n{figures}"


def empty_state_text(run: RunViewState, no_model: str = "No model has been built yet.") -> str:
    """Return why a pane has nothing to show, empty if there is a model. It is the first line; the pane adds its own."""
    match run.connection:
        case ConnectionState.LOST:
            return "The engine is gone."
        case ConnectionState.OFFLINE:
            return "Connection lost; reconnecting."
        case ConnectionState.STARTING:
            return "starting the engine"
        case ConnectionState.READY:
            return no_model if run.state is None else ""


def saved_message(run: int) -> str:
    """Return the exit message after the run was stopped and saved."""
    return f"run {run} is saved; charwave-tui sample --run {run} samples names from it"


def exit_message(run: RunViewState, state: RunState | None, host: str = "") -> str:
    """Return the exit message for a run that is, or is about to be, in `state`; empty if nothing is left behind.

    `host` is the engine's machine, empty for this one.
    """
    program = f"{APP_NAME} --host {host}" if host else APP_NAME
    name = "the new run" if run.run is None else f"run {run.run}"
    if run.connection is ConnectionState.STARTING and state is not None:  # the command has not been received
        return "the engine had not started yet, so nothing was trained"
    if state is RunState.TRAINING:
        end = f"{APP_NAME} engine stop{f' on {host}' if host else ''} ends it"
        return f"{name} continues to train; {program} reopens it, {end}"
    if run.unsaved:
        return f"{name} is not saved: {run.unsaved}; it is lost when the engine ends"
    if state is RunState.PAUSED:
        return f"{name} is paused; {program} reopens it"
    if run.connection is ConnectionState.LOST and run.unfinished:
        return f"run {run.unfinished.run} is unfinished; {program} can resume it"
    return ""
