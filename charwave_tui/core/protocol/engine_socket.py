"""Single-instance lock and peer credentials of the Unix socket."""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
from pathlib import Path
from typing import BinaryIO, NamedTuple

from charwave_tui.core.paths import socket_path

SHUTDOWN_TIMEOUT = 10.0  # seconds that a new engine waits for one that is saving its run


class PeerCredentials(NamedTuple):
    """The process at the other end of a Unix socket and its user; None where the platform does not tell."""

    pid: int | None = None
    uid: int | None = None


def peer_credentials(connection: socket.socket) -> PeerCredentials:
    """Return the credentials of the process at the other end of `connection`."""
    platform: str = sys.platform
    if platform == "linux":
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, _ = struct.unpack("3i", credentials)
        return PeerCredentials(pid, uid)
    if platform == "darwin":
        # SOL_LOCAL with LOCAL_PEERPID and LOCAL_PEERCRED of <sys/un.h>, for which the socket module has no names.
        (pid,) = struct.unpack("i", connection.getsockopt(0, 2, struct.calcsize("i")))
        _, uid = struct.unpack_from("2I", connection.getsockopt(0, 1, 76))  # struct xucred
        return PeerCredentials(pid, uid)
    return PeerCredentials()


def lock_path() -> Path:
    """Return the path of the lock file, which remains when the engine exits."""
    return socket_path().with_suffix(".lock")


def acquire_engine_lock() -> BinaryIO | None:
    """Return the lock of the single engine, held until the file is closed; None if another engine has it."""
    lock = lock_path().open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def engine_is_running() -> bool:
    """Return whether there is an engine, even one that is starting or exiting."""
    if not lock_path().exists():
        return False
    lock = acquire_engine_lock()
    if lock is not None:
        lock.close()
    return lock is None
