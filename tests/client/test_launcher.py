"""Starting an engine: obstacles, logout, and what it must not inherit."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pty_screen import processes_of

from charwave_tui.client import launcher
from charwave_tui.client.connection import EngineOutdated, EngineUnavailable, connect
from charwave_tui.client.engine_client import EngineClient
from charwave_tui.client.launcher import stop_engine
from charwave_tui.core.paths import HOME_VARIABLE, ensure_runtime_dir, log_path, runtime_dir, socket_path
from charwave_tui.core.protocol.engine_socket import acquire_engine_lock, engine_is_running, lock_path
from charwave_tui.core.protocol.events import EngineStarted


@pytest.fixture
def killed_engine_pids() -> Iterator[list[int]]:
    """Pids of engines, killed afterwards: to exit in order they would import torch first."""
    pids: list[int] = []
    yield pids
    for pid in set(pids):
        os.kill(pid, signal.SIGKILL)
        while engine_is_running():
            time.sleep(0.01)


async def wait_handshake(engine: EngineClient) -> EngineStarted:
    async with asyncio.timeout(20):
        event = await anext(engine.events())
    assert isinstance(event, EngineStarted)
    return event


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder with a path short enough for a socket."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield Path(folder)


async def test_launch_without_or_after_runtime_folder(
    killed_engine_pids: list[int], monkeypatch: pytest.MonkeyPatch, short_path: Path
) -> None:
    monkeypatch.delenv(HOME_VARIABLE)
    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(short_path))
    session = short_path / "session"
    session.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(session))
    killed_engine_pids.append((await wait_handshake(EngineClient())).pid)
    assert stat.S_IMODE(runtime_dir().stat().st_mode) == 0o700
    session.rmdir()  # as a logout does
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    later = EngineClient()
    assert (await wait_handshake(later)).pid == killed_engine_pids[0]
    assert later.was_running


async def test_launch_with_home_path_too_long_for_socket(
    killed_engine_pids: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / ("long" * 40) / ("longer" * 30)))
    killed_engine_pids.append((await wait_handshake(EngineClient())).pid)
    assert socket_path().parent.parent == Path(tempfile.gettempdir())
    assert stat.S_IMODE(runtime_dir().stat().st_mode) == 0o700


async def test_launch_over_stale_socket_and_lock(killed_engine_pids: list[int]) -> None:
    ensure_runtime_dir()
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(socket_path()))
    lock_path().touch()
    with pytest.raises(ConnectionRefusedError):
        await connect()
    killed_engine_pids.append((await wait_handshake(EngineClient())).pid)


async def test_concurrent_launches_reach_one_engine(killed_engine_pids: list[int], home: Path) -> None:
    screens = [EngineClient() for _ in range(4)]
    hellos = await asyncio.gather(*map(wait_handshake, screens))
    killed_engine_pids += [hello.pid for hello in hellos]
    assert len(set(killed_engine_pids)) == 1
    assert [screen.was_running for screen in screens].count(False) == 1
    for _ in range(100):  # the others leave the field to it
        if (left := processes_of(home)) == [killed_engine_pids[0]]:
            break
        await asyncio.sleep(0.1)
    assert left == [killed_engine_pids[0]]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux lists descriptors there")
async def test_launched_engine_inherits_no_descriptor_or_terminal(killed_engine_pids: list[int]) -> None:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    killed_engine_pids.append((await wait_handshake(EngineClient())).pid)
    (pid,) = killed_engine_pids
    descriptors = {int(entry.name): str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    assert descriptors[0] == os.devnull
    assert descriptors[1] == descriptors[2] == str(log_path())
    assert str(Path(f"/proc/self/fd/{writing}").readlink()) not in descriptors.values()
    assert os.getsid(pid) == pid
    os.close(writing)
    assert os.read(reading, 1) == b""  # the end of the pipe, which nobody holds open
    os.close(reading)


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, first on PATH."""
    folder = tmp_path / "commands"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.fixture
def logout_kills_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A logind that kills user processes at logout, without lingering users."""
    monkeypatch.setattr(launcher, "SYSTEMD_CONFIG_DIR", tmp_path / "systemd")
    monkeypatch.setattr(launcher, "LINGER_DIR", tmp_path / "linger")
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    (tmp_path / "systemd" / "logind.conf.d").mkdir(parents=True)
    (tmp_path / "systemd" / "logind.conf").write_text("[Login]\n#KillUserProcesses=no\nKillUserProcesses = yes\n")
    return tmp_path


def put(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


async def test_launch_uses_own_scope_where_logout_kills_processes(
    killed_engine_pids: list[int], commands: Path, logout_kills_processes: Path
) -> None:
    put(
        commands / "systemd-run",
        f'echo "$@" > {logout_kills_processes}/asked\nwhile [ "$1" != -- ]; do shift; done; shift; exec "$@"',
    )
    (logout_kills_processes / "linger").mkdir()
    (logout_kills_processes / "linger" / "ada").touch()
    engine = EngineClient()
    killed_engine_pids.append((await wait_handshake(engine)).pid)
    assert (
        (logout_kills_processes / "asked")
        .read_text()
        .startswith(f"--user --scope --quiet --collect -- {sys.executable} -m")
    )
    assert (engine.was_running, engine.warning) == (False, "")


async def test_refused_scope_is_skipped_with_warning(
    killed_engine_pids: list[int], commands: Path, logout_kills_processes: Path
) -> None:
    put(commands / "systemd-run", "echo Failed to connect to bus >&2; exit 1")
    engine, other = EngineClient(), EngineClient()
    killed_engine_pids.append((await wait_handshake(engine)).pid)
    assert engine.warning == launcher.ENDS_AT_LOGOUT
    assert (await wait_handshake(other)).pid == killed_engine_pids[0]
    assert other.warning == ""  # it was there, and may have been started otherwise


def test_engine_lifetime_after_logout(
    commands: Path, logout_kills_processes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(commands / "systemd-run", "exit 1")
    assert launcher.survive_logout_prefix() == (launcher.SCOPE_COMMAND, launcher.ENDS_WITHOUT_LINGER)
    monkeypatch.setenv("PATH", str(logout_kills_processes))
    assert launcher.survive_logout_prefix() == ((), launcher.ENDS_AT_LOGOUT)
    (logout_kills_processes / "systemd" / "logind.conf.d" / "10-keep.conf").write_text("[Login]\nKillUserProcesses=no")
    assert launcher.survive_logout_prefix() == ((), "")
    (logout_kills_processes / "systemd" / "logind.conf.d" / "20-end.conf").write_text("[Login]\nKillUserProcesses=true")
    assert launcher.survive_logout_prefix() == ((), launcher.ENDS_AT_LOGOUT)
    monkeypatch.setattr(launcher, "SYSTEMD_CONFIG_DIR", logout_kills_processes / "nowhere")
    assert launcher.survive_logout_prefix() == ((), "")


OTHER_VERSION = """
import charwave_tui, sys
charwave_tui.__version__ = "0.0.1"
from charwave_tui.cli.main import main
sys.exit(main(["engine"]))
"""


async def test_engine_of_other_version_stopped_and_replaced(killed_engine_pids: list[int]) -> None:
    older = subprocess.Popen([sys.executable, "-c", OTHER_VERSION])
    while not socket_path().exists():
        await asyncio.sleep(0.02)
    screen = EngineClient()
    with pytest.raises(EngineOutdated) as outdated:
        await wait_handshake(screen)
    assert (outdated.value.version, outdated.value.pid) == ("0.0.1", older.pid)
    await screen.restart()
    assert older.wait(10) == 0
    assert not engine_is_running()
    killed_engine_pids.append((await wait_handshake(screen)).pid)
    assert killed_engine_pids[0] != older.pid
    assert not screen.was_running


async def test_stopping_without_engine_does_nothing() -> None:
    assert await stop_engine() is None
    lock_path().parent.mkdir(parents=True)
    lock_path().touch()
    assert await stop_engine() is None


async def test_engine_that_does_not_stop_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charwave_tui.client.launcher.SHUTDOWN_TIMEOUT", 0.1)
    ensure_runtime_dir()
    lock = acquire_engine_lock()
    assert lock is not None
    with lock, pytest.raises(EngineUnavailable, match="has not left"):
        await stop_engine()
