"""The one SQLite file of all runs: how it is opened, upgraded and found to be damaged.

Its journal is the rollback one: unlike a write-ahead log that works on network folders too, and leaves this one file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import HOME_VARIABLE

APPLICATION_ID = 0x63776176
"""What SQLite keeps in the file's head as the application that it belongs to."""


BUSY_TIMEOUT = 3.0
"""Seconds to wait for another process that is writing."""


SMALLEST = 512
"""Bytes of the smallest database: SQLite takes a file of fewer for an empty one, and would write over it."""


MIGRATIONS = (
    """
    CREATE TABLE runs (
        run INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL, note TEXT NOT NULL, preset TEXT NOT NULL, config TEXT NOT NULL, corpus TEXT NOT NULL,
        parameters INTEGER NOT NULL, state TEXT NOT NULL, step INTEGER NOT NULL, created TEXT NOT NULL,
        seconds REAL NOT NULL, training_seconds REAL NOT NULL, first_loss REAL, train REAL, val REAL,
        newest_train REAL, newest_val REAL, best_val REAL, divergence TEXT, ghost INTEGER,
        curve_window INTEGER NOT NULL, curve_digest TEXT NOT NULL, digest TEXT NOT NULL, deleted REAL
    );
    CREATE TABLE points (
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, place INTEGER NOT NULL,
        step INTEGER NOT NULL, mean REAL NOT NULL, low REAL NOT NULL, high REAL NOT NULL, PRIMARY KEY (run, place)
    ) WITHOUT ROWID;
    CREATE TABLE evaluations (
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, place INTEGER NOT NULL,
        step INTEGER NOT NULL, split TEXT NOT NULL, loss REAL NOT NULL, PRIMARY KEY (run, place)
    ) WITHOUT ROWID;
    CREATE TABLE marks (
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, place INTEGER NOT NULL,
        step INTEGER NOT NULL, text TEXT NOT NULL, quiet INTEGER NOT NULL, PRIMARY KEY (run, place)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE stars (
        star INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, nll REAL NOT NULL, run INTEGER, step INTEGER NOT NULL,
        starred TEXT NOT NULL, digest TEXT NOT NULL
    );
    """,
)
"""What makes each version of the schema from the one before it; the version is how many of them were applied."""


class DatabaseError(OSError):
    """The file cannot be read or written now; the message says why."""


class DatabaseBusy(DatabaseError):
    """Another process has been writing for longer than PATIENCE."""


class DatabaseReadOnly(DatabaseError):
    """It could not be written when it was opened."""


class DatabaseCorrupt(DatabaseError):
    """What the file holds is not what was written."""


_TWICE = {sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE}


_KINDS = {
    **dict.fromkeys((sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB), DatabaseCorrupt),
    sqlite3.SQLITE_BUSY: DatabaseBusy,
    sqlite3.SQLITE_READONLY: DatabaseReadOnly,
}


@contextmanager
def translate_sqlite_errors() -> Iterator[None]:
    """Within the block what SQLite raises comes as a DatabaseFault."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError):  # a fault of the program's own
        raise
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        kind = DatabaseCorrupt if code in _TWICE else _KINDS.get(code & 0xFF, DatabaseError)
        raise kind(_line(str(error))) from error
    except UnicodeDecodeError as error:  # SQLite quotes a damaged schema in its own messages
        raise DatabaseCorrupt("its schema cannot be read") from error


def connect(path: Path) -> sqlite3.Connection:
    """The database at `path`, made or brought to the present schema where need be; the old one stays as a backup.

    Raises DatabaseFault, DatabaseDamaged where it is none of ours, Mistake where it is of a newer version.
    """
    size = 0
    with suppress(OSError):
        size = path.stat().st_size
    if 0 < size < SMALLEST:
        raise DatabaseCorrupt("it is cut off")
    with translate_sqlite_errors():
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            _upgrade(connection, path)
            connection.execute("PRAGMA journal_mode = TRUNCATE")
            (sound,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            if sound != "ok":
                raise DatabaseCorrupt(_line(sound.splitlines()[-1]))
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Within the block all is written or nothing; raises DatabaseFault."""
    with translate_sqlite_errors():
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@contextmanager
def read_transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Within the block nothing that is read is changed by another process."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _line(text: str) -> str:
    """What SQLite says of a damaged file, which it quotes, so that it can be shown in a line."""
    return "".join(symbol if symbol.isprintable() else "�" for symbol in text)


def _upgrade(connection: sqlite3.Connection, path: Path) -> None:
    latest = len(MIGRATIONS)
    with read_transaction(connection):  # of one moment: another process may be making it
        version = _version(connection, path)
    if version == latest:
        return
    with transaction(connection):
        version = _version(connection, path)  # by now it may have done so
        if 0 < version < latest:
            backup = path.with_name(f"{path.name}.schema-{version}")
            backup.unlink(missing_ok=True)
            with closing(sqlite3.connect(path)) as now, closing(sqlite3.connect(backup)) as copy:
                now.backup(copy)  # another connection: the one that holds the lock to write would wait for itself
        for script in MIGRATIONS[version:]:
            for statement in script.split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {latest}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if owner != APPLICATION_ID and (owner or tables):
        raise DatabaseCorrupt("it is the database of another program")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version < 0:
        raise DatabaseCorrupt("its version is none")
    if version > len(MIGRATIONS):
        raise UserError(
            f"{path} is of schema {version}, and this version of the program knows none after {len(MIGRATIONS)}",
            f"upgrade the program, or set {HOME_VARIABLE} to another folder",
        )
    return int(version)
