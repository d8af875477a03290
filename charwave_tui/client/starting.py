"""How an engine is started: a process of its own that outlives whoever started it."""

from __future__ import annotations

import os
import subprocess
import sys

from charwave_tui.client.transport import EngineUnavailable
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.openmp import PATIENT
from charwave_tui.core.places import ensure_folder, ensure_runtime_dir, log_path


def start(*before: str) -> subprocess.Popen[bytes]:
    """Start an engine by a command with `before` in front of it; raises EngineUnavailable."""
    try:
        ensure_runtime_dir()
        log = ensure_folder(log_path().parent) / log_path().name
        # asyncio's own subprocess dies with the loop on some Python versions, and multiprocessing needs real streams
        with log.open("ab") as out:
            return subprocess.Popen(
                [*before, sys.executable, "-m", "charwave_tui", "engine"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                env={**PATIENT, **os.environ},
            )
    except Mistake as mistake:
        raise EngineUnavailable(str(mistake)) from None
    except OSError as error:
        raise EngineUnavailable(
            f"the engine could not be started ({error.strerror}); its log is {log_path()}"
        ) from None
