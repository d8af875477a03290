"""When this process began, on the clock of time.monotonic."""

from __future__ import annotations

import os
import time
from pathlib import Path


def process_start() -> float:
    """The moment the process began, as time.monotonic would have read it; where the system hides it, now."""
    try:
        ticks = int(Path("/proc/self/stat").read_text("utf-8").rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, IndexError, ValueError):
        age = 0.0
    return time.monotonic() - age
