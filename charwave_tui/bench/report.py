"""Every measurement in one go, and how the figures are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from charwave_tui.bench.cost import playground_cost
from charwave_tui.bench.figures import Figure, Run, Tick
from charwave_tui.bench.opening import first_frame, first_loss
from charwave_tui.bench.playground import own_home


@dataclass(frozen=True, slots=True)
class Effort:
    """How often each thing is measured, and for how many seconds a run trains."""

    frames: int = 5
    losses: int = 3
    pairs: int = 3
    seconds: float = 15.0

    @property
    def ticks(self) -> int:
        """How often a measurement is told of."""
        return self.frames + self.losses + 2 * self.pairs


MEASUREMENTS: tuple[Callable[[Effort, Tick], Figure], ...] = (
    lambda effort, tick: first_frame(effort.frames, tick),
    lambda effort, tick: first_loss(effort.losses, tick),
    lambda effort, tick: playground_cost(effort.pairs, effort.seconds, tick),
)
"""All there is to measure, in order."""


def measure(effort: Effort, tick: Tick = lambda text: None) -> list[Figure]:
    """Measure everything in a data folder of its own, which is gone afterwards, as is all that was started."""
    with own_home():
        return [measurement(effort, tick) for measurement in MEASUREMENTS]


def as_json(figures: Sequence[Figure]) -> dict[str, Any]:
    """Each figure under its name, and under `runs` the raw readings of each."""
    return {
        **{figure.name: round(figure.value, 4) for figure in figures},
        "runs": {figure.name: [_rounded(run) for run in figure.runs] for figure in figures},
    }


def as_table(figures: Sequence[Figure]) -> list[str]:
    """A heading, a row a figure, and below each its raw runs."""
    lines = [f"{'measurement':17} {'median':>8}    what it is"]
    for figure in figures:
        lines.append(f"{figure.name:17} {figure.value:>8.2f} {figure.unit:2} {figure.meaning}")
        lines.append(f"{'':17} {'':8}    {'  '.join(_written(run) for run in figure.runs)}")
    return lines


def _rounded(run: Run) -> Run:
    return {name: round(value, 4) for name, value in run.items()} if isinstance(run, dict) else round(run, 4)


def _written(run: Run) -> str:
    if isinstance(run, dict):
        return "(" + ", ".join(f"{name} {value:,.1f}" for name, value in run.items()) + ")"
    return f"{run:.2f}"
