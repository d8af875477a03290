"""A database that reopens and rebuilds itself."""

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
    DatabaseCorrupt,
    DatabaseError,
    DatabaseReadOnly,
    connect,
    transaction,
    translate_sqlite_errors,
)
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.tables import (
    USER_COLUMNS,
    Found,
    fetch_readable_stars,
    fetch_row,
    fetch_run,
    insert_raw,
    insert_star,
    update_user_columns,
    upsert_run,
)

_UNREADABLE = (sqlite3.Error, UnicodeDecodeError, DatabaseCorrupt)


def rebuild_database(
    source: sqlite3.Connection,
    path: Path,
    recorded: Callable[[int], RunRecord | None],
    wanted: Container[int] | None = None,
) -> Path:
    """A new database beside that at `path`, which takes its place once it is renamed, with all that `source` holds.

    That is every run, or every `wanted` one, and every starred name that is what was written; where only a run's curve
    is not, it is taken from `recorded`, which gives what a run's folder says of it. Raises OSError, sqlite3.Error, with
    nothing left behind.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    _drop(fresh)
    try:
        with closing(connect(fresh)) as target, transaction(target):
            for run in _runs(source):
                if wanted is None or run in wanted:
                    _copy(source, target, run, recorded)
            for star in fetch_readable_stars(source):
                insert_star(target, star)
    except BaseException:
        _drop(fresh)
        raise
    journal_path(fresh).unlink(missing_ok=True)
    return fresh


def journal_path(path: Path) -> Path:
    """Where SQLite keeps what it needs to undo a transaction in the database at `path`."""
    return path.with_name(f"{path.name}-journal")


def _copy(
    source: sqlite3.Connection, target: sqlite3.Connection, run: int, recorded: Callable[[int], RunRecord | None]
) -> None:
    values = None
    try:
        values = fetch_row(source, run)
        all_of_it = fetch_run(source, run)
    except _UNREADABLE:
        all_of_it = None
    if all_of_it is not None:
        insert_raw(target, *all_of_it)
    elif values is not None and (record := recorded(run)) is not None:
        upsert_run(target, record, None)
        update_user_columns(target, run, **{name: values[name] for name in USER_COLUMNS})


def _runs(source: sqlite3.Connection) -> list[int]:
    """The numbers that can be read, be the rest of them damaged."""
    found = []
    with suppress(*_UNREADABLE):
        for (run,) in source.execute("SELECT run FROM runs"):
            found.append(run)
    return found


def _drop(path: Path) -> None:
    for left in (path, journal_path(path)):
        left.unlink(missing_ok=True)


class RecoveringDatabase:
    """The database at `path`; one thread alone may ask it.

    `folders` gives the numbers of the runs that have a folder, `recorded` what a run's folder says of it: from there
    comes what the database does not know. One that is damaged is made anew from all that is sound in it, and stays
    beside the new one; one that is deleted while it is open is made anew too. `remark` is told of it in a line.
    """

    def __init__(
        self,
        path: Path,
        folders: Callable[[], Iterable[int]],
        recorded: Callable[[int], RunRecord | None],
        remark: Callable[[str], None],
    ) -> None:
        self._path = path
        self._folders = folders
        self._recorded = recorded
        self._remark = remark
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def execute(self, question: Callable[[sqlite3.Connection], Found]) -> Found:
        """What `question` finds or does, asked once more where that mended something.

        Raises DatabaseFault, Mistake where the database is of a newer version.
        """
        try:
            return self._asked(question)
        except DatabaseReadOnly:  # as it was opened; by now that may be put right
            self.close()
        except DatabaseCorrupt as damage:
            self._rebuild(damage)
        return self._asked(question)

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _asked(self, question: Callable[[sqlite3.Connection], Found]) -> Found:
        with translate_sqlite_errors():
            return question(self._connected())

    def _connected(self) -> sqlite3.Connection:
        there = file_identity(self._path)
        if self._connection is not None:
            if there == self._identity:
                return self._connection
            if there is None:
                self._restore_deleted(self._connection)
        self.close()
        self._identity = file_identity(self._path)
        self._connection = connect(self._path)
        self._identity = file_identity(self._path)
        with suppress(DatabaseError, UserError):  # where nothing can be written, what is known can still be read
            self._import_from_folders(self._connection)
        return self._connection

    def _import_from_folders(self, connection: sqlite3.Connection) -> None:
        known = {run for (run,) in connection.execute("SELECT run FROM runs")}
        unknown = [record for run in self._folders() if run not in known and (record := self._recorded(run))]
        if not unknown:
            return
        with transaction(connection):
            for record in unknown:
                if fetch_row(connection, record.run) is None:  # another process may have been quicker
                    upsert_run(connection, record, None)
        named = ", ".join(str(record.run) for record in unknown)
        self._remark(f"{self._path.name} did not know of these runs, which are taken from their folders: {named}")

    def _restore_deleted(self, deleted: sqlite3.Connection) -> None:
        """Make the file anew that was deleted while it was open, for the runs that were not deleted with it."""
        try:
            with self._alone():
                if file_identity(self._path) is not None:  # another process has done so already
                    return
                fresh = rebuild_database(deleted, self._path, self._recorded, set(self._folders()))
                journal_path(self._path).unlink(missing_ok=True)
                fresh.rename(self._path)
                fsync_dir(self._path.parent)
        except (OSError, sqlite3.Error) as error:
            raise DatabaseError(f"it was deleted, and cannot be made anew: {error}") from None
        self._remark(f"{self._path.name} was deleted: it is made anew with what it held")

    def _rebuild(self, damage: DatabaseCorrupt) -> None:
        """Put a new file in the place of the damaged one."""
        self.close()
        try:
            with self._alone():
                if self._identity != file_identity(self._path):  # another process has done so already
                    return
                as_it_is = f"file:{quote(str(self._path))}?immutable=1"  # whatever a journal beside it says
                with closing(sqlite3.connect(as_it_is, uri=True)) as damaged:
                    fresh = rebuild_database(damaged, self._path, self._recorded)
                aside = self._free_name()
                self._path.rename(aside)
                with suppress(FileNotFoundError):
                    journal_path(self._path).rename(journal_path(aside))
                fresh.rename(self._path)
                fsync_dir(self._path.parent)
        except (OSError, sqlite3.Error) as error:
            raise DatabaseError(f"it is damaged ({damage}), and cannot be made anew: {error}") from None
        self._remark(f"{self._path.name} was damaged ({damage}): it is made anew, the old one is {aside}")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Within the block no other process makes the database anew, where the file system knows locks."""
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            with suppress(OSError):
                fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _free_name(self) -> Path:
        aside = self._path.with_name(f"{self._path.name}.damaged")
        number = 1
        while aside.exists():
            number += 1
            aside = self._path.with_name(f"{self._path.name}.damaged-{number}")
        return aside
