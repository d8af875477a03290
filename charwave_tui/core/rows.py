"""A run's record as rows of the database, with digests by which damage is found."""

from __future__ import annotations

import hashlib
import math
import sqlite3
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from charwave_tui.core.config import RunConfig
from charwave_tui.core.database import DatabaseDamaged
from charwave_tui.core.readings import CorpusCard, Divergence, Evaluation, History, LossPoint, Mark, Split, State
from charwave_tui.core.records import RunRecord, RunSummary

COLUMNS = (
    *("run", "name", "note", "preset", "config", "corpus", "parameters", "state", "step", "created", "seconds"),
    *("training_seconds", "first_loss", "train", "val", "newest_train", "newest_val", "best_val", "divergence"),
    *("ghost", "curve_window", "curve_digest"),
)
"""The columns of a run's row that its digest is made of, in that order."""

CURVES = {
    "points": ("step", "mean", "low", "high"),
    "evaluations": ("step", "split", "loss"),
    "marks": ("step", "text", "quiet"),
}
"""The tables of what a run left behind as it went, each with its columns behind `run` and `place`."""

Found = TypeVar("Found")
"""What is asked of the database."""

Row = tuple[Any, ...]
"""One row as SQLite takes and gives it."""


def put(connection: sqlite3.Connection, record: RunRecord, before: History | None) -> None:
    """Write `record` in place of the one there was; of the curve only what differs from `before`, the one last put.

    What a person calls the run, and its notes, stay as they are.
    """
    query = "SELECT name, note, curve_digest FROM runs WHERE run = ?"
    if (there := connection.execute(query, (record.run,)).fetchone()) is not None:
        name, note, digest = there
        record = msgspec.structs.replace(record, name=name, note=note)
    if before is not None and (there is None or digest != _digest(before)):
        before = None
    columns = (*COLUMNS, "digest")
    updates = ", ".join(f"{column} = excluded.{column}" for column in columns if column != "run")
    connection.execute(
        f"INSERT INTO runs ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "
        f"ON CONFLICT (run) DO UPDATE SET {updates}",
        _row(record),
    )
    old = _curves(before) if before is not None else {}
    for table, rows in _curves(record.history).items():
        _put_curve(connection, record.run, table, rows, old.get(table))


def taken(connection: sqlite3.Connection, run: int) -> RunRecord | None:
    """The record of `run`, None where there is none; raises DatabaseDamaged where it is not what was written."""
    row = connection.execute(f"SELECT {', '.join(COLUMNS)}, digest FROM runs WHERE run = ?", (run,)).fetchone()
    if row is None:
        return None
    values = _checked(row)
    curves = {
        table: connection.execute(
            f"SELECT {', '.join(columns)} FROM {table} WHERE run = ? ORDER BY place", (run,)
        ).fetchall()
        for table, columns in CURVES.items()
    }
    try:
        history = History(
            values["curve_window"],
            tuple(LossPoint(*point) for point in curves["points"]),
            tuple(Evaluation(step, Split(split), loss) for step, split, loss in curves["evaluations"]),
            tuple(Mark(step, text, bool(quiet)) for step, text, quiet in curves["marks"]),
        )
        if _digest(history) != values["curve_digest"]:
            raise DatabaseDamaged(f"the curve of run {run} is not what was written")
        return RunRecord(
            **{name: values[name] for name in _PLAIN},
            config=msgspec.json.decode(values["config"], type=RunConfig),
            corpus=msgspec.json.decode(values["corpus"], type=CorpusCard),
            state=State(values["state"]),
            history=history,
            divergence=msgspec.json.decode(values["divergence"] or b"null", type=Divergence | None),
        )
    except (ValueError, msgspec.DecodeError) as error:
        raise DatabaseDamaged(str(error)) from None


def listed(row: Row) -> RunSummary:
    """The summary in a row of COLUMNS and the digest; raises DatabaseDamaged where it is not what was written."""
    values = _checked(row)
    try:
        return RunSummary(
            **{name: values[name] for name in _LISTED},
            config=msgspec.json.decode(values["config"], type=RunConfig),
            corpus=msgspec.json.decode(values["corpus"], type=CorpusCard).name,
            state=State(values["state"]),
            train=values["newest_train"],
            val=values["newest_val"],
        )
    except (ValueError, msgspec.DecodeError) as error:
        raise DatabaseDamaged(str(error)) from None


_PLAIN = (
    *("run", "name", "note", "preset", "parameters", "step", "created", "seconds", "training_seconds"),
    *("first_loss", "train", "val", "ghost"),
)
_LISTED = ("run", "name", "note", "preset", "parameters", "step", "created", "training_seconds", "best_val")


def _row(record: RunRecord) -> Row:
    summary = record.summary()
    values = {name: getattr(record, name) for name in _PLAIN} | {
        "config": _text(record.config),
        "corpus": _text(record.corpus),
        "state": record.state.value,
        "newest_train": summary.train,
        "newest_val": summary.val,
        "best_val": summary.best_val,
        "divergence": _text(record.divergence),
        "curve_window": record.history.window,
        "curve_digest": _digest(record.history),
    }
    row = tuple(_storable(values[column]) for column in COLUMNS)
    return (*row, _digest(row))


def _checked(row: Row) -> dict[str, Any]:
    *values, digest = row
    if _digest(tuple(values)) != digest:
        raise DatabaseDamaged(f"the row of run {row[0]} is not what was written")
    return dict(zip(COLUMNS, values, strict=True))


def _curves(history: History) -> dict[str, Sequence[Row]]:
    return {
        "points": [(point.step, point.mean, point.low, point.high) for point in history.points],
        "evaluations": [(item.step, item.split.value, item.loss) for item in history.evaluations],
        "marks": [(mark.step, mark.text, mark.quiet) for mark in history.marks],
    }


def _put_curve(
    connection: sqlite3.Connection, run: int, table: str, rows: Sequence[Row], old: Sequence[Row] | None
) -> None:
    pairs = enumerate(zip(rows, old or (), strict=False))
    same = next((place for place, (new, was) in pairs if new != was), min(len(rows), len(old or ())))
    connection.execute(f"DELETE FROM {table} WHERE run = ? AND place >= ?", (run, same if old is not None else 0))
    columns = ("run", "place", *CURVES[table])
    connection.executemany(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
        ((run, place, *row) for place, row in enumerate(rows[same:], start=same)),
    )


def _storable(value: Any) -> Any:
    """A number that is not finite comes back from SQLite as none."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.msgpack.encode(value)).hexdigest()
