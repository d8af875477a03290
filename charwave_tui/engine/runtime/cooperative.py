"""Generators that yield every few ms; Reply; non-fatal errors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from typing import TypeVar

from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import log_path
from charwave_tui.core.protocol.events import Event

Reply = Callable[[Event], None]
"""How the one who asked is told."""


log = logging.getLogger(__name__)


def log_as_user_error(problem: str, fault: Exception) -> UserError:
    """Log the `fault`, and give it as what is said of it, behind the `problem` that it makes."""
    log.error(problem, exc_info=fault)
    reason = f"{type(fault).__name__}: {(str(fault).splitlines() or [''])[0][:200]}"
    return UserError(f"{problem} ({reason})", f"the run is as it was; {log_path()} has more")


Result = TypeVar("Result")
"""What the work comes to."""


Cooperative = Generator[None, None, Result]
"""Work that yields between its pieces and returns its result."""


def run_to_completion(work: Cooperative[Result]) -> Result:
    """Do all of `work` at once and give its result."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: Result = end.value
            return result
