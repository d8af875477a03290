"""The archive: sorting, filter, compared runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec

from charwave_tui.core.config.presets import presets
from charwave_tui.core.config.run_config import HYPERPARAMETERS
from charwave_tui.core.corpus.registry import LECTURE_SHA256
from charwave_tui.core.metrics import RunState, Split, TrainingHistory
from charwave_tui.core.store.run_record import RESUMABLE_STATES, RunRecord, RunSummary
from charwave_tui.ui.drawing.number_format import format_steps
from charwave_tui.ui.state.run_state import LossCurveState, RunViewState
from charwave_tui.ui.terminal.glyphs import GLYPHS

MAX_COMPARED_RUNS = 4


class SortOrder(StrEnum):
    """What the runs are sorted by."""

    NEWEST = "newest"
    BEST_VAL = "best val"
    STEPS = "steps"
    PRESET = "preset"

    @property
    def following(self) -> SortOrder:
        """The order that comes after it, the first after the last."""
        every = list(SortOrder)
        return every[(every.index(self) + 1) % len(every)]


@dataclass(frozen=True, slots=True)
class RunsViewOptions:
    """How a person has arranged the runs.

    `here` is the run that keys act on, `chosen` are those to compare: a run keeps its place, and with it its colour,
    until it is let go, and then the place stands empty (None). `deleted` are the runs to bring back, the last first.
    """

    order: SortOrder = SortOrder.NEWEST
    query: str = ""
    here: int | None = None
    chosen: tuple[int | None, ...] = (None,) * MAX_COMPARED_RUNS
    deleted: tuple[int, ...] = ()

    @property
    def full(self) -> bool:
        """Whether as many runs are chosen as can be."""
        return None not in self.chosen

    def place(self, run: int) -> int | None:
        """The place of a run among the chosen."""
        return self.chosen.index(run) if run in self.chosen else None

    def toggled(self, run: int) -> RunsViewOptions:
        """With `run` chosen in the first empty place, or let go where it was chosen."""
        if run not in self.chosen and self.full:
            return self
        old, new = (run, None) if run in self.chosen else (None, run)
        place = self.chosen.index(old)
        return replace(self, chosen=(*self.chosen[:place], new, *self.chosen[place + 1 :]))

    def among(self, rows: Iterable[RunSummary]) -> RunsViewOptions:
        """With no run chosen that is not there any more."""
        there = {row.run for row in rows}
        return replace(self, chosen=tuple(run if run in there else None for run in self.chosen))


def active_run_number(run: RunViewState) -> int | None:
    """The number of the run that the engine holds."""
    return None if run.state is None else run.run


def with_live_run(listed: Iterable[RunSummary], run: RunViewState, curve: LossCurveState) -> tuple[RunSummary, ...]:
    """The runs as they are by now: the one that the engine holds has moved on since they were listed."""
    number = active_run_number(run)
    return tuple(_moved(row, run, curve) if row.run == number else row for row in listed)


def _moved(row: RunSummary, run: RunViewState, curve: LossCurveState) -> RunSummary:
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


def sort_and_filter(
    rows: Iterable[RunSummary], order: SortOrder, query: str, present_run: int | None
) -> tuple[RunSummary, ...]:
    """The runs that match `query`, in `order`; equals stand newest first, and what was never measured last."""
    newest = sorted((row for row in rows if matches(row, query, present_run)), key=lambda row: -row.run)
    match order:
        case SortOrder.NEWEST:
            return tuple(newest)
        case SortOrder.BEST_VAL:
            return tuple(sorted(newest, key=_best_first))
        case SortOrder.STEPS:
            return tuple(sorted(newest, key=lambda row: -row.step))
        case SortOrder.PRESET:
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
    return row.state in RESUMABLE_STATES and row.run != present_run


def state_words(row: RunSummary, present_run: int | None, *, brief: bool = False) -> str:
    """What the run is doing, or how it ended."""
    if left_unfinished(row, present_run):
        return "unfinished" if brief else f"left at {format_steps(row.step)}"
    return {RunState.FINISHED: "done", RunState.DIVERGED: "diverged"}.get(row.state, row.state.value)


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
    other = known.config.changed_fields(row.config) - {"corpus"}
    return tuple((name, written(row, name)) for name in HYPERPARAMETERS if name in other)


def written(row: RunSummary, name: str) -> str:
    """The value of one of the run's fields; a corpus by its name, however it was asked for."""
    return row.corpus if name == "corpus" else HYPERPARAMETERS[name].value_type.format(getattr(row.config, name))


# By position among the compared runs: the role of the colour, a mark that tells without colour, and the line of a curve
# as cells drawn and left out.
COMPARED_RUN_ROLES = ("train", "val", "reference", "accent")
MARKS = "◆◇■□" if GLYPHS.has_braille else "ABCD"
DASHES = ((1, 0), (5, 1), (2, 1), (1, 1))


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A run among those that are compared.

    `place` is its place among the chosen, None for one that is there only because the cursor is (`here`); `history` is
    None while its record is not known, `published` what others reported for its preset on its very corpus.
    """

    row: RunSummary
    place: int | None
    here: bool
    history: TrainingHistory | None = None
    published: float | None = None
    steps_per_second: float = 0.0

    @property
    def role(self) -> str:
        """The ink of all that belongs to it."""
        return "bright" if self.place is None else COMPARED_RUN_ROLES[self.place]

    @property
    def mark(self) -> str:
        """The mark before its name."""
        return GLYPHS.cursor if self.place is None else MARKS[self.place]

    @property
    def label(self) -> str:
        """Its name among the others."""
        return f"{self.mark} run {self.row.run}"

    @property
    def by_val(self) -> bool:
        """Whether it has a val loss to be drawn by; else it is drawn by its training loss."""
        return self.history is not None and any(math.isfinite(loss) for _, loss in self.history.val_losses())

    @property
    def losses(self) -> Sequence[tuple[int, float]]:
        """Its course as it is drawn: steps and losses."""
        if self.history is None:
            return ()
        return self.history.val_losses() if self.by_val else [(point.step, point.mean) for point in self.history.points]

    @property
    def last(self) -> float | None:
        """The last finite loss of its course."""
        return next((loss for _, loss in reversed(self.losses) if math.isfinite(loss)), None)


def compared_runs(
    rows: Iterable[RunSummary],
    arrangement: RunsViewOptions,
    records: Iterable[RunRecord],
    run: RunViewState,
    curve: LossCurveState,
) -> tuple[ComparedRun, ...]:
    """The run under the cursor, unless it is chosen itself, and the chosen ones in their places."""
    by_number = {row.run: row for row in rows}
    known = {record.run: record for record in records}
    here = arrangement.here
    found = []
    for number in (here if here not in arrangement.chosen else None, *arrangement.chosen):
        if number is None or (row := by_number.get(number)) is None:
            continue
        place = arrangement.place(number)
        if number == active_run_number(run):
            history = _with_partial(curve)
            found.append(ComparedRun(row, place, number == here, history, curve.published, _speed(row, run)))
        elif (record := known.get(number)) is not None:
            found.append(ComparedRun(row, place, number == here, record.history, _published(record), _speed(row)))
        else:
            found.append(ComparedRun(row, place, number == here, steps_per_second=_speed(row)))
    return tuple(found)


def records_to_load(
    among: Iterable[ComparedRun], records: Iterable[RunRecord], run: RunViewState
) -> frozenset[tuple[int, int]]:
    """Number and step of the runs whose record, as it is by now, has yet to be read."""
    known = {(record.run, record.step) for record in records}
    needed = {(item.row.run, item.row.step) for item in among if item.row.run != active_run_number(run)}
    return frozenset(needed - known)


def _with_partial(curve: LossCurveState) -> TrainingHistory:
    history = curve.history
    return (
        TrainingHistory(history.window, curve.points, history.evaluations, history.marks) if curve.partial else history
    )


def _speed(row: RunSummary, run: RunViewState | None = None) -> float:
    if run is not None and run.steps_per_second > 0:
        return run.steps_per_second
    return row.step / row.training_seconds if row.training_seconds > 0 else 0.0


def _published(record: RunRecord) -> float | None:
    preset = presets().get(record.preset)
    if preset is None or preset.published is None or record.corpus.sha256 != LECTURE_SHA256:
        return None
    return preset.published.val
