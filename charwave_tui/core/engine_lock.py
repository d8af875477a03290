"""The lock that the one engine of a user, host and data folder holds for as long as it lives."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import BinaryIO

from charwave_tui.core.places import socket_path

LEAVES_WITHIN = 10.0
"""Seconds that an engine which is saving its run is given to leave, before a new one gives up."""


def lock_path() -> Path:
    """The file that is locked; it stays when the engine has gone."""
    return socket_path().with_suffix(".lock")


def take_lock() -> BinaryIO | None:
    """The lock, held until it is closed; None where an engine holds it."""
    lock = lock_path().open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def is_held() -> bool:
    """Whether an engine is there, be it one that is just coming or leaving."""
    if not lock_path().exists():
        return False
    lock = take_lock()
    if lock is not None:
        lock.close()
    return lock is None
