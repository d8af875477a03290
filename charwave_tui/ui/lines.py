"""What the loss chart takes from a run: its lines, the losses to compare them with, and how far they go."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from charwave_tui.core.readings import History, LossPoint, Split
from charwave_tui.ui.axes import Course, course
from charwave_tui.ui.view import Curve


class Lines(NamedTuple):
    """The lines of a run cut to the dot columns of a plot."""

    train: Course
    val: Course


def references(curve: Curve) -> dict[str, tuple[float, str]]:
    """The constant losses to compare with: name, loss and ink."""
    known = {f"ln {curve.vocab_size}": (curve.knowing_nothing, "muted"), "published": (curve.published, "reference")}
    return {name: (loss, ink) for name, (loss, ink) in known.items() if loss is not None and math.isfinite(loss)}


def furthest(curve: Curve) -> int:
    """The last step that the chart has to hold; without a point yet, that of the ghost or the whole run."""
    steps = [point.step for point in curve.points[-1:]] + [item.step for item in curve.history.evaluations[-1:]]
    if curve.diverged_at is not None:
        steps.append(curve.diverged_at)
    if not steps and curve.ghost:
        return max((point.step for point in curve.ghost.history.points[-1:]), default=curve.max_steps)
    return max(steps, default=curve.max_steps)


def cut(points: Iterable[LossPoint], history: History, steps: float, columns: int) -> Lines:
    """The lines through a run's training points and through the val losses of its history."""
    train = course(((point.step, point.mean) for point in points), steps, columns)
    return Lines(train, course(evaluated(history), steps, columns))


def evaluated(history: History) -> list[tuple[int, float]]:
    """The steps and losses of a run's looks at val."""
    return [(item.step, item.loss) for item in history.evaluations if item.split is Split.VAL]
