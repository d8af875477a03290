"""The folder of a run: its numbered checkpoints and its training lock."""

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

CHECKPOINTS_KEPT = 2  # so that there is another if one is corrupt
LOCK_FILE = "lock"
STANDALONE_WEIGHTS = "weights.safetensors"  # of the pretrained model, and of runs from before checkpoints had numbers
LOCK_RETRY_SECONDS = 0.1  # `is_locked` of another process holds a shared lock for a moment

# What file systems without locks answer; a run on one is trained without a lock.
_LOCK_UNSUPPORTED = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK})
_CHECKPOINT_NAME = re.compile(r"save-(\d{6,})\.safetensors")


class RunFolder:
    """The folder of one run, which may not exist, or be deleted at any moment."""

    def __init__(self, path: Path, run: int) -> None:
        self.path = path
        self.run = run

    def checkpoints(self) -> list[Path]:
        """Return the checkpoints, latest first. Raises UserError if an existing folder cannot be read."""
        try:
            numbered = ((_checkpoint_number(path), path) for path in self.path.iterdir())
            checkpoints = [(number, path) for number, path in numbered if number is not None]
            return [path for _, path in sorted(checkpoints, reverse=True) if path.is_file()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise UserError(f"{self.path} cannot be read ({error.strerror})", "allow it with chmod u+rwx") from None

    def next_checkpoint_path(self) -> Path:
        """Return the path of the next checkpoint, creating the folder if it was deleted. Raises OSError."""
        self.path.mkdir(parents=True, exist_ok=True)
        latest = max((_checkpoint_number(path) or 0 for path in self.path.iterdir()), default=0)
        return self.path / f"save-{latest + 1:06}.safetensors"

    def delete_old_checkpoints(self) -> None:
        """Delete all but the last CHECKPOINTS_KEPT checkpoints, as far as that is possible."""
        with suppress(OSError, UserError):
            for old in self.checkpoints()[CHECKPOINTS_KEPT:]:
                old.unlink(missing_ok=True)

    def quarantine(self, checkpoint: Path) -> None:
        """Rename a corrupt checkpoint, if possible, so that it is no longer one."""
        with suppress(OSError):
            checkpoint.rename(checkpoint.with_name(f"{checkpoint.name}.damaged-{time.time_ns()}"))

    def remove(self) -> int:
        """Delete the folder and return the bytes it took. Raises OSError, and UserError if the run is being trained."""
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
        """Acquire the training lock. Raises UserError if another process holds it, OSError if it cannot be created."""
        return RunLock(self)

    def is_locked(self) -> bool:
        """Return whether a process holds the training lock; nothing is written."""
        try:
            with (self.path / LOCK_FILE).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False


def _checkpoint_number(path: Path) -> int | None:
    if path.name == STANDALONE_WEIGHTS:
        return 0
    match = _CHECKPOINT_NAME.fullmatch(path.name)
    return int(match[1]) if match else None


class RunLock:
    """An exclusive lock, held by the one process that trains the run and writes its checkpoints."""

    def __init__(self, folder: RunFolder) -> None:
        self._path = folder.path / LOCK_FILE
        self._file: BinaryIO | None = self._path.open("a+b", buffering=0)
        try:
            self._acquire()
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
        with suppress(OSError):  # the lock is valid on a full disk too, without the name of its holder
            self._file.truncate(0)
            self._file.write(f"{os.getpid()} {socket.gethostname()}\n".encode())
        with suppress(OSError):
            for temporary in folder.path.glob(".save-*"):  # left by a crash during a save
                temporary.unlink(missing_ok=True)

    @property
    def is_valid(self) -> bool:
        """Whether this is still the lock file of the folder, which may have been deleted."""
        try:
            current, held = self._path.stat(), os.fstat(self._file.fileno() if self._file else -1)
        except OSError:
            return False
        return os.path.samestat(current, held)

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _acquire(self) -> None:
        assert self._file is not None
        deadline = time.monotonic() + LOCK_RETRY_SECONDS
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(LOCK_RETRY_SECONDS / 10)
            except OSError as error:
                if error.errno in _LOCK_UNSUPPORTED:
                    return
                raise

    def _holder(self) -> str:
        assert self._file is not None
        self._file.seek(0)
        pid, _, host = self._file.read(300).decode("ascii", "replace").strip().partition(" ")
        return f"process {pid} on {host}" if pid.isdecimal() and host else "another process"
