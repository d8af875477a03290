"""Histories of bounded size: training losses, evaluations and markers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from charwave_tui.core.metrics import Evaluation, LossPoint, Split

_Item = TypeVar("_Item")


class DownsampledLosses:
    """Loss points in step order, of which neighbours are merged in pairs whenever there are `capacity`.

    A merged point has the mean of the means and the extremes of both. If all points appended stand for equally many
    steps and `capacity` is even, its mean is exact. `factor` is how many appended points make one stored point;
    `complete`, `factor` and `pending` together restore an equal object.
    """

    def __init__(
        self,
        points: Iterable[LossPoint] = (),
        capacity: int = 2_000,
        factor: int = 1,
        pending: Iterable[LossPoint] = (),
    ) -> None:
        self.capacity = capacity
        self.factor = factor
        self._complete: list[LossPoint] = []
        self._pending: list[LossPoint] = []
        if factor > 1:
            self._complete, self._pending = list(points), list(pending)
        else:
            for point in points:
                self.append(point)

    def append(self, point: LossPoint) -> None:
        self._pending.append(point)
        if len(self._pending) < self.factor:
            return
        self._complete.append(_merge(self._pending))
        self._pending = []
        if len(self._complete) >= self.capacity:
            pairs = zip(self._complete[::2], self._complete[1::2], strict=False)
            unpaired = self._complete[len(self._complete) // 2 * 2 :]
            self._complete = [_merge(pair) for pair in pairs] + unpaired
            self.factor *= 2

    @property
    def complete(self) -> tuple[LossPoint, ...]:
        return tuple(self._complete)

    @property
    def pending(self) -> tuple[LossPoint, ...]:
        """Points as appended that are not yet `factor`, oldest first."""
        return tuple(self._pending)

    def points(self) -> tuple[LossPoint, ...]:
        """Return all points, oldest first, the pending ones merged into the last."""
        return (*self._complete, *([_merge(self._pending)] if self._pending else []))

    def __len__(self) -> int:
        return len(self._complete) + bool(self._pending)


def thin_out(items: tuple[_Item, ...], max_items: int = 1_000) -> tuple[_Item, ...]:
    """Return `items`; if there are more than the limit, without every second one of the older half."""
    if len(items) <= max_items:
        return items
    half = len(items) // 2
    return (*items[:half:2], *items[half:])


def thin_out_evaluations(items: tuple[Evaluation, ...], max_items: int = 1_000) -> tuple[Evaluation, ...]:
    """Thin out evaluations like `thin_out`, but keep the lowest loss of each split and of its unseen words."""
    thinned = thin_out(items, max_items)
    if thinned is items:
        return items
    remaining = set(thinned)
    for split in Split:
        evaluations = [item for item in items if item.split is split]
        with_unseen = [item for item in evaluations if item.unseen is not None]
        remaining.update(sorted(evaluations, key=lambda item: item.loss)[:1])
        remaining.update(sorted(with_unseen, key=lambda item: item.unseen or 0.0)[:1])
    return tuple(evaluation for evaluation in items if evaluation in remaining)


def _merge(neighbours: Iterable[LossPoint]) -> LossPoint:
    points = tuple(neighbours)
    return LossPoint(
        points[-1].step,
        sum(point.mean for point in points) / len(points),
        min(point.low for point in points),
        max(point.high for point in points),
    )
