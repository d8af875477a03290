"""What keeping a run costs its training: the time of one save against the time between two."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from charwave_tui.bench.figures import Figure, Run, Tick
from charwave_tui.bench.material import ENDLESS
from charwave_tui.core.places import runs_dir
from charwave_tui.core.presets import preset
from charwave_tui.core.runs import RunStore
from charwave_tui.engine.current import CurrentRun
from charwave_tui.engine.saves import EVERY

STEPS = 3
"""Steps before the saves, so that an optimiser has all that it remembers."""


def saving_figure(presets: Sequence[str], corpus: str, saves: int, tick: Tick) -> Figure:
    """The share of a training's time, in per cent, that goes into saving each of `presets` on this disk."""
    values: dict[str, float] = {}
    runs: list[Run] = []
    lines = []
    for name in presets:
        tick(f"saving {name}")
        seconds, size = _timed(name, corpus, saves)
        values[name] = 100 * median(seconds) / EVERY
        runs.append({"preset": name, "seconds": seconds, "bytes": float(size)})
        lines.append(
            f"{name:24}{1000 * median(seconds):.1f} ms for {size / 1e6:.2f} MB, the slowest {max(seconds):.3f} s"
        )
    meaning = f"of the training time: a save each {EVERY:g} s, written and synced to disk"
    return Figure("save_cost", values, "%", meaning, tuple(runs), tuple(lines))


def _timed(name: str, corpus: str, saves: int) -> tuple[tuple[float, ...], int]:
    store = RunStore(runs_dir())
    run = CurrentRun(replace(preset(name).config, corpus=corpus, max_steps=ENDLESS), name, lambda event: None)
    run.begin(store, time.monotonic(), None)
    run.trainer.advance(float("inf"), STEPS)
    seconds = []
    for _ in range(saves):
        began = time.perf_counter()
        run.save()
        seconds.append(time.perf_counter() - began)
    assert run.saves is not None
    run.saves.release()
    return tuple(seconds), store.place(run.saves.number).saves()[0].stat().st_size
