"""How speed, share of the floor and memory go with the model's width and the size of the batch."""

from __future__ import annotations

import multiprocessing
import re
import resource
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from charwave_tui.bench.results import OnProgress
from charwave_tui.core.config.presets import get_preset
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus_registry import find_corpus

PRESET = "tree-76k"
"""The model that is widened, and its batch that is enlarged, by the fast step with sgd on windows."""


WIDTHS = (64, 128, 256, 512, 1_024)
"""Values of n_hidden, with the preset's batch_size."""


BATCHES = (16, 32, 64, 128, 256, 512, 1_024)
"""Values of batch_size, with the preset's n_hidden."""


ROUNDS, SECONDS = 3, 0.3
"""How many turns a size has with each number of threads, and how long each is."""


SMALLEST = {"n_embd": 1, "n_hidden": 1, "batch_size": 1}
"""A model whose own memory is next to nothing."""


BAR = 20
"""Characters of the longest bar."""


@dataclass(frozen=True, slots=True)
class ScalePoint:
    """What one size came to: steps/s and share of the floor with the better number of threads, and memory in MB.

    That is by how much the peak of a process which had trained a SMALLEST model, torch and corpus in it, rose.
    """

    n_hidden: int
    batch_size: int
    steps_per_second: float
    floor_share: float
    megabytes: float


def measure_scaling(
    corpus: str,
    rounds: int,
    seconds: float,
    tick: OnProgress,
    widths: Sequence[int] = WIDTHS,
    batches: Sequence[int] = BATCHES,
) -> tuple[list[ScalePoint], list[ScalePoint]]:
    """All widths, then all batches, each in a process of its own so that its memory is known."""
    base = replace(get_preset(PRESET).config, corpus=corpus)
    found = []
    # one worker, and a fresh one each time: two would share the cores
    with ProcessPoolExecutor(
        1,
        multiprocessing.get_context("spawn"),
        signal.signal,  # Ctrl+C is ours alone to answer
        (signal.SIGINT, signal.SIG_IGN),
        max_tasks_per_child=1,
    ) as pool:
        for field, values in (("n_hidden", widths), ("batch_size", batches)):
            row = []
            for value in values:
                tick(f"{field} {value:,}")
                row.append(pool.submit(_size, base.with_values({field: value}), rounds, seconds).result())
            found.append(row)
    return found[0], found[1]


def as_json(widths: Sequence[ScalePoint], batches: Sequence[ScalePoint]) -> dict[str, Any]:
    """Both rows of sizes under the name of what grows in them."""
    return {"n_hidden": [asdict(size) for size in widths], "batch_size": [asdict(size) for size in batches]}


def as_chart(widths: Sequence[ScalePoint], batches: Sequence[ScalePoint]) -> Iterator[str]:
    """Two tables with bars, each as long as its share of the column's largest."""
    for name, row in (("n_hidden", widths), ("batch_size", batches)):
        yield f"{name:>10}  {'steps/s':<{BAR + 8}}  {'of the floor':<{BAR + 6}}  {'memory, MB':<{BAR + 6}}".rstrip()
        longest = [max(column) for column in zip(*map(_measured, row), strict=True)]
        for size in row:
            speed, share, memory = _measured(size)
            bars = ["█" * round(BAR * part / most) for part, most in zip(_measured(size), longest, strict=True)]
            speeds, shares = f"{speed:>7,.0f} {bars[0]:{BAR}}", f"{share:>5.2f} {bars[1]:{BAR}}"
            yield f"{getattr(size, name):>10,}  {speeds}  {shares}  {memory:>5,.0f} {bars[2]}".rstrip()


def _measured(size: ScalePoint) -> tuple[float, float, float]:
    return size.steps_per_second, size.floor_share, size.megabytes


def _size(config: RunConfig, rounds: int, seconds: float) -> ScalePoint:
    from charwave_tui.bench.training_speed import (
        FAST,
        FLOOR,
        THREADS,
        WARM,
        compare_speed,
        matmul_candidate,
        threads_of,
        trainer_candidate,
    )

    corpus = find_corpus(config.corpus)
    with threads_of(max(THREADS)):
        trainer_candidate(config.with_values(SMALLEST), corpus).take(WARM)
        before = _peak_megabytes()
        fast = trainer_candidate(config, corpus)
        fast.take(WARM)
    memory = _peak_megabytes() - before  # the floor has buffers of its own
    contest = compare_speed(PRESET, {FAST: fast, FLOOR: matmul_candidate(config, corpus)}, rounds, seconds)
    return ScalePoint(config.n_hidden, config.batch_size, contest.speed(FAST), contest.against(FAST, FLOOR), memory)


def _peak_megabytes() -> float:
    """The most memory that this process ever held."""
    own = Path("/proc/self/status")  # getrusage on Linux would count that of the process which started this one too
    if own.exists() and (peak := re.search(r"VmHWM:\s+(\d+) kB", own.read_text("utf-8"))):
        return int(peak[1]) * 1_024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # in bytes on macOS
