"""How speed, fraction of the matmul floor and memory scale with n_hidden and batch_size."""

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
from charwave_tui.core.corpus.registry import find_corpus

PRESET = "tree-76k"
WIDTHS = (64, 128, 256, 512, 1_024)  # n_hidden, with the preset's batch_size
BATCH_SIZES = (16, 32, 64, 128, 256, 512, 1_024)  # with the preset's n_hidden
ROUNDS = 3  # of each size and number of threads
ROUND_SECONDS = 0.3
SMALLEST = {"n_embd": 1, "n_hidden": 1, "batch_size": 1}  # a model that takes next to no memory itself
BAR_WIDTH = 20  # characters of the longest bar


@dataclass(frozen=True, slots=True)
class ScalePoint:
    """Results for one size: steps/s and fraction of the floor with the better number of threads, and memory.

    `megabytes` is by how much the peak rose in a process that had trained a SMALLEST model before, so that torch and
    the corpus are not counted.
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
    on_progress: OnProgress,
    widths: Sequence[int] = WIDTHS,
    batch_sizes: Sequence[int] = BATCH_SIZES,
) -> tuple[list[ScalePoint], list[ScalePoint]]:
    """Measure all widths, then all batch sizes, each in a process of its own so that its memory is known."""
    base = replace(get_preset(PRESET).config, corpus=corpus)
    series = []
    # one worker, and a fresh one each time: two would share the cores
    with ProcessPoolExecutor(
        1,
        multiprocessing.get_context("spawn"),
        signal.signal,  # only this process handles Ctrl+C
        (signal.SIGINT, signal.SIG_IGN),
        max_tasks_per_child=1,
    ) as pool:
        for field, values in (("n_hidden", widths), ("batch_size", batch_sizes)):
            points = []
            for value in values:
                on_progress(f"{field} {value:,}")
                points.append(pool.submit(_measure, base.with_values({field: value}), rounds, seconds).result())
            series.append(points)
    return series[0], series[1]


def as_json(widths: Sequence[ScalePoint], batch_sizes: Sequence[ScalePoint]) -> dict[str, Any]:
    return {"n_hidden": [asdict(point) for point in widths], "batch_size": [asdict(point) for point in batch_sizes]}


def as_chart(widths: Sequence[ScalePoint], batch_sizes: Sequence[ScalePoint]) -> Iterator[str]:
    """Yield two tables with bars, each scaled to the largest value of its column."""
    bar = BAR_WIDTH
    for field, points in (("n_hidden", widths), ("batch_size", batch_sizes)):
        yield f"{field:>10}  {'steps/s':<{bar + 8}}  {'of the floor':<{bar + 6}}  {'memory, MB':<{bar + 6}}".rstrip()
        rows = [(point.steps_per_second, point.floor_share, point.megabytes) for point in points]
        maxima = [max(column) for column in zip(*rows, strict=True)]
        for point, row in zip(points, rows, strict=True):
            bars = ["█" * round(bar * value / maximum) for value, maximum in zip(row, maxima, strict=True)]
            speed, fraction = f"{row[0]:>7,.0f} {bars[0]:{bar}}", f"{row[1]:>5.2f} {bars[1]:{bar}}"
            yield f"{getattr(point, field):>10,}  {speed}  {fraction}  {row[2]:>5,.0f} {bars[2]}".rstrip()


def _measure(config: RunConfig, rounds: int, seconds: float) -> ScalePoint:
    from charwave_tui.bench.training_speed import (
        FAST,
        FLOOR,
        THREADS,
        WARMUP_STEPS,
        compare_speed,
        matmul_candidate,
        threads_of,
        trainer_candidate,
    )

    corpus = find_corpus(config.corpus)
    with threads_of(max(THREADS)):
        trainer_candidate(config.with_values(SMALLEST), corpus).run_steps(WARMUP_STEPS)
        before = _peak_megabytes()
        fast = trainer_candidate(config, corpus)
        fast.run_steps(WARMUP_STEPS)
    memory = _peak_megabytes() - before  # without the floor, which has buffers of its own
    comparison = compare_speed(PRESET, {FAST: fast, FLOOR: matmul_candidate(config, corpus)}, rounds, seconds)
    speed, floor_share = comparison.speed(FAST), comparison.ratio(FAST, FLOOR)
    return ScalePoint(config.n_hidden, config.batch_size, speed, floor_share, memory)


def _peak_megabytes() -> float:
    status = Path("/proc/self/status")  # getrusage on Linux also counts that of the process which started this one
    if status.exists() and (peak := re.search(r"VmHWM:\s+(\d+) kB", status.read_text("utf-8"))):
        return int(peak[1]) * 1_024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # in bytes on macOS
