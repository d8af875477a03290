"""Start time, signals and log of the process."""

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
    """Stop `training` on SIGINT, SIGTERM and SIGHUP within the block; on SIGHUP not under nohup."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    if before[signal.SIGHUP] == signal.SIG_IGN:
        del before[signal.SIGHUP]
    for number in before:
        signal.signal(number, lambda *_: training.stop())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def configure_logging() -> bool:
    """Write what is logged from now on to the log, or nowhere; return whether the log can be written."""
    try:
        ensure_dir(log_path().parent)
        handler: logging.Handler = logging.FileHandler(log_path(), encoding="utf-8", errors="backslashreplace")
    except (UserError, OSError):
        handler = logging.NullHandler()
    line_format = "%(asctime)s %(name)s %(levelname)s %(message)s"
    logging.basicConfig(level=logging.INFO, format=line_format, handlers=[handler], force=True)
    return not isinstance(handler, logging.NullHandler)


def process_start() -> float:
    """Return the time.monotonic() at which the process began, or the present where the system does not tell."""
    try:
        ticks = int(Path("/proc/self/stat").read_text("utf-8").rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, IndexError, ValueError):
        age = 0.0
    return time.monotonic() - age
