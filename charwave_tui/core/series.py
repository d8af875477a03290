"""A loss history that stays bounded, keeping means and extremes of what it folds together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from charwave_tui.core.readings import Evaluation, LossPoint, Split

Item = TypeVar("Item")
"""Whatever a history is made of."""


class LossSeries:
    """Loss points in the order of their steps; past `capacity` neighbours are folded in pairs.

    A folded point stands for the steps of both: its mean is the mean of their means, its extremes are theirs. Where all
    points given stand for as many steps and `capacity` is even, that is the mean of all its steps. `fold` is how many
    of them a point stands for now; with those `waiting` it is all that another series needs to go on alike.
    """

    def __init__(
        self,
        points: Iterable[LossPoint] = (),
        capacity: int = 2_000,
        fold: int = 1,
        waiting: Iterable[LossPoint] = (),
    ) -> None:
        self.capacity = capacity
        self.fold = fold
        self._points: list[LossPoint] = []
        self._waiting: list[LossPoint] = []
        if fold > 1:
            self._points, self._waiting = list(points), list(waiting)
        else:
            for point in points:
                self.append(point)

    def append(self, point: LossPoint) -> None:
        """Add the newest point."""
        self._waiting.append(point)
        if len(self._waiting) < self.fold:
            return
        self._points.append(_merge(self._waiting))
        self._waiting = []
        if len(self._points) >= self.capacity:
            pairs = zip(self._points[::2], self._points[1::2], strict=False)
            rest = self._points[len(self._points) // 2 * 2 :]
            self._points = [_merge(pair) for pair in pairs] + rest
            self.fold *= 2

    @property
    def whole(self) -> tuple[LossPoint, ...]:
        """The points that are finished."""
        return tuple(self._points)

    @property
    def waiting(self) -> tuple[LossPoint, ...]:
        """The points as they were given that wait to be folded into the next one."""
        return tuple(self._waiting)

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


def bounded_evaluations(items: tuple[Evaluation, ...], most: int = 1_000) -> tuple[Evaluation, ...]:
    """As `bounded`, but that the least loss of each split stays."""
    fewer = bounded(items, most)
    if fewer is items:
        return items
    least: dict[Split, Evaluation] = {}
    for item in items:
        if item.split not in least or item.loss < least[item.split].loss:
            least[item.split] = item
    kept = {*fewer, *least.values()}
    return tuple(item for item in items if item in kept)


def _merge(stretch: Iterable[LossPoint]) -> LossPoint:
    parts = tuple(stretch)
    return LossPoint(
        parts[-1].step,
        sum(part.mean for part in parts) / len(parts),
        min(part.low for part in parts),
        max(part.high for part in parts),
    )
