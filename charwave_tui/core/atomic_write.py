"""Atomic file writes, fsync of a directory, and the identity of a file."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

# What file systems answer that cannot sync a directory.
_FSYNC_UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EBADF})


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the file at `path`, so that a reader, or a crash at any moment, finds the old content or the new.

    Raises OSError where the directory cannot be written.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    fsync_dir(path.parent)


def fsync_dir(folder: Path) -> None:
    """Make renames in `folder` survive a power cut, where the file system can sync a directory."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _FSYNC_UNSUPPORTED:
            raise
    finally:
        os.close(descriptor)


def file_identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode of the file at `path`, None if there is none.

    They tell whether an open file has been deleted or replaced since.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
