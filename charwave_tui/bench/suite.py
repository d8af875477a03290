"""The list of benchmark cases; run them; JSON and table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from charwave_tui.bench.playground_overhead import playground_overhead
from charwave_tui.bench.responsiveness import first_frame, first_loss
from charwave_tui.bench.results import BenchCorpus, BenchmarkCase, BenchmarkSettings, Measurement, OnProgress
from charwave_tui.bench.terminal_driver import isolated_home
from charwave_tui.core.errors import UserError

PRESETS = ("tree-76k", "tree-287k")
"""The models whose steps are timed and whose names are drawn."""


SAVED = ("tree-76k", "charwave-best")
"""The models whose saves are timed: a usual one, and the largest that a preset has."""


def _steps(material: BenchCorpus, effort: BenchmarkSettings, tick: OnProgress) -> Iterator[Measurement]:
    from charwave_tui.bench.training_speed import gpu_step_figure, step_figures

    yield from step_figures(PRESETS, material.corpus, effort.rounds, effort.seconds, tick)
    if _has_gpu():
        yield gpu_step_figure(PRESETS, material.corpus, effort.rounds, effort.seconds, tick)


def _step_ticks(effort: BenchmarkSettings) -> int:
    return len(PRESETS) * effort.rounds * (2 if _has_gpu() else 1)


def _has_gpu() -> bool:
    import torch  # what measures the playground alone does without it

    return torch.cuda.is_available()


def _names(material: BenchCorpus, effort: BenchmarkSettings, tick: OnProgress) -> Iterator[Measurement]:
    from charwave_tui.bench.sampling_speed import names_per_second

    yield names_per_second(PRESETS, material.corpus, effort.trained, effort.draws, tick)


def _target(material: BenchCorpus, effort: BenchmarkSettings, tick: OnProgress) -> Iterator[Measurement]:
    from charwave_tui.bench.time_to_loss import time_to_loss

    yield time_to_loss(material, effort.targets, 10 * effort.seconds, tick)


def _cost(material: BenchCorpus, effort: BenchmarkSettings, tick: OnProgress) -> Iterator[Measurement]:
    yield playground_overhead(material.path, effort.pairs, tick)


def _saving(material: BenchCorpus, effort: BenchmarkSettings, tick: OnProgress) -> Iterator[Measurement]:
    from charwave_tui.bench.engine_overhead import autosave_overhead

    yield autosave_overhead(SAVED, material.path, effort.saves, tick)


def _inspecting(material: BenchCorpus, effort: BenchmarkSettings, tick: OnProgress) -> Iterator[Measurement]:
    from charwave_tui.bench.engine_overhead import inspector_overhead

    yield inspector_overhead(PRESETS, material.path, effort.pairs, 10 * effort.seconds, tick)


def _frame(material: BenchCorpus, effort: BenchmarkSettings, tick: OnProgress) -> Iterator[Measurement]:
    yield first_frame(effort.frames, tick)


def _loss(material: BenchCorpus, effort: BenchmarkSettings, tick: OnProgress) -> Iterator[Measurement]:
    yield first_loss(effort.losses, tick)


MEASUREMENTS = (
    BenchmarkCase(("step_ratio", "floor_share"), _step_ticks, _steps),
    BenchmarkCase(("names_per_second",), lambda effort: len(PRESETS) * (1 + effort.draws), _names),
    BenchmarkCase(("time_to_target_ratio",), lambda effort: effort.targets, _target),
    BenchmarkCase(("playground_cost",), lambda effort: 2 * effort.pairs, _cost),
    BenchmarkCase(("inspector_cost",), lambda effort: 2 * len(PRESETS) * effort.pairs, _inspecting),
    BenchmarkCase(("save_cost",), lambda effort: len(SAVED), _saving),
    BenchmarkCase(("first_frame",), lambda effort: effort.frames, _frame),
    BenchmarkCase(("first_loss",), lambda effort: effort.losses, _loss),
)
"""All of them, in order."""


def select_cases(names: Sequence[str]) -> list[BenchmarkCase]:
    """The measurements that give the figures of those `names`, all where there are none; raises Mistake."""
    known = [name for measurement in MEASUREMENTS for name in measurement.names]
    for name in names:
        if name not in known:
            raise UserError(f"there is no figure {name}", f"there are {', '.join(known)}")
    return [each for each in MEASUREMENTS if not names or set(names) & set(each.names)]


def run_cases(
    measurements: Sequence[BenchmarkCase],
    material: BenchCorpus,
    effort: BenchmarkSettings,
    tick: OnProgress = lambda text: None,
) -> list[Measurement]:
    """Measure in a data folder of its own, which is gone afterwards, as is all that was started."""
    with isolated_home():
        return [figure for each in measurements for figure in each.take(material, effort, tick)]


def as_json(figures: Sequence[Measurement]) -> dict[str, Any]:
    """Each figure under its name, and under `runs` the raw readings of each."""
    return {
        **{figure.name: _rounded(figure.value) for figure in figures},
        "runs": {figure.name: _rounded(figure.runs) for figure in figures if figure.runs},
    }


def as_table(figures: Sequence[Measurement]) -> list[str]:
    """A heading, a row a figure or one for each of its presets, and below what its runs came to."""
    lines = [f"{'measurement':32} {'median':>8}    what it is"]
    for figure in figures:
        by_preset = figure.value if isinstance(figure.value, Mapping) else {"": figure.value}
        for place, (preset, value) in enumerate(by_preset.items()):
            label = f"{figure.name} {preset}".rstrip()
            lines.append(f"{label:32} {_written(value):>8} {figure.unit:2} {'' if place else figure.meaning}".rstrip())
        below = figure.lines or _in_one_line(figure)
        lines += [f"    {line}".rstrip() for line in below]
    return lines


def unavailable_lines(figures: Sequence[Measurement]) -> Iterator[str]:
    """A line for each figure that cannot be had, with the reason."""
    return (f"{figure.name}: {figure.meaning}" for figure in figures if figure.value is None)


def _in_one_line(figure: Measurement) -> list[str]:
    runs = []
    for run in figure.runs:
        if isinstance(run, Mapping):
            runs.append("(" + ", ".join(f"{name} {_written(value)}" for name, value in run.items()) + ")")
        else:
            runs.append(_written(run))
    return ["  ".join(runs)] if runs else []


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return round(value, 4)
        case Mapping():
            return {name: _rounded(part) for name, part in value.items()}
        case list() | tuple():
            return [_rounded(part) for part in value]
        case _:
            return value


def _written(value: object) -> str:
    if value is None:
        return "–"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"
