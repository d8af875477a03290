"""What a run leaves behind as it goes: its losses, evaluations and marks, and how fast it went."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from charwave_tui.core.history import DownsampledLosses, add_timeline_sample, thin_out, thin_out_evaluations
from charwave_tui.core.metrics import (
    CurveMarker,
    Evaluation,
    GhostCurve,
    LossPoint,
    Split,
    TimelineSample,
    TrainingHistory,
)
from charwave_tui.engine.optim.update_ratios import Ratios, UpdateRatioState

SPEED_MEMORY = 2.0
"""Seconds of training after which an old speed counts for little."""


class ResumeState(msgspec.Struct, frozen=True):
    """Where a run stands between two points of its curve, and what it was given.

    `losses` are those of the unfinished window; `fold` and `waiting` are the series' own; `allowance` is how many steps
    more `c` allows, None where that is the config's max_steps. `ratios` are the update ratios of the last step, one a
    layer, and `changes` those of the matrices over the run; `timeline` has the names of its evaluations. A run from
    before they were kept has none of these.
    """

    losses: tuple[float, ...] = ()
    fold: int = 1
    waiting: tuple[LossPoint, ...] = ()
    allowance: int | None = None
    ratios: Ratios = ()
    changes: UpdateRatioState = UpdateRatioState()
    timeline: tuple[TimelineSample, ...] = ()


class RunHistory:
    """The bounded history of a run, whose points are means of `window` steps, and its `timeline`."""

    def __init__(self, window: int) -> None:
        self.take(TrainingHistory(window))

    def take(self, history: TrainingHistory, standing: ResumeState | None = None) -> None:
        """Go on from `history`; with the `standing` of `kept`, just as the course that it was taken from."""
        standing = standing or ResumeState()
        self._window = history.window
        self._series = DownsampledLosses(history.points, fold=standing.fold, waiting=standing.waiting)
        self._evaluations: tuple[Evaluation, ...] = history.evaluations
        self._marks: tuple[CurveMarker, ...] = history.marks
        self.timeline: tuple[TimelineSample, ...] = standing.timeline

    @property
    def begun(self) -> bool:
        """Whether there is a whole point yet."""
        return len(self._series) > 0

    def extend(self, points: Iterable[LossPoint]) -> None:
        """Add the newest points."""
        for point in points:
            self._series.append(point)

    def evaluated(self, evaluation: Evaluation) -> None:
        """Add an evaluation."""
        self._evaluations = thin_out_evaluations((*self._evaluations, evaluation))

    def marked(self, mark: CurveMarker) -> None:
        """Add a mark."""
        self._marks = thin_out((*self._marks, mark))

    def sketched(self, sketch: TimelineSample) -> None:
        """Add names that were drawn."""
        self.timeline = add_timeline_sample(self.timeline, sketch)

    def history(self, partial: LossPoint | None = None) -> TrainingHistory:
        """The course so far, frozen; `partial` is the unfinished window, for those whom no news of it reaches."""
        points = (*self._series.points(), *([partial] if partial else []))
        return TrainingHistory(self._window, points, self._evaluations, self._marks)

    def kept(self, losses: Iterable[float], allowance: int) -> tuple[TrainingHistory, ResumeState]:
        """All that another course needs to go on alike, with the unfinished `losses` and the run's `allowance`."""
        history = TrainingHistory(self._window, self._series.whole, self._evaluations, self._marks)
        fold, waiting = self._series.factor, self._series.pending
        return history, ResumeState(tuple(losses), fold, waiting, allowance, timeline=self.timeline)

    def ghost(self, name: str, max_steps: int, partial: LossPoint | None = None) -> GhostCurve | None:
        """The course as the shadow of the next one, if there is any."""
        history = self.history(partial)
        return GhostCurve(name, max_steps, history) if history.points else None

    def evaluation(self, split: Split, step: int) -> Evaluation | None:
        """The whole split as measured after exactly `step` steps, if it was."""
        found = (item for item in reversed(self._evaluations) if item.split is split and item.step == step)
        return next(found, None)


class SpeedMeter:
    """Time spent in training alone, and the present speed."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.steps_per_second = 0.0

    def count(self, steps: int, seconds: float) -> None:
        """Add a burst; the speed follows within SPEED_MEMORY seconds."""
        self.seconds += seconds
        if steps and seconds > 0:
            weight = min(1.0, seconds / SPEED_MEMORY) if self.steps_per_second else 1.0
            self.steps_per_second += weight * (steps / seconds - self.steps_per_second)
