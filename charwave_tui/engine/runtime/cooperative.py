"""Generators that yield every few milliseconds, so that the engine stays responsive; non-fatal errors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from typing import TypeVar

from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import log_path
from charwave_tui.core.protocol.events import Event

log = logging.getLogger(__name__)

Reply = Callable[[Event], None]  # sends an event to the viewer whose request it answers

Result = TypeVar("Result")
Cooperative = Generator[None, None, Result]  # yields between chunks of work, returns the result


def run_to_completion(work: Cooperative[Result]) -> Result:
    while True:
        try:
            next(work)
        except StopIteration as stop:
            result: Result = stop.value
            return result


def log_as_user_error(problem: str, error: Exception) -> UserError:
    """Log `error` with its traceback and return a UserError whose problem ends with the error's first line."""
    log.error(problem, exc_info=error)
    reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"
    return UserError(f"{problem} ({reason})", f"the run is as it was; {log_path()} has more")
