"""The bounded history of a run, the state to resume it from, and its training speed."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from charwave_tui.core.history import DownsampledLosses, thin_out, thin_out_evaluations
from charwave_tui.core.metrics import (
    CurveMarker,
    Evaluation,
    LossPoint,
    Split,
    TimelineSample,
    TrainingHistory,
)
from charwave_tui.core.timeline import add_timeline_sample
from charwave_tui.engine.optim.update_ratios import Ratios, UpdateRatioState

SPEED_MEMORY_SECONDS = 2.0  # of training, after which a former speed counts for little


class ResumeState(msgspec.Struct, frozen=True):
    """The state of a run between two loss points, as stored in a checkpoint; older checkpoints lack some fields.

    `losses` are those of the unfinished window, `fold` and `waiting` the state of DownsampledLosses, `allowance` how
    many steps extending the run adds (None: max_steps of the config), `ratios` the last update ratio of each layer,
    `changes` the history of the update ratios.
    """

    losses: tuple[float, ...] = ()
    fold: int = 1
    waiting: tuple[LossPoint, ...] = ()
    allowance: int | None = None
    ratios: Ratios = ()
    changes: UpdateRatioState = UpdateRatioState()
    timeline: tuple[TimelineSample, ...] = ()


class RunHistory:
    """Loss points of `window` steps or more, evaluations and markers, all bounded in number, and the timeline."""

    def __init__(self, window: int) -> None:
        self.load(TrainingHistory(window))

    def load(self, history: TrainingHistory, resume_state: ResumeState | None = None) -> None:
        """Continue from `history`; with the state from `resumable` exactly as the history that gave both."""
        resume_state = resume_state or ResumeState()
        self._window = history.window
        self._losses = DownsampledLosses(history.points, factor=resume_state.fold, pending=resume_state.waiting)
        self._evaluations: tuple[Evaluation, ...] = history.evaluations
        self._markers: tuple[CurveMarker, ...] = history.marks
        self.timeline: tuple[TimelineSample, ...] = resume_state.timeline

    @property
    def has_points(self) -> bool:
        return len(self._losses) > 0

    def add_points(self, points: Iterable[LossPoint]) -> None:
        for point in points:
            self._losses.append(point)

    def add_evaluation(self, evaluation: Evaluation) -> None:
        self._evaluations = thin_out_evaluations((*self._evaluations, evaluation))

    def add_marker(self, marker: CurveMarker) -> None:
        self._markers = thin_out((*self._markers, marker))

    def add_timeline_sample(self, sample: TimelineSample) -> None:
        self.timeline = add_timeline_sample(self.timeline, sample)

    def snapshot(self, partial: LossPoint | None = None) -> TrainingHistory:
        """Return the history so far, with the point of the unfinished window, `partial`, at its end if given."""
        points = (*self._losses.points(), *([partial] if partial else []))
        return TrainingHistory(self._window, points, self._evaluations, self._markers)

    def resumable(self, losses: Iterable[float], allowance: int) -> tuple[TrainingHistory, ResumeState]:
        """Return all that `load` needs to continue exactly, with the unfinished `losses` and the run's `allowance`."""
        history = TrainingHistory(self._window, self._losses.complete, self._evaluations, self._markers)
        fold, waiting = self._losses.factor, self._losses.pending
        return history, ResumeState(tuple(losses), fold, waiting, allowance, timeline=self.timeline)

    def evaluation(self, split: Split, step: int) -> Evaluation | None:
        evaluations = reversed(self._evaluations)
        return next((item for item in evaluations if item.split is split and item.step == step), None)


class SpeedMeter:
    """Seconds spent in training steps, and the current speed."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.steps_per_second = 0.0  # 0 while unknown

    def add_burst(self, steps: int, seconds: float) -> None:
        """Add a burst of training; the speed is an exponential moving average over SPEED_MEMORY_SECONDS."""
        self.seconds += seconds
        if steps and seconds > 0:
            weight = min(1.0, seconds / SPEED_MEMORY_SECONDS) if self.steps_per_second else 1.0
            self.steps_per_second += weight * (steps / seconds - self.steps_per_second)
