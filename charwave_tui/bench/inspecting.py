"""What looking inside the layers costs training: one run, asked by turns as an open view asks, and left alone.

All by the time of the processor, which others that are busy on the machine disturb less than the clock on the wall.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from statistics import median

from charwave_tui.bench.figures import Figure, Pair, Run, Tick, interleaved
from charwave_tui.bench.material import ENDLESS
from charwave_tui.core.framing import frame
from charwave_tui.core.insights import Lens
from charwave_tui.core.inspection import InspectLayer
from charwave_tui.core.places import runs_dir
from charwave_tui.core.presets import preset
from charwave_tui.core.protocol import (
    CommandRefused,
    EngineFailed,
    Event,
    ProbeLayers,
    ReportStatus,
    StartRun,
    StatusReported,
    StopRun,
)
from charwave_tui.core.runs import RunStore
from charwave_tui.core.shapes import layer_shapes
from charwave_tui.engine.conductor import Conductor

EVERY = 1.0
"""Seconds between two looks, as on the screen."""

SHARE = 0.03
"""The share of the engine's time that looking may take: where looks are slow, the next one comes later."""

LOOKED_INTO = ("Tanh", "Linear", "Gated")
"""Kinds of layers whose views are open by turns, the middle one of each kind."""


def inspector_cost(presets: Sequence[str], corpus: str, pairs: int, seconds: float, tick: Tick) -> Figure:
    """By how many per cent an open view slows the training of each of `presets`, each reading of so many `seconds`."""
    values: dict[str, float] = {}
    runs: list[Run] = []
    lines = []
    for name in presets:
        watched = _Watched(name, corpus)
        watched.speed(seconds, looking=False)  # the start is nobody's burden

        def plain(name: str, watched: _Watched) -> float:
            tick(f"{name} left alone")
            return watched.speed(seconds, looking=False)

        def burdened(name: str, watched: _Watched) -> float:
            tick(f"{name} looked into")
            return watched.speed(seconds, looking=True)

        measured: list[Pair] = list(interleaved(pairs, partial(plain, name, watched), partial(burdened, name, watched)))
        watched.leave()
        values[name] = median(pair.cost for pair in measured)
        runs += [{"preset": name, "looked": pair.burdened, "alone": pair.plain, "cost": pair.cost} for pair in measured]
        costs = "  ".join(f"{pair.cost:.1f}" for pair in measured)
        share = 100 * sum(watched.looks) / (pairs * seconds)
        lines.append(
            f"{name:24}{1000 * median(watched.looks):.1f} ms a look, {share:.1f} % of the time; % of each pair: {costs}"
        )
    meaning = "slower with a layer's view open, which asks each second at most (median of pairs)"
    return Figure("inspector_cost", values, "%", meaning, tuple(runs), tuple(lines))


class _Watched:
    """A run in this process; `looks` are the seconds that each look took."""

    def __init__(self, name: str, corpus: str) -> None:
        config = replace(preset(name).config, corpus=corpus, max_steps=ENDLESS, eval_every=ENDLESS)
        self.looks: list[float] = []
        self._reached = 0
        self._conductor = Conductor(RunStore(runs_dir()), self._hear)
        self._conductor.obey(StartRun(config, name), self._hear, time.monotonic())
        kinds = [shape.kind for shape in layer_shapes(config, 27)]
        places = [[place for place, kind in enumerate(kinds) if kind == wanted] for wanted in LOOKED_INTO]
        self._lenses = [Lens(found[len(found) // 2]) for found in places if found]
        self._due = 0.0

    def speed(self, seconds: float, *, looking: bool) -> float:
        """Steps a second over about so many `seconds`."""
        began, before = time.process_time(), self._step()
        self._due = began
        while (now := time.process_time()) < began + seconds:
            if looking and now >= self._due:
                self._look()
            self._conductor.work()
        return (self._step() - before) / (now - began)

    def leave(self) -> None:
        """End the run."""
        self._conductor.obey(StopRun(), self._hear, time.monotonic())
        self._conductor.leave()

    def _look(self) -> None:
        began = time.process_time()
        lens = self._lenses[len(self.looks) % len(self._lenses)]
        for command in (ProbeLayers(), InspectLayer(lens)):
            self._conductor.obey(command, self._hear, time.monotonic())
        now = time.process_time()
        self.looks.append(now - began)
        self._due = now + max(EVERY, (now - began) / SHARE)

    def _step(self) -> int:
        self._conductor.obey(ReportStatus(), self._hear, time.monotonic())
        return self._reached

    def _hear(self, event: Event) -> None:
        if isinstance(event, CommandRefused | EngineFailed):
            raise RuntimeError(f"the engine does not train: {event.problem}")
        if isinstance(event, StatusReported):
            self._reached = event.step
        frame(event)  # as for the wire
