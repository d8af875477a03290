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

Made = Callable[..., RunRecord]


class Book:
    """A ledger, what its runs' folders say of them, and what it told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: list[str] = []
        self.folders: dict[int, RunRecord | None] = {}
        self.ledger = RecoveringDatabase(
            path, lambda: list(self.folders), lambda run: self.folders.get(run), self.told.append
        )

    def put(self, record: RunRecord) -> None:
        def put(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                upsert_run(connection, record, None)

        self.ledger.execute(put)

    def taken(self, run: int) -> RunRecord | None:
        return self.ledger.execute(lambda it: load_record(it, run))

    def numbers(self) -> list[int]:
        return self.ledger.execute(lambda it: [values["run"] for values in fetch_rows(it)])

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.path.parent.iterdir()} - {"runs.db-journal"}


@pytest.fixture
def book(tmp_path: Path, record: Made) -> Iterator[Book]:
    """A ledger of the runs 1, 2 and 3, of which the second one was named, and the third one deleted."""
    (tmp_path / "runs").mkdir()
    book = Book(tmp_path / "runs" / "runs.db")
    for run in (1, 2, 3):
        book.put(record(run))

    def own(connection: sqlite3.Connection) -> None:
        with transaction(connection):
            update_user_columns(connection, 2, name="mine", note="of it")
            update_user_columns(connection, 3, deleted=77.5)

    book.ledger.execute(own)
    yield book
    book.ledger.close()


def deleted(book: Book, run: int) -> float | None:
    values = book.ledger.execute(lambda it: fetch_row(it, run))
    assert values is not None
    found: float | None = values["deleted"]
    return found


def harmed(book: Book, statement: str) -> bytes:
    """Changes the database behind the ledger's back; gives what it is then."""
    book.ledger.close()
    with closing(sqlite3.connect(book.path, isolation_level=None)) as connection:
        connection.execute(statement)
    return book.path.read_bytes()


def test_damaged_row_others_recovered_and_damaged_file_kept(book: Book, record: Made) -> None:
    damaged = harmed(book, "UPDATE runs SET step = 999 WHERE run = 1")
    assert book.taken(1) is None
    assert book.taken(2) == record(2, name="mine", note="of it")
    assert deleted(book, 3) == 77.5
    aside = book.path.with_name("runs.db.damaged")
    assert book.told == [
        f"runs.db was damaged (the row of run 1 is not what was written): it is made anew, the old one is {aside}"
    ]
    assert aside.read_bytes() == damaged
    assert book.files == {"runs.db", "runs.db.damaged"}


def test_data_lost_in_damaged_row_comes_from_run_folder(book: Book, record: Made) -> None:
    book.folders = {1: record(1, step=100), 2: record(2, step=100), 3: None}
    harmed(book, "UPDATE runs SET step = 999 WHERE run = 1")
    assert book.numbers() == [3, 2, 1]
    assert (book.taken(1), book.taken(2)) == (record(1, step=100), record(2, name="mine", note="of it"))
    assert book.told[0].startswith("runs.db was damaged")
    assert "runs.db did not know of these runs, which are taken from their folders: 1" in book.told


def test_damaged_curve_user_fields_recovered_rest_from_folder(book: Book, record: Made) -> None:
    book.folders = {2: record(2, step=100), 3: record(3, step=100)}
    harmed(book, "UPDATE points SET low = 9 WHERE run > 1")
    assert book.taken(2) == record(2, step=100, name="mine", note="of it")
    assert book.taken(3) == record(3, step=100)
    assert deleted(book, 3) == 77.5
    assert book.taken(1) == record(1)


def test_each_damaged_file_kept_under_own_name(book: Book) -> None:
    for _ in range(3):
        harmed(book, "UPDATE runs SET step = 999 WHERE run = (SELECT max(run) FROM runs)")
        book.numbers()
    assert book.files == {"runs.db", "runs.db.damaged", "runs.db.damaged-2", "runs.db.damaged-3"}


def noise(path: Path) -> None:
    path.write_bytes(os.urandom(5_000))


def swapped(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("harm", [noise, swapped, cut, lambda path: path.write_bytes(b"gone")])
@pytest.mark.parametrize("opened", [False, True])
def test_foreign_database_moved_aside_unchanged(
    book: Book, record: Made, harm: Callable[[Path], None], opened: bool
) -> None:
    book.folders = {1: record(1), 2: record(2)}
    if not opened:
        book.ledger.close()
    harm(book.path)
    there = book.path.read_bytes()
    assert {1, 2} <= set(book.numbers())
    assert book.taken(1) == record(1)
    assert book.path.with_name("runs.db.damaged").read_bytes() == there
    assert any("it is made anew" in line for line in book.told)
    book.put(record(4))
    assert book.taken(4) == record(4)


def test_writer_detects_corruption(book: Book, record: Made) -> None:
    harmed(book, "UPDATE runs SET step = 999 WHERE run = 1")
    book.put(record(1, step=300))
    assert book.taken(1) == record(1, step=300)
    assert book.taken(2) == record(2, name="mine", note="of it")
    assert len(book.told) == 1


def test_missing_or_empty_database_rebuilt_from_folders(book: Book, record: Made) -> None:
    for spoil in (lambda: book.path.write_bytes(b""), book.path.unlink):
        book.ledger.close()
        spoil()
        book.folders = {1: record(1), 5: None, 6: record(6)}
        book.told.clear()
        assert book.numbers() == [6, 1]
        assert book.told == ["runs.db did not know of these runs, which are taken from their folders: 1, 6"]
    assert book.files == {"runs.db"}


def test_database_deleted_while_open_is_restored(book: Book, record: Made) -> None:
    book.folders = {1: None, 2: record(2, step=1), 3: None}
    book.path.unlink()
    assert book.numbers() == [3, 2, 1]
    assert book.taken(2) == record(2, name="mine", note="of it")
    assert deleted(book, 3) == 77.5
    assert book.told == ["runs.db was deleted: it is made anew with what it held"]
    with closing(Book(book.path).ledger) as other:  # and so do others find it
        assert other.execute(lambda it: load_record(it, 1)) == record(1)
    assert book.files == {"runs.db"}


def test_runs_deleted_with_database_do_not_return(book: Book, record: Made) -> None:
    book.folders = {2: None}
    book.path.unlink()
    assert book.numbers() == [2]


def test_database_replaced_by_other_process_is_reopened(book: Book, record: Made, tmp_path: Path) -> None:
    other = Book(tmp_path / "other.db")
    other.put(record(9))
    other.ledger.close()
    other.path.rename(book.path)
    assert book.numbers() == [9]
    book.put(record(10))
    assert book.numbers() == [10, 9]
    assert book.told == []


def test_database_moved_aside_elsewhere_not_moved_again(
    book: Book, record: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    harmed(book, "UPDATE runs SET step = 999 WHERE run = 1")
    other = Book(book.path)
    first = True

    def look(connection: sqlite3.Connection) -> list[int]:
        nonlocal first
        if first:
            first = False
            assert other.numbers() == [3, 2]
        return [values["run"] for values in fetch_rows(connection)]

    assert book.ledger.execute(look) == [3, 2]
    assert (len(other.told), book.told) == (1, [])
    assert book.files == {"runs.db", "runs.db.damaged"}
    other.ledger.close()


def test_concurrent_recovery_loses_nothing(book: Book, record: Made) -> None:
    harmed(book, "UPDATE runs SET step = 999 WHERE run = 1")
    others = [Book(book.path) for _ in range(3)]
    for other in others:
        assert other.numbers() == [3, 2]
        other.ledger.close()
    assert sum(len(other.told) for other in others) == 1


def test_nothing_touched_where_moving_aside_fails(
    book: Book, record: Made, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    damaged = harmed(book, "UPDATE runs SET step = 999 WHERE run = 1")
    with full_disk(), pytest.raises(DatabaseError, match=r"it is damaged .*run 1.* and cannot be made anew"):
        book.numbers()
    assert book.path.read_bytes() == damaged
    assert book.files == {"runs.db"}
    assert book.told == []
    assert book.numbers() == [3, 2]


def test_deleted_database_recreated_once_disk_has_space(
    book: Book, record: Made, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    book.folders = {1: None, 2: None}
    book.path.unlink()
    with full_disk(), pytest.raises(DatabaseError, match="it was deleted, and cannot be made anew"):
        book.put(record(1, step=5))
    assert book.files == set()
    book.put(record(1, step=5))
    assert book.taken(1) == record(1, step=5)
    assert book.taken(2) == record(2, name="mine", note="of it")


def test_journal_of_damaged_database_not_replayed(book: Book) -> None:
    harmed(book, "UPDATE runs SET step = 999 WHERE run = 1")
    journal = book.path.with_name("runs.db-journal")

    def late(connection: sqlite3.Connection) -> list[int]:
        if not book.path.with_name("runs.db.damaged").exists():
            journal.write_bytes(b"of a crash")
        return [values["run"] for values in fetch_rows(connection)]

    assert book.ledger.execute(late) == [3, 2]
    assert book.path.with_name("runs.db.damaged-journal").read_bytes() == b"of a crash"
    assert not journal.exists() or journal.stat().st_size == 0


def test_read_only_database_readable_and_written_when_allowed(
    record: Made, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    with tempfile.TemporaryDirectory() as open_to_all:
        Path(open_to_all).chmod(0o777)
        with unprivileged():
            book = Book(Path(open_to_all) / "runs" / "runs.db")
            book.path.parent.mkdir()
            book.put(record(1))
            book.ledger.close()
            book.folders = {8: record(8)}
            book.path.chmod(0o444)
            book.path.parent.chmod(0o555)
            assert book.numbers() == [1]
            assert book.taken(1) == record(1)
            with pytest.raises(DatabaseError, match="readonly"):
                book.put(record(4))
            book.path.chmod(0o644)
            book.path.parent.chmod(0o755)
            book.put(record(4))
            assert book.numbers() == [8, 4, 1]
            book.ledger.close()


def test_newer_database_refused_and_unchanged(book: Book) -> None:
    newer = harmed(book, "PRAGMA user_version = 99")
    for _ in range(2):
        with pytest.raises(UserError, match="is of schema 99"):
            book.numbers()
    assert book.path.read_bytes() == newer
    assert book.files == {"runs.db"}


def test_run_added_during_recovery_not_overwritten(book: Book, record: Made) -> None:
    book.ledger.close()
    book.folders = {4: record(4, step=1)}
    other = Book(book.path)
    look = book.folders.get

    def late(run: int) -> RunRecord | None:
        other.put(record(run, step=500))
        return look(run)

    book.ledger = RecoveringDatabase(book.path, lambda: [4], late, book.told.append)
    assert book.taken(4) == record(4, step=500)
    other.ledger.close()


def test_unadoptable_folder_does_not_block_others(book: Book) -> None:
    def unreadable() -> list[int]:
        raise UserError("the folder cannot be read", "allow it")

    book.ledger.close()
    book.ledger = RecoveringDatabase(book.path, unreadable, lambda run: None, book.told.append)
    assert book.numbers() == [3, 2, 1]


def test_internal_error_moves_nothing_aside(book: Book) -> None:
    def wrong(connection: sqlite3.Connection) -> None:
        connection.execute("SELECT ?", ())

    with pytest.raises(sqlite3.ProgrammingError):
        book.ledger.execute(wrong)
    assert book.files == {"runs.db"}
    assert book.numbers() == [3, 2, 1]


def test_recovery_handles_more_runs_than_limit(tmp_path: Path, record: Made) -> None:
    book = Book(tmp_path / "runs.db")
    with closing(connect(book.path)) as connection, transaction(connection):
        for run in range(1, 301):
            upsert_run(connection, msgspec.structs.replace(record(run), name=f"run {run}"), None)
    harmed(book, "UPDATE runs SET step = 999 WHERE run = 150")
    assert book.numbers() == [run for run in range(300, 0, -1) if run != 150]
    book.ledger.close()


def test_recovery_in_other_process_is_awaited(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    connected, spoilt = threading.Event(), threading.Event()
    found: list[list[int]] = []

    def second() -> None:
        other = Book(book.path)
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
    with closing(sqlite3.connect(book.path)) as connection:
        connection.execute("UPDATE runs SET preset = 'other' WHERE run = 2")
        connection.commit()
    assert book.numbers() == [3, 1]
    thread.join(20)
    assert found == [[3, 1]]
    assert book.files == {"runs.db", "runs.db.damaged"}
