"""The lab as it is read off a terminal, and the engine behind it."""

from __future__ import annotations

import asyncio
import re
import time

from support.pty_screen import TIMEOUT_SECONDS, PtyScreen

from charwave_tui.client.launcher import find_engine
from charwave_tui.core.metrics import RunState
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.protocol.events import StatusReported
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.run_store import RunStore

SMALL = ("--corpus", "imena", "--set", "n_hidden=12", "--set", "max_steps=1000000", "--set", "eval_every=400")


CURSOR, MOUSE, PASTE, FOCUS, ALTERNATE = 25, {1000, 1002, 1003, 1006, 1015}, 2004, 1004, 1049


def shown_step(screen: PtyScreen) -> int:
    """The step in the status line."""
    found = re.search(r"([\d,]+) ?/ ?[\d,]+", screen.lines[0])
    return int(found[1].replace(",", "")) if found else -1


def curve_dots(screen: PtyScreen) -> str:
    """All that is drawn in dots."""
    return "".join(symbol if is_braille(symbol) else " " for symbol in screen.text)


def is_braille(symbol: str) -> bool:
    return "\u2800" <= symbol <= "\u28ff"


def start_training(screen: PtyScreen, steps: int = 50) -> None:
    """Wait for the form, and train for some steps."""
    screen.wait_for(r"n_hidden +12")
    screen.press("t")
    screen.wait_until(lambda: shown_step(screen) > steps, "some steps")


def is_restored(screen: PtyScreen) -> bool:
    """Whether the terminal is as it was before the program."""
    return CURSOR in screen.modes and not screen.modes & {ALTERNATE, PASTE, FOCUS, *MOUSE}


def record(run: int) -> RunRecord:
    return RunStore(runs_dir()).read(run)


def engine_status() -> StatusReported:
    """What the engine says that it does."""
    found = asyncio.run(find_engine())
    assert found is not None, "there is no engine"
    assert found.status is not None, found.problem
    return found.status


def wait_still_training(run: int, beyond: int) -> None:
    """Fail where the engine does not train `run` past the step `beyond`, and further."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    first = engine_status()
    assert (first.run, first.state) == (run, RunState.TRAINING)
    while engine_status().step <= max(first.step, beyond):
        assert time.monotonic() < deadline, f"the run stands at step {first.step}"
        time.sleep(0.05)
