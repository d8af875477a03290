"""Training steps per second: our steps, the lecture's loop, torch.optim and the matmul floor, interleaved."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median

import torch

from charwave_tui.bench.baselines import LectureLoop, MatmulFloor, TorchLoop
from charwave_tui.bench.results import UNLIMITED_STEPS, Measurement, OnProgress, Run
from charwave_tui.core.config.choices import Batches, StepKind
from charwave_tui.core.config.presets import get_preset
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.metrics import Split
from charwave_tui.engine.data.window_dataset import WindowDataset
from charwave_tui.engine.training.trainer import Trainer

THREADS = (1, 2)  # numbers of torch's threads, of which the better counts for each candidate
WARMUP_STEPS = 20  # in which buffers are allocated and caches filled
CPU = torch.device("cpu")

LECTURE, TORCH, PLAIN, FAST, NAMES, FLOOR = "lecture", "usual", "plain", "fast", "names", "floor"
DESCRIPTIONS = {
    LECTURE: "the lecture's loop",
    TORCH: "nn.Module, torch.optim",
    PLAIN: "our plain step",
    FAST: "our fast step",
    NAMES: "the same on whole names",
    FLOOR: "bare matrix products",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A training loop to be timed; a step scores `positions` characters on average."""

    run_steps: Callable[[int], None]
    positions: float


@dataclass(frozen=True, slots=True)
class SpeedComparison:
    """Speeds in steps/s by candidate and number of threads, one for each round."""

    name: str
    positions: Mapping[str, float]
    speeds: Mapping[str, Mapping[int, tuple[float, ...]]]

    def threads(self, candidate: str) -> int:
        speeds = self.speeds[candidate]
        return max(speeds, key=lambda threads: median(speeds[threads]))

    def speed(self, candidate: str) -> float:
        """Return its median steps/s with the better number of threads."""
        return median(self.speeds[candidate][self.threads(candidate)])

    def ratio(self, candidate: str, baseline: str) -> float:
        """Return the median over the rounds of positions/s relative to `baseline`, each with its better threads."""
        speeds, baseline_speeds = (self.speeds[name][self.threads(name)] for name in (candidate, baseline))
        positions = self.positions[candidate] / self.positions[baseline]
        return positions * median(a / b for a, b in zip(speeds, baseline_speeds, strict=True))


def compare_speed(
    name: str,
    candidates: Mapping[str, Candidate],
    rounds: int,
    seconds: float,
    on_progress: OnProgress = lambda text: None,
    threads: tuple[int, ...] = THREADS,
) -> SpeedComparison:
    """Time all candidates in turn, about `seconds` a turn; torch's number of threads is restored afterwards."""
    speeds: dict[str, dict[int, list[float]]] = {key: {count: [] for count in threads} for key in candidates}
    with threads_of(threads[0]):
        # no turn chooses its own length: all turns of a candidate have equally many steps
        steps = {
            key: max(1, round(seconds * measure_speed(candidate, WARMUP_STEPS, WARMUP_STEPS)))
            for key, candidate in candidates.items()
        }
        for number in range(rounds):
            on_progress(f"{name}, round {number + 1} of {rounds}")
            for count in threads:
                torch.set_num_threads(count)
                for key, candidate in candidates.items():
                    speeds[key][count].append(measure_speed(candidate, WARMUP_STEPS // 4, steps[key]))
    return SpeedComparison(
        name,
        {key: candidate.positions for key, candidate in candidates.items()},
        {key: {count: tuple(values) for count, values in by_threads.items()} for key, by_threads in speeds.items()},
    )


def measure_speed(candidate: Candidate, warmup: int, steps: int) -> float:
    """Return steps/s over `steps`, after `warmup` steps that do not count."""
    candidate.run_steps(warmup)
    start = time.perf_counter()
    candidate.run_steps(steps)
    return steps / (time.perf_counter() - start)


@contextmanager
def threads_of(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def make_candidates(config: RunConfig, corpus: Corpus) -> dict[str, Candidate]:
    """Return all candidates for a `config` with tanh, norm batch, sgd and windows, on the training words of `corpus`.

    Each scores batch_size windows a step, but NAMES every position of batch_size whole names.
    """
    torch_loop = TorchLoop(config, corpus.vocab_size, *examples(config, corpus))
    return {
        LECTURE: lecture_candidate(config, corpus),
        TORCH: Candidate(_repeat(torch_loop.step), config.batch_size),
        PLAIN: trainer_candidate(replace(config, step=StepKind.PLAIN), corpus),
        FAST: trainer_candidate(replace(config, step=StepKind.FAST), corpus),
        NAMES: trainer_candidate(replace(config, step=StepKind.FAST, batches=Batches.NAMES), corpus),
        FLOOR: matmul_candidate(config, corpus),
    }


def lecture_candidate(config: RunConfig, corpus: Corpus, device: torch.device = CPU) -> Candidate:
    loop = LectureLoop(config, corpus.vocab_size, *examples(config, corpus), device)
    return Candidate(_repeat(loop.step), config.batch_size)


def trainer_candidate(config: RunConfig, corpus: Corpus, device: torch.device = CPU) -> Candidate:
    """Return the step of `config` as a run takes it, batches and learning rate included."""
    trainer = Trainer(replace(config, max_steps=UNLIMITED_STEPS), corpus, device)
    positions = float(config.batch_size)
    if config.batches == Batches.NAMES:
        names = trainer.splits.prefixes(Split.TRAIN)
        positions *= names.positions / len(names)

    def run_steps(steps: int) -> None:
        trainer.train_for(float("inf"), steps)

    return Candidate(run_steps, positions)


def matmul_candidate(config: RunConfig, corpus: Corpus) -> Candidate:
    return Candidate(_repeat(MatmulFloor(config, corpus.vocab_size).step), config.batch_size)


def examples(config: RunConfig, corpus: Corpus) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all training contexts [N, context] and targets [N] as whole tensors, as the lecture's loop holds them."""
    windows = WindowDataset(corpus.split(Split.TRAIN), corpus.symbols, config.context, CPU)
    contexts, targets = windows.batch(slice(None))
    return contexts.contiguous(), targets.contiguous()


def _repeat(step: Callable[[], None]) -> Callable[[int], None]:
    def run_steps(steps: int) -> None:
        for _ in range(steps):
            step()

    return run_steps


def step_figures(
    presets: Sequence[str], corpus: Corpus, rounds: int, seconds: float, on_progress: OnProgress
) -> list[Measurement]:
    """Compare the fast step with all candidates on the CPU, for each of `presets` (tanh, norm batch, sgd, windows)."""
    comparisons = [
        compare_speed(name, make_candidates(get_preset(name).config, corpus), rounds, seconds, on_progress)
        for name in presets
    ]
    meaning = "as fast as the lecture's loop is our fast step; the better of 1 and 2 threads for each"
    floor_share = {comparison.name: comparison.ratio(FAST, FLOOR) for comparison in comparisons}
    floor_meaning = "of the fast step's time would its matrix products take alone (from 0 to 1)"
    return [
        _ratios("step_ratio", meaning, comparisons, FAST),
        Measurement("floor_share", floor_share, "", floor_meaning),
    ]


def gpu_step_figure(
    presets: Sequence[str], corpus: Corpus, rounds: int, seconds: float, on_progress: OnProgress
) -> Measurement:
    """Compare the step that a run takes on CUDA with the lecture's loop there."""
    device = torch.device("cuda")
    comparisons = []
    for name in presets:
        config = get_preset(name).config
        candidates = {
            LECTURE: lecture_candidate(config, corpus, device),
            PLAIN: trainer_candidate(config, corpus, device),
        }
        comparisons.append(compare_speed(name, candidates, rounds, seconds, on_progress, threads=(1,)))
    meaning = "as fast as the lecture's loop is our plain step, which runs there, both on the GPU"
    return _ratios("gpu_step_ratio", meaning, comparisons, PLAIN)


def comparison_table(comparison: SpeedComparison) -> Iterator[str]:
    """Yield a heading and a row for each candidate; the ratios are of positions/s."""
    yield f"{comparison.name:24}{'steps/s':>9}{'threads':>9}{'positions/s':>13}{'× lecture':>11}{'of the floor':>14}"
    for name in comparison.speeds:
        speed = comparison.speed(name)
        positions = f"{speed * comparison.positions[name]:,.0f}"
        # the floor is that of windows
        has_floor = FLOOR in comparison.speeds and name != NAMES
        floor_share = f"{comparison.ratio(name, FLOOR):.2f}" if has_floor else "–"
        ratio = f"{comparison.ratio(name, LECTURE):.2f}"
        threads = comparison.threads(name)
        yield f"{DESCRIPTIONS[name]:24}{speed:>9,.0f}{threads:>9}{positions:>13}{ratio:>11}{floor_share:>14}"


def _ratios(name: str, meaning: str, comparisons: Sequence[SpeedComparison], candidate: str) -> Measurement:
    ratios = {comparison.name: comparison.ratio(candidate, LECTURE) for comparison in comparisons}
    runs = tuple(run for comparison in comparisons for run in _runs(comparison))
    lines = tuple(line for comparison in comparisons for line in comparison_table(comparison))
    return Measurement(name, ratios, "×", meaning, runs, lines)


def _runs(comparison: SpeedComparison) -> Iterator[Run]:
    for name, by_threads in comparison.speeds.items():
        for threads, speeds in by_threads.items():
            labels: dict[str, str | float] = {"preset": comparison.name, "contender": name, "threads": threads}
            yield {**labels, "positions": comparison.positions[name], "steps_per_second": speeds}
