"""How much sooner the notes' loss is reached: our quick preset as a command, their recipe in the lecture's loop."""

from __future__ import annotations

import json
import subprocess
import time
from statistics import median

from charwave_tui.bench.results import BenchCorpus, Measurement, OnProgress
from charwave_tui.bench.terminal_driver import command
from charwave_tui.bench.training_speed import LECTURE, THREADS, by_lecture, compare_speed
from charwave_tui.core.config.presets import get_preset

NAME = "time_to_target_ratio"
"""What the figure is called."""


NOTES = "tree-287k"
"""The preset with the notes' recipe, whose published val is the target."""


QUICK = ("--set", "device=cpu", "--preset", "charwave-quick")
"""What is trained to reach it sooner."""


def time_to_loss(material: BenchCorpus, runs: int, seconds: float, tick: OnProgress) -> Measurement:
    """The seconds of the notes' recipe in the lecture's loop over those of a whole process that trains QUICK.

    The loop is timed for `seconds` with each number of threads beside every one of `runs`; its time is the recipe's
    steps over that speed, so neither its start-up nor any evaluation counts against it.
    """
    notes = get_preset(NOTES)
    target = notes.published.val if notes.published else None
    assert target is not None
    if not material.of_lecture:
        return Measurement(NAME, None, "", f"val {target} is a figure of the lecture's names, and these are others")
    steps, loop = notes.config.max_steps, {LECTURE: by_lecture(notes.config, material.corpus)}
    quick: list[tuple[float, float]] = []
    speeds: dict[int, list[float]] = {threads: [] for threads in THREADS}
    for number in range(runs):
        tick(f"{' '.join(QUICK)}, run {number + 1} of {runs}, start-up included")
        quick.append(_trained(material.path))
        for threads, (speed,) in compare_speed(NOTES, loop, 1, seconds).speeds[LECTURE].items():
            speeds[threads].append(speed)
    threads = max(speeds, key=lambda count: median(speeds[count]))
    readings = [
        {"seconds": taken, "val": val, "lecture_steps_per_second": speed, "lecture_seconds": steps / speed}
        for (taken, val), speed in zip(quick, speeds[threads], strict=True)
    ]
    if (worst := max(val for _, val in quick)) > target:
        why = f"{QUICK[-1]} came to val {worst:.4f}, which is more than {target}: there is no time to compare"
        return Measurement(NAME, None, "", why, tuple(readings))
    meaning = f"sooner at val {target}: {QUICK[-1]} against {NOTES} in the lecture's loop"
    return Measurement(
        NAME,
        median(reading["lecture_seconds"] / reading["seconds"] for reading in readings),
        "×",
        meaning,
        tuple(readings),
        (
            f"{QUICK[-1]}: val {worst:.4f} after {median(taken for taken, _ in quick):.1f} s, start-up included",
            f"the lecture's loop: {median(speeds[threads]):,.0f} steps/s ({threads} threads), from which its {steps:,} "
            f"steps are reckoned: {steps / median(speeds[threads]):,.0f} s",
        ),
    )


def _trained(corpus: str) -> tuple[float, float]:
    """Seconds of a whole process that trains, and the val it came to."""
    begun = time.perf_counter()
    ran = subprocess.run(
        command("train", *QUICK, "--corpus", corpus, "--json"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    taken = time.perf_counter() - begun
    if ran.returncode != 0:
        raise RuntimeError(f"train {' '.join(QUICK)} ended with: {(ran.stderr.splitlines() or ['nothing said'])[-1]}")
    return taken, float(json.loads(ran.stdout)["val"])
