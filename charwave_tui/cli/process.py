"""Start time, signals, logging."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import ensure_dir, log_path

if TYPE_CHECKING:
    from charwave_tui.engine.api import InProcessTraining


@contextmanager
def stop_on_signals(training: InProcessTraining) -> Iterator[None]:
    """Within the block Ctrl+C, SIGTERM and a terminal that goes stop `training`; under nohup the last does not."""
    before = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    if before[signal.SIGHUP] == signal.SIG_IGN:
        del before[signal.SIGHUP]
    for name in before:
        signal.signal(name, lambda *_: training.stop())
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def configure_logging() -> bool:
    """Have everything that is logged from now on written to the log, or nowhere; whether the log can be written."""
    try:
        ensure_dir(log_path().parent)
        handler: logging.Handler = logging.FileHandler(log_path(), encoding="utf-8", errors="backslashreplace")
    except (UserError, OSError):
        handler = logging.NullHandler()
    form = "%(asctime)s %(name)s %(levelname)s %(message)s"
    logging.basicConfig(level=logging.INFO, format=form, handlers=[handler], force=True)
    return not isinstance(handler, logging.NullHandler)


def process_start() -> float:
    """The moment the process began, as time.monotonic would have read it; where the system hides it, now."""
    try:
        ticks = int(Path("/proc/self/stat").read_text("utf-8").rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, IndexError, ValueError):
        age = 0.0
    return time.monotonic() - age
