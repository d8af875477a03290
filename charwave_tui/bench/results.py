"""Measurements, pairs, settings, the corpus measured on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from charwave_tui.core.corpus import Corpus
from charwave_tui.core.corpus_registry import LECTURE_SHA256, find_corpus, list_corpora, resolve_corpus_name


@dataclass(frozen=True, slots=True)
class BenchmarkSettings:
    """How often each thing is measured, and for how long.

    `rounds` and `seconds` are those of the steps' race: how many turns each contender has, and how long each is;
    `trained` the steps before names are drawn, `draws` the rounds of drawing, `targets` the runs to the notes' loss,
    `pairs` the readings with and without a playground, or a view of a layer; `saves` those of each model; `watched` the
    seconds for which bytes to the terminal are counted, `keys` the keys pressed on each line.
    """

    rounds: int = 7
    seconds: float = 0.3
    trained: int = 1_500
    draws: int = 5
    targets: int = 3
    pairs: int = 5
    frames: int = 5
    losses: int = 3
    saves: int = 15
    watched: float = 60.0
    keys: int = 100


@dataclass(frozen=True, slots=True)
class BenchmarkCase:
    """What gives the figures of these `names`; it tells of itself `ticks(effort)` times."""

    names: tuple[str, ...]
    ticks: Callable[[BenchmarkSettings], int]
    take: Callable[[BenchCorpus, BenchmarkSettings, OnProgress], Iterator[Measurement]]


Run = float | Mapping[str, float | str | Sequence[float]]
"""One raw reading: a figure, or several by name where they belong together."""


OnProgress = Callable[[str], None]
"""Told in a few words what is measured next."""


@dataclass(frozen=True, slots=True)
class Measurement:
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

    baseline: float
    loaded: float

    @property
    def cost(self) -> float:
        """By how many per cent the burden slows: 100 · (1 − burdened / plain); below 0 where it was the faster."""
        return 100 * (1 - self.loaded / self.baseline)


def median_of(name: str, unit: str, meaning: str, seconds: Sequence[float]) -> Measurement:
    """The median of readings."""
    return Measurement(name, median(seconds), unit, meaning, tuple(seconds))


def median_cost(name: str, meaning: str, pairs: Sequence[Pair], plain: str, burdened: str) -> Measurement:
    """The median of the pairs' costs, in per cent; `plain` and `burdened` name the two speeds among the raw runs.

    Only the two of a pair are compared, so that a machine which slows down over the minutes spoils nothing.
    """
    runs = tuple({burdened: pair.loaded, plain: pair.baseline, "cost": pair.cost} for pair in pairs)
    return Measurement(name, median(pair.cost for pair in pairs), "%", meaning, runs)


def interleaved(pairs: int, plain: Callable[[], float], burdened: Callable[[], float]) -> Iterator[Pair]:
    """Measure A B A B …: each pair one of `burdened`, then one of `plain`."""
    for _ in range(pairs):
        slow = burdened()
        yield Pair(plain(), slow)


UNLIMITED_STEPS = 100_000_000
"""Steps of a run that is only measured: none reaches them, so that the learning rate stays what it is."""


@dataclass(frozen=True, slots=True)
class BenchCorpus:
    """A corpus and the path of its file, by which it is found from another data folder too."""

    corpus: Corpus
    path: str

    @property
    def of_lecture(self) -> bool:
        """Whether it is the lecture's list, for which alone the published losses hold."""
        return self.corpus.sha256 == LECTURE_SHA256


def material(name_or_path: str) -> BenchCorpus:
    """The corpus of that name, else the one in that file; raises Mistake."""
    corpus = find_corpus(name_or_path)
    paths: dict[str, Path] = {entry.name: entry.path for entry in list_corpora()}
    return BenchCorpus(corpus, str(paths.get(name_or_path, resolve_corpus_name(name_or_path))))
