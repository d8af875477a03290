"""A real engine process, found or started, spoken to, and gone afterwards."""

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

from charwave_tui.client import engine as client
from charwave_tui.client.engine import Engine, EngineUnavailable
from charwave_tui.core import protocol
from charwave_tui.core.config import RunConfig
from charwave_tui.core.framing import frame
from charwave_tui.core.places import ensure_runtime_dir, log_path, runs_dir, socket_path
from charwave_tui.core.protocol import AnyEvent, State
from charwave_tui.core.runs import RunStore


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    path = tmp_path / "words.txt"
    path.write_text("\n".join(a + b + c for a in "bdklm" for b in "aeiou" for c in "nrst"), "utf-8")
    return RunConfig(corpus=str(path), context=2, fuse=(2,), n_embd=2, n_hidden=4, batch_size=4, max_steps=10_000_000)


async def until(events: AsyncIterator[AnyEvent], kind: type[protocol.Event]) -> AnyEvent:
    async with asyncio.timeout(30):
        async for event in events:
            if isinstance(event, kind):
                return event
    raise AssertionError(f"the engine went before any {kind.__name__}")


def alive(pid: int) -> bool:
    try:
        os.waitpid(pid, os.WNOHANG)
        os.kill(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        return False
    return True


async def wait_gone(pid: int) -> None:
    deadline = time.monotonic() + 15
    while alive(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        await asyncio.sleep(0.05)


async def test_what_is_sent_before_there_is_an_engine_is_remembered(config: RunConfig) -> None:
    engine = Engine()
    engine.send(protocol.StartRun(config, "", steps=3))
    events = engine.events()
    hello = await until(events, protocol.EngineStarted)
    assert isinstance(hello, protocol.EngineStarted)
    opened = await until(events, protocol.RunOpened)
    assert isinstance(opened, protocol.RunOpened)
    assert opened.config == config
    engine.close()
    await wait_gone(hello.pid)
    assert not socket_path().exists()
    assert log_path().read_text("utf-8").count("Traceback") == 0


async def test_a_second_screen_finds_the_first_ones_engine(config: RunConfig) -> None:
    first, second = Engine(), Engine()
    one, two = first.events(), second.events()
    hello = await until(one, protocol.EngineStarted)
    again = await until(two, protocol.EngineStarted)
    assert isinstance(hello, protocol.EngineStarted)
    assert hello == again
    first.close()
    second.send(protocol.StartRun(config, ""))
    await until(two, protocol.Progress)
    second.close()
    await wait_gone(hello.pid)
    assert RunStore(runs_dir()).read(1).state is State.STOPPED


async def test_a_killed_engine_ends_the_events_and_a_stale_socket_is_no_hindrance(config: RunConfig) -> None:
    engine = Engine()
    events = engine.events()
    hello = await until(events, protocol.EngineStarted)
    assert isinstance(hello, protocol.EngineStarted)
    os.kill(hello.pid, signal.SIGKILL)
    assert [event async for event in events if not isinstance(event, protocol.EngineReady)] == []
    assert socket_path().exists()
    afresh = Engine()
    other = await until(afresh.events(), protocol.EngineStarted)
    assert isinstance(other, protocol.EngineStarted)
    assert other.pid != hello.pid
    afresh.close()
    await wait_gone(other.pid)


async def test_sigterm_saves_the_run(config: RunConfig) -> None:
    engine = Engine()
    engine.send(protocol.StartRun(config, ""))
    events = engine.events()
    hello = await until(events, protocol.EngineStarted)
    assert isinstance(hello, protocol.EngineStarted)
    await until(events, protocol.Progress)
    os.kill(hello.pid, signal.SIGTERM)
    async with asyncio.timeout(20):
        told = [event async for event in events]
    assert protocol.RunSaved in map(type, told)
    await wait_gone(hello.pid)
    assert RunStore(runs_dir()).read(1).state is State.STOPPED


async def test_an_engine_that_nobody_waits_for_any_more_is_not_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = client._start
    monkeypatch.setattr(client, "_start", lambda: started.append(start()) or started[0])
    waiting = asyncio.ensure_future(anext(Engine().events()))
    while not started:
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert started[0].wait(10) == -signal.SIGTERM


async def test_an_engine_of_another_version_is_named() -> None:
    ensure_runtime_dir()
    other = await asyncio.start_unix_server(
        lambda reader, writer: writer.write(frame(protocol.EngineStarted("99.0", 1))), path=str(socket_path())
    )
    async with other:
        with pytest.raises(EngineUnavailable, match=r"version 99\.0"):
            await until(Engine().events(), protocol.EngineReady)


async def test_an_engine_that_talks_gibberish_is_named() -> None:
    ensure_runtime_dir()
    other = await asyncio.start_unix_server(
        lambda reader, writer: writer.write(b"HTTP/1.1 200"), path=str(socket_path())
    )
    async with other:
        with pytest.raises(EngineUnavailable, match="cannot be understood"):
            await until(Engine().events(), protocol.EngineReady)


async def test_an_engine_that_does_not_start_is_told_with_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.sys, "executable", "/bin/false")
    with pytest.raises(EngineUnavailable, match="its log is"):
        await until(Engine().events(), protocol.EngineReady)


async def test_a_folder_that_cannot_be_made_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    monkeypatch.setenv("CHARWAVE_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(EngineUnavailable, match="CHARWAVE_HOME"):
        await until(Engine().events(), protocol.EngineReady)


def test_a_socket_file_without_an_engine_is_only_a_file() -> None:
    ensure_runtime_dir()
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(socket_path()))
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(client._connect())
