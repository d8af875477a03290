"""What can be saved of a database of runs that is damaged, or was deleted while it was open."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Container
from contextlib import closing, suppress
from pathlib import Path

from charwave_tui.core import rows, star_rows
from charwave_tui.core.database import DatabaseDamaged, connect, transaction
from charwave_tui.core.records import RunRecord

_UNREADABLE = (sqlite3.Error, UnicodeDecodeError, DatabaseDamaged)


def salvaged(
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
            for star in star_rows.readable(source):
                star_rows.put(target, star)
    except BaseException:
        _drop(fresh)
        raise
    journal_of(fresh).unlink(missing_ok=True)
    return fresh


def journal_of(path: Path) -> Path:
    """Where SQLite keeps what it needs to undo a transaction in the database at `path`."""
    return path.with_name(f"{path.name}-journal")


def _copy(
    source: sqlite3.Connection, target: sqlite3.Connection, run: int, recorded: Callable[[int], RunRecord | None]
) -> None:
    values = None
    try:
        values = rows.found(source, run)
        all_of_it = rows.whole(source, run)
    except _UNREADABLE:
        all_of_it = None
    if all_of_it is not None:
        rows.paste(target, *all_of_it)
    elif values is not None and (record := recorded(run)) is not None:
        rows.put(target, record, None)
        rows.amend(target, run, **{name: values[name] for name in rows.OWN})


def _runs(source: sqlite3.Connection) -> list[int]:
    """The numbers that can be read, be the rest of them damaged."""
    found = []
    with suppress(*_UNREADABLE):
        for (run,) in source.execute("SELECT run FROM runs"):
            found.append(run)
    return found


def _drop(path: Path) -> None:
    for left in (path, journal_of(path)):
        left.unlink(missing_ok=True)
