"""The playground from outside: how it is opened, trained in and left, as every measurement of it does."""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from charwave_tui.bench.terminal import Terminal
from charwave_tui.bench.transcript import wait_for
from charwave_tui.core.places import HOME_VARIABLE, socket_path

PATIENCE = 60.0
"""Seconds in which anything that is waited for must happen, on the slowest machine."""

FORM = r"n_hidden\s+\d"
"""What is on the screen once the form is painted."""

FIRST_LOSS = r"train\s+\d+\.\d{4}"
"""What is beside the curve once it has a point."""

SIZE = (120, 40)
"""Columns and rows at which all four panes are open."""


def command(*arguments: str) -> list[str]:
    """The program's command line."""
    return [sys.executable, "-m", "charwave_tui", *arguments]


def open_playground(*arguments: str) -> Terminal:
    """The playground in a terminal of its own; its first frame may not be there yet."""
    return Terminal(command(*arguments), *SIZE)


def leave(terminal: Terminal) -> None:
    """Quit, with the run stopped and saved, and wait until its engine is gone too; raises TimeoutError."""
    terminal.write(b"q")
    wait_for(terminal, "stop it, save it and quit", PATIENCE)
    terminal.write(b"\r")
    terminal.wait(PATIENCE)
    wait_for_engine()


def wait_for_engine() -> None:
    """Wait until no engine of the present data folder is left; raises TimeoutError."""
    lock = socket_path().with_suffix(".lock")
    if not lock.exists():
        return
    deadline = time.monotonic() + PATIENCE
    with lock.open("rb") as file:
        while time.monotonic() < deadline:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.05)
            else:
                return
    raise TimeoutError(f"an engine still holds {lock}")


@contextmanager
def own_home() -> Iterator[Path]:
    """A data folder that is there for the measurements alone; no engine of it outlives the block."""
    before = os.environ.get(HOME_VARIABLE)
    with tempfile.TemporaryDirectory(prefix="charwave-bench-") as folder:
        os.environ[HOME_VARIABLE] = folder
        try:
            yield Path(folder)
        finally:
            wait_for_engine()
            if before is None:
                del os.environ[HOME_VARIABLE]
            else:
                os.environ[HOME_VARIABLE] = before
