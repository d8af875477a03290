"""What is said in passing of an event, in a line or two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from charwave_tui.core import protocol
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


def notice(event: AnyEvent | EngineLost, view: LabView) -> Notice | None:
    """What to say of an event that `view` already knows; None where the panes say it."""
    match event:
        case EngineLost(reason=reason):
            why = reason or f"the engine is gone; its log is {log_path()}"
            return Notice(f"{why}\nt starts another one; what was saved is safe")
        case protocol.CommandRefused(problem=problem, remedy=remedy):
            return Notice(f"{problem}\n{remedy}", "warning")
        case protocol.SaveFailed(run=run, problem=problem):
            then = "training goes on" if view.run.state is State.TRAINING else "free the disk before you quit"
            return Notice(f"run {run} is not being saved: {problem}\n{then}")
        case protocol.EngineFailed(problem=problem, log=log):
            return Notice(f"the engine met a fault: {problem}\nits log is {log}")
        case protocol.SplitEvaluated(evaluation=evaluation) if evaluation.split is Split.TEST:
            return Notice(_splits(view.curve, evaluation.step), "information")
        case _:
            return None


def _splits(curve: Curve, step: int) -> str:
    losses = {item.split: item.loss for item in curve.history.evaluations if item.step == step}
    figures = f" {GLYPHS.dot} ".join(f"{split} {numbers.loss(losses[split])}" for split in Split if split in losses)
    return f"over whole splits after step {numbers.steps(step)}\n{figures}"
