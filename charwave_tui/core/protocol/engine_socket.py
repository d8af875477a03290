"""Single-instance lock and peer credentials of the Unix socket."""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
from pathlib import Path
from typing import BinaryIO, NamedTuple

from charwave_tui.core.paths import socket_path


class PeerCredentials(NamedTuple):
    """The process that connected, or that listens, and whose it is; None where this system does not tell."""

    pid: int | None = None
    uid: int | None = None


def peer_credentials(connection: socket.socket) -> PeerCredentials:
    """The other end of `connection`."""
    platform: str = sys.platform
    if platform == "linux":
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, _ = struct.unpack("3i", credentials)
        return PeerCredentials(pid, uid)
    if platform == "darwin":
        # SOL_LOCAL with LOCAL_PEERPID and LOCAL_PEERCRED of <sys/un.h>, which the socket module does not name
        (pid,) = struct.unpack("i", connection.getsockopt(0, 2, struct.calcsize("i")))
        _, uid = struct.unpack_from("2I", connection.getsockopt(0, 1, 76))  # struct xucred
        return PeerCredentials(pid, uid)
    return PeerCredentials()


SHUTDOWN_TIMEOUT = 10.0
"""Seconds that an engine which is saving its run is given to leave, before a new one gives up."""


def lock_path() -> Path:
    """The file that is locked; it stays when the engine has gone."""
    return socket_path().with_suffix(".lock")


def acquire_engine_lock() -> BinaryIO | None:
    """The lock, held until it is closed; None where an engine holds it."""
    lock = lock_path().open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def engine_is_running() -> bool:
    """Whether an engine is there, be it one that is just coming or leaving."""
    if not lock_path().exists():
        return False
    lock = acquire_engine_lock()
    if lock is not None:
        lock.close()
    return lock is None
