"""The one log, which tells of a fault what a person need not read on the screen."""

from __future__ import annotations

import logging

from charwave_tui.core.mistake import Mistake
from charwave_tui.core.places import ensure_folder, log_path


def keep_log() -> bool:
    """Have everything that is logged from now on written to the log, or nowhere; whether the log can be written."""
    try:
        ensure_folder(log_path().parent)
        handler: logging.Handler = logging.FileHandler(log_path(), encoding="utf-8", errors="backslashreplace")
    except (Mistake, OSError):
        handler = logging.NullHandler()
    form = "%(asctime)s %(name)s %(levelname)s %(message)s"
    logging.basicConfig(level=logging.INFO, format=form, handlers=[handler], force=True)
    return not isinstance(handler, logging.NullHandler)
