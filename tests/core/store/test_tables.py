"""A run's record as rows: it comes back equal, only what is new is written, and what was changed is found."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.history import DownsampledLosses
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
from charwave_tui.core.store.database import DatabaseCorrupt, DatabaseError, connect, transaction
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.tables import (
    COLUMNS,
    fetch_row,
    fetch_rows,
    fetch_run,
    insert_raw,
    last_run_number,
    load_record,
    to_summary,
    update_user_columns,
    upsert_run,
)

Made = Callable[..., RunRecord]


REAL = st.floats(allow_nan=False, allow_infinity=False)


STEP = st.integers(0, 10**9)


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(tmp_path / "runs.db")) as connection:
        yield connection


def upsert_and_count(connection: sqlite3.Connection, record: RunRecord, before: TrainingHistory | None = None) -> int:
    """Puts it, and gives the rows that were written for that."""
    already = connection.total_changes
    with transaction(connection):
        upsert_run(connection, record, before)
    return connection.total_changes - already


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_record_and_summary_round_trip(connection: sqlite3.Connection, data: Any) -> None:
    history = st.builds(
        TrainingHistory,
        st.integers(1, 10**6),
        st.lists(st.builds(LossPoint, STEP, REAL, REAL, REAL), max_size=5).map(tuple),
        st.lists(st.builds(Evaluation, STEP, st.sampled_from(Split), REAL, st.none() | REAL), max_size=5).map(tuple),
        st.lists(st.builds(CurveMarker, STEP, TEXT, st.booleans()), max_size=5).map(tuple),
    )
    divergence = st.builds(
        Divergence, STEP, st.sampled_from(["NaN", "infinite"]), REAL, TEXT, st.none() | REAL, st.none() | STEP
    )
    record = data.draw(
        st.builds(
            RunRecord,
            run=st.integers(1, 10**18 - 1),
            preset=TEXT,
            config=st.from_type(RunConfig),
            corpus=st.builds(CorpusSummary, TEXT, TEXT, STEP, TEXT, st.tuples(STEP, STEP, STEP)),
            parameters=STEP,
            state=st.sampled_from(RunState),
            step=STEP,
            created=TEXT,
            seconds=REAL,
            training_seconds=REAL,
            first_loss=st.none() | REAL,
            train=st.none() | REAL,
            val_unseen=st.none() | REAL,
            val=st.none() | REAL,
            history=history,
            divergence=st.none() | divergence,
            ghost=st.none() | STEP,
            name=TEXT,
            note=TEXT,
        )
    )
    connection.execute("DELETE FROM runs")
    upsert_and_count(connection, record)
    assert load_record(connection, record.run) == record
    assert [to_summary(values) for values in fetch_rows(connection)] == [record.summary()]


@pytest.mark.parametrize("number", [-0.0, 3, 2**53, 1e-320, 1.7e308])
def test_sqlite_number_storage_is_not_corruption(connection: sqlite3.Connection, record: Made, number: float) -> None:
    history = TrainingHistory(1, (LossPoint(1, number, number, number),), (Evaluation(1, Split.VAL, number, number),))
    kept = record(1, history=history, seconds=number, val=number, first_loss=number)
    upsert_and_count(connection, kept)
    assert load_record(connection, 1) == kept
    with transaction(connection):
        update_user_columns(connection, 1, deleted=number)
    found = fetch_row(connection, 1)
    assert found is not None
    assert found["deleted"] == number


def test_nonfinite_values_read_back_as_none(connection: sqlite3.Connection, record: Made) -> None:
    upsert_and_count(connection, record(1, val=math.nan, train=math.inf, first_loss=-math.inf))
    taken = load_record(connection, 1)
    assert taken is not None
    assert (taken.val, taken.train, taken.first_loss) == (None, None, None)


def test_nonfinite_loss_refuses_whole_record(connection: sqlite3.Connection, record: Made) -> None:
    upsert_and_count(connection, record(1))
    with pytest.raises(DatabaseError, match="NOT NULL") as told:
        upsert_and_count(connection, record(1, step=7, history=TrainingHistory(1, (LossPoint(1, math.nan, 1.0, 1.0),))))
    assert not isinstance(told.value, DatabaseCorrupt)
    assert load_record(connection, 1) == record(1)


def test_grown_curve_writes_only_new_points(connection: sqlite3.Connection, record: Made) -> None:
    before = record(1).history
    first = upsert_and_count(connection, record(1))
    assert first == 1 + len(before.points) + len(before.evaluations) + len(before.marks)
    grown = msgspec.structs.replace(before, points=(*before.points, LossPoint(300, 2.0, 1.5, 2.5)))
    assert upsert_and_count(connection, record(1, step=300, history=grown), before) == 2
    assert load_record(connection, 1) == record(1, step=300, history=grown)
    assert upsert_and_count(connection, record(1, step=301, history=grown), grown) == 1


def test_folding_curve_reads_back_as_last_written(connection: sqlite3.Connection, record: Made) -> None:
    series, before, written = DownsampledLosses(capacity=16), None, 0
    for step in range(1, 200):
        series.append(LossPoint(step, 3.0 / step, 2.0 / step, 4.0 / step))
        history = TrainingHistory(1, series.points())
        written += upsert_and_count(connection, record(1, step=step, history=history), before)
        assert load_record(connection, 1) == record(1, step=step, history=history)
        before = history
    assert written < 200 * 5  # a row for the run, and few of the curve


@pytest.mark.parametrize("points", [0, 1, 2])
def test_shortened_or_replaced_curve_reads_back_as_written(
    connection: sqlite3.Connection, record: Made, points: int
) -> None:
    before = record(1).history
    upsert_and_count(connection, record(1))
    after = TrainingHistory(50, before.points[:points], before.evaluations[1:], ())
    upsert_and_count(connection, record(1, history=after), before)
    assert load_record(connection, 1) == record(1, history=after)


def test_curve_changed_by_other_writer_is_written_whole(connection: sqlite3.Connection, record: Made) -> None:
    before = record(1).history
    upsert_and_count(connection, record(1))
    upsert_and_count(connection, record(1, history=TrainingHistory(7, (LossPoint(7, 1.0, 1.0, 1.0),) * 5)))
    grown = msgspec.structs.replace(before, points=(*before.points, LossPoint(300, 2.0, 1.5, 2.5)))
    upsert_and_count(connection, record(1, history=grown), before)
    assert load_record(connection, 1) == record(1, history=grown)
    connection.execute("DELETE FROM runs")
    upsert_and_count(connection, record(1, history=grown), before)
    assert load_record(connection, 1) == record(1, history=grown)


def test_user_columns_survive_run_updates(connection: sqlite3.Connection, record: Made) -> None:
    upsert_and_count(connection, record(1, name="first", note="n"))
    assert load_record(connection, 1) == record(1, name="first", note="n")
    with transaction(connection):
        update_user_columns(connection, 1, name="mine", note="x", deleted=5.0)
    upsert_and_count(connection, record(1, step=9))
    assert load_record(connection, 1) == record(1, step=9, name="mine", note="x")
    found = fetch_row(connection, 1)
    assert found is not None
    assert found["deleted"] == 5.0


def test_missing_values_stay_none(connection: sqlite3.Connection, record: Made) -> None:
    with transaction(connection):
        update_user_columns(connection, 5, name="nobody")
    assert load_record(connection, 5) is fetch_row(connection, 5) is fetch_run(connection, 5) is None
    assert list(fetch_rows(connection)) == []


def test_runs_listed_newest_first(connection: sqlite3.Connection, record: Made) -> None:
    for run in (2, 10, 1):
        upsert_and_count(connection, record(run))
    assert [values["run"] for values in fetch_rows(connection)] == [10, 2, 1]


def test_last_number_is_highest_ever_used(connection: sqlite3.Connection, record: Made) -> None:
    assert last_run_number(connection) == 0
    for run in (7, 3, 7):
        upsert_and_count(connection, record(run))
    connection.execute("DELETE FROM runs")
    assert last_run_number(connection) == 7
    connection.execute("UPDATE sqlite_sequence SET seq = 'x'")
    with pytest.raises(DatabaseCorrupt):
        last_run_number(connection)


@pytest.mark.parametrize("column", [*COLUMNS, "digest"])
def test_changed_column_is_corruption(connection: sqlite3.Connection, record: Made, column: str) -> None:
    upsert_and_count(connection, record(1))
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute(f"UPDATE runs SET {column} = coalesce(9 * {column}, 0) + 9")
    run = 18 if column == "run" else 1
    for look in (fetch_row, fetch_run, load_record):
        with pytest.raises(DatabaseCorrupt, match=f"the row of run {run} is not what was written"):
            look(connection, run)
    with pytest.raises(DatabaseCorrupt):
        list(fetch_rows(connection))
    with pytest.raises(DatabaseCorrupt):
        upsert_and_count(connection, record(run, step=8))
    with pytest.raises(DatabaseCorrupt), transaction(connection):
        update_user_columns(connection, run, name="x")


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE points SET mean = mean + 1e-12 WHERE place = 1",
        "UPDATE evaluations SET split = 'test' WHERE place = 0",
        "UPDATE evaluations SET split = 'tset' WHERE place = 0",
        "UPDATE evaluations SET unseen = 2 WHERE place = 0",
        "UPDATE evaluations SET unseen = NULL WHERE place = 2",
        "UPDATE marks SET quiet = 1 WHERE place = 0",
        "UPDATE marks SET place = 5 WHERE place = 0",
        "DELETE FROM points WHERE place = 0",
        "INSERT INTO marks VALUES (1, 9, 5, 'x', 0)",
        "UPDATE marks SET text = CAST(x'ff' AS TEXT)",
    ],
)
def test_changed_curve_is_corruption(connection: sqlite3.Connection, record: Made, harm: str) -> None:
    upsert_and_count(connection, record(1))
    connection.execute(harm)
    with pytest.raises((DatabaseCorrupt, sqlite3.OperationalError), match=r"not what was written|decode"):
        load_record(connection, 1)
    assert fetch_row(connection, 1) is not None  # the row itself is sound
    upsert_and_count(connection, record(1))
    assert load_record(connection, 1) == record(1)


@pytest.mark.parametrize(("column", "value"), [("state", "dreaming"), ("config", '{"n_embd": "many"}')])
def test_record_of_other_version_refused_without_corruption(
    connection: sqlite3.Connection, record: Made, column: str, value: str
) -> None:
    upsert_and_count(connection, record(1))
    values, curves = fetch_run(connection, 1) or pytest.fail("it is there")
    with transaction(connection):
        insert_raw(connection, {**values, column: value}, curves)
    said = "run 1 is of another version of the program .*; upgrade this one"
    with pytest.raises(UserError, match=said):
        load_record(connection, 1)
    with pytest.raises(UserError, match=said):
        [to_summary(values) for values in fetch_rows(connection)]


def test_record_read_is_consistent_under_concurrent_write(
    tmp_path: Path, record: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("charwave_tui.core.store.database.BUSY_TIMEOUT", 0.01)
    with closing(connect(tmp_path / "runs.db")) as reader, closing(connect(tmp_path / "runs.db")) as writer:
        upsert_and_count(writer, record(1))
        refused: list[DatabaseError] = []

        def write(statement: str) -> None:
            if "FROM points" in statement:
                try:
                    upsert_and_count(writer, record(1, step=300, history=TrainingHistory(1)))
                except DatabaseError as fault:
                    refused.append(fault)

        reader.set_trace_callback(write)
        assert load_record(reader, 1) == record(1)
        assert len(refused) == 1
        reader.set_trace_callback(None)
        upsert_and_count(writer, record(1, step=300, history=TrainingHistory(1)))
        assert load_record(reader, 1) == record(1, step=300, history=TrainingHistory(1))
