"""What the runs screen knows of the kept runs, and how a person has arranged them: frozen values, pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec

from charwave_tui.core import archive
from charwave_tui.core.config import HYPERPARAMETERS
from charwave_tui.core.framing import AnyEvent
from charwave_tui.core.presets import presets
from charwave_tui.core.readings import Split, State
from charwave_tui.core.records import UNFINISHED, RunRecord, RunSummary
from charwave_tui.ui.numbers import steps
from charwave_tui.ui.view import Curve, RunView

RECORDS_KEPT = 16
"""Records that are remembered: more than are ever compared, far fewer than there may be runs."""

MOST_CHOSEN = 4
"""Runs that can be chosen to be compared at once."""


@dataclass(frozen=True, slots=True)
class Archive:
    """The kept runs as the engine told them: all of them (None before), and whole records of a few, newest first."""

    listed: tuple[RunSummary, ...] | None = None
    records: tuple[RunRecord, ...] = ()


def after(known: Archive, event: AnyEvent) -> Archive:
    """What is known once `event` has happened."""
    match event:
        case archive.RunsListed(runs=runs):
            return replace(known, listed=runs)
        case archive.RunShown(record=record):
            others = (item for item in known.records if item.run != record.run)
            return replace(known, records=(record, *others)[:RECORDS_KEPT])
        case _:
            return known


class Order(StrEnum):
    """What the runs are sorted by."""

    NEWEST = "newest"
    BEST_VAL = "best val"
    STEPS = "steps"
    PRESET = "preset"

    @property
    def following(self) -> Order:
        """The order that comes after it, the first after the last."""
        every = list(Order)
        return every[(every.index(self) + 1) % len(every)]


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How a person has arranged the runs.

    `here` is the run that keys act on, `chosen` are those to compare: a run keeps its place, and with it its colour,
    until it is let go, and then the place stands empty (None). `deleted` are the runs to bring back, the last first.
    """

    order: Order = Order.NEWEST
    query: str = ""
    here: int | None = None
    chosen: tuple[int | None, ...] = (None,) * MOST_CHOSEN
    deleted: tuple[int, ...] = ()

    @property
    def full(self) -> bool:
        """Whether as many runs are chosen as can be."""
        return None not in self.chosen

    def place(self, run: int) -> int | None:
        """The place of a run among the chosen."""
        return self.chosen.index(run) if run in self.chosen else None

    def toggled(self, run: int) -> Arrangement:
        """With `run` chosen in the first empty place, or let go where it was chosen."""
        if run not in self.chosen and self.full:
            return self
        old, new = (run, None) if run in self.chosen else (None, run)
        place = self.chosen.index(old)
        return replace(self, chosen=(*self.chosen[:place], new, *self.chosen[place + 1 :]))

    def among(self, rows: Iterable[RunSummary]) -> Arrangement:
        """With no run chosen that is not there any more."""
        there = {row.run for row in rows}
        return replace(self, chosen=tuple(run if run in there else None for run in self.chosen))


def held(run: RunView) -> int | None:
    """The number of the run that the engine holds."""
    return None if run.state is None else run.run


def present(listed: Iterable[RunSummary], run: RunView, curve: Curve) -> tuple[RunSummary, ...]:
    """The runs as they are by now: the one that the engine holds has moved on since they were listed."""
    number = held(run)
    return tuple(_moved(row, run, curve) if row.run == number else row for row in listed)


def _moved(row: RunSummary, run: RunView, curve: Curve) -> RunSummary:
    measured, points = curve.latest(Split.TRAIN), curve.points
    train = measured.loss if measured else None
    if points and (measured is None or points[-1].step > measured.step):
        train = points[-1].mean
    val = curve.latest(Split.VAL)
    vals = [item.loss for item in curve.history.evaluations if item.split is Split.VAL and math.isfinite(item.loss)]
    more = max(run.step - row.step, 0) / run.steps_per_second if run.steps_per_second > 0 else 0.0
    return msgspec.structs.replace(
        row,
        config=run.config or row.config,
        parameters=run.parameters or row.parameters,
        state=run.state or row.state,
        step=run.step,
        training_seconds=row.training_seconds + more,
        train=row.train if train is None else train,
        val=val.loss if val else row.val,
        best_val=min([*vals, *([] if row.best_val is None else [row.best_val])], default=None),
    )


def arranged(rows: Iterable[RunSummary], order: Order, query: str, present_run: int | None) -> tuple[RunSummary, ...]:
    """The runs that match `query`, in `order`; equals stand newest first, and what was never measured last."""
    newest = sorted((row for row in rows if matches(row, query, present_run)), key=lambda row: -row.run)
    match order:
        case Order.NEWEST:
            return tuple(newest)
        case Order.BEST_VAL:
            return tuple(sorted(newest, key=_best_first))
        case Order.STEPS:
            return tuple(sorted(newest, key=lambda row: -row.step))
        case Order.PRESET:
            return tuple(sorted(newest, key=lambda row: row.preset))


def _best_first(row: RunSummary) -> float:
    return row.best_val if row.best_val is not None and math.isfinite(row.best_val) else math.inf


def matches(row: RunSummary, query: str, present_run: int | None) -> bool:
    """Whether every word of `query` is part of what the run is known by, in any case."""
    words = query.casefold().split()
    if not words:
        return True
    states = (state_words(row, present_run), state_words(row, present_run, brief=True))
    known = "\n".join((f"run {row.run}", row.name, row.preset, row.note, row.corpus, *states)).casefold()
    return all(word in known for word in words)


def left_unfinished(row: RunSummary, present_run: int | None) -> bool:
    """Whether nobody stopped the run, it did not come to its end, and the engine does not hold it."""
    return row.state in UNFINISHED and row.run != present_run


def state_words(row: RunSummary, present_run: int | None, *, brief: bool = False) -> str:
    """What the run is doing, or how it ended."""
    if left_unfinished(row, present_run):
        return "unfinished" if brief else f"left at {steps(row.step)}"
    return {State.FINISHED: "done", State.DIVERGED: "NaN"}.get(row.state, row.state.value)


def best_vals(rows: Iterable[RunSummary]) -> dict[str, float]:
    """The lowest val loss of each corpus."""
    best: dict[str, float] = {}
    for row in rows:
        if row.best_val is not None and math.isfinite(row.best_val):
            best[row.corpus] = min(row.best_val, best.get(row.corpus, math.inf))
    return best


def changes(row: RunSummary) -> tuple[tuple[str, str], ...]:
    """Name and value of the fields in which the run is not as its preset has them, but for the corpus."""
    known = presets().get(row.preset)
    if known is None:
        return ()
    other = known.config.differences(row.config) - {"corpus"}
    return tuple((name, written(row, name)) for name in HYPERPARAMETERS if name in other)


def written(row: RunSummary, name: str) -> str:
    """The value of one of the run's fields; a corpus by its name, however it was asked for."""
    return row.corpus if name == "corpus" else HYPERPARAMETERS[name].kind.write(getattr(row.config, name))
