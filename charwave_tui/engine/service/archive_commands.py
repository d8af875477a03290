"""List, show, name, delete, restore runs; stars."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState, StarredName
from charwave_tui.core.protocol.commands import (
    Command,
    DeleteRun,
    DescribeRun,
    ListRuns,
    ListStars,
    RestoreRun,
    ShowRun,
    StarName,
    UnstarName,
)
from charwave_tui.core.protocol.events import Event, RunShown, RunsListed, StarsListed
from charwave_tui.core.store.run_record import RunRecord, RunSummary
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.core.store.starred_names import StarredNames

MOST_LISTED = 4_000
"""Runs that are listed at once: with the longest notes they still fit into one frame."""


LONGEST_NAME = 60
"""Characters that a person may call a run with."""


LONGEST_NOTE = 500
"""Characters that a note may have."""


class ArchiveCommands:
    """Answers what is asked of the runs in `store`; what changes the list is told to all by `tell`."""

    def __init__(self, store: RunStore, tell: Callable[[Event], None]) -> None:
        self._store = store
        self._tell = tell

    def dispatch(self, command: Command, answer: Callable[[Event], None], present: RunRecord | None) -> bool:
        """Carry out a command about kept runs, of which `present` is the one in hand; False where it is no such.

        Raises Mistake.
        """
        match command:
            case ListRuns():
                answer(RunsListed(self.listed(present)))
            case ShowRun(run=run):
                answer(RunShown(present if present and present.run == run else self._store.read(run)))
            case DescribeRun(run=run, name=name, note=note):
                _check("name", name, LONGEST_NAME)
                _check("note", note, LONGEST_NOTE)
                self._changed(lambda: self._store.set_name_and_note(run, name.strip(), note.strip()), present)
            case DeleteRun(run=run):
                self._changed(lambda: self._store.delete(run), present)
            case RestoreRun(run=run):
                self._changed(lambda: self._store.restore(run), present)
            case _:
                return False
        return True

    def listed(self, present: RunRecord | None) -> tuple[RunSummary, ...]:
        """All runs, or the newest of very many, newest first, `present` as it is now."""
        rows = self._store.list()[:MOST_LISTED]
        if present is None:
            return rows
        now = present.summary()
        return tuple(_as_now(row, now) if row.run == now.run else row for row in rows)

    def unfinished(self) -> RunSummary | None:
        """The newest run that took a step, if it was left in the middle and nobody trains it now."""
        trained = (row for row in self._store.list() if row.step > 0 and self._store.folder_of(row.run).checkpoints())
        newest = next(trained, None)
        return newest if newest is not None and newest.state is RunState.PAUSED else None

    def _changed(self, change: Callable[[], None], present: RunRecord | None) -> None:
        try:
            change()
        except OSError as error:
            raise UserError(
                f"the list of runs cannot be written ({error.strerror or error})", "mend that first"
            ) from None
        self._tell(RunsListed(self.listed(present)))


def _as_now(row: RunSummary, now: RunSummary) -> RunSummary:
    return msgspec.structs.replace(now, name=row.name, note=row.note)


def _check(what: str, text: str, most: int) -> None:
    if len(text) > most:
        raise UserError(f"a {what} of {len(text):,} characters is too long", f"at most {most} are kept")
    if any(not symbol.isprintable() for symbol in text):
        raise UserError(f"the {what} holds a control character", "type letters")


class StarCommands:
    """Answers what is asked of `stars`; what changes them is told to all by `tell`."""

    def __init__(self, stars: StarredNames, tell: Callable[[Event], None]) -> None:
        self._stars = stars
        self._tell = tell

    def obey(self, command: Command, answer: Callable[[Event], None]) -> bool:
        """Carry out a command about stars; False where it is no such. Raises Mistake."""
        match command:
            case ListStars():
                answer(StarsListed(self._stars.all()))
                return True
            case StarName(name=name, nll=nll, run=run, step=step):
                self._stars.add(StarredName(name, nll, run, step, datetime.now(UTC).isoformat(timespec="seconds")))
            case UnstarName(name=name):
                self._stars.remove(name)
            case _:
                return False
        self._tell(StarsListed(self._stars.all()))
        return True
