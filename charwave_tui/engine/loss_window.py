"""The losses of the steps since the last point of the curve."""

from __future__ import annotations

import math
from collections.abc import Iterable

from charwave_tui.core.config import RunConfig
from charwave_tui.core.readings import LossPoint

LARGEST = 100
"""Losses that make a point: the lecture's; of a short run fewer do, so that its curve has POINTS."""

POINTS = 200
"""Points that the curve of a short run has."""


class LossWindow:
    """An unfinished point: `size` losses make one."""

    def __init__(self, size: int, losses: Iterable[float] = ()) -> None:
        self.size = size
        self._losses = list(losses)

    @staticmethod
    def of(config: RunConfig) -> LossWindow:
        """An empty one for a run of `config`."""
        return LossWindow(min(max(config.max_steps // POINTS, 1), LARGEST))

    @property
    def losses(self) -> tuple[float, ...]:
        """Those that are in it."""
        return tuple(self._losses)

    def add(self, step: int, loss: float) -> list[LossPoint]:
        """Take in the `loss` of a `step`; the point that it completes, if it does."""
        self._losses.append(loss)
        if len(self._losses) < self.size:
            return []
        point, self._losses = _point(step, self._losses), []
        return [point]

    def partial(self, step: int) -> LossPoint | None:
        """The point that there would be if `step` were its last; None while it is empty."""
        return _point(step, self._losses) if self._losses else None


def _point(step: int, losses: list[float]) -> LossPoint:
    return LossPoint(step, math.fsum(losses) / len(losses), min(losses), max(losses))
