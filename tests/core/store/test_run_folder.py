"""A run's own folder: which of its saves are kept, and whose it is."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from charwave_tui.core.errors import UserError
from charwave_tui.core.store.run_folder import (
    CHECKPOINTS_KEPT,
    LOCK_FILE,
    LOCK_RETRY_SECONDS,
    STANDALONE_WEIGHTS,
    RunFolder,
)

TRAIN = """
import sys
from pathlib import Path
from charwave_tui.core.store.run_folder import RunFolder
lock = RunFolder(Path({path!r}), 7).lock()
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    path = tmp_path / "0007"
    path.mkdir()
    return RunFolder(path, 7)


def names(folder: RunFolder) -> list[str]:
    return sorted(path.name for path in folder.path.iterdir())


def test_saves_listed_newest_first_and_other_files_ignored(folder: RunFolder) -> None:
    for name in ("000009", "000010", "1000000", "999999"):
        (folder.path / f"save-{name}.safetensors").touch()
    for name in (
        STANDALONE_WEIGHTS,
        ".save-000011.safetensors.x1",
        "save-12.safetensors",
        "save-000013.safetensors.damaged",
        LOCK_FILE,
    ):
        (folder.path / name).touch()
    assert [path.name for path in folder.checkpoints()] == [
        "save-1000000.safetensors",
        "save-999999.safetensors",
        "save-000010.safetensors",
        "save-000009.safetensors",
        STANDALONE_WEIGHTS,
    ]


def test_non_file_at_save_path_ignored_and_next_save_works(folder: RunFolder) -> None:
    (folder.path / "save-000001.safetensors").touch()
    (folder.path / "save-000002.safetensors").mkdir()
    (folder.path / "save-000003.safetensors").symlink_to(folder.path / "gone")
    assert [path.name for path in folder.checkpoints()] == ["save-000001.safetensors"]
    assert folder.next_checkpoint_path().name == "save-000004.safetensors"


def test_save_moved_aside_is_unlisted_and_unchanged(folder: RunFolder) -> None:
    for _ in range(2):
        save = folder.next_checkpoint_path()
        save.write_bytes(b"damaged")
        folder.quarantine(save)
    assert folder.checkpoints() == []
    assert [path.read_bytes() for path in folder.path.glob("save-000001.safetensors.damaged-*")] == [b"damaged"] * 2
    folder.quarantine(folder.path / "gone")


def test_missing_folder_or_file_has_no_saves(folder: RunFolder) -> None:
    folder.path.rmdir()
    assert folder.checkpoints() == []
    folder.path.touch()
    assert folder.checkpoints() == []


def test_unreadable_folder_is_named(unprivileged: Callable[[], AbstractContextManager[None]]) -> None:
    with tempfile.TemporaryDirectory() as open_to_all:
        Path(open_to_all).chmod(0o755)
        closed = RunFolder(Path(open_to_all) / "0001", 1)
        closed.path.mkdir(mode=0o700)
        with unprivileged():
            if os.geteuid() == closed.path.stat().st_uid:
                closed.path.chmod(0o000)
            with pytest.raises(UserError, match=r"0001 cannot be read \(Permission denied\); allow it with chmod"):
                closed.checkpoints()
        (closed.path / STANDALONE_WEIGHTS).touch()
        closed.path.chmod(0o744)
        with unprivileged():
            if os.geteuid() == closed.path.stat().st_uid:
                closed.path.chmod(0o444)
            with pytest.raises(UserError, match=r"0001 cannot be read \(Permission denied\)"):
                closed.checkpoints()
        closed.path.chmod(0o700)


def test_next_save_takes_free_name_and_creates_folder(folder: RunFolder) -> None:
    shutil.rmtree(folder.path)
    assert folder.next_checkpoint_path() == folder.path / "save-000001.safetensors"
    (folder.path / STANDALONE_WEIGHTS).touch()
    assert folder.next_checkpoint_path().name == "save-000001.safetensors"
    (folder.path / "save-999999.safetensors").touch()
    assert folder.next_checkpoint_path().name == "save-1000000.safetensors"


def test_last_saves_are_kept(folder: RunFolder) -> None:
    (folder.path / STANDALONE_WEIGHTS).touch()
    for _ in range(4):
        folder.next_checkpoint_path().touch()
        folder.delete_old_checkpoints()
        assert 1 <= len(folder.checkpoints()) <= CHECKPOINTS_KEPT
    assert names(folder) == ["save-000003.safetensors", "save-000004.safetensors"]


def test_lock_owner_is_named_and_lock_released_when_killed(
    folder: RunFolder, other_process: Callable[[str], subprocess.Popen[str]]
) -> None:
    assert not folder.is_locked()
    theirs = other_process(TRAIN.format(path=str(folder.path)))
    assert folder.is_locked()
    said = f"run 7 is in use by process {theirs.pid} on {socket.gethostname()}; end that first"
    with pytest.raises(UserError, match=said):
        folder.lock()
    with pytest.raises(UserError, match=said):
        folder.remove()
    assert names(folder) == [LOCK_FILE]
    theirs.send_signal(signal.SIGKILL)
    theirs.wait(10)
    assert not folder.is_locked()
    lock = folder.lock()
    assert (folder.path / LOCK_FILE).read_text("ascii") == f"{os.getpid()} {socket.gethostname()}\n"
    lock.release()
    assert not folder.is_locked()


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\xff\0\xfe" * 100, b"12 ", b"me here\n", b"9" * 5_000],
    ids=["empty", "noise", "half", "words", "long"],
)
def test_garbage_lock_file_blocks_nobody_and_is_not_quoted(folder: RunFolder, garbage: bytes) -> None:
    (folder.path / LOCK_FILE).write_bytes(garbage)
    lock = folder.lock()
    (folder.path / LOCK_FILE).write_bytes(garbage)
    with pytest.raises(UserError, match="run 7 is in use by another process; end that first"):
        folder.lock()
    lock.release()


def test_lock_check_leaves_no_trace(folder: RunFolder) -> None:
    (folder.path / ".save-000001.safetensors.x").touch()
    assert not folder.is_locked()
    assert names(folder) == [".save-000001.safetensors.x"]
    (folder.path / LOCK_FILE).write_text("1 elsewhere\n", "ascii")
    assert not folder.is_locked()
    assert (folder.path / LOCK_FILE).read_text("ascii") == "1 elsewhere\n"


def test_reader_neither_locks_nor_seems_to_train(folder: RunFolder) -> None:
    folder.lock().release()
    with (folder.path / LOCK_FILE).open("rb") as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        assert not folder.is_locked()
        leaving = threading.Timer(LOCK_RETRY_SECONDS / 4, look.close)
        leaving.start()
        began = time.monotonic()
        folder.lock().release()
        assert time.monotonic() - began >= LOCK_RETRY_SECONDS / 8
        leaving.join()


def test_partial_save_of_crash_removed_by_next_lock_owner(folder: RunFolder) -> None:
    for name in (".save-000001.safetensors.abc", ".save-000002.safetensors.abc"):
        (folder.path / name).write_bytes(b"half")
    (folder.path / "save-000001.safetensors").touch()
    (folder.path / ".notes").touch()
    folder.lock().release()
    assert names(folder) == [".notes", LOCK_FILE, "save-000001.safetensors"]


def test_lock_of_deleted_or_replaced_folder_is_not_held(folder: RunFolder) -> None:
    lock = folder.lock()
    assert lock.is_valid
    shutil.rmtree(folder.path)
    assert not lock.is_valid
    folder.path.mkdir()
    (folder.path / LOCK_FILE).touch()
    assert not lock.is_valid
    lock.release()
    assert not lock.is_valid


def test_full_disk_does_not_prevent_training(
    folder: RunFolder, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    with full_disk():
        lock = folder.lock()
        with pytest.raises(UserError, match="run 7 is in use by another process"):
            folder.lock()
    lock.release()


def test_removal_reports_freed_bytes_once(folder: RunFolder) -> None:
    (folder.path / "save-000001.safetensors").write_bytes(b"x" * 1_000)
    (folder.path / "within").mkdir()
    (folder.path / "within" / "more").write_bytes(b"x" * 100)
    assert 1_100 < folder.remove() < 10_000
    assert not folder.path.exists()
    assert folder.remove() == 0
