"""Bounded loss history and bounded timeline of sampled names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from charwave_tui.core.metrics import Evaluation, LossPoint, Split, TimelineSample

Item = TypeVar("Item")
"""Whatever a history is made of."""


class DownsampledLosses:
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
        self.factor = fold
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
        if len(self._waiting) < self.factor:
            return
        self._points.append(_merge(self._waiting))
        self._waiting = []
        if len(self._points) >= self.capacity:
            pairs = zip(self._points[::2], self._points[1::2], strict=False)
            rest = self._points[len(self._points) // 2 * 2 :]
            self._points = [_merge(pair) for pair in pairs] + rest
            self.factor *= 2

    @property
    def whole(self) -> tuple[LossPoint, ...]:
        """The points that are finished."""
        return tuple(self._points)

    @property
    def pending(self) -> tuple[LossPoint, ...]:
        """The points as they were given that wait to be folded into the next one."""
        return tuple(self._waiting)

    def points(self) -> tuple[LossPoint, ...]:
        """All there is, oldest first, the unfinished newest included."""
        return (*self._points, *([_merge(self._waiting)] if self._waiting else []))

    def __len__(self) -> int:
        return len(self._points) + bool(self._waiting)


def thin_out(items: tuple[Item, ...], most: int = 1_000) -> tuple[Item, ...]:
    """The items themselves while there are at most `most`; past that every second of the older half is let go."""
    if len(items) <= most:
        return items
    half = len(items) // 2
    return (*items[:half:2], *items[half:])


def thin_out_evaluations(items: tuple[Evaluation, ...], most: int = 1_000) -> tuple[Evaluation, ...]:
    """As `bounded`, but that the least loss of each split stays."""
    fewer = thin_out(items, most)
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


MAX_TIMELINE_SAMPLES = 32
"""Sketches that a timeline has; one more, and the one between whose neighbours there are the fewest steps goes."""


FINEST = 2 * MAX_TIMELINE_SAMPLES
"""Parts of a run so far, of which one must pass before the next sketch is due: finer ones would soon go again."""


def timeline_sample_due(timeline: tuple[TimelineSample, ...], step: int) -> bool:
    """Whether an evaluation after `step`, in the midst of training, is worth a sketch: the first FINEST all are."""
    if len(timeline) < 2:
        return True
    first, last = timeline[0].step, timeline[-1].step
    return (step - last) * FINEST >= last - first


def add_timeline_sample(timeline: tuple[TimelineSample, ...], sketch: TimelineSample) -> tuple[TimelineSample, ...]:
    """The timeline with `sketch`, which takes the place of one of the same step, and of those behind it.

    The first and the last stay, and what lies between them stays even.
    """
    before = tuple(item for item in timeline if item.step < sketch.step)
    if len(before) < MAX_TIMELINE_SAMPLES:
        return (*before, sketch)
    whole = (*before, sketch)
    spare = min(range(1, len(whole) - 1), key=lambda place: whole[place + 1].step - whole[place - 1].step)
    return (*whole[:spare], *whole[spare + 1 :])
