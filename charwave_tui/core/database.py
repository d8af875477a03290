"""The one SQLite file of all runs: how it is opened, upgraded and found to be damaged.

Its journal is the rollback one: unlike a write-ahead log that works on network folders too, and leaves this one file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from charwave_tui.core.mistake import Mistake
from charwave_tui.core.places import HOME_VARIABLE

OURS = 0x63776176
"""What SQLite keeps in the file's head as the application that it belongs to."""

PATIENCE = 5.0
"""Seconds to wait for another process that is writing."""

MIGRATIONS = (
    """
    CREATE TABLE runs (
        run INTEGER PRIMARY KEY,
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
)
"""What makes each version of the schema from the one before it; the version is how many of them were applied."""

_BROKEN = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class DatabaseFault(OSError):
    """The file cannot be read or written now; the message says why."""


class DatabaseDamaged(DatabaseFault):
    """What the file holds is not what was written."""


@contextmanager
def faults_told() -> Iterator[None]:
    """Within the block what SQLite raises comes as a DatabaseFault."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        kind = DatabaseDamaged if code in _BROKEN else DatabaseFault
        raise kind(str(error)) from error
    except UnicodeDecodeError as error:  # SQLite quotes a damaged schema in its own messages
        raise DatabaseDamaged("its schema cannot be read") from error


def connect(path: Path) -> sqlite3.Connection:
    """The database at `path`, made or brought to the present schema where need be; the old one stays as a backup.

    Raises DatabaseFault, DatabaseDamaged where it is none of ours, Mistake where it is of a newer version.
    """
    with faults_told():
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = TRUNCATE")
            connection.execute("PRAGMA foreign_keys = ON")
            _upgrade(connection, path)
            (sound,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if sound != "ok":
                raise DatabaseDamaged(sound)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Within the block all is written or nothing; raises DatabaseFault."""
    with faults_told():
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def identity(path: Path) -> tuple[int, int] | None:
    """Which file is at `path` now, None where there is none: it may be deleted or replaced while it is open."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _upgrade(connection: sqlite3.Connection, path: Path) -> None:
    latest = len(MIGRATIONS)
    version = _version(connection, path)
    if version == latest:
        return
    if version > latest:
        raise Mistake(
            f"{path} is of schema {version}, and this version knows none after {latest}",
            f"upgrade the program, or set {HOME_VARIABLE} to another folder",
        )
    if version:
        with closing(sqlite3.connect(path.with_name(f"{path.name}.schema-{version}"))) as backup:
            connection.backup(backup)
    with transaction(connection):
        for script in MIGRATIONS[_version(connection, path) :]:  # another process may have been quicker
            for statement in script.split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {latest}")
        connection.execute(f"PRAGMA application_id = {OURS}")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if owner != OURS and (owner or tables):
        raise DatabaseDamaged("it is the database of another program")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)
