"""What every test of the whole program ends with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pty_screen import wait_no_processes

from charwave_tui.bench.terminal_driver import stop_bench_engine


@pytest.fixture(autouse=True)
def _no_processes_left(home: Path) -> Iterator[None]:
    """Ends the engine that a test left running, after which no process of its folder may be there."""
    yield
    stop_bench_engine()
    wait_no_processes(home, 20)
