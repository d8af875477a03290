"""What every test of the whole program ends with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal import wait_nothing_left

from charwave_tui.bench.terminal_driver import stop_bench_engine


@pytest.fixture(autouse=True)
def _nothing_left(home: Path) -> Iterator[None]:
    """Ends the engine that a test left running, after which no process of its folder may be there."""
    yield
    stop_bench_engine()
    wait_nothing_left(home, 20)
