"""Runs that are compared: which they are, how each is told from the others, and what is known of its course."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from charwave_tui.core.corpora import LECTURE_SHA256
from charwave_tui.core.presets import presets
from charwave_tui.core.readings import History
from charwave_tui.core.records import RunRecord, RunSummary
from charwave_tui.ui.archive_view import Arrangement, held
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.lines import evaluated
from charwave_tui.ui.view import Curve, RunView

INKS = ("train", "val", "reference", "accent")
"""The ink of each place among the chosen runs."""

MARKS = "◆◇■□" if GLYPHS.fine else "ABCD"
"""The mark of each place among the chosen runs, which tells them apart without colour."""

DASHES = ((1, 0), (5, 1), (2, 1), (1, 1))
"""The line of each place: so many cells drawn, so many left out, and again."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A run among those that are compared.

    `place` is its place among the chosen, None for one that is there only because the cursor is (`here`); `history` is
    None while its record is not known, `published` what others reported for its preset on its very corpus.
    """

    row: RunSummary
    place: int | None
    here: bool
    history: History | None = None
    published: float | None = None
    steps_per_second: float = 0.0

    @property
    def ink(self) -> str:
        """The ink of all that belongs to it."""
        return "bright" if self.place is None else INKS[self.place]

    @property
    def mark(self) -> str:
        """The mark before its name."""
        return GLYPHS.here if self.place is None else MARKS[self.place]

    @property
    def label(self) -> str:
        """Its name among the others."""
        return f"{self.mark} run {self.row.run}"

    @property
    def by_val(self) -> bool:
        """Whether it has a val loss to be drawn by; else it is drawn by its training loss."""
        return self.history is not None and any(math.isfinite(loss) for _, loss in evaluated(self.history))

    @property
    def losses(self) -> Sequence[tuple[int, float]]:
        """Its course as it is drawn: steps and losses."""
        if self.history is None:
            return ()
        return evaluated(self.history) if self.by_val else [(point.step, point.mean) for point in self.history.points]

    @property
    def last(self) -> float | None:
        """The last finite loss of its course."""
        return next((loss for _, loss in reversed(self.losses) if math.isfinite(loss)), None)


def compared(
    rows: Iterable[RunSummary], arrangement: Arrangement, records: Iterable[RunRecord], run: RunView, curve: Curve
) -> tuple[Compared, ...]:
    """The run under the cursor, unless it is chosen itself, and the chosen ones in their places."""
    by_number = {row.run: row for row in rows}
    known = {record.run: record for record in records}
    here = arrangement.here
    found = []
    for number in (here if here not in arrangement.chosen else None, *arrangement.chosen):
        if number is None or (row := by_number.get(number)) is None:
            continue
        place = arrangement.place(number)
        if number == held(run):
            history = _with_partial(curve)
            found.append(Compared(row, place, number == here, history, curve.published, _speed(row, run)))
        elif (record := known.get(number)) is not None:
            found.append(Compared(row, place, number == here, record.history, _published(record), _speed(row)))
        else:
            found.append(Compared(row, place, number == here, steps_per_second=_speed(row)))
    return tuple(found)


def unread(among: Iterable[Compared], records: Iterable[RunRecord], run: RunView) -> frozenset[tuple[int, int]]:
    """Number and step of the runs whose record, as it is by now, has yet to be read."""
    known = {(record.run, record.step) for record in records}
    wanted = {(item.row.run, item.row.step) for item in among if item.row.run != held(run)}
    return frozenset(wanted - known)


def _with_partial(curve: Curve) -> History:
    history = curve.history
    return History(history.window, curve.points, history.evaluations, history.marks) if curve.partial else history


def _speed(row: RunSummary, run: RunView | None = None) -> float:
    if run is not None and run.steps_per_second > 0:
        return run.steps_per_second
    return row.step / row.training_seconds if row.training_seconds > 0 else 0.0


def _published(record: RunRecord) -> float | None:
    preset = presets().get(record.preset)
    if preset is None or preset.published is None or record.corpus.sha256 != LECTURE_SHA256:
        return None
    return preset.published.val
