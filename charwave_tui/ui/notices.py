"""What is said in passing of an event, in a line or two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from charwave_tui.core import archive, protocol
from charwave_tui.core.framing import AnyEvent
from charwave_tui.core.places import log_path
from charwave_tui.core.readings import Split, State
from charwave_tui.ui import numbers
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.view import Curve, EngineLost, LabView


@dataclass(frozen=True, slots=True)
class Notice:
    """A text and how grave it is."""

    text: str
    severity: Literal["information", "warning", "error"] = "error"


def notice(event: AnyEvent | EngineLost, before: LabView, view: LabView) -> Notice | None:
    """What to say of an event that made `view` of the view `before`; None where the panes say it."""
    known = before.run
    match event:
        case EngineLost(again_in=pause) if pause is not None:
            said = "the line dropped; the engine goes on without it\nit is tried again by itself"
            return Notice(said, "warning") if known.engine != "away" else None
        case EngineLost(reason=reason):
            why = reason or f"the engine is gone; its log is {log_path()}"
            left = view.run.unfinished
            new = "t starts a new run" if known.config else "t tries again, with a new run"
            then = f"space goes on with run {left.run}, t starts a new one" if left else new
            return Notice(f"{why}\n{then}")
        case archive.UnfinishedFound(run=run) if known.unfinished is None or known.unfinished.run != run.run:
            was = f"run {run.run} was left at step {numbers.steps(run.step)}"
            return Notice(f"{was}\nspace goes on with it", "information")
        case protocol.CommandRefused(problem=problem, remedy=remedy):
            return Notice(f"{problem}\n{remedy}", "warning")
        case protocol.SaveFailed(run=run, problem=problem) if not (known.unsaved and known.run == run):
            then = "training goes on" if view.run.state is State.TRAINING else "free the disk before you quit"
            return Notice(f"run {run} is not being saved: {problem}\n{then}")
        case protocol.RunSaved(run=run) if known.unsaved and known.run == run:
            return Notice(f"run {run} is saved again", "information")
        case protocol.Remarked(text=text):
            return Notice(text, "warning")
        case protocol.EngineFailed(problem=problem, log=log):
            return Notice(f"the engine met a fault: {problem}\nits log is {log}")
        case protocol.SplitEvaluated(evaluation=evaluation) if evaluation.split is Split.TEST:
            return Notice(_splits(view.curve, evaluation.step), "information")
        case _:
            return None


def reattached(event: protocol.RunOpened) -> Notice | None:
    """What to say of a run that was there before the screen was; None of a model that is none."""
    if event.run is None:
        return None
    return Notice(f"reattached to run {event.run}, step {numbers.steps(event.step)}", "information")


def _splits(curve: Curve, step: int) -> str:
    losses = {item.split: item.loss for item in curve.history.evaluations if item.step == step}
    figures = f" {GLYPHS.dot} ".join(f"{split} {numbers.loss(losses[split])}" for split in Split if split in losses)
    return f"over whole splits after step {numbers.steps(step)}\n{figures}"
