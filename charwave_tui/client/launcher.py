"""Start, stop and find an engine, and let it survive a logout."""

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

from charwave_tui.client.connection import REPLY_TIMEOUT, EngineOutdated, EngineUnavailable, connect
from charwave_tui.core.errors import UserError
from charwave_tui.core.openmp import PASSIVE_WAIT_ENV
from charwave_tui.core.paths import ensure_dir, ensure_runtime_dir, log_path
from charwave_tui.core.protocol.commands import ReportStatus
from charwave_tui.core.protocol.engine_socket import SHUTDOWN_TIMEOUT, engine_is_running
from charwave_tui.core.protocol.events import EngineFailed, EngineStarted, StatusReported
from charwave_tui.core.protocol.framing import encode_frame

SYSTEMD_CONFIG_DIR = Path("/etc/systemd")
LINGER_DIR = Path("/var/lib/systemd/linger")  # has a file for each user whose services outlive their logins
SCOPE_COMMAND = ("systemd-run", "--user", "--scope", "--quiet", "--collect", "--")  # runs outside the login session

ENDS_AT_LOGOUT = "this machine ends what runs at logout, training too; stay logged in while a run trains"
ENDS_WITHOUT_LINGER = "this machine ends what runs at logout, training too; loginctl enable-linger changes that"


def survive_logout_prefix() -> tuple[tuple[str, ...], str]:
    """Return what to put before a command so that it survives a logout, and a warning if it does not."""
    if not _kills_user_processes():
        return (), ""
    if shutil.which(SCOPE_COMMAND[0]) is None:
        return (), ENDS_AT_LOGOUT
    return SCOPE_COMMAND, "" if (LINGER_DIR / getpass.getuser()).exists() else ENDS_WITHOUT_LINGER


def _kills_user_processes() -> bool:
    """Return KillUserProcesses of logind's configuration."""
    kills = False
    for path in (SYSTEMD_CONFIG_DIR / "logind.conf", *sorted((SYSTEMD_CONFIG_DIR / "logind.conf.d").glob("*.conf"))):
        try:
            lines = path.read_text("utf-8", "replace").splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, value = line.partition("=")
            if name.strip() == "KillUserProcesses":
                kills = value.strip().lower() in ("yes", "true", "on", "1", "y", "t")
    return kills


@dataclass(frozen=True, slots=True)
class RunningEngine:
    """A running engine and its `status`; None if it gave none, for the reason in `problem`."""

    greeting: EngineStarted
    status: StatusReported | None = None
    problem: str = ""


async def find_engine() -> RunningEngine | None:
    """Return the running engine, of any version, None without one; raises EngineUnavailable."""
    try:
        connection = await connect()
    except OSError:
        return None
    greeting = connection.greeting
    try:
        connection.require_same_version()
        connection.writer.write(encode_frame(ReportStatus()))
        async with asyncio.timeout(REPLY_TIMEOUT):
            while True:
                match await connection.read_event():
                    case StatusReported() as status:
                        return RunningEngine(greeting, status)
                    case EngineFailed(problem=problem):
                        return RunningEngine(greeting, problem=problem)
    except (EngineOutdated, EngineUnavailable) as error:
        return RunningEngine(greeting, problem=str(error))
    except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
        return RunningEngine(greeting, problem="it does not answer")
    finally:
        connection.close()


def start_engine(*prefix: str) -> subprocess.Popen[bytes]:
    """Start an engine by a command with `prefix` before it; raises EngineUnavailable."""
    try:
        ensure_runtime_dir()
        log = ensure_dir(log_path().parent) / log_path().name
        # asyncio's own subprocess dies with the loop on some Python versions, and multiprocessing needs real streams
        with log.open("ab") as out:
            return subprocess.Popen(
                [*prefix, sys.executable, "-m", "charwave_tui", "engine"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                env={**PASSIVE_WAIT_ENV, **os.environ},
            )
    except UserError as error:
        raise EngineUnavailable(str(error)) from None
    except OSError as error:
        raise EngineUnavailable(
            f"the engine could not be started ({error.strerror}); its log is {log_path()}"
        ) from None


async def stop_engine() -> int | None:
    """Stop the running engine, of any version, and wait until it has exited; return its pid, None without one.

    Raises EngineUnavailable if it does not exit.
    """
    pid: int | None = None
    deadline = asyncio.get_running_loop().time() + SHUTDOWN_TIMEOUT
    while engine_is_running():
        if asyncio.get_running_loop().time() > deadline:
            raise EngineUnavailable("the engine has not left yet, it may be saving its run; try again")
        if pid is None:
            with suppress(OSError):  # one that is starting has no socket yet, one that is exiting none any more
                connection = await connect()
                connection.close()
                pid = connection.greeting.pid
                os.kill(pid, signal.SIGTERM)
        await asyncio.sleep(0.05)
    return pid
