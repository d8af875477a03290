"""Table of starred names: SQL with a digest for each row.

Functions that read raise DatabaseCorrupt if a digest does not match.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec

from charwave_tui.core.metrics import StarredName
from charwave_tui.core.store.database import UNREADABLE, DatabaseCorrupt

_STAR_FIELDS = StarredName.__struct_fields__
_STAR_COLUMNS = ", ".join((*_STAR_FIELDS, "digest"))


def fetch_stars(connection: sqlite3.Connection) -> tuple[StarredName, ...]:
    """Return all starred names, newest first."""
    rows = connection.execute(f"SELECT {_STAR_COLUMNS} FROM stars ORDER BY star DESC").fetchall()
    return tuple(map(_verified_star, rows))


def count_stars(connection: sqlite3.Connection) -> int:
    """Return the number of starred names."""
    (number,) = connection.execute("SELECT count(*) FROM stars").fetchone()
    return int(number)


def count_starred_characters(connection: sqlite3.Connection) -> int:
    (number,) = connection.execute("SELECT coalesce(sum(length(name)), 0) FROM stars").fetchone()
    return int(number)


def insert_star(connection: sqlite3.Connection, star: StarredName) -> None:
    """Add a name as the newest; one that is starred already stays as it is."""
    placeholders = ", ".join("?" * (len(_STAR_FIELDS) + 1))
    star = msgspec.structs.replace(star, nll=float(star.nll) + 0.0)  # as SQLite gives it back, without −0
    values = (*msgspec.structs.astuple(star), _star_digest(star))
    connection.execute(f"INSERT OR IGNORE INTO stars ({_STAR_COLUMNS}) VALUES ({placeholders})", values)


def delete_star(connection: sqlite3.Connection, name: str) -> None:
    """Remove a starred name, if there is one."""
    connection.execute("DELETE FROM stars WHERE name = ?", (name,))


def fetch_readable_stars(connection: sqlite3.Connection) -> Iterator[StarredName]:
    """Yield the valid starred names, oldest first, even if others are corrupt or the table is missing."""
    with suppress(*UNREADABLE):
        for (number,) in connection.execute("SELECT star FROM stars ORDER BY star").fetchall():
            with suppress(*UNREADABLE):
                row = connection.execute(f"SELECT {_STAR_COLUMNS} FROM stars WHERE star = ?", (number,)).fetchone()
                if row is not None:
                    yield _verified_star(row)


def _verified_star(row: tuple[Any, ...]) -> StarredName:
    *values, digest = row
    try:
        star = msgspec.convert(dict(zip(_STAR_FIELDS, values, strict=True)), StarredName)
        if _star_digest(star) == digest:
            return star
    except msgspec.ValidationError:
        pass
    raise DatabaseCorrupt("a starred name is not what was written")


def _star_digest(star: StarredName) -> str:
    return hashlib.sha256(msgspec.json.encode(star)).hexdigest()
