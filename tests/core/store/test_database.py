"""The one SQLite file: made, upgraded, refused, and found to be damaged."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from charwave_tui.core.atomic_write import file_identity
from charwave_tui.core.errors import UserError
from charwave_tui.core.store import database
from charwave_tui.core.store.database import (
    APPLICATION_ID,
    MIGRATIONS,
    DatabaseBusy,
    DatabaseCorrupt,
    DatabaseError,
    connect,
    read_transaction,
    transaction,
    translate_sqlite_errors,
)

MORE = "CREATE TABLE extra (thing TEXT NOT NULL); INSERT INTO extra VALUES ('new');"


BROKEN = "CREATE TABLE extra (thing TEXT NOT NULL); INSERT INTO nowhere VALUES ('new');"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture
def older_database(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database of this version, which the next one upgrades."""
    with closing(connect(path)) as connection:
        connection.execute("INSERT INTO sqlite_sequence VALUES ('runs', 41)")
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, MORE))
    return path


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_new_database_is_one_file_of_current_schema(path: Path) -> None:
    with closing(connect(path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("truncate",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # each commit is on the disk
    assert version(path) == len(MIGRATIONS)
    assert tables(path) >= {"runs", "points", "evaluations", "marks"}
    assert {found.name for found in path.parent.iterdir()} <= {"runs.db", "runs.db-journal"}
    before = path.read_bytes()
    connect(path).close()
    assert path.read_bytes() == before


@pytest.mark.parametrize("journal", ["TRUNCATE", "WAL"])
def test_newer_schema_refused_and_file_untouched(path: Path, journal: str) -> None:
    connect(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        connection.execute(f"PRAGMA journal_mode = {journal}")
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(UserError) as refused:
            connect(path)
        assert str(refused.value) == (
            f"{path} is of schema {len(MIGRATIONS) + 1}, and this version of the program knows none after "
            f"{len(MIGRATIONS)}; upgrade the program, or set CHARWAVE_HOME to another folder"
        )
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*schema*"))


def test_older_schema_upgraded_with_usable_backup(older_database: Path) -> None:
    with closing(connect(older_database)) as connection:
        assert connection.execute("SELECT thing FROM extra").fetchall() == [("new",)]
    assert version(older_database) == len(MIGRATIONS) + 1
    backup = older_database.with_name(f"runs.db.schema-{len(MIGRATIONS)}")
    assert version(backup) == len(MIGRATIONS)
    assert "extra" not in tables(backup)
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT seq FROM sqlite_sequence").fetchall() == [(41,)]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    kept = backup.read_bytes()
    connect(older_database).close()
    assert backup.read_bytes() == kept


def test_garbage_at_backup_path_does_not_block_upgrade(older_database: Path) -> None:
    backup = older_database.with_name(f"runs.db.schema-{len(MIGRATIONS)}")
    backup.write_bytes(b"\xff" * 5_000)
    connect(older_database).close()
    assert version(older_database) == len(MIGRATIONS) + 1
    assert version(backup) == len(MIGRATIONS)


def test_failed_upgrade_leaves_database_unchanged(older_database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tables(older_database)
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", (*MIGRATIONS, BROKEN))
        with pytest.raises(DatabaseError, match="nowhere"):
            connect(older_database)
    assert (version(older_database), tables(older_database)) == (len(MIGRATIONS), before)
    connect(older_database).close()
    assert "extra" in tables(older_database)


def test_upgrade_skipped_on_full_disk_and_done_later(
    older_database: Path, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    before = older_database.read_bytes()
    with full_disk(), pytest.raises(DatabaseError):
        connect(older_database)
    assert older_database.read_bytes() == before
    connect(older_database).close()
    assert version(older_database) == len(MIGRATIONS) + 1


@pytest.mark.parametrize("state", ["new", "older"])
def test_concurrent_openers_find_complete_database(path: Path, monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    if state == "older":
        connect(path).close()
        monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, MORE))
    barrier = threading.Barrier(6)
    failed: list[BaseException] = []

    def come() -> None:
        barrier.wait(10)
        try:
            connect(path).close()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=come) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failed == []
    assert version(path) == len(database.MIGRATIONS)
    if state == "older":
        assert version(path.with_name(f"runs.db.schema-{len(MIGRATIONS)}")) == len(MIGRATIONS)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT thing FROM extra").fetchall() == [("new",)]


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_foreign_database_is_corrupt_and_untouched(path: Path, journal: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE runs (run INTEGER)")
        connection.execute(f"PRAGMA journal_mode = {journal}")
    before = path.read_bytes()
    with pytest.raises(DatabaseCorrupt, match="another program"):
        connect(path)
    assert path.read_bytes() == before


def new_database_bytes(path: Path) -> bytes:
    connect(path).close()
    return path.read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        lambda good: b"\xff" * 5_000,
        lambda good: b"x",
        lambda good: good[:1_000],
        lambda good: good[:5_000],
        lambda good: good[:-4_096],
        lambda good: good[:60] + b"\x80\0\0\1" + good[64:],
        lambda good: good.replace(b"curve_digest", b"curve_digust"),
        lambda good: good.replace(b"CREATE TABLE", b"CREATE TABLE"[::-1]),
        lambda good: good.replace(b"CREATE TABLE eval", b"CREATE TABL\xff eval"),
    ],
    ids=[
        *("noise", "one byte", "in a page", "between pages", "a page short", "no version", "a column"),
        *("no table", "no text"),
    ],
)
def test_altered_content_is_corrupt(path: Path, damage: Callable[[bytes], bytes]) -> None:
    path.write_bytes(damage(new_database_bytes(path)))
    with pytest.raises(DatabaseCorrupt), translate_sqlite_errors():
        connect(path).execute("SELECT curve_digest FROM runs").fetchall()


def test_folder_at_database_path_is_error_but_not_corrupt(path: Path) -> None:
    path.mkdir()
    with pytest.raises(DatabaseError, match="unable to open") as told:
        connect(path)
    assert not isinstance(told.value, DatabaseCorrupt)


def test_long_lock_reported_as_busy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.01)
    with (
        closing(connect(path)) as one,
        closing(connect(path)) as other,
        transaction(one),
        pytest.raises(DatabaseBusy, match="locked"),
        transaction(other),
    ):
        pass
    with closing(connect(path)) as other, transaction(other):
        pass


def test_internal_error_not_taken_for_corruption(path: Path) -> None:
    connection = connect(path)
    connection.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"), translate_sqlite_errors():
        connection.execute("SELECT 1")


def test_transaction_is_atomic(path: Path) -> None:
    def half(connection: sqlite3.Connection) -> None:
        with transaction(connection):
            connection.execute("INSERT INTO sqlite_sequence VALUES ('runs', 5)")
            raise ZeroDivisionError

    with closing(connect(path)) as connection:
        with pytest.raises(ZeroDivisionError):
            half(connection)
        assert connection.execute("SELECT * FROM sqlite_sequence").fetchall() == []
        with transaction(connection):
            connection.execute("INSERT INTO sqlite_sequence VALUES ('runs', 5)")
        assert connection.execute("SELECT * FROM sqlite_sequence").fetchall() == [("runs", 5)]
        with pytest.raises(DatabaseCorrupt, match="UNIQUE"), transaction(connection):
            connection.execute("INSERT INTO marks VALUES (1, 0, 5, 'x', 0), (1, 0, 5, 'x', 0)")


def test_snapshot_read_blocks_other_writers(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.01)
    with closing(connect(path)) as reader, closing(connect(path)) as writer:
        with read_transaction(reader):
            reader.execute("SELECT * FROM marks").fetchall()
            with pytest.raises(DatabaseBusy), transaction(writer):
                writer.execute("INSERT INTO sqlite_sequence VALUES ('runs', 5)")
        with transaction(writer):
            writer.execute("INSERT INTO sqlite_sequence VALUES ('runs', 5)")


def test_database_file_identity_is_known(path: Path) -> None:
    assert file_identity(path) is None
    path.touch()
    first = file_identity(path)
    assert first is not None
    other = path.with_name("other")
    other.touch()
    other.rename(path)
    assert file_identity(path) not in (None, first)
