"""Rows of runs, curves and stars, with digests."""

from __future__ import annotations

import hashlib
import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import (
    CorpusSummary,
    CurveMarker,
    Divergence,
    Evaluation,
    LossPoint,
    RunState,
    Split,
    StarredName,
    TrainingHistory,
)
from charwave_tui.core.store.database import DatabaseCorrupt, read_transaction
from charwave_tui.core.store.run_record import RunRecord, RunSummary

COLUMNS = (
    *("run", "name", "note", "preset", "config", "corpus", "parameters", "state", "step", "created", "seconds"),
    *("training_seconds", "first_loss", "train", "val", "newest_train", "newest_val", "best_val", "divergence"),
    *("ghost", "curve_window", "curve_digest", "deleted"),
)
"""The columns of a run's row that its digest is made of, in that order."""


HISTORY_TABLES = {
    "points": ("step", "mean", "low", "high"),
    "evaluations": ("step", "split", "loss"),
    "marks": ("step", "text", "quiet"),
}
"""The tables of what a run left behind as it went, each with its columns behind `run` and `place`."""


USER_COLUMNS = ("name", "note", "deleted")
"""The columns that a person alone changes, whatever becomes of the run."""


Found = TypeVar("Found")
"""What is asked of the database."""


Row = tuple[Any, ...]
"""One row as SQLite takes and gives it."""


Values = Mapping[str, Any]
"""A run's row by the names of its columns."""


Curves = Mapping[str, Sequence[Row]]
"""The rows of a run in each of the tables of CURVES."""


def upsert_run(connection: sqlite3.Connection, record: RunRecord, before: TrainingHistory | None) -> None:
    """Write `record` in place of the one there was; of the curve only what differs from `before`, the one last put.

    What is a person's own stays as it is. Raises DatabaseDamaged where what was there is not what was written.
    """
    there = fetch_row(connection, record.run)
    old: Curves = {}
    if there is not None and before is not None and _curve_digest(before.window, _curves(before)) == there[_CURVE]:
        old = _curves(before)
    curves = _curves(record.history)
    own = {name: there[name] for name in USER_COLUMNS} if there is not None else {"deleted": None}
    insert_raw(connection, _values(record, curves) | own, curves, old)


def insert_raw(connection: sqlite3.Connection, values: Values, curves: Curves, old: Curves | None = None) -> None:
    """Write a run as `whole` gives it; of its curves only what differs from `old`, which are those that are there."""
    _write(connection, values)
    for table, rows in curves.items():
        was = (old or {}).get(table, ())
        pairs = enumerate(zip(rows, was, strict=False))
        same = next((place for place, (new, past) in pairs if new != past), min(len(rows), len(was)))
        connection.execute(f"DELETE FROM {table} WHERE run = ? AND place >= ?", (values["run"], same))
        columns = ("run", "place", *HISTORY_TABLES[table])
        connection.executemany(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
            ((values["run"], place, *row) for place, row in enumerate(rows[same:], start=same)),
        )


def update_user_columns(connection: sqlite3.Connection, run: int, **own: Any) -> None:
    """Change what is a person's own of `run`, if there is such a run; raises DatabaseDamaged."""
    if (values := fetch_row(connection, run)) is not None:
        _write(connection, {**values, **own})


def fetch_row(connection: sqlite3.Connection, run: int) -> Values | None:
    """The row of `run`, None where there is none; raises DatabaseDamaged where it is not what was written."""
    return next(_checked(connection, "WHERE run = ?", run), None)


def fetch_rows(connection: sqlite3.Connection) -> Iterator[Values]:
    """The rows of all runs, newest first; raises DatabaseDamaged where one is not what was written."""
    return _checked(connection, "ORDER BY run DESC")


def fetch_run(connection: sqlite3.Connection, run: int) -> tuple[Values, Curves] | None:
    """All that there is of `run`, None where it is not; raises DatabaseDamaged where it is not what was written."""
    with read_transaction(connection):
        if (values := fetch_row(connection, run)) is None:
            return None
        curves = {
            table: connection.execute(
                f"SELECT {', '.join(columns)} FROM {table} WHERE run = ? ORDER BY place", (run,)
            ).fetchall()
            for table, columns in HISTORY_TABLES.items()
        }
    if _curve_digest(values["curve_window"], curves) != values[_CURVE]:
        raise DatabaseCorrupt(f"the curve of run {run} is not what was written")
    return values, curves


def load_record(connection: sqlite3.Connection, run: int) -> RunRecord | None:
    """The record of `run`, None where there is none; raises DatabaseDamaged, Mistake."""
    if (all_of_it := fetch_run(connection, run)) is None:
        return None
    values, curves = all_of_it
    try:
        return RunRecord(
            **{name: values[name] for name in _PLAIN},
            config=msgspec.json.decode(values["config"], type=RunConfig),
            corpus=msgspec.json.decode(values["corpus"], type=CorpusSummary),
            state=RunState(values["state"]),
            history=TrainingHistory(
                values["curve_window"],
                tuple(LossPoint(*point) for point in curves["points"]),
                tuple(Evaluation(step, Split(split), loss) for step, split, loss in curves["evaluations"]),
                tuple(CurveMarker(step, text, bool(quiet)) for step, text, quiet in curves["marks"]),
            ),
            divergence=msgspec.json.decode(values["divergence"] or b"null", type=Divergence | None),
        )
    except ValueError as error:
        raise _foreign(run, error) from None


def to_summary(values: Values) -> RunSummary:
    """The summary of a run by its row; raises Mistake where it is of another version of the program."""
    try:
        return RunSummary(
            **{name: values[name] for name in _LISTED},
            config=msgspec.json.decode(values["config"], type=RunConfig),
            corpus=msgspec.json.decode(values["corpus"], type=CorpusSummary).name,
            state=RunState(values["state"]),
            train=values["newest_train"],
            val=values["newest_val"],
        )
    except ValueError as error:
        raise _foreign(values["run"], error) from None


def last_run_number(connection: sqlite3.Connection) -> int:
    """The highest number that a run ever had, be it removed since; raises DatabaseDamaged."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'runs'").fetchone()
    if row is not None and not isinstance(row[0], int):
        raise DatabaseCorrupt("the last number is none")
    return int(row[0]) if row is not None else 0


_CURVE = "curve_digest"


_PLAIN = (
    *("run", "name", "note", "preset", "parameters", "step", "created", "seconds", "training_seconds"),
    *("first_loss", "train", "val", "ghost"),
)


_LISTED = ("run", "name", "note", "preset", "parameters", "step", "created", "training_seconds", "best_val")


_REAL = (
    *("seconds", "training_seconds", "first_loss", "train", "val", "newest_train", "newest_val", "best_val"),
    "deleted",
)


def _values(record: RunRecord, curves: Curves) -> dict[str, Any]:
    summary = record.summary()
    return {name: getattr(record, name) for name in _PLAIN} | {
        "config": _text(record.config),
        "corpus": _text(record.corpus),
        "state": record.state.value,
        "newest_train": summary.train,
        "newest_val": summary.val,
        "best_val": summary.best_val,
        "divergence": _text(record.divergence),
        "curve_window": record.history.window,
        _CURVE: _curve_digest(record.history.window, curves),
    }


def _write(connection: sqlite3.Connection, values: Values) -> None:
    row = tuple(_real(values[column]) if column in _REAL else values[column] for column in COLUMNS)
    columns = (*COLUMNS, "digest")
    updates = ", ".join(f"{column} = excluded.{column}" for column in columns if column != "run")
    connection.execute(
        f"INSERT INTO runs ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "
        f"ON CONFLICT (run) DO UPDATE SET {updates}",
        (*row, _digest(row)),
    )


def _checked(connection: sqlite3.Connection, which: str, *parameters: int) -> Iterator[Values]:
    query = f"SELECT {', '.join(COLUMNS)}, digest FROM runs {which}"
    for row in connection.execute(query, parameters).fetchall():  # all at once, so that no one waits for the reader
        *values, digest = row
        if _digest(values) != digest:
            raise DatabaseCorrupt(f"the row of run {row[0]} is not what was written")
        yield dict(zip(COLUMNS, values, strict=True))


def _curves(history: TrainingHistory) -> Curves:
    return {
        "points": [(point.step, _real(point.mean), _real(point.low), _real(point.high)) for point in history.points],
        "evaluations": [(item.step, item.split.value, _real(item.loss)) for item in history.evaluations],
        "marks": [(mark.step, mark.text, int(mark.quiet)) for mark in history.marks],
    }


def _real(value: float | None) -> float | None:
    """The number as it comes back from SQLite, which knows no −0 and takes what is not finite for none."""
    return float(value) + 0.0 if value is not None and math.isfinite(value) else None


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _curve_digest(window: int, curves: Curves) -> str:
    return _digest((window, curves))


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.msgpack.encode(value)).hexdigest()


def _foreign(run: int, error: ValueError) -> UserError:
    return UserError(f"run {run} is of another version of the program ({error})", "upgrade this one")


_FIELDS = StarredName.__struct_fields__


_COLUMNS = ", ".join((*_FIELDS, "digest"))


_UNREADABLE = (sqlite3.Error, UnicodeDecodeError, DatabaseCorrupt)


def fetch_stars(connection: sqlite3.Connection) -> tuple[StarredName, ...]:
    """All of them, newest first; raises DatabaseDamaged where one is not what was written."""
    found = connection.execute(f"SELECT {_COLUMNS} FROM stars ORDER BY star DESC").fetchall()
    return tuple(map(_checked_star, found))


def count_stars(connection: sqlite3.Connection) -> int:
    """How many there are."""
    (number,) = connection.execute("SELECT count(*) FROM stars").fetchone()
    return int(number)


def insert_star(connection: sqlite3.Connection, star: StarredName) -> None:
    """Add a name as the newest; one that is there stays as it is."""
    marks = ", ".join("?" * (len(_FIELDS) + 1))
    star = msgspec.structs.replace(star, nll=float(star.nll) + 0.0)  # as it comes back: SQLite knows no −0
    values = (*msgspec.structs.astuple(star), _star_digest(star))
    connection.execute(f"INSERT OR IGNORE INTO stars ({_COLUMNS}) VALUES ({marks})", values)


def delete_star(connection: sqlite3.Connection, name: str) -> None:
    """Take a name out."""
    connection.execute("DELETE FROM stars WHERE name = ?", (name,))


def fetch_readable_stars(connection: sqlite3.Connection) -> Iterator[StarredName]:
    """Those that are what was written, oldest first, be the rest damaged, or no table there."""
    with suppress(*_UNREADABLE):
        for (number,) in connection.execute("SELECT star FROM stars ORDER BY star").fetchall():
            with suppress(*_UNREADABLE):
                row = connection.execute(f"SELECT {_COLUMNS} FROM stars WHERE star = ?", (number,)).fetchone()
                if row is not None:
                    yield _checked_star(row)


def _checked_star(row: tuple[Any, ...]) -> StarredName:
    *values, digest = row
    try:
        star = msgspec.convert(dict(zip(_FIELDS, values, strict=True)), StarredName)
        if _star_digest(star) == digest:
            return star
    except msgspec.ValidationError:
        pass
    raise DatabaseCorrupt("a starred name is not what was written")


def _star_digest(star: StarredName) -> str:
    return hashlib.sha256(msgspec.json.encode(star)).hexdigest()
