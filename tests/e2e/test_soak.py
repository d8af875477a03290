"""Half an hour of training with the playground open and a second viewer that comes and goes: nothing grows."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.lab_screen import engine_status, record, shown_step
from support.pty_screen import PtyScreen, playground_command, processes_of

from charwave_tui.core.paths import runs_dir, socket_path
from charwave_tui.core.protocol.events import RunOpened
from charwave_tui.core.protocol.framing import decode_event, read_payload
from charwave_tui.core.store.run_store import DATABASE_FILE

MINUTES = 30
"""How long it goes on."""


EVERY = 4.0
"""Seconds between two visits of the second viewer, at each of which everything is measured."""


GROWTH = 1.10
"""How much larger the last third may be than the middle third; the first one is for everything to be loaded."""


LARGEST_DATABASE = 2_000_000
"""Bytes that the database of one run may come to, however long that is trained."""


ENDLESS = ("--corpus", "imena", "--set", "n_hidden=48", "--set", "max_steps=100000000", "--set", "eval_every=2000")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was measured at one moment: resident memory in MB, open descriptors, bytes of the database."""

    screen: float
    engine: float
    screen_files: int
    engine_files: int
    database: int


def resident(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * 4096 / 1e6


def files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def connect_and_disconnect() -> None:
    """Connect, take in the whole run, and leave without a word."""
    reader, writer = await asyncio.open_unix_connection(str(socket_path()), limit=2**24)
    try:
        async with asyncio.timeout(30):
            while not isinstance(decode_event(await read_payload(reader)), RunOpened):
                pass
    finally:
        writer.close()


def mean(readings: list[Reading], name: str) -> float:
    return sum(getattr(reading, name) for reading in readings) / len(readings)


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="memory and descriptors are read from /proc")
def test_half_hour_of_training_leaks_nothing(home: Path) -> None:
    readings: list[Reading] = []
    with PtyScreen(playground_command(*ENDLESS), 120, 40) as screen:
        screen.wait_for(r"n_hidden +48")
        screen.press("t")
        screen.wait_until(lambda: shown_step(screen) > 50, "some steps")
        (engine,) = [pid for pid in processes_of(home) if pid != screen.process.pid]
        database = runs_dir() / DATABASE_FILE
        end = time.monotonic() + MINUTES * 60
        while time.monotonic() < end:
            asyncio.run(connect_and_disconnect())
            now = Reading(
                *(resident(pid) for pid in (screen.process.pid, engine)),
                *(files(pid) for pid in (screen.process.pid, engine)),
                database.stat().st_size,
            )
            readings.append(now)
            print(f"step {shown_step(screen):>12,}", now, flush=True)
            wake = time.monotonic() + EVERY
            while time.monotonic() < wake:
                screen.read_output(0.2)
        reached = engine_status().step
        assert reached > 100_000
        assert record(1).step > reached - 100_000
    third = len(readings) // 3
    middle, last = readings[third : 2 * third], readings[2 * third :]
    for name in ("screen", "engine", "screen_files", "engine_files"):
        assert mean(last, name) <= mean(middle, name) * GROWTH, name
    assert max(reading.database for reading in readings) <= LARGEST_DATABASE
