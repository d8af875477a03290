"""The database as it is used: damaged, deleted, replaced, not to be written, and what is saved of it each time."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from charwave_tui.core.errors import UserError
from charwave_tui.core.store import recovery
from charwave_tui.core.store.database import DatabaseError, connect, transaction
from charwave_tui.core.store.recovery import RecoveringDatabase
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.tables import fetch_row, fetch_rows, load_record, update_user_columns, upsert_run

MakeRecord = Callable[..., RunRecord]


class RecoveryHarness:
    """A ledger, what its runs' folders say of them, and what it told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warnings: list[str] = []
        self.folders: dict[int, RunRecord | None] = {}
        self.ledger = RecoveringDatabase(
            path, lambda: list(self.folders), lambda run: self.folders.get(run), self.warnings.append
        )

    def put(self, record: RunRecord) -> None:
        def put(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                upsert_run(connection, record, None)

        self.ledger.execute(put)

    def read(self, run: int) -> RunRecord | None:
        return self.ledger.execute(lambda it: load_record(it, run))

    def numbers(self) -> list[int]:
        return self.ledger.execute(lambda it: [values["run"] for values in fetch_rows(it)])

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.path.parent.iterdir()} - {"runs.db-journal"}


@pytest.fixture
def harness(tmp_path: Path, record: MakeRecord) -> Iterator[RecoveryHarness]:
    """A ledger of the runs 1, 2 and 3, of which the second one was named, and the third one deleted."""
    (tmp_path / "runs").mkdir()
    harness = RecoveryHarness(tmp_path / "runs" / "runs.db")
    for run in (1, 2, 3):
        harness.put(record(run))

    def own(connection: sqlite3.Connection) -> None:
        with transaction(connection):
            update_user_columns(connection, 2, name="mine", note="of it")
            update_user_columns(connection, 3, deleted=77.5)

    harness.ledger.execute(own)
    yield harness
    harness.ledger.close()


def deleted(harness: RecoveryHarness, run: int) -> float | None:
    values = harness.ledger.execute(lambda it: fetch_row(it, run))
    assert values is not None
    found: float | None = values["deleted"]
    return found


def damage(harness: RecoveryHarness, statement: str) -> bytes:
    """Changes the database behind the ledger's back; gives what it is then."""
    harness.ledger.close()
    with closing(sqlite3.connect(harness.path, isolation_level=None)) as connection:
        connection.execute(statement)
    return harness.path.read_bytes()


def test_damaged_row_others_recovered_and_damaged_file_kept(harness: RecoveryHarness, record: MakeRecord) -> None:
    damaged = damage(harness, "UPDATE runs SET step = 999 WHERE run = 1")
    assert harness.read(1) is None
    assert harness.read(2) == record(2, name="mine", note="of it")
    assert deleted(harness, 3) == 77.5
    aside = harness.path.with_name("runs.db.damaged")
    assert harness.warnings == [
        f"runs.db was damaged (the row of run 1 is not what was written): it is made anew, the old one is {aside}"
    ]
    assert aside.read_bytes() == damaged
    assert harness.files == {"runs.db", "runs.db.damaged"}


def test_data_lost_in_damaged_row_comes_from_run_folder(harness: RecoveryHarness, record: MakeRecord) -> None:
    harness.folders = {1: record(1, step=100), 2: record(2, step=100), 3: None}
    damage(harness, "UPDATE runs SET step = 999 WHERE run = 1")
    assert harness.numbers() == [3, 2, 1]
    assert (harness.read(1), harness.read(2)) == (record(1, step=100), record(2, name="mine", note="of it"))
    assert harness.warnings[0].startswith("runs.db was damaged")
    assert "runs.db did not know of these runs, which are taken from their folders: 1" in harness.warnings


def test_damaged_curve_user_fields_recovered_rest_from_folder(harness: RecoveryHarness, record: MakeRecord) -> None:
    harness.folders = {2: record(2, step=100), 3: record(3, step=100)}
    damage(harness, "UPDATE points SET low = 9 WHERE run > 1")
    assert harness.read(2) == record(2, step=100, name="mine", note="of it")
    assert harness.read(3) == record(3, step=100)
    assert deleted(harness, 3) == 77.5
    assert harness.read(1) == record(1)


def test_each_damaged_file_kept_under_own_name(harness: RecoveryHarness) -> None:
    for _ in range(3):
        damage(harness, "UPDATE runs SET step = 999 WHERE run = (SELECT max(run) FROM runs)")
        harness.numbers()
    assert harness.files == {"runs.db", "runs.db.damaged", "runs.db.damaged-2", "runs.db.damaged-3"}


def write_noise(path: Path) -> None:
    path.write_bytes(os.urandom(5_000))


def replace_with_foreign_database(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")


def truncate_file(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    "harm", [write_noise, replace_with_foreign_database, truncate_file, lambda path: path.write_bytes(b"gone")]
)
@pytest.mark.parametrize("opened", [False, True])
def test_foreign_database_moved_aside_unchanged(
    harness: RecoveryHarness, record: MakeRecord, harm: Callable[[Path], None], opened: bool
) -> None:
    harness.folders = {1: record(1), 2: record(2)}
    if not opened:
        harness.ledger.close()
    harm(harness.path)
    there = harness.path.read_bytes()
    assert {1, 2} <= set(harness.numbers())
    assert harness.read(1) == record(1)
    assert harness.path.with_name("runs.db.damaged").read_bytes() == there
    assert any("it is made anew" in line for line in harness.warnings)
    harness.put(record(4))
    assert harness.read(4) == record(4)


def test_writer_detects_corruption(harness: RecoveryHarness, record: MakeRecord) -> None:
    damage(harness, "UPDATE runs SET step = 999 WHERE run = 1")
    harness.put(record(1, step=300))
    assert harness.read(1) == record(1, step=300)
    assert harness.read(2) == record(2, name="mine", note="of it")
    assert len(harness.warnings) == 1


def test_missing_or_empty_database_rebuilt_from_folders(harness: RecoveryHarness, record: MakeRecord) -> None:
    for spoil in (lambda: harness.path.write_bytes(b""), harness.path.unlink):
        harness.ledger.close()
        spoil()
        harness.folders = {1: record(1), 5: None, 6: record(6)}
        harness.warnings.clear()
        assert harness.numbers() == [6, 1]
        assert harness.warnings == ["runs.db did not know of these runs, which are taken from their folders: 1, 6"]
    assert harness.files == {"runs.db"}


def test_database_deleted_while_open_is_restored(harness: RecoveryHarness, record: MakeRecord) -> None:
    harness.folders = {1: None, 2: record(2, step=1), 3: None}
    harness.path.unlink()
    assert harness.numbers() == [3, 2, 1]
    assert harness.read(2) == record(2, name="mine", note="of it")
    assert deleted(harness, 3) == 77.5
    assert harness.warnings == ["runs.db was deleted: it is made anew with what it held"]
    with closing(RecoveryHarness(harness.path).ledger) as other:  # and so do others find it
        assert other.execute(lambda it: load_record(it, 1)) == record(1)
    assert harness.files == {"runs.db"}


def test_runs_deleted_with_database_do_not_return(harness: RecoveryHarness, record: MakeRecord) -> None:
    harness.folders = {2: None}
    harness.path.unlink()
    assert harness.numbers() == [2]


def test_database_replaced_by_other_process_is_reopened(
    harness: RecoveryHarness, record: MakeRecord, tmp_path: Path
) -> None:
    other = RecoveryHarness(tmp_path / "other.db")
    other.put(record(9))
    other.ledger.close()
    other.path.rename(harness.path)
    assert harness.numbers() == [9]
    harness.put(record(10))
    assert harness.numbers() == [10, 9]
    assert harness.warnings == []


def test_database_moved_aside_elsewhere_not_moved_again(
    harness: RecoveryHarness, record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(harness, "UPDATE runs SET step = 999 WHERE run = 1")
    other = RecoveryHarness(harness.path)
    first = True

    def look(connection: sqlite3.Connection) -> list[int]:
        nonlocal first
        if first:
            first = False
            assert other.numbers() == [3, 2]
        return [values["run"] for values in fetch_rows(connection)]

    assert harness.ledger.execute(look) == [3, 2]
    assert (len(other.warnings), harness.warnings) == (1, [])
    assert harness.files == {"runs.db", "runs.db.damaged"}
    other.ledger.close()


def test_concurrent_recovery_loses_nothing(harness: RecoveryHarness, record: MakeRecord) -> None:
    damage(harness, "UPDATE runs SET step = 999 WHERE run = 1")
    others = [RecoveryHarness(harness.path) for _ in range(3)]
    for other in others:
        assert other.numbers() == [3, 2]
        other.ledger.close()
    assert sum(len(other.warnings) for other in others) == 1


def test_nothing_touched_where_moving_aside_fails(
    harness: RecoveryHarness, record: MakeRecord, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    damaged = damage(harness, "UPDATE runs SET step = 999 WHERE run = 1")
    with full_disk(), pytest.raises(DatabaseError, match=r"it is damaged .*run 1.* and cannot be made anew"):
        harness.numbers()
    assert harness.path.read_bytes() == damaged
    assert harness.files == {"runs.db"}
    assert harness.warnings == []
    assert harness.numbers() == [3, 2]


def test_deleted_database_recreated_once_disk_has_space(
    harness: RecoveryHarness, record: MakeRecord, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    harness.folders = {1: None, 2: None}
    harness.path.unlink()
    with full_disk(), pytest.raises(DatabaseError, match="it was deleted, and cannot be made anew"):
        harness.put(record(1, step=5))
    assert harness.files == set()
    harness.put(record(1, step=5))
    assert harness.read(1) == record(1, step=5)
    assert harness.read(2) == record(2, name="mine", note="of it")


def test_journal_of_damaged_database_not_replayed(harness: RecoveryHarness) -> None:
    damage(harness, "UPDATE runs SET step = 999 WHERE run = 1")
    journal = harness.path.with_name("runs.db-journal")

    def late(connection: sqlite3.Connection) -> list[int]:
        if not harness.path.with_name("runs.db.damaged").exists():
            journal.write_bytes(b"of a crash")
        return [values["run"] for values in fetch_rows(connection)]

    assert harness.ledger.execute(late) == [3, 2]
    assert harness.path.with_name("runs.db.damaged-journal").read_bytes() == b"of a crash"
    assert not journal.exists() or journal.stat().st_size == 0


def test_read_only_database_readable_and_written_when_allowed(
    record: MakeRecord, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    with tempfile.TemporaryDirectory() as open_to_all:
        Path(open_to_all).chmod(0o777)
        with unprivileged():
            harness = RecoveryHarness(Path(open_to_all) / "runs" / "runs.db")
            harness.path.parent.mkdir()
            harness.put(record(1))
            harness.ledger.close()
            harness.folders = {8: record(8)}
            harness.path.chmod(0o444)
            harness.path.parent.chmod(0o555)
            assert harness.numbers() == [1]
            assert harness.read(1) == record(1)
            with pytest.raises(DatabaseError, match="readonly"):
                harness.put(record(4))
            harness.path.chmod(0o644)
            harness.path.parent.chmod(0o755)
            harness.put(record(4))
            assert harness.numbers() == [8, 4, 1]
            harness.ledger.close()


def test_newer_database_refused_and_unchanged(harness: RecoveryHarness) -> None:
    newer = damage(harness, "PRAGMA user_version = 99")
    for _ in range(2):
        with pytest.raises(UserError, match="is of schema 99"):
            harness.numbers()
    assert harness.path.read_bytes() == newer
    assert harness.files == {"runs.db"}


def test_run_added_during_recovery_not_overwritten(harness: RecoveryHarness, record: MakeRecord) -> None:
    harness.ledger.close()
    harness.folders = {4: record(4, step=1)}
    other = RecoveryHarness(harness.path)
    look = harness.folders.get

    def late(run: int) -> RunRecord | None:
        other.put(record(run, step=500))
        return look(run)

    harness.ledger = RecoveringDatabase(harness.path, lambda: [4], late, harness.warnings.append)
    assert harness.read(4) == record(4, step=500)
    other.ledger.close()


def test_unadoptable_folder_does_not_block_others(harness: RecoveryHarness) -> None:
    def unreadable() -> list[int]:
        raise UserError("the folder cannot be read", "allow it")

    harness.ledger.close()
    harness.ledger = RecoveringDatabase(harness.path, unreadable, lambda run: None, harness.warnings.append)
    assert harness.numbers() == [3, 2, 1]


def test_internal_error_moves_nothing_aside(harness: RecoveryHarness) -> None:
    def wrong(connection: sqlite3.Connection) -> None:
        connection.execute("SELECT ?", ())

    with pytest.raises(sqlite3.ProgrammingError):
        harness.ledger.execute(wrong)
    assert harness.files == {"runs.db"}
    assert harness.numbers() == [3, 2, 1]


def test_recovery_handles_more_runs_than_limit(tmp_path: Path, record: MakeRecord) -> None:
    harness = RecoveryHarness(tmp_path / "runs.db")
    with closing(connect(harness.path)) as connection, transaction(connection):
        for run in range(1, 301):
            upsert_run(connection, msgspec.structs.replace(record(run), name=f"run {run}"), None)
    damage(harness, "UPDATE runs SET step = 999 WHERE run = 150")
    assert harness.numbers() == [run for run in range(300, 0, -1) if run != 150]
    harness.ledger.close()


def test_recovery_in_other_process_is_awaited(harness: RecoveryHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    connected, spoilt = threading.Event(), threading.Event()
    found: list[list[int]] = []

    def second() -> None:
        other = RecoveryHarness(harness.path)
        other.numbers()
        connected.set()
        spoilt.wait(20)
        found.append(other.numbers())
        other.ledger.close()

    thread = threading.Thread(target=second)
    thread.start()
    connected.wait(20)
    real = recovery.rebuild_database

    def slowly(*arguments: Any) -> Path:
        spoilt.set()
        thread.join(0.3)
        assert thread.is_alive(), "it did not wait"
        return real(*arguments)

    monkeypatch.setattr(recovery, "rebuild_database", slowly)
    with closing(sqlite3.connect(harness.path)) as connection:
        connection.execute("UPDATE runs SET preset = 'other' WHERE run = 2")
        connection.commit()
    assert harness.numbers() == [3, 1]
    thread.join(20)
    assert found == [[3, 1]]
    assert harness.files == {"runs.db", "runs.db.damaged"}
