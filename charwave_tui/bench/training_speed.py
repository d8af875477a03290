"""Steps per second of all candidates, by turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median

import torch

from charwave_tui.bench.baselines import LectureLoop, MatmulFloor, TorchLoop
from charwave_tui.bench.results import UNLIMITED_STEPS, Measurement, OnProgress, Run
from charwave_tui.core.config.presets import get_preset
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.metrics import Split
from charwave_tui.engine.data.window_dataset import WindowDataset
from charwave_tui.engine.training.trainer import Trainer

THREADS = (1, 2)
"""Numbers of torch's threads of which each contender may choose the better."""


WARM = 20
"""Steps before the first measurement of a contender, in which buffers are made and caches filled."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What takes so many steps when called with their number; one step scores `positions` characters in the mean."""

    take: Callable[[int], None]
    positions: float


@dataclass(frozen=True, slots=True)
class SpeedComparison:
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


def compare_speed(
    name: str,
    contenders: Mapping[str, Candidate],
    rounds: int,
    seconds: float,
    tick: OnProgress = lambda text: None,
    threads: tuple[int, ...] = THREADS,
) -> SpeedComparison:
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
    return SpeedComparison(
        name,
        {known: each.positions for known, each in contenders.items()},
        {known: {count: tuple(found) for count, found in by.items()} for known, by in speeds.items()},
    )


def speed(contender: Candidate, warm: int, steps: int) -> float:
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


LECTURE, USUAL, PLAIN, FAST, NAMES, FLOOR = "lecture", "usual", "plain", "fast", "names", "floor"


DESCRIPTIONS = {
    LECTURE: "the lecture's loop",
    USUAL: "nn.Module, torch.optim",
    PLAIN: "our plain step",
    FAST: "our fast step",
    NAMES: "the same on whole names",
    FLOOR: "bare matrix products",
}
"""What each contender is, for people."""


CPU = torch.device("cpu")
"""Where all but the GPU's own race is run."""


def make_candidates(config: RunConfig, corpus: Corpus) -> dict[str, Candidate]:
    """All of them for a `config` with tanh, norm batch, sgd and windows, on the training words of `corpus`.

    Each scores batch_size windows a step but NAMES, which scores every position of batch_size whole names.
    """
    usual = TorchLoop(config, corpus.vocab_size, *examples(config, corpus))
    return {
        LECTURE: by_lecture(config, corpus),
        USUAL: Candidate(_repeated(usual.step), config.batch_size),
        PLAIN: trainer_candidate(replace(config, step="plain"), corpus),
        FAST: trainer_candidate(replace(config, step="fast"), corpus),
        NAMES: trainer_candidate(replace(config, step="fast", batches="names"), corpus),
        FLOOR: matmul_candidate(config, corpus),
    }


def by_lecture(config: RunConfig, corpus: Corpus, device: torch.device = CPU) -> Candidate:
    """The lecture's loop."""
    loop = LectureLoop(config, corpus.vocab_size, *examples(config, corpus), device)
    return Candidate(_repeated(loop.step), config.batch_size)


def trainer_candidate(config: RunConfig, corpus: Corpus, device: torch.device = CPU) -> Candidate:
    """The step of `config` as a run takes it, batches and learning rate included."""
    trainer = Trainer(replace(config, max_steps=UNLIMITED_STEPS), corpus, device)
    positions = float(config.batch_size)
    if config.batches == "names":
        names = trainer.splits.prefixes(Split.TRAIN)
        positions *= names.positions / len(names)
    return Candidate(lambda steps: _advance(trainer, steps), positions)


def matmul_candidate(config: RunConfig, corpus: Corpus) -> Candidate:
    """The matrix products alone."""
    return Candidate(_repeated(MatmulFloor(config, corpus.vocab_size).step), config.batch_size)


def examples(config: RunConfig, corpus: Corpus) -> tuple[torch.Tensor, torch.Tensor]:
    """All training contexts [N, context] and targets [N] as the lecture's loop keeps them: whole tensors."""
    windows = WindowDataset(corpus.split(Split.TRAIN), corpus.symbols, config.context, CPU)
    contexts, targets = windows.batch(slice(None))
    return contexts.contiguous(), targets.contiguous()


def _repeated(step: Callable[[], None]) -> Callable[[int], None]:
    def take(steps: int) -> None:
        for _ in range(steps):
            step()

    return take


def _advance(trainer: Trainer, steps: int) -> None:
    trainer.train_for(float("inf"), steps)


def step_figures(
    presets: Sequence[str], corpus: Corpus, rounds: int, seconds: float, tick: OnProgress
) -> list[Measurement]:
    """The fast step of each of `presets` (tanh, norm batch, sgd, windows) among all contenders, on the CPU."""
    contests = [
        compare_speed(name, make_candidates(get_preset(name).config, corpus), rounds, seconds, tick) for name in presets
    ]
    meaning = "as fast as the lecture's loop is our fast step; the better of 1 and 2 threads for each"
    share = {contest.name: contest.against(FAST, FLOOR) for contest in contests}
    meaning_of_share = "of the fast step's time would its matrix products take alone (from 0 to 1)"
    return [_ratios("step_ratio", meaning, contests), Measurement("floor_share", share, "", meaning_of_share)]


def gpu_step_figure(
    presets: Sequence[str], corpus: Corpus, rounds: int, seconds: float, tick: OnProgress
) -> Measurement:
    """The step that a run takes on the GPU which must be there, against the lecture's loop on it."""
    device = torch.device("cuda")
    contests = []
    for name in presets:
        config = get_preset(name).config
        both = {LECTURE: by_lecture(config, corpus, device), PLAIN: trainer_candidate(config, corpus, device)}
        contests.append(compare_speed(name, both, rounds, seconds, tick, threads=(1,)))
    meaning = "as fast as the lecture's loop is our plain step, which runs there, both on the GPU"
    return _ratios("gpu_step_ratio", meaning, contests, PLAIN)


def comparison_table(contest: SpeedComparison) -> Iterator[str]:
    """A heading and a row a contender; the ratios are of positions scored a second."""
    yield f"{contest.name:24}{'steps/s':>9}{'threads':>9}{'positions/s':>13}{'× lecture':>11}{'of the floor':>14}"
    for name in contest.speeds:
        steps = contest.speed(name)
        scored = f"{steps * contest.positions[name]:,.0f}"
        # the floor is that of windows
        share = f"{contest.against(name, FLOOR):.2f}" if FLOOR in contest.speeds and name != NAMES else "–"
        ratio = f"{contest.against(name, LECTURE):.2f}"
        yield f"{DESCRIPTIONS[name]:24}{steps:>9,.0f}{contest.threads(name):>9}{scored:>13}{ratio:>11}{share:>14}"


def _ratios(name: str, meaning: str, contests: Sequence[SpeedComparison], step: str = FAST) -> Measurement:
    ratios = {contest.name: contest.against(step, LECTURE) for contest in contests}
    runs = tuple(run for contest in contests for run in _runs(contest))
    lines = tuple(line for contest in contests for line in comparison_table(contest))
    return Measurement(name, ratios, "×", meaning, runs, lines)


def _runs(contest: SpeedComparison) -> Iterator[Run]:
    for name, by_threads in contest.speeds.items():
        for threads, speeds in by_threads.items():
            about: dict[str, str | float] = {"preset": contest.name, "contender": name, "threads": threads}
            yield {**about, "positions": contest.positions[name], "steps_per_second": speeds}
