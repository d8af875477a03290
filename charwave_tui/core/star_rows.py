"""Starred names as rows of the database of runs."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec

from charwave_tui.core.database import DatabaseDamaged
from charwave_tui.core.speaking import Star

_FIELDS = Star.__struct_fields__
_COLUMNS = ", ".join((*_FIELDS, "digest"))
_UNREADABLE = (sqlite3.Error, UnicodeDecodeError, DatabaseDamaged)


def every(connection: sqlite3.Connection) -> tuple[Star, ...]:
    """All of them, newest first; raises DatabaseDamaged where one is not what was written."""
    found = connection.execute(f"SELECT {_COLUMNS} FROM stars ORDER BY star DESC").fetchall()
    return tuple(map(_checked, found))


def count(connection: sqlite3.Connection) -> int:
    """How many there are."""
    (number,) = connection.execute("SELECT count(*) FROM stars").fetchone()
    return int(number)


def put(connection: sqlite3.Connection, star: Star) -> None:
    """Add a name as the newest; one that is there stays as it is."""
    marks = ", ".join("?" * (len(_FIELDS) + 1))
    star = msgspec.structs.replace(star, nll=float(star.nll) + 0.0)  # as it comes back: SQLite knows no −0
    values = (*msgspec.structs.astuple(star), _digest(star))
    connection.execute(f"INSERT OR IGNORE INTO stars ({_COLUMNS}) VALUES ({marks})", values)


def drop(connection: sqlite3.Connection, name: str) -> None:
    """Take a name out."""
    connection.execute("DELETE FROM stars WHERE name = ?", (name,))


def readable(connection: sqlite3.Connection) -> Iterator[Star]:
    """Those that are what was written, oldest first, be the rest damaged, or no table there."""
    with suppress(*_UNREADABLE):
        for (number,) in connection.execute("SELECT star FROM stars ORDER BY star").fetchall():
            with suppress(*_UNREADABLE):
                row = connection.execute(f"SELECT {_COLUMNS} FROM stars WHERE star = ?", (number,)).fetchone()
                if row is not None:
                    yield _checked(row)


def _checked(row: tuple[Any, ...]) -> Star:
    *values, digest = row
    try:
        star = msgspec.convert(dict(zip(_FIELDS, values, strict=True)), Star)
        if _digest(star) == digest:
            return star
    except msgspec.ValidationError:
        pass
    raise DatabaseDamaged("a starred name is not what was written")


def _digest(star: Star) -> str:
    return hashlib.sha256(msgspec.json.encode(star)).hexdigest()
