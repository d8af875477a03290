"""The playground from outside: how it is opened, trained in and left, as every measurement of it does."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from charwave_tui.bench.terminal import Terminal
from charwave_tui.bench.transcript import wait_for
from charwave_tui.client.ending import end_engine
from charwave_tui.core.places import HOME_VARIABLE

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
    """Quit, with the run stopped and saved, and end its engine too; raises TimeoutError, or EngineUnavailable."""
    terminal.write(b"q")
    wait_for(terminal, "stop it, save it and quit", PATIENCE)
    terminal.write(b"s")
    terminal.wait(PATIENCE)
    stop_engine()


def stop_engine() -> None:
    """End the engine of the present data folder, where there is one; raises EngineUnavailable."""
    asyncio.run(end_engine())


@contextmanager
def own_home() -> Iterator[Path]:
    """A data folder that is there for the measurements alone; no engine of it outlives the block."""
    before = os.environ.get(HOME_VARIABLE)
    with tempfile.TemporaryDirectory(prefix="charwave-bench-") as folder:
        os.environ[HOME_VARIABLE] = folder
        try:
            yield Path(folder)
        finally:
            stop_engine()
            if before is None:
                del os.environ[HOME_VARIABLE]
            else:
                os.environ[HOME_VARIABLE] = before
