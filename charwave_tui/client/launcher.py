"""Start, stop, find an engine; survive a logout."""

from __future__ import annotations

import asyncio
import getpass
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from charwave_tui.client.connection import ANSWERS_WITHIN, EngineOutdated, EngineUnavailable, connect
from charwave_tui.core.errors import UserError
from charwave_tui.core.openmp import PASSIVE_WAIT_ENV
from charwave_tui.core.paths import ensure_dir, ensure_runtime_dir, log_path
from charwave_tui.core.protocol.commands import ReportStatus
from charwave_tui.core.protocol.engine_socket import SHUTDOWN_TIMEOUT, engine_is_running
from charwave_tui.core.protocol.events import EngineFailed, EngineStarted, StatusReported
from charwave_tui.core.protocol.framing import encode_frame

SETTINGS = Path("/etc/systemd")
"""Where logind's settings are."""


LINGERING = Path("/var/lib/systemd/linger")
"""Has a file for each user whose own services outlive their logins."""


SCOPE = ("systemd-run", "--user", "--scope", "--quiet", "--collect", "--")
"""What starts a command outside the login it is given in."""


ENDED = "this machine ends what runs at logout, training too; stay logged in while a run trains"
"""The warning where nothing of a login outlives it."""


NOT_LINGERING = "this machine ends what runs at logout, training too; loginctl enable-linger changes that"
"""The warning where a scope ends with the user's last login."""


def survive_logout_prefix() -> tuple[tuple[str, ...], str]:
    """What to put before a command so that it outlives the login, and what to warn of where it does not."""
    if not _ends_all():
        return (), ""
    if shutil.which(SCOPE[0]) is None:
        return (), ENDED
    return SCOPE, "" if (LINGERING / getpass.getuser()).exists() else NOT_LINGERING


def _ends_all() -> bool:
    ends = False
    for path in (SETTINGS / "logind.conf", *sorted((SETTINGS / "logind.conf.d").glob("*.conf"))):
        try:
            lines = path.read_text("utf-8", "replace").splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, value = line.partition("=")
            if name.strip() == "KillUserProcesses":
                ends = value.strip().lower() in ("yes", "true", "on", "1", "y", "t")
    return ends


@dataclass(frozen=True, slots=True)
class RunningEngine:
    """An engine that is there; `status` is what it told, else `problem` says why it told nothing."""

    greeting: EngineStarted
    status: StatusReported | None = None
    problem: str = ""


async def find_engine() -> RunningEngine | None:
    """The engine that is there, of whatever version, None where none is; raises EngineUnavailable."""
    try:
        line = await connect()
    except OSError:
        return None
    try:
        line.require_same_version()
        line.writer.write(encode_frame(ReportStatus()))
        async with asyncio.timeout(ANSWERS_WITHIN):
            while True:
                match await line.read_event():
                    case StatusReported() as status:
                        return RunningEngine(line.greeting, status)
                    case EngineFailed(problem=problem):
                        return RunningEngine(line.greeting, problem=problem)
    except (EngineOutdated, EngineUnavailable) as error:
        return RunningEngine(line.greeting, problem=str(error))
    except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
        return RunningEngine(line.greeting, problem="it does not answer")
    finally:
        line.close()


def start_engine(*before: str) -> subprocess.Popen[bytes]:
    """Start an engine by a command with `before` in front of it; raises EngineUnavailable."""
    try:
        ensure_runtime_dir()
        log = ensure_dir(log_path().parent) / log_path().name
        # asyncio's own subprocess dies with the loop on some Python versions, and multiprocessing needs real streams
        with log.open("ab") as out:
            return subprocess.Popen(
                [*before, sys.executable, "-m", "charwave_tui", "engine"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                env={**PASSIVE_WAIT_ENV, **os.environ},
            )
    except UserError as mistake:
        raise EngineUnavailable(str(mistake)) from None
    except OSError as error:
        raise EngineUnavailable(
            f"the engine could not be started ({error.strerror}); its log is {log_path()}"
        ) from None


async def stop_engine() -> int | None:
    """End the engine that is there, of whatever version, and wait until it has left; its process, None without one.

    Raises EngineUnavailable where it does not leave.
    """
    ended: int | None = None
    deadline = asyncio.get_running_loop().time() + SHUTDOWN_TIMEOUT
    while engine_is_running():
        if asyncio.get_running_loop().time() > deadline:
            raise EngineUnavailable("the engine has not left yet, it may be saving its run; try again")
        if ended is None:
            with suppress(OSError):  # one that is just coming has no socket yet, one that is leaving none any more
                line = await connect()
                line.close()
                ended = line.greeting.pid
                os.kill(ended, signal.SIGTERM)
        await asyncio.sleep(0.05)
    return ended
