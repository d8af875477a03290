"""The run store: a database of all runs, and a numbered folder for the saves of each."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState, TrainingHistory
from charwave_tui.core.paths import HOME_VARIABLE, ensure_dir
from charwave_tui.core.store.checkpoint_metadata import read_folder_record, write_user_notes
from charwave_tui.core.store.database import DatabaseBusy, DatabaseError, transaction
from charwave_tui.core.store.recovery import RecoveringDatabase
from charwave_tui.core.store.run_folder import RunFolder, RunLock
from charwave_tui.core.store.run_record import RunRecord, RunSummary
from charwave_tui.core.store.starred_names import StarredNames
from charwave_tui.core.store.tables import (
    Found,
    fetch_row,
    fetch_rows,
    last_run_number,
    load_record,
    to_summary,
    update_user_columns,
    upsert_run,
)

log = logging.getLogger(__name__)


DATABASE = "runs.db"
"""What the folder of runs calls the database."""


LONGEST = 18
"""Digits of the highest number that a run may have: SQLite counts hardly further."""


MAX_CREATE_ATTEMPTS = 1_000
"""Numbers that are tried for a new run, where others take them at the same moment."""


class RunStore:
    """The runs in one folder; it is made when the first run is. One thread alone may use it.

    `remark` is told in a line what was found damaged and mended; `stars` are the names that a person liked.
    """

    def __init__(self, folder: Path, remark: Callable[[str], None] = log.warning) -> None:
        self.folder = folder
        self.on_warning = remark
        self._ledger = RecoveringDatabase(
            folder / DATABASE,
            self.numbers,
            lambda run: read_folder_record(self.folder_of(run)),
            lambda text: self.on_warning(text),
        )
        self.stars = StarredNames(folder / DATABASE, self._ledger)
        self._put: tuple[int, TrainingHistory] | None = None

    def create(self) -> int:
        """A new run's number, its folder made; raises Mistake where that cannot be."""
        ensure_dir(self.folder)
        reason: str | None = "others take every number"
        try:
            first = max([*self.numbers(), self._last()]) + 1
            for number in range(first, first + MAX_CREATE_ATTEMPTS):
                with suppress(FileExistsError):
                    self.folder_of(number).path.mkdir()
                    return number
        except OSError as error:
            reason = error.strerror or str(error)
        raise UserError(
            f"{self.folder} cannot hold a new run ({reason})", f"free it, or set {HOME_VARIABLE} to another folder"
        )

    def lock(self, run: int) -> RunLock:
        """Be the one who trains `run`; raises Mistake where another process is, or where no lock can be had."""
        try:
            return self.folder_of(run).lock()
        except OSError as error:
            raise UserError(
                f"run {run} cannot be locked in {self.folder} ({error.strerror})",
                "make its folder writable, or train a new run",
            ) from None

    def numbers(self) -> list[int]:
        """The numbers of all runs that have a folder, in order; raises Mistake."""
        try:
            names = [entry.name for entry in self.folder.iterdir()] if self.folder.is_dir() else []
        except OSError as error:
            raise UserError(f"{self.folder} cannot be read ({error.strerror})", "allow it with chmod u+rwx") from None
        return sorted(int(name) for name in names if name.isascii() and name.isdecimal() and len(name) <= LONGEST)

    def folder_of(self, run: int) -> RunFolder:
        """The folder of `run`, be it there or not."""
        return RunFolder(self.folder / f"{run:04}", run)

    def write(self, record: RunRecord) -> None:
        """Keep `record`, whole or not at all; raises OSError, Mistake where the database is of a newer version."""
        before = self._put[1] if self._put is not None and self._put[0] == record.run else None
        self._put = None

        def put(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                upsert_run(connection, record, before)

        self.folder.mkdir(parents=True, exist_ok=True)
        self._ledger.execute(put)
        self._put = record.run, record.history

    def read(self, run: int | None = None) -> RunRecord:
        """The record of `run`, or of the newest that has taken a step; raises Mistake where none can be read.

        Where its last save is later than what the database knows, the record is that of the save.
        """
        if run is None:
            trained = (known.run for known in self.list() if known.step > 0 and self._has_weights(known.run))
            if (run := next(trained, None)) is None:
                raise UserError("there is no trained run yet", "train one first: charwave-tui train")
        number = run
        self._check(number)
        if (record := self._asked(lambda it: load_record(it, number))) is None:
            raise self._unknown(number)
        saved = read_folder_record(self.folder_of(number))
        if saved is None or saved.seconds <= record.seconds:
            return record
        return msgspec.structs.replace(saved, name=record.name, note=record.note)

    def list(self) -> tuple[RunSummary, ...]:
        """All runs but the deleted ones, newest first; raises Mistake where they cannot be read.

        One that was left in training, and that nobody trains any more, is as its last save has it, paused.
        """
        if not self.folder.is_dir():
            return ()
        kept = self._asked(lambda it: [row for row in fetch_rows(it) if row["deleted"] is None])
        found = tuple(to_summary(row) for row in kept)
        return tuple(self._left(row) if row.state is RunState.TRAINING else row for row in found)

    def set_name_and_note(self, run: int, name: str, note: str) -> None:
        """Keep what a person calls `run`, and notes of it; raises Mistake, OSError."""
        self._check(run)
        write_user_notes(self.folder_of(run), name, note)
        self._amend(run, name=name, note=note)

    def delete(self, run: int) -> None:
        """Take `run` off the list, from where it can be put back; raises OSError, Mistake, also where it is in use."""
        self._check(run)
        if self.folder_of(run).in_use():
            raise UserError(f"run {run} is in progress", "stop it first")
        self._amend(run, deleted=time.time())

    def restore(self, run: int) -> None:
        """Put a deleted run back on the list; raises OSError, Mistake where it is not among the deleted."""
        if not self._deleted(run):
            raise self._unknown(run)
        self._amend(run, deleted=None)

    def remove(self, run: int) -> int:
        """Delete `run` for good, its saves too; the bytes that those took. Raises Mistake, OSError."""
        if self._deleted(run) is None:
            raise self._unknown(run)
        size = self.folder_of(run).remove()
        self._put = None
        self._ledger.execute(lambda connection: connection.execute("DELETE FROM runs WHERE run = ?", (run,)))
        return size

    def close(self) -> None:
        """Let go of the database; it is opened again when something is asked."""
        self._ledger.close()

    def deleted(self) -> tuple[int, ...]:
        """The numbers of the runs that are off the list, newest first; raises Mistake."""
        if not self.folder.is_dir():
            return ()
        return self._asked(lambda it: tuple(row["run"] for row in fetch_rows(it) if row["deleted"] is not None))

    def _has_weights(self, run: int) -> bool:
        with suppress(UserError):
            return bool(self.folder_of(run).checkpoints())
        return False

    def _left(self, row: RunSummary) -> RunSummary:
        folder = self.folder_of(row.run)
        if folder.in_use():
            return row
        if (saved := read_folder_record(folder)) is not None:
            row = msgspec.structs.replace(saved.summary(), name=row.name, note=row.note)
        return msgspec.structs.replace(row, state=RunState.PAUSED) if row.state is RunState.TRAINING else row

    def _asked(self, question: Callable[[sqlite3.Connection], Found]) -> Found:
        try:
            return self._ledger.execute(question)
        except DatabaseBusy:
            raise UserError(
                f"another process is writing {self.folder / DATABASE}", "try again when it is done"
            ) from None
        except DatabaseError as fault:
            raise UserError(
                f"{self.folder / DATABASE} cannot be read ({fault})", "mend that, or move it away to have it made anew"
            ) from None

    def _deleted(self, run: int) -> bool | None:
        """Whether `run` is among the deleted; None where there is no such run."""
        if not self.folder.is_dir() or abs(run) >= 10**LONGEST:
            return None
        row = self._asked(lambda it: fetch_row(it, run))
        return None if row is None else row["deleted"] is not None

    def _check(self, run: int) -> None:
        if self._deleted(run) is not False:
            raise self._unknown(run)

    def _amend(self, run: int, **own: object) -> None:
        def amend(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                update_user_columns(connection, run, **own)

        self._ledger.execute(amend)

    def _last(self) -> int:
        """The last number in the database: that of a run whose folder is gone is not given again."""
        with suppress(DatabaseError):
            return self._ledger.execute(last_run_number)
        return 0

    def _unknown(self, run: int) -> UserError:
        known = ", ".join(str(item.run) for item in reversed(self.list()[:8]))
        if not known:
            return UserError(f"run {run} is unknown", "there are no runs yet: charwave-tui train")
        return UserError(f"run {run} is unknown", f"the newest runs are: {known}")
