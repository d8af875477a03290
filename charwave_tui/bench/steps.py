"""How fast a training step is, told against the lecture's loop, a usual one, and the bare matrix products of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import torch

from charwave_tui.bench.lecture import LectureLoop
from charwave_tui.bench.products import BareProducts
from charwave_tui.bench.usual import UsualLoop
from charwave_tui.core.config import RunConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.presets import preset
from charwave_tui.core.readings import Split
from charwave_tui.engine.trainer import Trainer

LECTURE, USUAL, PLAIN, FAST, FLOOR = "lecture", "usual", "plain", "fast", "floor"

THREADS = (1, 2)
"""Numbers of torch's threads of which each contender may choose the better."""

WARM = 20
"""Steps before the first measurement of a contender, in which buffers are made and caches filled."""

Take = Callable[[int], None]
"""Take so many steps."""


@dataclass(frozen=True, slots=True)
class Contest:
    """The speeds of one preset, in steps/s: for each contender and number of threads, one a round."""

    preset: str
    speeds: Mapping[str, Mapping[int, tuple[float, ...]]]

    def threads(self, contender: str) -> int:
        """The number of threads with which it is the faster."""
        speeds = self.speeds[contender]
        return max(speeds, key=lambda threads: median(speeds[threads]))

    def speed(self, contender: str) -> float:
        """Its median steps/s with the better number of threads."""
        return median(self.speeds[contender][self.threads(contender)])

    def against(self, contender: str, other: str) -> float:
        """How many times as fast as `other`, each with its better number of threads: the median over the rounds.

        Only speeds of one round are compared, so that a machine which slows down over the minutes spoils nothing.
        """
        ours, theirs = (self.speeds[name][self.threads(name)] for name in (contender, other))
        return median(one / two for one, two in zip(ours, theirs, strict=True))

    @property
    def step_ratio(self) -> float:
        """The fast step against the lecture's loop."""
        return self.against(FAST, LECTURE)

    @property
    def floor_share(self) -> float:
        """The part of the fast step that its bare matrix products would take, from 0 to 1."""
        return self.against(FAST, FLOOR)


def measure(
    presets: Sequence[str],
    corpus: Corpus,
    rounds: int = 7,
    seconds: float = 0.3,
    tick: Callable[[str], None] = lambda text: None,
) -> list[Contest]:
    """Let all contenders train each of `presets` (norm batch, tanh) on `corpus`, by turns, about `seconds` a turn.

    It leaves torch with as many threads as before.
    """
    before = torch.get_num_threads()
    try:
        return [_contest(name, corpus, rounds, seconds, tick) for name in presets]
    finally:
        torch.set_num_threads(before)


def _contest(name: str, corpus: Corpus, rounds: int, seconds: float, tick: Callable[[str], None]) -> Contest:
    contenders = _contenders(preset(name).config, corpus)
    torch.set_num_threads(1)
    # no turn measures its own length: all turns of a contender are equally long, in steps
    lengths = {contender: max(1, round(seconds * _speed(take, WARM, WARM))) for contender, take in contenders.items()}
    speeds: dict[str, dict[int, list[float]]] = {
        contender: {threads: [] for threads in THREADS} for contender in contenders
    }
    for number in range(rounds):
        tick(f"{name}, round {number + 1} of {rounds}")
        for threads in THREADS:
            torch.set_num_threads(threads)
            for contender, take in contenders.items():
                speeds[contender][threads].append(_speed(take, WARM // 4, lengths[contender]))
    return Contest(
        name,
        {
            contender: {threads: tuple(found) for threads, found in by_threads.items()}
            for contender, by_threads in speeds.items()
        },
    )


def _contenders(config: RunConfig, corpus: Corpus) -> dict[str, Take]:
    endless = replace(config, max_steps=100_000_000)
    plain, fast = (Trainer(replace(endless, step=step), corpus, torch.device("cpu")) for step in ("plain", "fast"))
    windows = plain.windows(Split.TRAIN)
    contexts, targets = (part.contiguous() for part in windows.batch(slice(None)))
    lecture = LectureLoop(config, corpus.vocab_size, contexts, targets)
    usual = UsualLoop(config, corpus.vocab_size, contexts, targets)
    floor = BareProducts(config, corpus.vocab_size)
    return {
        LECTURE: _repeated(lecture.step),
        USUAL: _repeated(usual.step),
        PLAIN: lambda steps: _advance(plain, steps),
        FAST: lambda steps: _advance(fast, steps),
        FLOOR: _repeated(floor.step),
    }


def _repeated(step: Callable[[], None]) -> Take:
    def take(steps: int) -> None:
        for _ in range(steps):
            step()

    return take


def _advance(trainer: Trainer, steps: int) -> None:
    trainer.advance(float("inf"), steps)


def _speed(take: Take, warm: int, steps: int) -> float:
    take(warm)
    begun = time.perf_counter()
    take(steps)
    return steps / (time.perf_counter() - begun)
