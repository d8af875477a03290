"""A loss history that stays bounded, keeping means and extremes of what it folds together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from charwave_tui.core.readings import LossPoint

Item = TypeVar("Item")
"""Whatever a history is made of."""


class LossSeries:
    """Loss points in the order of their steps; past `capacity` neighbours are folded in pairs.

    A folded point stands for twice as many steps: its mean is the mean of both, its extremes theirs.
    """

    def __init__(self, points: Iterable[LossPoint] = (), capacity: int = 2_000) -> None:
        self.capacity = capacity
        self._points: list[LossPoint] = []
        self._fold = 1
        self._waiting: list[LossPoint] = []
        for point in points:
            self.append(point)

    def append(self, point: LossPoint) -> None:
        """Add the newest point."""
        self._waiting.append(point)
        if len(self._waiting) < self._fold:
            return
        self._points.append(_merge(self._waiting))
        self._waiting = []
        if len(self._points) >= self.capacity:
            pairs = zip(self._points[::2], self._points[1::2], strict=False)
            rest = self._points[len(self._points) // 2 * 2 :]
            self._points = [_merge(pair) for pair in pairs] + rest
            self._fold *= 2

    def points(self) -> tuple[LossPoint, ...]:
        """All there is, oldest first, the unfinished newest included."""
        return (*self._points, *([_merge(self._waiting)] if self._waiting else []))

    def __len__(self) -> int:
        return len(self._points) + bool(self._waiting)


def bounded(items: tuple[Item, ...], most: int = 1_000) -> tuple[Item, ...]:
    """The items themselves while there are at most `most`; past that every second of the older half is let go."""
    if len(items) <= most:
        return items
    half = len(items) // 2
    return (*items[:half:2], *items[half:])


def thinned(points: tuple[LossPoint, ...], most: int) -> tuple[LossPoint, ...]:
    """At most `most` points of the same course, each the merger of a stretch of neighbours."""
    if len(points) <= most:
        return points
    return tuple(_merge(points[i * len(points) // most : (i + 1) * len(points) // most]) for i in range(most))


def _merge(stretch: Iterable[LossPoint]) -> LossPoint:
    parts = tuple(stretch)
    return LossPoint(
        parts[-1].step,
        sum(part.mean for part in parts) / len(parts),
        min(part.low for part in parts),
        max(part.high for part in parts),
    )
