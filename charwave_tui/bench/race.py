"""Contenders that take steps by turns, and how fast each of them was."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import torch

from charwave_tui.bench.figures import Tick

THREADS = (1, 2)
"""Numbers of torch's threads of which each contender may choose the better."""

WARM = 20
"""Steps before the first measurement of a contender, in which buffers are made and caches filled."""


@dataclass(frozen=True, slots=True)
class Contender:
    """What takes so many steps when called with their number; one step scores `positions` characters in the mean."""

    take: Callable[[int], None]
    positions: float


@dataclass(frozen=True, slots=True)
class Contest:
    """The speeds of one race, in steps/s: for each contender and number of threads, one a round."""

    name: str
    positions: Mapping[str, float]
    speeds: Mapping[str, Mapping[int, tuple[float, ...]]]

    def threads(self, contender: str) -> int:
        """The number of threads with which it is the faster."""
        speeds = self.speeds[contender]
        return max(speeds, key=lambda threads: median(speeds[threads]))

    def speed(self, contender: str) -> float:
        """Its median steps/s with the better number of threads."""
        return median(self.speeds[contender][self.threads(contender)])

    def against(self, contender: str, other: str) -> float:
        """How many times the positions a second of `other`, each with its better threads: the median over the rounds.

        Only speeds of one round are compared, so that a machine which slows down over the minutes spoils nothing.
        """
        ours, theirs = (self.speeds[name][self.threads(name)] for name in (contender, other))
        share = self.positions[contender] / self.positions[other]
        return share * median(one / two for one, two in zip(ours, theirs, strict=True))


def race(
    name: str,
    contenders: Mapping[str, Contender],
    rounds: int,
    seconds: float,
    tick: Tick = lambda text: None,
    threads: tuple[int, ...] = THREADS,
) -> Contest:
    """Let all contenders step by turns, about `seconds` a turn; torch has as many threads as before afterwards."""
    speeds: dict[str, dict[int, list[float]]] = {known: {count: [] for count in threads} for known in contenders}
    with threads_of(threads[0]):
        # no turn measures its own length: all turns of a contender are equally long, in steps
        lengths = {known: max(1, round(seconds * speed(each, WARM, WARM))) for known, each in contenders.items()}
        for number in range(rounds):
            tick(f"{name}, round {number + 1} of {rounds}")
            for count in threads:
                torch.set_num_threads(count)
                for known, each in contenders.items():
                    speeds[known][count].append(speed(each, WARM // 4, lengths[known]))
    return Contest(
        name,
        {known: each.positions for known, each in contenders.items()},
        {known: {count: tuple(found) for count, found in by.items()} for known, by in speeds.items()},
    )


def speed(contender: Contender, warm: int, steps: int) -> float:
    """Its steps/s over `steps`, after `warm` that do not count."""
    contender.take(warm)
    begun = time.perf_counter()
    contender.take(steps)
    return steps / (time.perf_counter() - begun)


@contextmanager
def threads_of(count: int) -> Iterator[None]:
    """Within the block torch has `count` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
