"""The stored runs: sorting, filter, and those that are compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec

from charwave_tui.core.config.presets import presets, published_losses
from charwave_tui.core.config.run_config import HYPERPARAMETERS
from charwave_tui.core.metrics import RunState, Split, TrainingHistory
from charwave_tui.core.store.run_record import RESUMABLE_STATES, RunRecord, RunSummary
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
        every = list(SortOrder)
        return every[(every.index(self) + 1) % len(every)]


@dataclass(frozen=True, slots=True)
class RunsViewOptions:
    """Sorting, filter and selection of the list.

    `cursor_run` is the run that keys act on. `chosen` are those to compare: a run keeps its slot, and with it its
    colour, until it is removed, which leaves the slot empty (None). `deleted` can be restored, the last one first.
    """

    order: SortOrder = SortOrder.NEWEST
    query: str = ""
    cursor_run: int | None = None
    chosen: tuple[int | None, ...] = (None,) * MAX_COMPARED_RUNS
    deleted: tuple[int, ...] = ()

    @property
    def full(self) -> bool:
        return None not in self.chosen

    def slot_of(self, run: int) -> int | None:
        return self.chosen.index(run) if run in self.chosen else None

    def toggled(self, run: int) -> RunsViewOptions:
        """Return the options with `run` chosen in the first empty slot, or removed if it was chosen."""
        if run not in self.chosen and self.full:
            return self
        old, new = (run, None) if run in self.chosen else (None, run)
        slot = self.chosen.index(old)
        return replace(self, chosen=(*self.chosen[:slot], new, *self.chosen[slot + 1 :]))

    def among(self, rows: Iterable[RunSummary]) -> RunsViewOptions:
        """Return the options without chosen runs that no longer exist."""
        existing = {row.run for row in rows}
        return replace(self, chosen=tuple(run if run in existing else None for run in self.chosen))


def active_run_number(run: RunViewState) -> int | None:
    return None if run.state is None else run.run


def with_live_run(listed: Iterable[RunSummary], run: RunViewState, curve: LossCurveState) -> tuple[RunSummary, ...]:
    """Return the rows with that of the active run up to date, which has trained on since they were listed."""
    number = active_run_number(run)
    return tuple(_moved(row, run, curve) if row.run == number else row for row in listed)


def _moved(row: RunSummary, run: RunViewState, curve: LossCurveState) -> RunSummary:
    measured, points = curve.latest(Split.TRAIN), curve.points
    train = measured.loss if measured else None
    if points and (measured is None or points[-1].step > measured.step):
        train = points[-1].mean
    val = curve.latest(Split.VAL)
    vals = [item.loss for item in curve.history.evaluations if item.split is Split.VAL and math.isfinite(item.loss)]
    unseen = [loss for _, loss in curve.history.val_unseen_losses() if math.isfinite(loss)]
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
        val_unseen=val.unseen if val else row.val_unseen,
        best_val_unseen=min([*unseen, *([] if row.best_val_unseen is None else [row.best_val_unseen])], default=None),
    )


def sort_and_filter(
    rows: Iterable[RunSummary], order: SortOrder, query: str, present_run: int | None
) -> tuple[RunSummary, ...]:
    """Return the runs that match `query`, in `order`; equal ones newest first, those never evaluated last."""
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
    """Return whether every word of `query` is in the run's number, names, note, corpus or state, ignoring case."""
    words = query.casefold().split()
    if not words:
        return True
    state = current_state(row, present_run).value
    known = "\n".join((f"run {row.run}", row.name, row.preset, row.note, row.corpus, state)).casefold()
    return all(word in known for word in words)


def left_unfinished(row: RunSummary, present_run: int | None) -> bool:
    """Return whether the run neither ended nor is active."""
    return row.state in RESUMABLE_STATES and row.run != present_run


def current_state(row: RunSummary, present_run: int | None) -> RunState:
    """Return the state of the run; one that was left in training is paused, as the store has it."""
    is_left_in_training = row.state is RunState.TRAINING and left_unfinished(row, present_run)
    return RunState.PAUSED if is_left_in_training else row.state


def best_vals(rows: Iterable[RunSummary]) -> dict[str, float]:
    best: dict[str, float] = {}
    for row in rows:
        if row.best_val is not None and math.isfinite(row.best_val):
            best[row.corpus] = min(row.best_val, best.get(row.corpus, math.inf))
    return best


def changes(row: RunSummary) -> tuple[tuple[str, str], ...]:
    """Return name and value of the fields that differ from the run's preset, except the corpus."""
    known = presets().get(row.preset)
    if known is None:
        return ()
    other = known.config.changed_fields(row.config) - {"corpus"}
    return tuple((name, written(row, name)) for name in HYPERPARAMETERS if name in other)


def written(row: RunSummary, name: str) -> str:
    """Return the text of a field's value; for the corpus its name, not its path."""
    return row.corpus if name == "corpus" else HYPERPARAMETERS[name].value_type.format(getattr(row.config, name))


# By position among the compared runs: the role of the colour, a mark that tells without colour, and the line of a curve
# as cells drawn and left out.
COMPARED_RUN_ROLES = ("train", "val", "reference", "accent")
MARKS = "◆◇■□" if GLYPHS.has_braille else "ABCD"
DASHES = ((1, 0), (5, 1), (2, 1), (1, 1))


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A run among those that are compared.

    `slot` is its index among the chosen, None for one that is there only because it has the cursor; `history` is
    None while its record is not known, `published` what others reported for its preset on its very corpus.
    """

    row: RunSummary
    slot: int | None
    has_cursor: bool
    history: TrainingHistory | None = None
    published: float | None = None
    steps_per_second: float = 0.0

    @property
    def role(self) -> str:
        return "bright" if self.slot is None else COMPARED_RUN_ROLES[self.slot]

    @property
    def mark(self) -> str:
        return GLYPHS.cursor if self.slot is None else MARKS[self.slot]

    @property
    def label(self) -> str:
        return f"{self.mark} run {self.row.run}"

    @property
    def by_val(self) -> bool:
        """Whether its curve is that of val; without a val loss it is that of train."""
        return self.history is not None and any(math.isfinite(loss) for _, loss in self.history.val_losses())

    @property
    def losses(self) -> Sequence[tuple[int, float]]:
        """The steps and losses of its curve."""
        if self.history is None:
            return ()
        return self.history.val_losses() if self.by_val else [(point.step, point.mean) for point in self.history.points]

    @property
    def last(self) -> float | None:
        return next((loss for _, loss in reversed(self.losses) if math.isfinite(loss)), None)


def compared_runs(
    rows: Iterable[RunSummary],
    options: RunsViewOptions,
    records: Iterable[RunRecord],
    run: RunViewState,
    curve: LossCurveState,
) -> tuple[ComparedRun, ...]:
    """Return the run under the cursor, unless it is chosen itself, and the chosen ones by slot."""
    by_number = {row.run: row for row in rows}
    known = {record.run: record for record in records}
    found, cursor_run = [], options.cursor_run
    for number in (None if cursor_run in options.chosen else cursor_run, *options.chosen):
        if number is None or (row := by_number.get(number)) is None:
            continue
        slot, has_cursor = options.slot_of(number), number == cursor_run
        if number == active_run_number(run):
            history = _with_partial(curve)
            found.append(ComparedRun(row, slot, has_cursor, history, curve.published, _speed(row, run)))
        elif (record := known.get(number)) is not None:
            found.append(ComparedRun(row, slot, has_cursor, record.history, _published(record), _speed(row)))
        else:
            found.append(ComparedRun(row, slot, has_cursor, steps_per_second=_speed(row)))
    return tuple(found)


def records_to_load(
    among: Iterable[ComparedRun], records: Iterable[RunRecord], run: RunViewState
) -> frozenset[tuple[int, int]]:
    """Return number and step of the runs whose current record has yet to be loaded."""
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
    published = published_losses(record.preset, record.config, record.corpus.sha256)
    return published.val if published else None
