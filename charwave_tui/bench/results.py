"""Measurements and how they are described; the settings and the corpus of a benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.corpus.registry import LECTURE_SHA256, find_corpus, list_corpora, resolve_corpus_name

UNLIMITED_STEPS = 100_000_000  # never reached while measuring, so the learning rate stays constant

OnProgress = Callable[[str], None]  # called with a few words on what is measured next
Run = float | Mapping[str, float | str | Sequence[float]]  # a raw reading, or several that belong together, by name


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """How often each thing is measured, and for how long."""

    rounds: int = 7  # turns of each candidate of training speed
    seconds: float = 0.3  # of each turn
    training_steps: int = 1_500  # before names are sampled
    sampling_rounds: int = 5
    target_runs: int = 3  # of time to loss
    pairs: int = 5  # of speeds with and without a playground, or an inspector
    frame_runs: int = 5
    loss_runs: int = 3
    saves: int = 15  # of each model
    traffic_seconds: float = 60.0  # for which bytes to the terminal are counted
    keys: int = 100  # pressed on each link


@dataclass(frozen=True, slots=True)
class Measurement:
    """The result `value` of a measurement in `unit`, what it means, and its raw `runs` in the order they were made.

    `value` has one entry for each preset that was measured, and is None where it is not available: `meaning` then says
    why. `lines` describe the runs to a person, instead of the runs themselves.
    """

    name: str
    value: float | Mapping[str, float] | None
    unit: str
    meaning: str
    runs: tuple[Run, ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BenchCorpus:
    """A corpus, and the path of its file, by which another data folder finds it too."""

    corpus: Corpus
    path: str

    @property
    def is_lecture(self) -> bool:
        """Whether it is the lecture's list of names, for which alone the published losses hold."""
        return self.corpus.sha256 == LECTURE_SHA256


@dataclass(frozen=True, slots=True)
class BenchCase:
    """One benchmark, which yields the measurements `names` and reports progress `ticks(settings)` times."""

    names: tuple[str, ...]
    ticks: Callable[[BenchSettings], int]
    measure: Callable[[BenchCorpus, BenchSettings, OnProgress], Iterable[Measurement]]


@dataclass(frozen=True, slots=True)
class Pair:
    """Speeds in steps/s without and with a load, one after the other, so that a machine may slow down."""

    baseline: float
    loaded: float

    @property
    def cost(self) -> float:
        """By how many per cent the load slows; below 0 where it was faster."""
        return 100 * (1 - self.loaded / self.baseline)


def interleaved(pairs: int, baseline: Callable[[], float], loaded: Callable[[], float]) -> Iterator[Pair]:
    """Measure loaded, baseline, loaded, baseline and so on."""
    for _ in range(pairs):
        loaded_speed = loaded()
        yield Pair(baseline(), loaded_speed)


def load_bench_corpus(name_or_path: str) -> BenchCorpus:
    """Return the corpus of that name, else the one in that file; raises UserError."""
    corpus = find_corpus(name_or_path)
    paths: dict[str, Path] = {entry.name: entry.path for entry in list_corpora()}
    return BenchCorpus(corpus, str(paths.get(name_or_path, resolve_corpus_name(name_or_path))))
