"""How much sooner the published loss is reached: our quick preset as a command, the recipe in the lecture's loop."""

from __future__ import annotations

import json
import subprocess
import time
from statistics import median

from charwave_tui.bench.results import BenchCorpus, Measurement, OnProgress
from charwave_tui.bench.terminal_driver import program_command
from charwave_tui.bench.training_speed import LECTURE, THREADS, compare_speed, lecture_candidate
from charwave_tui.core.config.presets import get_preset

NAME = "time_to_target_ratio"
LECTURE_PRESET = "tree-287k"  # its published val is the target
QUICK = ("--set", "device=cpu", "--preset", "charwave-quick")  # what is trained to reach it sooner


def time_to_loss(corpus: BenchCorpus, runs: int, seconds: float, on_progress: OnProgress) -> Measurement:
    """Measure the time of the recipe in the lecture's loop over that of a whole process that trains QUICK.

    The loop is timed for `seconds` with each number of threads beside every one of `runs`; its time is the recipe's
    steps over that speed, so neither its start-up nor any evaluation counts against it.
    """
    preset = get_preset(LECTURE_PRESET)
    target = preset.published.val if preset.published else None
    assert target is not None
    if not corpus.is_lecture:
        return Measurement(NAME, None, "", f"val {target} is a figure of the lecture's names, and these are others")
    steps, lecture = preset.config.max_steps, {LECTURE: lecture_candidate(preset.config, corpus.corpus)}
    quick_runs: list[tuple[float, float]] = []
    speeds: dict[int, list[float]] = {threads: [] for threads in THREADS}
    for number in range(runs):
        on_progress(f"{' '.join(QUICK)}, run {number + 1} of {runs}, start-up included")
        quick_runs.append(_train_quick(corpus.path))
        for threads, (speed,) in compare_speed(LECTURE_PRESET, lecture, 1, seconds).speeds[LECTURE].items():
            speeds[threads].append(speed)
    threads = max(speeds, key=lambda count: median(speeds[count]))
    readings = [
        {"seconds": quick_seconds, "val": val, "lecture_steps_per_second": speed, "lecture_seconds": steps / speed}
        for (quick_seconds, val), speed in zip(quick_runs, speeds[threads], strict=True)
    ]
    if (worst := max(val for _, val in quick_runs)) > target:
        meaning = f"{QUICK[-1]} came to val {worst:.4f}, which is more than {target}: there is no time to compare"
        return Measurement(NAME, None, "", meaning, tuple(readings))
    ratio = median(reading["lecture_seconds"] / reading["seconds"] for reading in readings)
    meaning = f"sooner at val {target}: {QUICK[-1]} against {LECTURE_PRESET} in the lecture's loop"
    quick_seconds, lecture_speed = median(reading["seconds"] for reading in readings), median(speeds[threads])
    lines = (
        f"{QUICK[-1]}: val {worst:.4f} after {quick_seconds:.1f} s, start-up included",
        f"the lecture's loop: {lecture_speed:,.0f} steps/s ({threads} threads), from which its {steps:,} "
        f"steps are reckoned: {steps / lecture_speed:,.0f} s",
    )
    return Measurement(NAME, ratio, "×", meaning, tuple(readings), lines)


def _train_quick(corpus: str) -> tuple[float, float]:
    """Train QUICK in a process; return its seconds, start-up included, and its val."""
    start = time.perf_counter()
    completed = subprocess.run(
        program_command("train", *QUICK, "--corpus", corpus, "--json"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    seconds = time.perf_counter() - start
    if completed.returncode != 0:
        last_line = (completed.stderr.splitlines() or ["nothing said"])[-1]
        raise RuntimeError(f"train {' '.join(QUICK)} ended with: {last_line}")
    return seconds, float(json.loads(completed.stdout)["val"])
