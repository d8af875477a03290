"""What a measurement comes to: one figure, and the runs that it was taken from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Run = float | Mapping[str, float | str | Sequence[float]]
"""One raw reading: a figure, or several by name where they belong together."""

Tick = Callable[[str], None]
"""Told in a few words what is measured next."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measurement's result in `unit` under `name`, what it means, and its raw runs in the order they were made.

    `value` is one for each preset where they were measured apart, and None where it cannot be had: then `meaning` says
    why. `lines` tell a person what the runs came to, in place of the runs.
    """

    name: str
    value: float | Mapping[str, float] | None
    unit: str
    meaning: str
    runs: tuple[Run, ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """Two speeds in steps/s, measured one after the other: `plain`, and `burdened` with what is to be judged."""

    plain: float
    burdened: float

    @property
    def cost(self) -> float:
        """By how many per cent the burden slows: 100 · (1 − burdened / plain); below 0 where it was the faster."""
        return 100 * (1 - self.burdened / self.plain)


def median_of(name: str, unit: str, meaning: str, seconds: Sequence[float]) -> Figure:
    """The median of readings."""
    return Figure(name, median(seconds), unit, meaning, tuple(seconds))


def median_cost(name: str, meaning: str, pairs: Sequence[Pair], plain: str, burdened: str) -> Figure:
    """The median of the pairs' costs, in per cent; `plain` and `burdened` name the two speeds among the raw runs.

    Only the two of a pair are compared, so that a machine which slows down over the minutes spoils nothing.
    """
    runs = tuple({burdened: pair.burdened, plain: pair.plain, "cost": pair.cost} for pair in pairs)
    return Figure(name, median(pair.cost for pair in pairs), "%", meaning, runs)


def interleaved(pairs: int, plain: Callable[[], float], burdened: Callable[[], float]) -> Iterator[Pair]:
    """Measure A B A B …: each pair one of `burdened`, then one of `plain`."""
    for _ in range(pairs):
        slow = burdened()
        yield Pair(plain(), slow)
