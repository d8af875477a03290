"""Who is at the other end of a Unix socket, asked of the operating system."""

from __future__ import annotations

import socket
import struct
import sys
from typing import NamedTuple


class Peer(NamedTuple):
    """The process that connected, or that listens, and whose it is; None where this system does not tell."""

    pid: int | None = None
    uid: int | None = None


def peer_of(connection: socket.socket) -> Peer:
    """The other end of `connection`."""
    platform: str = sys.platform
    if platform == "linux":
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, _ = struct.unpack("3i", credentials)
        return Peer(pid, uid)
    if platform == "darwin":
        # SOL_LOCAL with LOCAL_PEERPID and LOCAL_PEERCRED of <sys/un.h>, which the socket module does not name
        (pid,) = struct.unpack("i", connection.getsockopt(0, 2, struct.calcsize("i")))
        _, uid = struct.unpack_from("2I", connection.getsockopt(0, 1, 76))  # struct xucred
        return Peer(pid, uid)
    return Peer()
