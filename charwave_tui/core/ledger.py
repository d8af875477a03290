"""The database of runs as it is used: opened when it is first asked, and made anew where it is damaged or gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Container, Iterable
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from charwave_tui.core import rows
from charwave_tui.core.database import DatabaseDamaged, DatabaseFault, connect, faults_told, identity, transaction
from charwave_tui.core.records import RunRecord


class Ledger:
    """The database at `path`; one thread alone may ask it.

    `elsewhere` gives the records of runs that are not among those known, from what else is on disk. A damaged one is
    made anew, with what is sound in it and with those; it stays beside the new one. `remark` is told of it in a line.
    """

    def __init__(
        self,
        path: Path,
        elsewhere: Callable[[Container[int]], Iterable[RunRecord]],
        remark: Callable[[str], None],
    ) -> None:
        self._path = path
        self._elsewhere = elsewhere
        self._remark = remark
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def ask(self, question: Callable[[sqlite3.Connection], rows.Found]) -> rows.Found:
        """What `question` finds or does, asked twice where the first time shows damage.

        Raises DatabaseFault, Mistake where the database is of a newer version.
        """
        try:
            with faults_told():
                return question(self._connected())
        except DatabaseDamaged as damage:
            aside = self._put_aside(damage)
        with faults_told():
            connection = connect(self._path)
            if aside is not None:
                _salvage(connection, aside)
            self._hold(connection)
            return question(connection)

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and self._identity == identity(self._path):
            return self._connection
        self.close()
        connection = connect(self._path)
        self._hold(connection)
        return connection

    def _hold(self, connection: sqlite3.Connection) -> None:
        self._connection, self._identity = connection, identity(self._path)
        with suppress(DatabaseFault):  # where nothing can be written, what is known can still be read
            self._adopt(connection)

    def _adopt(self, connection: sqlite3.Connection) -> None:
        with faults_told():
            known = {run for (run,) in connection.execute("SELECT run FROM runs")}
            missing = list(self._elsewhere(known))
            if missing:
                with transaction(connection):
                    for record in missing:
                        rows.put(connection, record, None)

    def _put_aside(self, damage: DatabaseDamaged) -> Path | None:
        same = self._identity in (None, identity(self._path))
        self.close()
        self._identity = None
        if not same:  # another process has put it aside already
            return None
        aside = self._path.with_name(f"{self._path.name}.damaged")
        number = 1
        while aside.exists():
            number += 1
            aside = self._path.with_name(f"{self._path.name}.damaged-{number}")
        try:
            self._path.rename(aside)
            self._path.with_name(f"{self._path.name}-journal").unlink(missing_ok=True)
        except OSError as error:
            raise DatabaseFault(f"{self._path} is damaged ({damage}) and cannot be put aside: {error}") from None
        self._remark(f"{self._path.name} was damaged ({damage}): it is made anew, the old one is {aside}")
        return aside


def _salvage(connection: sqlite3.Connection, aside: Path) -> None:
    """Take over every record of the damaged database that is still what was written."""
    with (
        suppress(sqlite3.Error, UnicodeDecodeError),
        closing(sqlite3.connect(f"file:{quote(str(aside))}?mode=ro", uri=True)) as damaged,
    ):
        for (run,) in damaged.execute("SELECT run FROM runs").fetchall():
            with suppress(sqlite3.Error, UnicodeDecodeError, DatabaseDamaged):
                if (record := rows.taken(damaged, run)) is not None:
                    with transaction(connection):
                        rows.put(connection, record, None)
