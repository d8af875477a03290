"""RunStore: the database of all runs and the numbered folders of their checkpoints."""

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
from charwave_tui.core.store.database import DatabaseBusy, DatabaseError
from charwave_tui.core.store.folder_record import read_folder_record, relocated, write_user_notes
from charwave_tui.core.store.recovery import RecoveringDatabase
from charwave_tui.core.store.run_folder import RunFolder, RunLock
from charwave_tui.core.store.run_record import RunRecord, RunSummary
from charwave_tui.core.store.starred_names import StarredNames
from charwave_tui.core.store.tables import (
    Result,
    fetch_row,
    fetch_rows,
    last_run_number,
    load_record,
    to_summary,
    update_user_columns,
    upsert_run,
)

log = logging.getLogger(__name__)

DATABASE_FILE = "runs.db"
MAX_RUN_DIGITS = 18  # of a run number: SQLite's integers have hardly more
MAX_CREATE_ATTEMPTS = 1_000  # numbers tried while other processes create runs too


class RunStore:
    """The runs in `folder`, which is created with the first run. Not thread-safe.

    `on_warning` gets one line about each repair of the database. Methods raise UserError for a run that does not exist
    and a database that cannot be read; those that write raise OSError too.
    """

    def __init__(self, folder: Path, on_warning: Callable[[str], None] = log.warning) -> None:
        self.folder = folder
        self.on_warning = on_warning
        self._database = RecoveringDatabase(
            folder / DATABASE_FILE,
            self.run_numbers,
            lambda run: read_folder_record(self.folder_of(run)),
            lambda text: self.on_warning(text),
        )
        self.stars = StarredNames(folder / DATABASE_FILE, self._database)
        self._last_written: tuple[int, TrainingHistory] | None = None  # by this process

    def create(self) -> int:
        """Create the folder of a new run and return its number. Raises UserError if that fails."""
        ensure_dir(self.folder)
        reason: str | None = "others take every number"
        try:
            first = max([*self.run_numbers(), self._last_number()]) + 1
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
        """Acquire the training lock of `run`. Raises UserError if another process holds it, or it cannot be created."""
        try:
            return self.folder_of(run).lock()
        except OSError as error:
            raise UserError(
                f"run {run} cannot be locked in {self.folder} ({error.strerror})",
                "make its folder writable, or train a new run",
            ) from None

    def run_numbers(self) -> list[int]:
        """Return the numbers of all runs that have a folder, in order."""
        try:
            names = [entry.name for entry in self.folder.iterdir()] if self.folder.is_dir() else []
        except OSError as error:
            raise UserError(f"{self.folder} cannot be read ({error.strerror})", "allow it with chmod u+rwx") from None
        numbers = (name for name in names if name.isascii() and name.isdecimal() and len(name) <= MAX_RUN_DIGITS)
        return sorted(map(int, numbers))

    def folder_of(self, run: int) -> RunFolder:
        """Return the folder of `run`, which need not exist."""
        return RunFolder(self.folder / f"{run:04}", run)

    def write(self, record: RunRecord) -> None:
        """Insert or update a record in one transaction. Raises OSError, and UserError for a newer database version."""
        before = self._last_written[1] if self._last_written and self._last_written[0] == record.run else None
        self._last_written = None
        self.folder.mkdir(parents=True, exist_ok=True)
        self._database.execute_in_transaction(lambda connection: upsert_run(connection, record, before))
        self._last_written = record.run, record.history

    def read(self, run: int | None = None) -> RunRecord:
        """Return the record of `run`, by default of the latest run that has taken a step and has weights.

        It comes from the last checkpoint if that is later than the database.
        """
        if run is None:
            trained = (row.run for row in self.summaries() if row.step > 0 and self._has_weights(row.run))
            if (run := next(trained, None)) is None:
                raise UserError("there is no trained run yet", "train one first: charwave-tui train")
        number = run
        self._require(number)
        if (record := self._query(lambda connection: load_record(connection, number))) is None:
            raise self._unknown_run(number)
        checkpoint = read_folder_record(self.folder_of(number))
        if checkpoint is not None and checkpoint.seconds > record.seconds:
            record = msgspec.structs.replace(checkpoint, name=record.name, note=record.note)
        return relocated(record, self.folder_of(number))

    def summaries(self) -> tuple[RunSummary, ...]:
        """Return all runs but the deleted ones, newest first.

        A run that was training when its process ended is as in its last checkpoint, paused.
        """
        if not self.folder.is_dir():
            return ()
        rows = self._query(lambda connection: [row for row in fetch_rows(connection) if row["deleted"] is None])
        summaries = [to_summary(row) for row in rows]
        return tuple(self._as_left(summary) if summary.state is RunState.TRAINING else summary for summary in summaries)

    def set_name_and_note(self, run: int, name: str, note: str) -> None:
        self._require(run)
        write_user_notes(self.folder_of(run), name=name, note=note)
        self._update(run, name=name, note=note)

    def relocate_corpus(self, run: int, path: str) -> None:
        """Remember where the corpus of `run` is now. Raises OSError too."""
        self._require(run)
        write_user_notes(self.folder_of(run), corpus=path)

    def delete(self, run: int) -> None:
        """Mark `run` as deleted, which `restore` undoes. Raises UserError also if it is being trained."""
        self._require(run)
        if self.folder_of(run).is_locked():
            raise UserError(f"run {run} is in progress", "stop it first")
        self._update(run, deleted=time.time())

    def restore(self, run: int) -> None:
        """Undo `delete`. Raises UserError if the run is not deleted."""
        is_deleted = self._is_deleted(run)
        if is_deleted is None:
            raise self._unknown_run(run)
        if not is_deleted:
            raise UserError(f"run {run} is not deleted", "nothing needs restoring; charwave-tui runs list shows it")
        self._update(run, deleted=None)

    def delete_permanently(self, run: int) -> int:
        """Delete `run` and its folder for good; return the bytes that the folder took."""
        if self._is_deleted(run) is None:
            raise self._unknown_run(run)
        size = self.folder_of(run).remove()
        self._last_written = None
        self._database.execute(lambda connection: connection.execute("DELETE FROM runs WHERE run = ?", (run,)))
        return size

    def close(self) -> None:
        """Close the database; the next method that needs it opens it again."""
        self._database.close()

    def deleted_runs(self) -> tuple[int, ...]:
        """Return the numbers of the deleted runs, newest first."""
        if not self.folder.is_dir():
            return ()
        rows = self._query(lambda connection: list(fetch_rows(connection)))
        return tuple(row["run"] for row in rows if row["deleted"] is not None)

    def _has_weights(self, run: int) -> bool:
        with suppress(UserError):
            return bool(self.folder_of(run).checkpoints())
        return False

    def _as_left(self, summary: RunSummary) -> RunSummary:
        """Return a run in training as its process left it: unchanged if that still runs."""
        folder = self.folder_of(summary.run)
        if folder.is_locked():
            return summary
        if (checkpoint := read_folder_record(folder)) is not None:
            summary = msgspec.structs.replace(checkpoint.summary(), name=summary.name, note=summary.note)
        if summary.state is RunState.TRAINING:
            return msgspec.structs.replace(summary, state=RunState.PAUSED)
        return summary

    def _query(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        path = self.folder / DATABASE_FILE
        try:
            return self._database.execute(function)
        except DatabaseBusy:
            raise UserError(f"another process is writing {path}", "try again when it is done") from None
        except DatabaseError as error:
            remedy = "mend that, or move it away to have it made anew"
            raise UserError(f"{path} cannot be read ({error})", remedy) from None

    def _is_deleted(self, run: int) -> bool | None:
        """Return whether `run` is deleted, None if it does not exist."""
        if not self.folder.is_dir() or abs(run) >= 10**MAX_RUN_DIGITS:
            return None
        row = self._query(lambda connection: fetch_row(connection, run))
        return None if row is None else row["deleted"] is not None

    def _require(self, run: int) -> None:
        if self._is_deleted(run) is not False:
            raise self._unknown_run(run)

    def _update(self, run: int, **values: object) -> None:
        self._database.execute_in_transaction(lambda connection: update_user_columns(connection, run, **values))

    def _last_number(self) -> int:
        # The number of a run whose folder was deleted is not used again.
        with suppress(DatabaseError):
            return self._database.execute(last_run_number)
        return 0

    def _unknown_run(self, run: int) -> UserError:
        latest = ", ".join(str(summary.run) for summary in reversed(self.summaries()[:8]))
        if not latest:
            return UserError(f"run {run} is unknown", "there are no runs yet: charwave-tui train")
        return UserError(f"run {run} is unknown", f"the newest runs are: {latest}")
