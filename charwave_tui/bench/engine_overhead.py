"""What inspecting and saving cost training."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from statistics import median

from charwave_tui.bench.results import UNLIMITED_STEPS, Measurement, OnProgress, Pair, Run, interleaved
from charwave_tui.core.config.layer_shapes import layer_shapes
from charwave_tui.core.config.presets import get_preset
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.protocol.commands import InspectLayer, ProbeLayers, ReportStatus, StartRun, StopRun
from charwave_tui.core.protocol.events import CommandRefused, EngineFailed, Event, StatusReported
from charwave_tui.core.protocol.framing import encode_frame
from charwave_tui.core.protocol.layer_insights import InsightQuery
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.runs.active_run import ActiveRun
from charwave_tui.engine.runs.autosave import EVERY
from charwave_tui.engine.service.dispatcher import CommandDispatcher

PROBE_INTERVAL = 1.0
"""Seconds between two looks, as on the screen."""


SHARE = 0.03
"""The share of the engine's time that looking may take: where looks are slow, the next one comes later."""


LOOKED_INTO = ("Tanh", "Linear", "Gated")
"""Kinds of layers whose views are open by turns, the middle one of each kind."""


def inspector_overhead(
    presets: Sequence[str], corpus: str, pairs: int, seconds: float, tick: OnProgress
) -> Measurement:
    """By how many per cent an open view slows the training of each of `presets`, each reading of so many `seconds`."""
    values: dict[str, float] = {}
    runs: list[Run] = []
    lines = []
    for name in presets:
        watched = _ObservedRun(name, corpus)
        watched.speed(seconds, looking=False)  # the start is nobody's burden

        def plain(name: str, watched: _ObservedRun) -> float:
            tick(f"{name} left alone")
            return watched.speed(seconds, looking=False)

        def burdened(name: str, watched: _ObservedRun) -> float:
            tick(f"{name} looked into")
            return watched.speed(seconds, looking=True)

        measured: list[Pair] = list(interleaved(pairs, partial(plain, name, watched), partial(burdened, name, watched)))
        watched.leave()
        values[name] = median(pair.cost for pair in measured)
        runs += [
            {"preset": name, "looked": pair.loaded, "alone": pair.baseline, "cost": pair.cost} for pair in measured
        ]
        costs = "  ".join(f"{pair.cost:.1f}" for pair in measured)
        share = 100 * sum(watched.looks) / (pairs * seconds)
        lines.append(
            f"{name:24}{1000 * median(watched.looks):.1f} ms a look, {share:.1f} % of the time; % of each pair: {costs}"
        )
    meaning = "slower with a layer's view open, which asks each second at most (median of pairs)"
    return Measurement("inspector_cost", values, "%", meaning, tuple(runs), tuple(lines))


class _ObservedRun:
    """A run in this process; `looks` are the seconds that each look took."""

    def __init__(self, name: str, corpus: str) -> None:
        config = replace(get_preset(name).config, corpus=corpus, max_steps=UNLIMITED_STEPS, eval_every=UNLIMITED_STEPS)
        self.looks: list[float] = []
        self._reached = 0
        self._conductor = CommandDispatcher(RunStore(runs_dir()), self._hear)
        self._conductor.dispatch(StartRun(config, name), self._hear, time.monotonic())
        kinds = [shape.kind for shape in layer_shapes(config, 27)]
        places = [[place for place, kind in enumerate(kinds) if kind == wanted] for wanted in LOOKED_INTO]
        self._lenses = [InsightQuery(found[len(found) // 2]) for found in places if found]
        self._due = 0.0

    def speed(self, seconds: float, *, looking: bool) -> float:
        """Steps a second over about so many `seconds`."""
        began, before = time.process_time(), self._step()
        self._due = began
        while (now := time.process_time()) < began + seconds:
            if looking and now >= self._due:
                self._look()
            self._conductor.run_slice()
        return (self._step() - before) / (now - began)

    def leave(self) -> None:
        """End the run."""
        self._conductor.dispatch(StopRun(), self._hear, time.monotonic())
        self._conductor.shut_down()

    def _look(self) -> None:
        began = time.process_time()
        lens = self._lenses[len(self.looks) % len(self._lenses)]
        for command in (ProbeLayers(), InspectLayer(lens)):
            self._conductor.dispatch(command, self._hear, time.monotonic())
        now = time.process_time()
        self.looks.append(now - began)
        self._due = now + max(PROBE_INTERVAL, (now - began) / SHARE)

    def _step(self) -> int:
        self._conductor.dispatch(ReportStatus(), self._hear, time.monotonic())
        return self._reached

    def _hear(self, event: Event) -> None:
        if isinstance(event, CommandRefused | EngineFailed):
            raise RuntimeError(f"the engine does not train: {event.problem}")
        if isinstance(event, StatusReported):
            self._reached = event.step
        encode_frame(event)  # as for the wire


STEPS = 3
"""Steps before the saves, so that an optimiser has all that it remembers."""


def autosave_overhead(presets: Sequence[str], corpus: str, saves: int, tick: OnProgress) -> Measurement:
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
    return Measurement("save_cost", values, "%", meaning, tuple(runs), tuple(lines))


def _timed(name: str, corpus: str, saves: int) -> tuple[tuple[float, ...], int]:
    store = RunStore(runs_dir())
    run = ActiveRun(
        replace(get_preset(name).config, corpus=corpus, max_steps=UNLIMITED_STEPS), name, lambda event: None
    )
    run.begin(store, time.monotonic(), None)
    run.trainer.train_for(float("inf"), STEPS)
    seconds = []
    for _ in range(saves):
        began = time.perf_counter()
        run.save()
        seconds.append(time.perf_counter() - began)
    assert run.saves is not None
    run.saves.release()
    return tuple(seconds), store.folder_of(run.saves.number).checkpoints()[0].stat().st_size
