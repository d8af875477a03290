"""All there is to measure: which figures each measurement gives, how often it is told of, and how it is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from charwave_tui.bench.cost import playground_cost
from charwave_tui.bench.figures import Figure, Tick
from charwave_tui.bench.material import Material
from charwave_tui.bench.opening import first_frame, first_loss

PRESETS = ("tree-76k", "tree-287k")
"""The models whose steps are timed and whose names are drawn."""


SAVED = ("tree-76k", "charwave-best")
"""The models whose saves are timed: a usual one, and the largest that a preset has."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How often each thing is measured, and for how long.

    `rounds` and `seconds` are those of the steps' race: how many turns each contender has, and how long each is;
    `trained` the steps before names are drawn, `draws` the rounds of drawing, `targets` the runs to the notes' loss,
    `pairs` the readings with and without a playground, or a view of a layer; `saves` those of each model; `watched` the
    seconds for which bytes to the terminal are counted, `keys` the keys pressed on each line.
    """

    rounds: int = 7
    seconds: float = 0.3
    trained: int = 1_500
    draws: int = 5
    targets: int = 3
    pairs: int = 5
    frames: int = 5
    losses: int = 3
    saves: int = 15
    watched: float = 60.0
    keys: int = 100


@dataclass(frozen=True, slots=True)
class Measurement:
    """What gives the figures of these `names`; it tells of itself `ticks(effort)` times."""

    names: tuple[str, ...]
    ticks: Callable[[Effort], int]
    take: Callable[[Material, Effort, Tick], Iterator[Figure]]


def _steps(material: Material, effort: Effort, tick: Tick) -> Iterator[Figure]:
    from charwave_tui.bench.steps import gpu_step_figure, step_figures

    yield from step_figures(PRESETS, material.corpus, effort.rounds, effort.seconds, tick)
    if _has_gpu():
        yield gpu_step_figure(PRESETS, material.corpus, effort.rounds, effort.seconds, tick)


def _step_ticks(effort: Effort) -> int:
    return len(PRESETS) * effort.rounds * (2 if _has_gpu() else 1)


def _has_gpu() -> bool:
    import torch  # what measures the playground alone does without it

    return torch.cuda.is_available()


def _names(material: Material, effort: Effort, tick: Tick) -> Iterator[Figure]:
    from charwave_tui.bench.naming import naming_figure

    yield naming_figure(PRESETS, material.corpus, effort.trained, effort.draws, tick)


def _target(material: Material, effort: Effort, tick: Tick) -> Iterator[Figure]:
    from charwave_tui.bench.target import target_figure

    yield target_figure(material, effort.targets, 10 * effort.seconds, tick)


def _cost(material: Material, effort: Effort, tick: Tick) -> Iterator[Figure]:
    yield playground_cost(material.path, effort.pairs, tick)


def _saving(material: Material, effort: Effort, tick: Tick) -> Iterator[Figure]:
    from charwave_tui.bench.saving import saving_figure

    yield saving_figure(SAVED, material.path, effort.saves, tick)


def _inspecting(material: Material, effort: Effort, tick: Tick) -> Iterator[Figure]:
    from charwave_tui.bench.inspecting import inspector_cost

    yield inspector_cost(PRESETS, material.path, effort.pairs, 10 * effort.seconds, tick)


def _frame(material: Material, effort: Effort, tick: Tick) -> Iterator[Figure]:
    yield first_frame(effort.frames, tick)


def _loss(material: Material, effort: Effort, tick: Tick) -> Iterator[Figure]:
    yield first_loss(effort.losses, tick)


MEASUREMENTS = (
    Measurement(("step_ratio", "floor_share"), _step_ticks, _steps),
    Measurement(("names_per_second",), lambda effort: len(PRESETS) * (1 + effort.draws), _names),
    Measurement(("time_to_target_ratio",), lambda effort: effort.targets, _target),
    Measurement(("playground_cost",), lambda effort: 2 * effort.pairs, _cost),
    Measurement(("inspector_cost",), lambda effort: 2 * len(PRESETS) * effort.pairs, _inspecting),
    Measurement(("save_cost",), lambda effort: len(SAVED), _saving),
    Measurement(("first_frame",), lambda effort: effort.frames, _frame),
    Measurement(("first_loss",), lambda effort: effort.losses, _loss),
)
"""All of them, in order."""
