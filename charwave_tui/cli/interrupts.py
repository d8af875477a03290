"""Signals that end a run in order: it is evaluated and saved, and its result is printed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from charwave_tui.engine.api import Training


@contextmanager
def stopped_by_signals(training: Training) -> Iterator[None]:
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
