"""Who is at the other end of a Unix socket, asked of the operating system."""

from __future__ import annotations

import socket
import struct
import sys


def peer_uid(connection: socket.socket) -> int | None:
    """The user id of the process that connected, or None where this system does not tell."""
    platform: str = sys.platform
    if platform == "linux":
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", credentials)[1])
    if platform == "darwin":
        # SOL_LOCAL and LOCAL_PEERCRED of <sys/un.h>, which the socket module does not name; struct xucred follows
        credentials = connection.getsockopt(0, 1, 76)
        return int(struct.unpack_from("2I", credentials)[1])
    return None
