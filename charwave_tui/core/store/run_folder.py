"""A run's own folder: its last saves, and the lock of whoever trains it."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from charwave_tui.core.errors import UserError

CHECKPOINTS_KEPT = 2
"""How many saves are kept: one that turns out to be damaged has a good neighbour."""


LOCK = "lock"
"""What the folder calls the file that whoever trains the run holds locked."""


STANDALONE_WEIGHTS = "weights.safetensors"
"""Weights beside a record that stands alone, as in the box and before saves were numbered."""


LOOKED_AT_FOR = 0.1
"""Seconds for which a lock that is held may be held by one who only looks."""


NO_LOCKS = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK})
"""How a file system says that it knows no locks: there a run is trained without one."""


_SAVE = re.compile(r"save-(\d{6,})\.safetensors")


class RunFolder:
    """The folder of one run, which may be gone, or be deleted at any moment."""

    def __init__(self, path: Path, run: int) -> None:
        self.path = path
        self.run = run

    def checkpoints(self) -> list[Path]:
        """The weights as they were saved, newest first; raises Mistake where the folder is there and cannot be read."""
        try:
            found = sorted((number, path) for path in self.path.iterdir() if (number := _number(path)) is not None)
            return [path for _, path in reversed(found) if path.is_file()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise UserError(f"{self.path} cannot be read ({error.strerror})", "allow it with chmod u+rwx") from None

    def next_save(self) -> Path:
        """Where the next save goes, the folder made anew where it was deleted; raises OSError."""
        self.path.mkdir(parents=True, exist_ok=True)
        newest = max((_number(path) or 0 for path in self.path.iterdir()), default=0)
        return self.path / f"save-{newest + 1:06}.safetensors"

    def drop_old_saves(self) -> None:
        """Keep the last saves alone; what cannot be deleted stays."""
        with suppress(OSError, UserError):
            for old in self.checkpoints()[CHECKPOINTS_KEPT:]:
                old.unlink(missing_ok=True)

    def quarantine(self, save: Path) -> None:
        """Give a damaged save another name, under which it counts as none; where that cannot be it stays."""
        with suppress(OSError):
            save.rename(save.with_name(f"{save.name}.damaged-{time.time_ns()}"))

    def remove(self) -> int:
        """Delete all of it; the bytes that it took. Raises OSError, Mistake where somebody trains the run."""
        lock = self.lock() if self.path.is_dir() else None
        try:
            size = sum(entry.lstat().st_size for entry in self.path.rglob("*")) if self.path.is_dir() else 0
            if lock is not None:
                shutil.rmtree(self.path)
        finally:
            if lock is not None:
                lock.release()
        return size

    def lock(self) -> RunLock:
        """Be the one who trains the run; raises Mistake where another process is, OSError where no lock can be had."""
        return RunLock(self)

    def in_use(self) -> bool:
        """Whether a process trains the run now, which is looked at without a trace."""
        try:
            with (self.path / LOCK).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False


def _number(path: Path) -> int | None:
    """That of a save, 0 for weights that stand alone, None for what is neither."""
    if path.name == STANDALONE_WEIGHTS:
        return 0
    match = _SAVE.fullmatch(path.name)
    return int(match[1]) if match else None


class RunLock:
    """The right to train a run and to write its saves: as long as this is held, no other process has it."""

    def __init__(self, folder: RunFolder) -> None:
        self._path = folder.path / LOCK
        self._file: BinaryIO | None = self._path.open("a+b", buffering=0)
        try:
            self._take()
        except BlockingIOError:
            holder = self._holder()
            self.release()
            raise UserError(
                f"run {folder.run} is in use by {holder}",
                "end that first (an engine by charwave-tui engine stop), or fork the run",
            ) from None
        except OSError:
            self.release()
            raise
        with suppress(OSError):  # the lock holds on a full disk too, where it cannot say whose it is
            self._file.truncate(0)
            self._file.write(f"{os.getpid()} {socket.gethostname()}\n".encode())
        with suppress(OSError):
            for left in folder.path.glob(".save-*"):  # of a save that a crash cut off
                left.unlink(missing_ok=True)

    @property
    def holds(self) -> bool:
        """Whether it still is the lock of the folder, which may have been deleted under it."""
        try:
            there, ours = self._path.stat(), os.fstat(self._file.fileno() if self._file else -1)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def release(self) -> None:
        """Let go of it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _take(self) -> None:
        assert self._file is not None
        until = time.monotonic() + LOOKED_AT_FOR
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise
                time.sleep(LOOKED_AT_FOR / 10)
            except OSError as error:
                if error.errno in NO_LOCKS:
                    return
                raise

    def _holder(self) -> str:
        assert self._file is not None
        self._file.seek(0)
        pid, _, host = self._file.read(300).decode("ascii", "replace").strip().partition(" ")
        return f"process {pid} on {host}" if pid.isdecimal() and host else "another process"
