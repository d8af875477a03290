"""RecoveringDatabase: a database that reopens and rebuilds itself when its file was deleted or is corrupt."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from charwave_tui.core.atomic_write import file_identity, fsync_dir
from charwave_tui.core.errors import UserError
from charwave_tui.core.store.database import (
    UNREADABLE,
    DatabaseCorrupt,
    DatabaseError,
    DatabaseReadOnly,
    connect,
    transaction,
    translate_sqlite_errors,
)
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.star_table import fetch_readable_stars, insert_star
from charwave_tui.core.store.tables import (
    USER_COLUMNS,
    Result,
    fetch_row,
    fetch_run,
    insert_raw,
    update_user_columns,
    upsert_run,
)


def rebuild_database(
    source: sqlite3.Connection,
    path: Path,
    read_record: Callable[[int], RunRecord | None],
    only_runs: Container[int] | None = None,
) -> Path:
    """Copy every valid run (of `only_runs`, if given) and star of `source` into a new database; return its path.

    It is beside `path`, to be renamed to it. A run of which only the history is corrupt is read from its folder by
    `read_record`. Raises OSError and sqlite3.Error, leaving no file behind.
    """
    rebuilt = path.with_name(f".{path.name}.{os.getpid()}")
    _delete_database(rebuilt)
    try:
        with closing(connect(rebuilt)) as target, transaction(target):
            for run in _readable_runs(source):
                if only_runs is None or run in only_runs:
                    _copy_run(source, target, run, read_record)
            for star in fetch_readable_stars(source):
                insert_star(target, star)
    except BaseException:
        _delete_database(rebuilt)
        raise
    journal_path(rebuilt).unlink(missing_ok=True)
    return rebuilt


def journal_path(path: Path) -> Path:
    """Return the path of SQLite's rollback journal for the database at `path`."""
    return path.with_name(f"{path.name}-journal")


def _copy_run(
    source: sqlite3.Connection, target: sqlite3.Connection, run: int, read_record: Callable[[int], RunRecord | None]
) -> None:
    row = None
    row_and_history = None
    with suppress(*UNREADABLE):
        row = fetch_row(source, run)
        row_and_history = fetch_run(source, run)
    if row_and_history is not None:
        insert_raw(target, *row_and_history)
    elif row is not None and (record := read_record(run)) is not None:
        upsert_run(target, record, None)
        update_user_columns(target, run, **{column: row[column] for column in USER_COLUMNS})


def _readable_runs(source: sqlite3.Connection) -> list[int]:
    runs = []
    with suppress(*UNREADABLE):
        for (run,) in source.execute("SELECT run FROM runs"):
            runs.append(run)
    return runs


def _delete_database(path: Path) -> None:
    path.unlink(missing_ok=True)
    journal_path(path).unlink(missing_ok=True)


class RecoveringDatabase:
    """The database at `path`. Not thread-safe.

    `read_record` returns the record in a run's folder: runs missing in the database are imported from there. A corrupt
    database is rebuilt from its valid rows and kept under another name; one that is deleted while it is open is rebuilt
    too. Each of these is reported to `on_warning` in one line.
    """

    def __init__(
        self,
        path: Path,
        list_run_folders: Callable[[], Iterable[int]],
        read_record: Callable[[int], RunRecord | None],
        on_warning: Callable[[str], None],
    ) -> None:
        self._path = path
        self._list_run_folders = list_run_folders
        self._read_record = read_record
        self._on_warning = on_warning
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def execute(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        """Return the result of `function(connection)`, which is called again after a recovery.

        Raises DatabaseError, and UserError if the database is of a newer version.
        """
        try:
            return self._execute_once(function)
        except DatabaseReadOnly:  # when it was opened; that may have changed
            self.close()
        except DatabaseCorrupt as error:
            self._rebuild(error)
        return self._execute_once(function)

    def execute_in_transaction(self, statements: Callable[[sqlite3.Connection], object]) -> None:
        """Call `statements(connection)` in a write transaction. Raises like `execute`."""

        def transact(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                statements(connection)

        self.execute(transact)

    def close(self) -> None:
        """Close the file; the next `execute` opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _execute_once(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        with translate_sqlite_errors():
            return function(self._connected())

    def _connected(self) -> sqlite3.Connection:
        identity = file_identity(self._path)
        if self._connection is not None:
            if identity == self._identity:
                return self._connection
            if identity is None:
                self._restore_deleted(self._connection)
        self.close()
        self._identity = file_identity(self._path)
        self._connection = connect(self._path)
        self._identity = file_identity(self._path)
        with suppress(DatabaseError, UserError):  # a read-only database can still be read
            self._import_from_folders(self._connection)
        return self._connection

    def _import_from_folders(self, connection: sqlite3.Connection) -> None:
        stored = {run for (run,) in connection.execute("SELECT run FROM runs")}
        folders = [run for run in self._list_run_folders() if run not in stored]
        missing = [record for run in folders if (record := self._read_record(run)) is not None]
        if not missing:
            return
        with transaction(connection):
            for record in missing:
                if fetch_row(connection, record.run) is None:  # another process may have imported it
                    upsert_run(connection, record, None)
        numbers = ", ".join(str(record.run) for record in missing)
        self._on_warning(f"{self._path.name} did not know of these runs, which are taken from their folders: {numbers}")

    def _restore_deleted(self, deleted: sqlite3.Connection) -> None:
        """Rebuild a file that was deleted while it was open, with the runs whose folders were not deleted with it."""
        try:
            with self._exclusive():
                if file_identity(self._path) is not None:  # another process has rebuilt it
                    return
                rebuilt = rebuild_database(deleted, self._path, self._read_record, set(self._list_run_folders()))
                journal_path(self._path).unlink(missing_ok=True)
                rebuilt.rename(self._path)
                fsync_dir(self._path.parent)
        except (OSError, sqlite3.Error) as error:
            raise DatabaseError(f"it was deleted, and cannot be made anew: {error}") from None
        self._on_warning(f"{self._path.name} was deleted: it is made anew with what it held")

    def _rebuild(self, reason: DatabaseCorrupt) -> None:
        """Replace a corrupt file, which is kept under another name."""
        self.close()
        try:
            with self._exclusive():
                if self._identity != file_identity(self._path):  # another process has rebuilt it
                    return
                uri = f"file:{quote(str(self._path))}?immutable=1"  # do not apply a journal to it
                with closing(sqlite3.connect(uri, uri=True)) as corrupt:
                    rebuilt = rebuild_database(corrupt, self._path, self._read_record)
                backup = self._unused_backup_path()
                self._path.rename(backup)
                with suppress(FileNotFoundError):
                    journal_path(self._path).rename(journal_path(backup))
                rebuilt.rename(self._path)
                fsync_dir(self._path.parent)
        except (OSError, sqlite3.Error) as error:
            raise DatabaseError(f"it is damaged ({reason}), and cannot be made anew: {error}") from None
        self._on_warning(f"{self._path.name} was damaged ({reason}): it is made anew, the old one is {backup}")

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Let no other process rebuild the database during the block, if the file system has locks."""
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            with suppress(OSError):
                fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _unused_backup_path(self) -> Path:
        backup = self._path.with_name(f"{self._path.name}.damaged")
        number = 1
        while backup.exists():
            number += 1
            backup = self._path.with_name(f"{self._path.name}.damaged-{number}")
        return backup
