"""What inspecting and autosaving cost training."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from statistics import median

from charwave_tui.bench.results import UNLIMITED_STEPS, Measurement, OnProgress, Run, interleaved
from charwave_tui.core.config.layer_shapes import layer_shapes
from charwave_tui.core.config.presets import get_preset
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.protocol.commands import InspectLayer, ProbeLayers, ReportStatus, StartRun, StopRun
from charwave_tui.core.protocol.events import CommandRefused, EngineFailed, Event, StatusReported
from charwave_tui.core.protocol.framing import encode_frame
from charwave_tui.core.protocol.layer_insights import InsightQuery
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.runs.active_run import ActiveRun
from charwave_tui.engine.runs.autosave import AUTOSAVE_SECONDS
from charwave_tui.engine.service.dispatcher import CommandDispatcher

PROBE_INTERVAL_SECONDS = 1.0  # as on the screen
MAX_PROBE_TIME_FRACTION = 0.03  # as on the screen: the next probe comes later where probes are slow
INSPECTED_KINDS = ("Tanh", "Linear", "Gated")  # in turn, the middle layer of each kind
STEPS_BEFORE_SAVES = 3  # the optimizer then has all of its state


def inspector_overhead(
    presets: Sequence[str], corpus: str, pairs: int, seconds: float, on_progress: OnProgress
) -> Measurement:
    """Measure by how many per cent an open inspector slows training, `seconds` a reading."""
    values: dict[str, float] = {}
    runs: list[Run] = []
    lines = []
    for name in presets:
        run = _InspectedRun(name, corpus)
        run.speed(seconds, inspected=False)  # warm-up

        def speed(inspected: bool, run: _InspectedRun = run, name: str = name) -> float:
            on_progress(f"{name} {'looked into' if inspected else 'left alone'}")
            return run.speed(seconds, inspected=inspected)

        measured = list(interleaved(pairs, partial(speed, False), partial(speed, True)))
        run.stop()
        values[name] = median(pair.cost for pair in measured)
        runs += [
            {"preset": name, "looked": pair.loaded, "alone": pair.baseline, "cost": pair.cost} for pair in measured
        ]
        costs = "  ".join(f"{pair.cost:.1f}" for pair in measured)
        percent = 100 * sum(run.probe_seconds) / (pairs * seconds)
        milliseconds = 1000 * median(run.probe_seconds)
        lines.append(f"{name:24}{milliseconds:.1f} ms a look, {percent:.1f} % of the time; % of each pair: {costs}")
    meaning = "slower with a layer's view open, which asks each second at most (median of pairs)"
    return Measurement("inspector_cost", values, "%", meaning, tuple(runs), tuple(lines))


class _InspectedRun:
    """A run trained in this process, whose layers can be inspected meanwhile; `probe_seconds` has each inspection."""

    def __init__(self, preset: str, corpus: str) -> None:
        config = replace(
            get_preset(preset).config, corpus=corpus, max_steps=UNLIMITED_STEPS, eval_every=UNLIMITED_STEPS
        )
        self.probe_seconds: list[float] = []
        self._step = 0
        self._dispatcher = CommandDispatcher(RunStore(runs_dir()), self._on_event)
        self._dispatcher.dispatch(StartRun(config, preset), self._on_event, time.monotonic())
        kinds = [shape.kind for shape in layer_shapes(config, 27)]
        by_kind = [[index for index, kind in enumerate(kinds) if kind == inspected] for inspected in INSPECTED_KINDS]
        self._queries = [InsightQuery(indices[len(indices) // 2]) for indices in by_kind if indices]
        self._probe_due = 0.0

    def speed(self, seconds: float, *, inspected: bool) -> float:
        """Return steps/s over about `seconds` of processor time."""
        start, first_step = time.process_time(), self._query_step()
        self._probe_due = start
        while (now := time.process_time()) < start + seconds:
            if inspected and now >= self._probe_due:
                self._probe()
            self._dispatcher.run_slice()
        return (self._query_step() - first_step) / (now - start)

    def stop(self) -> None:
        self._dispatcher.dispatch(StopRun(), self._on_event, time.monotonic())
        self._dispatcher.shut_down()

    def _probe(self) -> None:
        start = time.process_time()
        query = self._queries[len(self.probe_seconds) % len(self._queries)]
        for command in (ProbeLayers(), InspectLayer(query)):
            self._dispatcher.dispatch(command, self._on_event, time.monotonic())
        now = time.process_time()
        self.probe_seconds.append(now - start)
        self._probe_due = now + max(PROBE_INTERVAL_SECONDS, (now - start) / MAX_PROBE_TIME_FRACTION)

    def _query_step(self) -> int:
        self._dispatcher.dispatch(ReportStatus(), self._on_event, time.monotonic())
        return self._step

    def _on_event(self, event: Event) -> None:
        if isinstance(event, CommandRefused | EngineFailed):
            raise RuntimeError(f"the engine does not train: {event.problem}")
        if isinstance(event, StatusReported):
            self._step = event.step
        encode_frame(event)  # as for the socket


def autosave_overhead(presets: Sequence[str], corpus: str, saves: int, on_progress: OnProgress) -> Measurement:
    """Measure the percentage of training time that goes into saving, for each of `presets`, on this disk."""
    values: dict[str, float] = {}
    runs: list[Run] = []
    lines = []
    for name in presets:
        on_progress(f"saving {name}")
        seconds, size = _time_saves(name, corpus, saves)
        values[name] = 100 * median(seconds) / AUTOSAVE_SECONDS
        runs.append({"preset": name, "seconds": seconds, "bytes": float(size)})
        lines.append(
            f"{name:24}{1000 * median(seconds):.1f} ms for {size / 1e6:.2f} MB, the slowest {max(seconds):.3f} s"
        )
    meaning = f"of the training time: a save each {AUTOSAVE_SECONDS:g} s, written and synced to disk"
    return Measurement("save_cost", values, "%", meaning, tuple(runs), tuple(lines))


def _time_saves(preset: str, corpus: str, saves: int) -> tuple[tuple[float, ...], int]:
    store = RunStore(runs_dir())
    config = replace(get_preset(preset).config, corpus=corpus, max_steps=UNLIMITED_STEPS)
    run = ActiveRun(config, preset, lambda event: None)
    run.begin(store, time.monotonic(), None)
    run.trainer.train_for(float("inf"), STEPS_BEFORE_SAVES)
    seconds = []
    for _ in range(saves):
        start = time.perf_counter()
        run.save()
        seconds.append(time.perf_counter() - start)
    assert run.autosave is not None
    run.autosave.release()
    return tuple(seconds), store.folder_of(run.autosave.run).checkpoints()[0].stat().st_size
