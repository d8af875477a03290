"""The database of runs as it is used: opened when it is first asked, and made anew where it is damaged or gone."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from charwave_tui.core import rows
from charwave_tui.core.atomic import identity, sync_folder
from charwave_tui.core.database import (
    DatabaseDamaged,
    DatabaseFault,
    DatabaseReadOnly,
    connect,
    faults_told,
    transaction,
)
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.records import RunRecord
from charwave_tui.core.salvage import journal_of, salvaged


class Ledger:
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

    def ask(self, question: Callable[[sqlite3.Connection], rows.Found]) -> rows.Found:
        """What `question` finds or does, asked once more where that mended something.

        Raises DatabaseFault, Mistake where the database is of a newer version.
        """
        try:
            return self._asked(question)
        except DatabaseReadOnly:  # as it was opened; by now that may be put right
            self.close()
        except DatabaseDamaged as damage:
            self._replace(damage)
        return self._asked(question)

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _asked(self, question: Callable[[sqlite3.Connection], rows.Found]) -> rows.Found:
        with faults_told():
            return question(self._connected())

    def _connected(self) -> sqlite3.Connection:
        there = identity(self._path)
        if self._connection is not None:
            if there == self._identity:
                return self._connection
            if there is None:
                self._bring_back(self._connection)
        self.close()
        self._identity = identity(self._path)
        self._connection = connect(self._path)
        self._identity = identity(self._path)
        with suppress(DatabaseFault, Mistake):  # where nothing can be written, what is known can still be read
            self._adopt(self._connection)
        return self._connection

    def _adopt(self, connection: sqlite3.Connection) -> None:
        known = {run for (run,) in connection.execute("SELECT run FROM runs")}
        unknown = [record for run in self._folders() if run not in known and (record := self._recorded(run))]
        if not unknown:
            return
        with transaction(connection):
            for record in unknown:
                if rows.found(connection, record.run) is None:  # another process may have been quicker
                    rows.put(connection, record, None)
        named = ", ".join(str(record.run) for record in unknown)
        self._remark(f"{self._path.name} did not know of these runs, which are taken from their folders: {named}")

    def _bring_back(self, deleted: sqlite3.Connection) -> None:
        """Make the file anew that was deleted while it was open, for the runs that were not deleted with it."""
        try:
            with self._alone():
                if identity(self._path) is not None:  # another process has done so already
                    return
                fresh = salvaged(deleted, self._path, self._recorded, set(self._folders()))
                journal_of(self._path).unlink(missing_ok=True)
                fresh.rename(self._path)
                sync_folder(self._path.parent)
        except (OSError, sqlite3.Error) as error:
            raise DatabaseFault(f"it was deleted, and cannot be made anew: {error}") from None
        self._remark(f"{self._path.name} was deleted: it is made anew with what it held")

    def _replace(self, damage: DatabaseDamaged) -> None:
        """Put a new file in the place of the damaged one."""
        self.close()
        try:
            with self._alone():
                if self._identity != identity(self._path):  # another process has done so already
                    return
                as_it_is = f"file:{quote(str(self._path))}?immutable=1"  # whatever a journal beside it says
                with closing(sqlite3.connect(as_it_is, uri=True)) as damaged:
                    fresh = salvaged(damaged, self._path, self._recorded)
                aside = self._free_name()
                self._path.rename(aside)
                with suppress(FileNotFoundError):
                    journal_of(self._path).rename(journal_of(aside))
                fresh.rename(self._path)
                sync_folder(self._path.parent)
        except (OSError, sqlite3.Error) as error:
            raise DatabaseFault(f"it is damaged ({damage}), and cannot be made anew: {error}") from None
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
