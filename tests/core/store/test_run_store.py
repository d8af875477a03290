"""The run store: numbers that nobody shares, records that come back, runs that are deleted and put back."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
import pytest

from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import LossPoint, RunState, TrainingHistory
from charwave_tui.core.store import run_store
from charwave_tui.core.store.database import connect
from charwave_tui.core.store.folder_record import RECORD_FILE, USER_NOTES_FILE
from charwave_tui.core.store.run_folder import STANDALONE_WEIGHTS
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.run_store import DATABASE_FILE, RunStore

MakeRecord = Callable[..., RunRecord]


@pytest.fixture
def stored_run(store: RunStore, record: MakeRecord) -> Callable[..., int]:
    """Keeps a run, with something in the place of its weights unless told otherwise."""

    def keep(weights: bool = True, **others: object) -> int:
        run = store.create()
        store.write(record(run, **others))
        if weights:
            store.folder_of(run).next_checkpoint_path().write_bytes(b"weights")
        return run

    return keep


def listed(store: RunStore) -> list[int]:
    return [row.run for row in store.summaries()]


def test_runs_numbered_from_one_and_never_reused(store: RunStore) -> None:
    assert store.run_numbers() == []
    assert [store.create() for _ in range(3)] == [1, 2, 3]
    (store.folder / "0002").rmdir()
    assert store.create() == 4
    (store.folder / "12345").mkdir()
    assert store.create() == 12_346


def test_number_of_removed_run_not_reused(store: RunStore, stored_run: Callable[..., int]) -> None:
    assert [stored_run(), stored_run(), stored_run()] == [1, 2, 3]
    store.delete_permanently(3)
    store.delete_permanently(2)
    assert store.create() == 4
    store.close()
    assert RunStore(store.folder).create() == 5


def test_number_of_run_with_missing_folder_not_reused(store: RunStore, stored_run: Callable[..., int]) -> None:
    (store.folder_of(stored_run(weights=False)).path).rmdir()
    assert store.create() == 2


def test_number_taken_by_other_process_is_skipped(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.create()
    monkeypatch.setattr(RunStore, "run_numbers", lambda self: [])
    assert store.create() == 2


def test_search_for_free_number_ends(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.create()
    monkeypatch.setattr(RunStore, "run_numbers", lambda self: [])
    monkeypatch.setattr(run_store, "MAX_CREATE_ATTEMPTS", 1)
    with pytest.raises(UserError, match="cannot hold a new run"):
        store.create()


def test_non_run_folder_names_ignored(store: RunStore) -> None:
    for name in ("²", "١", "7a", "-3", ".5", "notes", "9" * 19, "9" * 200):
        (store.folder / name).mkdir(parents=True)
    assert store.run_numbers() == []
    assert store.create() == 1


def test_dangling_symlink_at_runs_folder_is_named(store: RunStore) -> None:
    store.folder.parent.mkdir()
    store.folder.symlink_to(store.folder.parent / "gone")
    with pytest.raises(UserError, match=r"data/runs cannot be made.*CHARWAVE_HOME"):
        store.create()


def test_file_at_runs_folder_is_named(store: RunStore, record: MakeRecord) -> None:
    store.folder.parent.mkdir()
    store.folder.write_text("", "utf-8")
    with pytest.raises(UserError, match="data/runs cannot be made"):
        store.create()
    with pytest.raises(OSError, match="exists"):
        store.write(record(1))
    assert store.summaries() == ()


def test_unreadable_or_unwritable_runs_folder_is_named(
    record: MakeRecord, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    with tempfile.TemporaryDirectory() as open_to_all:
        Path(open_to_all).chmod(0o777)
        with unprivileged():
            store = RunStore(Path(open_to_all) / "runs", pytest.fail)
            store.write(record(store.create()))
            store.close()
            store.folder.chmod(0o555)
            with pytest.raises(UserError, match="runs cannot be written"):
                store.create()
            assert store.read(1) == record(1)
            assert listed(store) == [1]
            store.folder.chmod(0o300)
            store.close()
            assert store.read(1) == record(1)
            with pytest.raises(UserError, match="runs cannot be read"):
                store.create()
            store.folder.chmod(0o000)
            store.close()
            with pytest.raises(UserError, match=r"runs\.db cannot be read \(unable to open database file\); mend that"):
                store.summaries()
            store.folder.chmod(0o755)
            assert listed(store) == [1]
            store.close()


def test_unreadable_run_folder_does_not_hide_others(
    record: MakeRecord, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    with tempfile.TemporaryDirectory() as open_to_all:
        Path(open_to_all).chmod(0o777)
        with unprivileged():
            store = RunStore(Path(open_to_all) / "runs", lambda text: None)
            for _ in range(2):
                run = store.create()
                store.write(record(run))
                store.folder_of(run).next_checkpoint_path().touch()
            store.folder_of(2).path.chmod(0o000)
            assert store.read().run == 1
            assert listed(store) == [2, 1]
            store.close()
            (store.folder / DATABASE_FILE).unlink()
            (store.folder_of(1).path / RECORD_FILE).write_bytes(msgspec.json.encode(record(1)))
            assert listed(store) == [1]
            store.folder_of(2).path.chmod(0o700)
            store.close()


def test_record_round_trips(store: RunStore, record: MakeRecord, stored_run: Callable[..., int]) -> None:
    run = stored_run()
    assert store.read(run) == store.read() == record(run)
    assert store.read(run).steps_per_second == 20.0
    store.close()
    assert RunStore(store.folder, pytest.fail).read(run) == record(run)


def test_record_replaces_previous_one(store: RunStore, record: MakeRecord, stored_run: Callable[..., int]) -> None:
    run = stored_run(step=5)
    store.write(record(run, step=9, history=TrainingHistory(1)))
    assert store.read(run) == record(run, step=9, history=TrainingHistory(1))
    assert {path.name for path in store.folder.iterdir()} <= {DATABASE_FILE, f"{DATABASE_FILE}-journal", "0001"}


def test_newest_run_is_last_with_weights_and_a_step(store: RunStore, stored_run: Callable[..., int]) -> None:
    with pytest.raises(UserError, match="no trained run yet; train one first"):
        store.read()
    stored_run(step=0)
    with pytest.raises(UserError, match="no trained run yet; train one first"):
        store.read()
    trained = stored_run(step=1)
    untouched = stored_run(step=0)
    stored_run(step=5, weights=False)
    assert store.read().run == trained
    assert store.read(untouched).step == 0
    deleted = stored_run()
    store.delete(deleted)
    assert store.read().run == trained


def test_unknown_run_refused_with_known_ones(store: RunStore, stored_run: Callable[..., int]) -> None:
    with pytest.raises(UserError, match="run 7 is unknown; there are no runs yet"):
        store.read(7)
    for _ in range(10):
        stored_run(weights=False)
    for ask in (
        store.read,
        store.delete,
        store.restore,
        store.delete_permanently,
        lambda run: store.set_name_and_note(run, "", ""),
    ):
        with pytest.raises(UserError, match="run 70 is unknown; the newest runs are: 3, 4, 5, 6, 7, 8, 9, 10"):
            ask(70)
    with pytest.raises(UserError, match="run 3 is not deleted"):
        store.restore(3)


@pytest.mark.parametrize("number", [2**63, 10**18, 10**4_000, -1, -(2**63)])
def test_run_number_beyond_sqlite_integer_is_unknown(store: RunStore, number: int) -> None:
    store.create()
    for ask in (store.read, store.delete, store.restore, store.delete_permanently):
        with pytest.raises(UserError, match="is unknown"):
            ask(number)


def test_runs_listed_by_number_regardless_of_clock(store: RunStore, stored_run: Callable[..., int]) -> None:
    for created in ("2026-03-01T00:00:00+00:00", "1970-01-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"):
        stored_run(created=created)
    assert listed(store) == [3, 2, 1]


def test_run_left_in_training_listed_as_paused(
    store: RunStore, stored_run: Callable[..., int], other_process: Callable[[str], subprocess.Popen[str]]
) -> None:
    stored_run(state=RunState.TRAINING)
    stored_run(state=RunState.TRAINING)
    theirs = other_process(HOLD.format(folder=str(store.folder), run=2))
    assert [(row.run, row.state) for row in store.summaries()] == [(2, RunState.TRAINING), (1, RunState.PAUSED)]
    theirs.kill()
    theirs.wait(10)
    assert [row.state for row in store.summaries()] == [RunState.PAUSED] * 2
    assert store.read(2).state is RunState.TRAINING  # what it was left in


@pytest.mark.parametrize("state", [RunState.TRAINING, RunState.PAUSED, RunState.STOPPED, RunState.FINISHED])
def test_run_left_in_training_read_from_last_save(
    store: RunStore, record: MakeRecord, write_save: Callable[[RunRecord], bytes], state: RunState
) -> None:
    store.create()
    write_save(record(1, state=RunState.TRAINING, step=100, seconds=5.0))
    store.write(record(1, state=RunState.TRAINING, step=100, seconds=5.0))
    store.set_name_and_note(1, "mine", "of it")
    write_save(record(1, state=state, step=200))
    (row,) = store.summaries()
    assert (row.step, row.name, row.note) == (200, "mine", "of it")
    assert row.state is (RunState.PAUSED if state is RunState.TRAINING else state)
    assert store.read(1) == record(1, state=state, step=200, name="mine", note="of it")
    newest, before = store.folder_of(1).checkpoints()
    newest.write_bytes(newest.read_bytes()[:-1])
    assert [(row.step, row.state) for row in store.summaries()] == [(100, RunState.PAUSED)]
    assert store.read(1).step == 100
    before.unlink()
    assert [(row.step, row.state) for row in store.summaries()] == [(100, RunState.PAUSED)]


HOLD = """
import sys
from pathlib import Path
from charwave_tui.core.store.run_store import RunStore
lock = RunStore(Path({folder!r})).folder_of({run}).lock()
print("locked", flush=True)
sys.stdin.read()
"""


def test_run_in_use_neither_deleted_nor_removed(
    store: RunStore, stored_run: Callable[..., int], other_process: Callable[[str], subprocess.Popen[str]]
) -> None:
    stored_run()
    theirs = other_process(HOLD.format(folder=str(store.folder), run=1))
    with pytest.raises(UserError, match="run 1 is in progress; stop it first"):
        store.delete(1)
    with pytest.raises(UserError, match=f"run 1 is in use by process {theirs.pid} on"):
        store.delete_permanently(1)
    assert listed(store) == [1]
    assert store.folder_of(1).checkpoints()
    theirs.kill()
    theirs.wait(10)
    store.delete(1)
    assert store.delete_permanently(1) > 0


def test_names_and_notes_outlive_saves(store: RunStore, record: MakeRecord, stored_run: Callable[..., int]) -> None:
    stored_run()
    stored_run()
    store.set_name_and_note(1, "the wide one", "n_hidden 512, «good»")
    grown = msgspec.structs.replace(record(1).history, points=(*record(1).history.points, LossPoint(300, 2, 2, 2)))
    store.write(record(1, step=300, history=grown))
    assert store.read(1) == record(1, step=300, history=grown, name="the wide one", note="n_hidden 512, «good»")
    assert [(row.name, row.note) for row in store.summaries()] == [("", ""), ("the wide one", "n_hidden 512, «good»")]
    store.set_name_and_note(1, "", "")
    assert store.read(1).name == ""


def test_description_does_not_undo_concurrent_write(
    store: RunStore, record: MakeRecord, stored_run: Callable[..., int]
) -> None:
    stored_run(step=5)
    trains = RunStore(store.folder, pytest.fail)
    store.read(1)
    trains.write(record(1, step=900, history=TrainingHistory(1)))
    store.set_name_and_note(1, "x", "")
    assert store.read(1) == record(1, step=900, history=TrainingHistory(1), name="x")
    trains.write(record(1, step=901))
    assert store.read(1) == record(1, step=901, name="x")


def test_deleted_run_hidden_and_restored_unchanged(
    store: RunStore, record: MakeRecord, stored_run: Callable[..., int]
) -> None:
    stored_run()
    stored_run()
    store.set_name_and_note(1, "keep", "this")
    store.delete(1)
    assert listed(store) == [2]
    for gone in (store.read, store.delete, lambda run: store.set_name_and_note(run, "x", "")):
        with pytest.raises(UserError, match="run 1 is unknown; the newest runs are: 2"):
            gone(1)
    assert store.folder_of(1).checkpoints()
    assert store.create() == 3
    store.restore(1)
    assert listed(store) == [2, 1]
    assert store.read(1) == record(1, name="keep", note="this")


def test_deleted_run_still_written_stays_deleted(
    store: RunStore, record: MakeRecord, stored_run: Callable[..., int]
) -> None:
    stored_run()
    store.delete(1)
    store.write(record(1, step=300))
    assert listed(store) == []
    store.restore(1)
    assert store.read(1).step == 300


def test_deleted_runs_listed_until_removed(store: RunStore, stored_run: Callable[..., int]) -> None:
    assert store.deleted_runs() == ()
    for _ in range(3):
        stored_run()
    for run in (1, 3):
        store.delete(run)
    assert store.deleted_runs() == (3, 1)
    store.delete_permanently(1)
    store.restore(3)
    assert store.deleted_runs() == ()
    assert listed(store) == [3, 2]


@pytest.mark.parametrize("shift", [-10 * 365 * 86_400, -3_600])
def test_deleted_runs_restorable_after_clock_set_back(
    store: RunStore, stored_run: Callable[..., int], monkeypatch: pytest.MonkeyPatch, shift: int
) -> None:
    stored_run()
    stored_run()
    store.delete(1)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + shift)
    store.delete(2)
    assert store.deleted_runs() == (2, 1)
    for run in (1, 2):
        store.restore(run)
    assert listed(store) == [2, 1]
    assert stored_run() == 3


def test_removal_removes_everything_of_a_run(store: RunStore, stored_run: Callable[..., int]) -> None:
    stored_run()
    stored_run()
    store.delete(2)
    assert store.delete_permanently(1) >= len(b"weights")
    assert store.delete_permanently(2) >= len(b"weights")
    assert store.run_numbers() == []
    assert store.summaries() == ()
    with pytest.raises(UserError, match="unknown"):
        store.delete_permanently(1)


WRITE = """
import sys
from pathlib import Path
import msgspec
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.metrics import TrainingHistory, LossPoint
from charwave_tui.core.store.run_store import RunStore
record = msgspec.json.decode({record!r}, type=RunRecord)
told = []
store = RunStore(Path({folder!r}), told.append)
print("ready", flush=True)
points = ()
for step in range(1, 41):
    points = (*points, LossPoint(step, 1.0, 1.0, 1.0))
    store.write(msgspec.structs.replace(record, step=step, history=TrainingHistory(1, points)))
    store.summaries()
    assert store.read(record.run).step == step
assert told == [], told
print("done", flush=True)
"""


def test_concurrent_processes_write_different_runs(
    store: RunStore, record: MakeRecord, other_process: Callable[[str], subprocess.Popen[str]]
) -> None:
    for _ in range(3):
        store.create()
    others = [
        other_process(WRITE.format(record=msgspec.json.encode(record(run)), folder=str(store.folder))) for run in (2, 3)
    ]
    for step in range(1, 41):
        store.write(record(1, step=step))
        assert store.read(1).step == step
        assert {row.run for row in store.summaries()} >= {1}
    for other in others:
        out, _ = other.communicate(timeout=60)
        assert out == "done\n"
    assert [store.read(run).step for run in (1, 2, 3)] == [40] * 3
    assert len(store.read(2).history.points) == 40


def test_record_refused_on_full_disk_and_stored_later(
    store: RunStore,
    record: MakeRecord,
    stored_run: Callable[..., int],
    full_disk: Callable[[], AbstractContextManager[None]],
) -> None:
    stored_run()
    files = {path.name for path in store.folder.iterdir()}
    with full_disk():
        for _ in range(2):
            with pytest.raises(OSError, match=r"full|I/O"):
                store.write(record(1, step=300, history=TrainingHistory(1)))
        assert store.read(1) == record(1)
        for change in (lambda run: store.set_name_and_note(run, "x", ""), store.delete):
            with pytest.raises(OSError, match=r"full|I/O|large"):
                change(1)
    assert store.read(1) == record(1)
    assert {path.name for path in store.folder.iterdir()} == files
    store.write(record(1, step=300, history=TrainingHistory(1)))
    assert store.read(1) == record(1, step=300, history=TrainingHistory(1))


def test_long_running_writer_is_reported(
    store: RunStore, record: MakeRecord, stored_run: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored_run()
    store.close()
    monkeypatch.setattr("charwave_tui.core.store.database.BUSY_TIMEOUT", 0.01)
    other = connect(store.folder / DATABASE_FILE)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(UserError, match=r"another process is writing .*runs\.db; try again"):
        store.summaries()
    with pytest.raises(OSError, match="locked"):
        store.write(record(1))
    other.close()
    assert listed(store) == [1]


def test_runs_without_database_imported_from_folders(tmp_path: Path, record: MakeRecord) -> None:
    told: list[str] = []
    store = RunStore(tmp_path / "runs", told.append)
    for run, state in ((1, RunState.FINISHED), (2, RunState.TRAINING), (5, RunState.STOPPED)):
        folder = store.folder_of(run).path
        folder.mkdir(parents=True)
        (folder / RECORD_FILE).write_bytes(msgspec.json.encode(record(run, state=state)))
        (folder / STANDALONE_WEIGHTS).write_bytes(b"weights")
    (store.folder / "0003").mkdir()
    (store.folder / "0004").mkdir()
    (store.folder / "0004" / RECORD_FILE).write_bytes(b"{")
    assert [(row.run, row.state) for row in store.summaries()] == [
        (5, RunState.STOPPED),
        (2, RunState.PAUSED),
        (1, RunState.FINISHED),
    ]
    assert store.read(1) == record(1)
    assert store.read().run == 5
    assert told == ["runs.db did not know of these runs, which are taken from their folders: 1, 2, 5"]
    assert store.create() == 6
    store.close()
    store.summaries()
    assert len(told) == 1


def test_user_texts_outlive_database(store: RunStore, record: MakeRecord) -> None:
    store.on_warning = lambda text: None
    folder = store.folder_of(store.create())
    store.write(record(1))
    (folder.path / RECORD_FILE).write_bytes(msgspec.json.encode(record(1)))
    store.set_name_and_note(1, "the wide one", "«good»")
    store.close()
    (store.folder / DATABASE_FILE).unlink()
    assert store.read(1) == record(1, name="the wide one", note="«good»")
    for damaged in (b"", b"{", b"[" * 9_999, b'{"name": 5}', b"\xff"):
        store.close()
        (store.folder / DATABASE_FILE).unlink()
        (folder.path / USER_NOTES_FILE).write_bytes(damaged)
        assert store.read(1) == record(1)


def test_old_record_adopted_under_folder_number(tmp_path: Path, record: MakeRecord) -> None:
    store = RunStore(tmp_path / "runs", lambda text: None)
    folder = store.folder_of(8).path
    folder.mkdir(parents=True)
    (folder / RECORD_FILE).write_bytes(msgspec.json.encode(record(1)))
    assert store.read(8) == record(8)


def test_database_deleted_or_replaced_while_open_loses_no_later_write(
    store: RunStore, record: MakeRecord, stored_run: Callable[..., int]
) -> None:
    told: list[str] = []
    store.on_warning = told.append
    stored_run()
    store.set_name_and_note(1, "mine", "")
    (store.folder / DATABASE_FILE).unlink()
    grown = msgspec.structs.replace(record(1).history, points=(*record(1).history.points, LossPoint(300, 2, 2, 2)))
    store.write(record(1, step=300, history=grown))
    assert store.read(1) == record(1, step=300, history=grown, name="mine")
    other = RunStore(store.folder.with_name("other"))
    other.write(record(1, step=7, history=TrainingHistory(3, (LossPoint(3, 1, 1, 1),) * 9), name="other"))
    other.close()
    os.replace(other.folder / DATABASE_FILE, store.folder / DATABASE_FILE)  # noqa: PTH105
    store.write(record(1, step=301, history=grown))
    assert store.read(1) == record(1, step=301, history=grown, name="other")
    assert told == ["runs.db was deleted: it is made anew with what it held"]


def test_runs_deleted_while_store_open_gone_except_active_one(
    store: RunStore, record: MakeRecord, stored_run: Callable[..., int]
) -> None:
    store.on_warning = lambda text: None
    for _ in range(3):
        stored_run()
    for path in sorted(store.folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    store.folder.rmdir()
    assert store.summaries() == ()
    store.write(record(2, step=300))
    assert listed(store) == [2]
    assert store.read(2) == record(2, step=300)


def test_untrained_run_has_no_speed(record: MakeRecord) -> None:
    assert record(1, training_seconds=0.0).steps_per_second == 0.0
