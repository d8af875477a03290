"""The SQLite database of all runs: connect, migrate, transactions, error classes.

It uses a rollback journal: unlike a write-ahead log it works on network file systems and leaves a single file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import HOME_VARIABLE

APPLICATION_ID = 0x63776176  # PRAGMA application_id
BUSY_TIMEOUT = 3.0  # seconds to wait for a process that is writing
MIN_DATABASE_BYTES = 512  # SQLite takes a smaller file for an empty database, and would overwrite it

# Migration N leads from schema version N to N + 1 (PRAGMA user_version).
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
    """
    ALTER TABLE runs ADD COLUMN val_unseen REAL;
    ALTER TABLE runs ADD COLUMN newest_val_unseen REAL;
    ALTER TABLE runs ADD COLUMN best_val_unseen REAL;
    ALTER TABLE evaluations ADD COLUMN unseen REAL;
    """,
)


class DatabaseError(OSError):
    """The database cannot be read or written; the message says why."""


class DatabaseBusy(DatabaseError):
    """Another process has been writing for longer than BUSY_TIMEOUT."""


class DatabaseReadOnly(DatabaseError):
    """The database was read-only when it was opened."""


class DatabaseCorrupt(DatabaseError):
    """The content of the file is not what was written."""


UNREADABLE = (sqlite3.Error, UnicodeDecodeError, DatabaseCorrupt)  # raised by a query of damaged rows


_CORRUPT_EXTENDED_CODES = {sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE}
_ERRORS_BY_CODE = {
    **dict.fromkeys((sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB), DatabaseCorrupt),
    sqlite3.SQLITE_BUSY: DatabaseBusy,
    sqlite3.SQLITE_READONLY: DatabaseReadOnly,
}


@contextmanager
def translate_sqlite_errors() -> Iterator[None]:
    """Raise the errors of SQLite within the block as DatabaseError."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError):  # a bug in this program
        raise
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        if code in _CORRUPT_EXTENDED_CODES:
            raise DatabaseCorrupt(_printable(str(error))) from error
        raise _ERRORS_BY_CODE.get(code & 0xFF, DatabaseError)(_printable(str(error))) from error
    except UnicodeDecodeError as error:  # SQLite quotes a damaged schema in its own messages
        raise DatabaseCorrupt("its schema cannot be read") from error


def connect(path: Path) -> sqlite3.Connection:
    """Open the database at `path`, creating or migrating it; before a migration it is backed up.

    Raises DatabaseError, DatabaseCorrupt for another program's database, UserError for that of a newer version.
    """
    size = 0
    with suppress(OSError):
        size = path.stat().st_size
    if 0 < size < MIN_DATABASE_BYTES:
        raise DatabaseCorrupt("it is cut off")
    with translate_sqlite_errors():
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            _migrate(connection, path)
            connection.execute("PRAGMA journal_mode = TRUNCATE")
            (result,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            if result != "ok":
                raise DatabaseCorrupt(_printable(result.splitlines()[-1]))
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Run the block in a write transaction, rolled back if it raises. Raises DatabaseError."""
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
    """Run the block in a read transaction: all its queries see the same state of the database."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _printable(text: str) -> str:
    # SQLite's messages quote bytes of a corrupt file.
    return "".join(symbol if symbol.isprintable() else "�" for symbol in text)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    latest = len(MIGRATIONS)
    with read_transaction(connection):  # another process may be creating it
        version = _schema_version(connection, path)
    if version == latest:
        return
    with transaction(connection):
        version = _schema_version(connection, path)  # another process may have migrated it meanwhile
        if 0 < version < latest:
            backup = path.with_name(f"{path.name}.schema-{version}")
            backup.unlink(missing_ok=True)
            # A second connection: the one that holds the write lock would wait for itself.
            with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as target:
                source.backup(target)
        for script in MIGRATIONS[version:]:
            for statement in script.split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {latest}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _schema_version(connection: sqlite3.Connection, path: Path) -> int:
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
