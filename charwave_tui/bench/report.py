"""Every measurement in one go, and how the figures are shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from charwave_tui.bench.figures import Figure, Tick
from charwave_tui.bench.material import Material
from charwave_tui.bench.measurements import MEASUREMENTS, Effort, Measurement
from charwave_tui.bench.playground import own_home
from charwave_tui.core.mistake import Mistake


def chosen(names: Sequence[str]) -> list[Measurement]:
    """The measurements that give the figures of those `names`, all where there are none; raises Mistake."""
    known = [name for measurement in MEASUREMENTS for name in measurement.names]
    for name in names:
        if name not in known:
            raise Mistake(f"there is no figure {name}", f"there are {', '.join(known)}")
    return [each for each in MEASUREMENTS if not names or set(names) & set(each.names)]


def measure(
    measurements: Sequence[Measurement], material: Material, effort: Effort, tick: Tick = lambda text: None
) -> list[Figure]:
    """Measure in a data folder of its own, which is gone afterwards, as is all that was started."""
    with own_home():
        return [figure for each in measurements for figure in each.take(material, effort, tick)]


def as_json(figures: Sequence[Figure]) -> dict[str, Any]:
    """Each figure under its name, and under `runs` the raw readings of each."""
    return {
        **{figure.name: _rounded(figure.value) for figure in figures},
        "runs": {figure.name: _rounded(figure.runs) for figure in figures if figure.runs},
    }


def as_table(figures: Sequence[Figure]) -> list[str]:
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


def missing(figures: Sequence[Figure]) -> Iterator[str]:
    """A line for each figure that cannot be had, with the reason."""
    return (f"{figure.name}: {figure.meaning}" for figure in figures if figure.value is None)


def _in_one_line(figure: Figure) -> list[str]:
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
