"""Tables of runs and their histories: SQL with a digest for each row and each history.

Functions that read raise DatabaseCorrupt if a digest does not match.
"""

from __future__ import annotations

import hashlib
import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
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
    TrainingHistory,
)
from charwave_tui.core.store.database import DatabaseCorrupt, read_transaction
from charwave_tui.core.store.run_record import RunRecord, RunSummary

# Columns of a run in the order of its digest. Later ones are digested only where they have a value, so that the digests
# of rows written before them stay valid.
LATER_COLUMNS = ("val_unseen", "newest_val_unseen", "best_val_unseen")
COLUMNS = (
    *("run", "name", "note", "preset", "config", "corpus", "parameters", "state", "step", "created", "seconds"),
    *("training_seconds", "first_loss", "train", "val", "newest_train", "newest_val", "best_val", "divergence"),
    *("ghost", "curve_window", "curve_digest", "deleted"),
    *LATER_COLUMNS,
)

# Tables of a run's history and their columns after `run` and `place`.
HISTORY_TABLES = {
    "points": ("step", "mean", "low", "high"),
    "evaluations": ("step", "split", "loss", "unseen"),
    "marks": ("step", "text", "quiet"),
}
USER_COLUMNS = ("name", "note", "deleted")  # set by the user, not by training

Result = TypeVar("Result")
RunRow = Mapping[str, Any]  # by column name
HistoryRows = Mapping[str, Sequence[tuple[Any, ...]]]  # by table name

_CURVE_DIGEST = "curve_digest"
_RECORD_COLUMNS = (
    *("run", "name", "note", "preset", "parameters", "step", "created", "seconds", "training_seconds"),
    *("first_loss", "train", "val", "ghost", "val_unseen"),
)
_SUMMARY_COLUMNS = (
    *("run", "name", "note", "preset", "parameters", "step", "created", "training_seconds", "best_val"),
    "best_val_unseen",
)
_REAL_COLUMNS = (
    *("seconds", "training_seconds", "first_loss", "train", "val", "newest_train", "newest_val", "best_val"),
    *("deleted", *LATER_COLUMNS),
)


def upsert_run(connection: sqlite3.Connection, record: RunRecord, last_history: TrainingHistory | None) -> None:
    """Insert or update a run. Only the rows that differ from `last_history`, as last written, are written.

    USER_COLUMNS are preserved.
    """
    stored = fetch_row(connection, record.run)
    old_history: HistoryRows = {}
    if stored is not None and last_history is not None:
        rows = _history_rows(last_history)
        if _history_digest(last_history.window, rows) == stored[_CURVE_DIGEST]:
            old_history = rows
    history = _history_rows(record.history)
    user_values = {column: stored[column] for column in USER_COLUMNS} if stored is not None else {"deleted": None}
    insert_raw(connection, _run_row(record, history) | user_values, history, old_history)


def insert_raw(
    connection: sqlite3.Connection, run_row: RunRow, history: HistoryRows, old_history: HistoryRows | None = None
) -> None:
    """Insert or update a run as `fetch_run` returns it; `old` are the history rows that are in the tables already."""
    _write(connection, run_row)
    for table, rows in history.items():
        old_rows = (old_history or {}).get(table, ())
        pairs = enumerate(zip(rows, old_rows, strict=False))
        first = next((place for place, (row, old_row) in pairs if row != old_row), min(len(rows), len(old_rows)))
        connection.execute(f"DELETE FROM {table} WHERE run = ? AND place >= ?", (run_row["run"], first))
        columns = ("run", "place", *HISTORY_TABLES[table])
        connection.executemany(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
            ((run_row["run"], place, *row) for place, row in enumerate(rows[first:], start=first)),
        )


def update_user_columns(connection: sqlite3.Connection, run: int, **values: Any) -> None:
    """Update USER_COLUMNS of `run`, if it exists."""
    if (row := fetch_row(connection, run)) is not None:
        _write(connection, {**row, **values})


def fetch_row(connection: sqlite3.Connection, run: int) -> RunRow | None:
    """Return the row of `run`, None if there is none."""
    return next(_fetch_verified(connection, "WHERE run = ?", run), None)


def fetch_rows(connection: sqlite3.Connection) -> Iterator[RunRow]:
    """Return the rows of all runs, newest first."""
    return _fetch_verified(connection, "ORDER BY run DESC")


def fetch_run(connection: sqlite3.Connection, run: int) -> tuple[RunRow, HistoryRows] | None:
    """Return row and history of `run`, None if it does not exist."""
    with read_transaction(connection):
        if (row := fetch_row(connection, run)) is None:
            return None
        history = {
            table: connection.execute(
                f"SELECT {', '.join(columns)} FROM {table} WHERE run = ? ORDER BY place", (run,)
            ).fetchall()
            for table, columns in HISTORY_TABLES.items()
        }
    if _history_digest(row["curve_window"], history) != row[_CURVE_DIGEST]:
        raise DatabaseCorrupt(f"the curve of run {run} is not what was written")
    return row, history


def load_record(connection: sqlite3.Connection, run: int) -> RunRecord | None:
    """Return the record of `run`, None if it does not exist. Raises UserError for one of a newer version."""
    if (row_and_history := fetch_run(connection, run)) is None:
        return None
    row, history = row_and_history
    try:
        return RunRecord(
            **{column: row[column] for column in _RECORD_COLUMNS},
            config=msgspec.json.decode(row["config"], type=RunConfig),
            corpus=msgspec.json.decode(row["corpus"], type=CorpusSummary),
            state=RunState(row["state"]),
            history=TrainingHistory(
                row["curve_window"],
                tuple(LossPoint(*point) for point in history["points"]),
                tuple(Evaluation(step, Split(split), *losses) for step, split, *losses in history["evaluations"]),
                tuple(CurveMarker(step, text, bool(quiet)) for step, text, quiet in history["marks"]),
            ),
            divergence=msgspec.json.decode(row["divergence"] or b"null", type=Divergence | None),
        )
    except ValueError as error:
        raise _other_version(run, error) from None


def to_summary(row: RunRow) -> RunSummary:
    """Return the summary of a run from its row. Raises UserError for one of a newer version."""
    try:
        return RunSummary(
            **{column: row[column] for column in _SUMMARY_COLUMNS},
            config=msgspec.json.decode(row["config"], type=RunConfig),
            corpus=msgspec.json.decode(row["corpus"], type=CorpusSummary).name,
            state=RunState(row["state"]),
            train=row["newest_train"],
            val=row["newest_val"],
            val_unseen=row["newest_val_unseen"],
        )
    except ValueError as error:
        raise _other_version(row["run"], error) from None


def last_run_number(connection: sqlite3.Connection) -> int:
    """Return the highest run number ever used, also by a run that was deleted for good."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'runs'").fetchone()
    if row is not None and not isinstance(row[0], int):
        raise DatabaseCorrupt("the last number is none")
    return int(row[0]) if row is not None else 0


def _run_row(record: RunRecord, history: HistoryRows) -> dict[str, Any]:
    summary = record.summary()
    return {column: getattr(record, column) for column in _RECORD_COLUMNS} | {
        "config": _json(record.config),
        "corpus": _json(record.corpus),
        "state": record.state.value,
        "newest_train": summary.train,
        "newest_val": summary.val,
        "best_val": summary.best_val,
        "newest_val_unseen": summary.val_unseen,
        "best_val_unseen": summary.best_val_unseen,
        "divergence": _json(record.divergence),
        "curve_window": record.history.window,
        _CURVE_DIGEST: _history_digest(record.history.window, history),
    }


def _write(connection: sqlite3.Connection, row: RunRow) -> None:
    values = tuple(_stored_real(row[column]) if column in _REAL_COLUMNS else row[column] for column in COLUMNS)
    columns = (*COLUMNS, "digest")
    updates = ", ".join(f"{column} = excluded.{column}" for column in columns if column != "run")
    connection.execute(
        f"INSERT INTO runs ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "
        f"ON CONFLICT (run) DO UPDATE SET {updates}",
        (*values, _row_digest(values)),
    )


def _fetch_verified(connection: sqlite3.Connection, clause: str, *parameters: int) -> Iterator[RunRow]:
    query = f"SELECT {', '.join(COLUMNS)}, digest FROM runs {clause}"
    for row in connection.execute(query, parameters).fetchall():  # all at once, so that no writer waits for the reader
        *values, digest = row
        if _row_digest(values) != digest:
            raise DatabaseCorrupt(f"the row of run {row[0]} is not what was written")
        yield dict(zip(COLUMNS, values, strict=True))


def _history_rows(history: TrainingHistory) -> HistoryRows:
    return {
        "points": [
            (point.step, _stored_real(point.mean), _stored_real(point.low), _stored_real(point.high))
            for point in history.points
        ],
        "evaluations": [
            (item.step, item.split.value, _stored_real(item.loss), _stored_real(item.unseen))
            for item in history.evaluations
        ],
        "marks": [(mark.step, mark.text, int(mark.quiet)) for mark in history.marks],
    }


def _stored_real(value: float | None) -> float | None:
    # As SQLite gives it back, so that digests match: without −0, and NULL for NaN and infinity.
    return float(value) + 0.0 if value is not None and math.isfinite(value) else None


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _row_digest(values: Sequence[object]) -> str:
    first_later = len(COLUMNS) - len(LATER_COLUMNS)
    has_later = any(value is not None for value in values[first_later:])
    return _digest(values if has_later else values[:first_later])


def _history_digest(window: int, history: HistoryRows) -> str:
    # `unseen` came later, like LATER_COLUMNS
    evaluations = [row if row[-1] is not None else row[:-1] for row in history["evaluations"]]
    return _digest((window, {**history, "evaluations": evaluations}))


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.msgpack.encode(value)).hexdigest()


def _other_version(run: int, error: ValueError) -> UserError:
    return UserError(f"run {run} is of another version of the program ({error})", "upgrade this one")
