"""EngineClient with a real engine process: found, started, outdated, stopped, and other sockets in its place."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from charwave_tui import __version__
from charwave_tui.client import connection as connection_module
from charwave_tui.client import endpoints
from charwave_tui.client.connection import EngineOutdated, EngineUnavailable
from charwave_tui.client.engine_client import EngineClient
from charwave_tui.client.launcher import stop_engine
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState
from charwave_tui.core.paths import ensure_runtime_dir, log_path, runs_dir, socket_path
from charwave_tui.core.protocol.commands import StartRun
from charwave_tui.core.protocol.engine_socket import PeerCredentials
from charwave_tui.core.protocol.events import (
    CommandRefused,
    EngineFailed,
    EngineReady,
    EngineStarted,
    Event,
    Progress,
    RunOpened,
    RunSaved,
)
from charwave_tui.core.protocol.framing import encode_frame
from charwave_tui.core.store.run_store import RunStore


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    path = tmp_path / "words.txt"
    path.write_text("\n".join(a + b + c for a in "bdklm" for b in "aeiou" for c in "nrst"), "utf-8")
    return RunConfig(corpus=str(path), context=2, fuse=(2,), n_embd=2, n_hidden=4, batch_size=4, max_steps=10_000_000)


async def wait_for_event(events: AsyncIterator[Event], kind: type[Event]) -> Event:
    async with asyncio.timeout(30):
        async for event in events:
            if isinstance(event, kind):
                return event
    raise AssertionError(f"the engine went before any {kind.__name__}")


def is_alive(pid: int) -> bool:
    try:
        os.waitpid(pid, os.WNOHANG)
        os.kill(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        return False
    return True


async def wait_gone(pid: int) -> None:
    deadline = time.monotonic() + 15
    while is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        await asyncio.sleep(0.05)


async def test_commands_sent_before_engine_starts_are_queued(config: RunConfig) -> None:
    engine = EngineClient()
    engine.send(StartRun(config, "", steps=3))
    events = engine.events()
    hello = await wait_for_event(events, EngineStarted)
    assert isinstance(hello, EngineStarted)
    opened = await wait_for_event(events, RunOpened)
    assert isinstance(opened, RunOpened)
    assert opened.config == config
    assert not engine.was_running
    engine.close()
    assert await stop_engine() == hello.pid
    await wait_gone(hello.pid)
    assert not socket_path().exists()
    assert log_path().read_text("utf-8").count("Traceback") == 0


async def test_second_screen_joins_engine_which_trains_on_without_screens(config: RunConfig) -> None:
    first, second, third = EngineClient(), EngineClient(), EngineClient()
    one, two = first.events(), second.events()
    hello = await wait_for_event(one, EngineStarted)
    assert isinstance(hello, EngineStarted)
    assert await wait_for_event(two, EngineStarted) == hello
    assert (first.was_running, second.was_running) == (False, True)
    first.close()
    second.send(StartRun(config, ""))
    reached = await wait_for_event(two, Progress)
    assert isinstance(reached, Progress)
    second.close()
    await asyncio.sleep(0.3)
    opened = await wait_for_event(third.events(), RunOpened)
    assert isinstance(opened, RunOpened)
    assert (opened.run, opened.state) == (1, RunState.TRAINING)
    assert opened.step > reached.step
    third.close()
    await stop_engine()
    await wait_gone(hello.pid)
    assert RunStore(runs_dir()).read(1).state is RunState.PAUSED


async def test_killed_engine_ends_events_and_stale_socket_is_replaced(config: RunConfig) -> None:
    engine = EngineClient()
    events = engine.events()
    hello = await wait_for_event(events, EngineStarted)
    assert isinstance(hello, EngineStarted)
    os.kill(hello.pid, signal.SIGKILL)
    assert [event async for event in events if not isinstance(event, EngineReady)] == []
    with pytest.raises(ChildProcessError):  # it is no zombie: nothing is left to wait for
        os.waitpid(hello.pid, os.WNOHANG)
    assert socket_path().exists()
    afresh = EngineClient()
    other = await wait_for_event(afresh.events(), EngineStarted)
    assert isinstance(other, EngineStarted)
    assert other.pid != hello.pid
    assert not afresh.was_running
    os.kill(other.pid, signal.SIGKILL)
    await wait_gone(other.pid)


async def test_sigterm_saves_run_and_notifies_viewers(config: RunConfig) -> None:
    engine, other = EngineClient(), EngineClient()
    engine.send(StartRun(config, ""))
    events, others = engine.events(), other.events()
    hello = await wait_for_event(events, EngineStarted)
    assert isinstance(hello, EngineStarted)
    for viewer in (events, others):
        await wait_for_event(viewer, Progress)
    os.kill(hello.pid, signal.SIGTERM)
    async with asyncio.timeout(20):
        for viewer in (events, others):
            assert RunSaved in [type(event) async for event in viewer]
    await wait_gone(hello.pid)
    assert RunStore(runs_dir()).read(1).state is RunState.PAUSED
    assert log_path().read_text("utf-8") == ""


async def test_failed_torch_import_reported_with_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "broken" / "torch").mkdir(parents=True)
    (tmp_path / "broken" / "torch" / "__init__.py").write_text("raise ImportError('no libcudart\\nhere')", "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    started: list[subprocess.Popen[bytes]] = []
    start = endpoints.start_engine
    monkeypatch.setattr(endpoints, "start_engine", lambda: started.append(start()) or started[0])
    events = EngineClient().events()
    failed = await wait_for_event(events, EngineFailed)
    assert failed == EngineFailed("ImportError: no libcudart", str(log_path()))
    assert [event async for event in events] == []
    assert started[0].wait(10) == 1
    assert "no libcudart" in log_path().read_text("utf-8")


async def test_commands_go_only_to_engine_of_same_version(config: RunConfig) -> None:
    ensure_runtime_dir()
    received: list[bytes] = []

    async def older(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # whatever a version adds to its greeting, it can be understood
        payload = b"\x84" + b"".join(
            bytes([0xA0 + len(text)]) + text
            for text in (b"type", b"EngineStarted", b"version", b"0.0.1", b"more", b"x", b"pid")
        )
        payload += b"\x07"
        writer.write(len(payload).to_bytes(4, "big") + payload)
        received.append(await reader.read())

    engine = EngineClient()
    engine.send(StartRun(config, ""))
    async with await asyncio.start_unix_server(older, path=str(socket_path())):
        with pytest.raises(EngineOutdated, match=r"version 0\.0\.1") as outdated:
            await wait_for_event(engine.events(), EngineReady)
        while not received:
            await asyncio.sleep(0.01)
    assert (outdated.value.version, outdated.value.pid) == ("0.0.1", 7)
    assert received == [b""]


async def test_engine_without_handshake_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_runtime_dir()
    monkeypatch.setattr(connection_module, "REPLY_TIMEOUT", 0.1)
    held: list[asyncio.StreamWriter] = []
    async with await asyncio.start_unix_server(lambda _, writer: held.append(writer), path=str(socket_path())):
        with pytest.raises(EngineUnavailable, match=rf"does not answer; .*, and kill {os.getpid()} ends it"):
            await wait_for_event(EngineClient().events(), EngineReady)
        held[0].close()


async def test_missing_home_folder_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise UserError("no home folder is known", "set CHARWAVE_HOME to a folder of yours")

    monkeypatch.setattr(connection_module, "socket_path", homeless)
    with pytest.raises(EngineUnavailable, match="no home folder is known"):
        await wait_for_event(EngineClient().events(), EngineReady)


@pytest.mark.parametrize(("code", "reached"), [(0, True), (3, False)])
async def test_engine_yielding_to_another_is_awaited_but_failed_one_is_not(
    monkeypatch: pytest.MonkeyPatch, code: int, reached: bool
) -> None:
    ensure_runtime_dir()
    child = subprocess.Popen(["/bin/sh", "-c", f"exit {code}"])
    assert child.wait(10) == code
    monkeypatch.setattr(endpoints, "start_engine", lambda: child)

    async def other() -> asyncio.Server:
        await asyncio.sleep(0.1)
        return await asyncio.start_unix_server(
            lambda _, writer: writer.write(encode_frame(EngineStarted(__version__, 1))),
            path=str(socket_path()),
        )

    coming = asyncio.ensure_future(other())
    engine = EngineClient()
    events = engine.events()
    if reached:
        assert await wait_for_event(events, EngineStarted)
        assert engine.was_running
        await events.aclose()  # type: ignore[attr-defined]
    else:
        with pytest.raises(EngineUnavailable, match="did not start"):
            await wait_for_event(events, EngineStarted)
    (await coming).close()


async def test_engine_at_viewer_limit_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_runtime_dir()
    full = encode_frame(EngineStarted(__version__, 1)) + encode_frame(CommandRefused("64 screens look", "close one"))

    async def turn_away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(full)
        writer.close()

    async with await asyncio.start_unix_server(turn_away, path=str(socket_path())):
        with pytest.raises(EngineUnavailable, match="64 screens look; close one"):
            await wait_for_event(EngineClient().events(), EngineReady)


async def test_engine_of_other_user_is_not_contacted(monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_runtime_dir()
    monkeypatch.setattr(connection_module, "peer_credentials", lambda connection: PeerCredentials(1, os.getuid() + 1))
    greet = encode_frame(EngineStarted(__version__, 1))
    async with await asyncio.start_unix_server(lambda _, writer: writer.write(greet), path=str(socket_path())):
        with pytest.raises(EngineUnavailable, match=rf"that of user {os.getuid() + 1}; set CHARWAVE_HOME"):
            await wait_for_event(EngineClient().events(), EngineStarted)


async def test_engine_sending_invalid_bytes_is_named() -> None:
    ensure_runtime_dir()
    other = await asyncio.start_unix_server(
        lambda reader, writer: writer.write(b"HTTP/1.1 200"), path=str(socket_path())
    )
    async with other:
        with pytest.raises(EngineUnavailable, match="cannot be understood"):
            await wait_for_event(EngineClient().events(), EngineReady)


async def test_engine_that_fails_to_start_is_reported_with_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charwave_tui.client.launcher.sys.executable", "/bin/false")
    with pytest.raises(EngineUnavailable, match="its log is"):
        await wait_for_event(EngineClient().events(), EngineReady)


async def test_uncreatable_folder_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    monkeypatch.setenv("CHARWAVE_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(EngineUnavailable, match="CHARWAVE_HOME"):
        await wait_for_event(EngineClient().events(), EngineReady)


def test_stale_socket_file_is_not_an_engine() -> None:
    ensure_runtime_dir()
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(socket_path()))
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(connection_module.connect())
