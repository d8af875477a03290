"""The benchmarks: choose and run them, and write their measurements as JSON or as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from charwave_tui.bench.playground_overhead import playground_overhead
from charwave_tui.bench.responsiveness import first_frame, first_loss
from charwave_tui.bench.results import BenchCase, BenchCorpus, BenchSettings, Measurement, OnProgress
from charwave_tui.bench.terminal_driver import isolated_home
from charwave_tui.core.errors import UserError

PRESETS = ("tree-76k", "tree-287k")  # whose steps are timed and names sampled
SAVED_PRESETS = ("tree-76k", "charwave-best")  # an ordinary model, and the largest of a preset


# what measures training or the engine is imported when it runs, for it imports torch


def _training_speed(corpus: BenchCorpus, settings: BenchSettings, on_progress: OnProgress) -> Iterator[Measurement]:
    from charwave_tui.bench.training_speed import gpu_step_figure, step_figures

    yield from step_figures(PRESETS, corpus.corpus, settings.rounds, settings.seconds, on_progress)
    if _has_gpu():
        yield gpu_step_figure(PRESETS, corpus.corpus, settings.rounds, settings.seconds, on_progress)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _sampling_speed(corpus: BenchCorpus, settings: BenchSettings, on_progress: OnProgress) -> Iterator[Measurement]:
    from charwave_tui.bench.sampling_speed import names_per_second

    yield names_per_second(PRESETS, corpus.corpus, settings.training_steps, settings.sampling_rounds, on_progress)


def _time_to_loss(corpus: BenchCorpus, settings: BenchSettings, on_progress: OnProgress) -> Iterator[Measurement]:
    from charwave_tui.bench.time_to_loss import time_to_loss

    yield time_to_loss(corpus, settings.target_runs, 10 * settings.seconds, on_progress)


def _inspector_cost(corpus: BenchCorpus, settings: BenchSettings, on_progress: OnProgress) -> Iterator[Measurement]:
    from charwave_tui.bench.engine_overhead import inspector_overhead

    yield inspector_overhead(PRESETS, corpus.path, settings.pairs, 10 * settings.seconds, on_progress)


def _save_cost(corpus: BenchCorpus, settings: BenchSettings, on_progress: OnProgress) -> Iterator[Measurement]:
    from charwave_tui.bench.engine_overhead import autosave_overhead

    yield autosave_overhead(SAVED_PRESETS, corpus.path, settings.saves, on_progress)


CASES = (
    BenchCase(
        ("step_ratio", "floor_share"),
        lambda settings: len(PRESETS) * settings.rounds * (1 + _has_gpu()),
        _training_speed,
    ),
    BenchCase(("names_per_second",), lambda settings: len(PRESETS) * (1 + settings.sampling_rounds), _sampling_speed),
    BenchCase(("time_to_target_ratio",), lambda settings: settings.target_runs, _time_to_loss),
    BenchCase(
        ("playground_cost",),
        lambda settings: 2 * settings.pairs,
        lambda corpus, settings, tick: [playground_overhead(corpus.path, settings.pairs, tick)],
    ),
    BenchCase(("inspector_cost",), lambda settings: 2 * len(PRESETS) * settings.pairs, _inspector_cost),
    BenchCase(("save_cost",), lambda settings: len(SAVED_PRESETS), _save_cost),
    BenchCase(
        ("first_frame",),
        lambda settings: settings.frame_runs,
        lambda corpus, settings, tick: [first_frame(settings.frame_runs, tick)],
    ),
    BenchCase(
        ("first_loss",),
        lambda settings: settings.loss_runs,
        lambda corpus, settings, tick: [first_loss(settings.loss_runs, tick)],
    ),
)


def select_cases(names: Sequence[str]) -> list[BenchCase]:
    """Return the cases that yield the measurements `names`, all where there are none; raises UserError."""
    known_names = [name for case in CASES for name in case.names]
    for name in names:
        if name not in known_names:
            raise UserError(f"there is no figure {name}", f"there are {', '.join(known_names)}")
    return [case for case in CASES if not names or set(names) & set(case.names)]


def run_cases(
    cases: Sequence[BenchCase],
    corpus: BenchCorpus,
    settings: BenchSettings,
    on_progress: OnProgress = lambda text: None,
) -> list[Measurement]:
    """Measure in a temporary data folder; every process that was started has ended afterwards."""
    with isolated_home():
        return [measurement for case in cases for measurement in case.measure(corpus, settings, on_progress)]


def as_json(measurements: Sequence[Measurement]) -> dict[str, Any]:
    """Return each value under its measurement's name, and the raw readings under `runs`."""
    return {
        **{measurement.name: _rounded(measurement.value) for measurement in measurements},
        "runs": {measurement.name: _rounded(measurement.runs) for measurement in measurements if measurement.runs},
    }


def as_table(measurements: Sequence[Measurement]) -> list[str]:
    """Return a heading, a row for each measurement or each of its presets, and its runs below."""
    lines = [f"{'measurement':32} {'median':>8}    what it is"]
    for measurement in measurements:
        by_preset = measurement.value if isinstance(measurement.value, Mapping) else {"": measurement.value}
        meaning = measurement.meaning
        for preset, value in by_preset.items():
            label = f"{measurement.name} {preset}".rstrip()
            lines.append(f"{label:32} {_format(value):>8} {measurement.unit:2} {meaning}".rstrip())
            meaning = ""
        lines += [f"    {line}".rstrip() for line in measurement.lines or _run_lines(measurement)]
    return lines


def unavailable_lines(measurements: Sequence[Measurement]) -> Iterator[str]:
    return (f"{measurement.name}: {measurement.meaning}" for measurement in measurements if measurement.value is None)


def _run_lines(measurement: Measurement) -> list[str]:
    runs = []
    for run in measurement.runs:
        if isinstance(run, Mapping):
            runs.append("(" + ", ".join(f"{name} {_format(value)}" for name, value in run.items()) + ")")
        else:
            runs.append(_format(run))
    return ["  ".join(runs)] if runs else []


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return round(value, 4)
        case Mapping():
            return {name: _rounded(item) for name, item in value.items()}
        case list() | tuple():
            return [_rounded(item) for item in value]
        case _:
            return value


def _format(value: object) -> str:
    if value is None:
        return "–"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"
