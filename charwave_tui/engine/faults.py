"""Faults of the program's own that leave the run as it was: they are said to who asked, and hold nothing."""

from __future__ import annotations

import logging

from charwave_tui.core.mistake import Mistake
from charwave_tui.core.places import log_path

log = logging.getLogger(__name__)


def harmless(problem: str, fault: Exception) -> Mistake:
    """Log the `fault`, and give it as what is said of it, behind the `problem` that it makes."""
    log.error(problem, exc_info=fault)
    reason = f"{type(fault).__name__}: {(str(fault).splitlines() or [''])[0][:200]}"
    return Mistake(f"{problem} ({reason})", f"the run is as it was; {log_path()} has more")
