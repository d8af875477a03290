"""Signals that end a run in order: it is evaluated and saved, and its result is printed."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from charwave_tui.engine.api import Training


def stop_on_signals(training: Training) -> None:
    """Stop `training` on Ctrl+C, on SIGTERM, and when its terminal goes, unless nohup said to outlive that."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if name != signal.SIGHUP or signal.getsignal(name) != signal.SIG_IGN:
            signal.signal(name, lambda *_: training.stop())
