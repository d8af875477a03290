"""The socket: who may come, what is refused, and a viewer who does not read."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from charwave_tui.core import protocol
from charwave_tui.core.config import RunConfig
from charwave_tui.core.framing import AnyEvent, decode_event, frame, read_payload
from charwave_tui.core.places import ensure_runtime_dir, runtime_dir, socket_path
from charwave_tui.core.readings import Evaluation, History, LossPoint, Mark, Split, State
from charwave_tui.engine import server
from charwave_tui.engine.course import Course
from charwave_tui.engine.peer import peer_uid
from charwave_tui.engine.server import Server

Viewer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def serving() -> AsyncIterator[Callable[[], Awaitable[Viewer]]]:
    """A server in this process, and a way to become one of its viewers."""
    ensure_runtime_dir()
    running = asyncio.create_task(server._serve())
    writers = []

    async def connect() -> Viewer:
        for _ in range(200):
            try:
                reader, writer = await asyncio.open_unix_connection(str(socket_path()), limit=2**24)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writers.append(writer)
                return reader, writer
        raise AssertionError("the server did not open its socket")

    try:
        yield connect
    finally:
        for writer in writers:
            writer.close()
        await asyncio.wait_for(running, 30)


async def until(reader: asyncio.StreamReader, kind: type[protocol.Event]) -> AnyEvent:
    async with asyncio.timeout(20):
        while True:
            event = decode_event(await read_payload(reader))
            if isinstance(event, kind):
                return event


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    path = tmp_path / "words.txt"
    path.write_text("\n".join(a + b + c for a in "bdklm" for b in "aeiou" for c in "nrst"), "utf-8")
    return RunConfig(corpus=str(path), context=2, fuse=(2,), n_embd=2, n_hidden=4, batch_size=4, max_steps=10_000_000)


async def test_the_socket_and_its_folder_are_the_owners_alone() -> None:
    async with serving() as connect:
        reader, _ = await connect()
        hello = await until(reader, protocol.EngineStarted)
        assert isinstance(hello, protocol.EngineStarted)
        assert hello.pid == os.getpid()
        assert stat.S_IMODE(socket_path().stat().st_mode) == 0o600
        assert stat.S_IMODE(runtime_dir().stat().st_mode) == 0o700
    assert not socket_path().exists()


async def test_another_user_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "peer_uid", lambda connection: os.getuid() + 1)
    async with serving() as connect:
        reader, _ = await connect()
        assert await reader.read() == b""
        monkeypatch.setattr(server, "peer_uid", peer_uid)
        reader, _ = await connect()
        await until(reader, protocol.EngineStarted)


async def test_the_peer_of_a_socket_is_known() -> None:
    async with serving() as connect:
        _, writer = await connect()
        assert peer_uid(writer.get_extra_info("socket")) in (os.getuid(), None)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff\xff\xff\xff" + b"x" * 100,
        b"\x00\x00\x00\x04abcd",
        b"\x00\x00\x00\x00",
        frame(protocol.PauseRun())[:-1] + b"\xc1",
        frame(protocol.EngineReady("2", "cpu")),
    ],
)
async def test_gibberish_ends_that_viewer_alone(garbage: bytes, config: RunConfig) -> None:
    async with serving() as connect:
        other, steering = await connect()
        await until(other, protocol.EngineReady)
        steering.write(frame(protocol.StartRun(config, "")))
        await until(other, protocol.Progress)
        reader, writer = await connect()
        await until(reader, protocol.RunOpened)
        writer.write(garbage)
        async with asyncio.timeout(10):
            while await reader.read(2**16):
                pass
        await until(other, protocol.Progress)


async def test_several_viewers_see_the_same_run_and_each_may_steer_it(config: RunConfig) -> None:
    async with serving() as connect:
        first, steering = await connect()
        await until(first, protocol.EngineReady)
        steering.write(frame(protocol.StartRun(config, "")))
        await until(first, protocol.Progress)
        second, also_steering = await connect()
        opened = await until(second, protocol.RunOpened)
        assert isinstance(opened, protocol.RunOpened)
        assert (opened.run, opened.state) == (1, State.TRAINING)
        also_steering.write(frame(protocol.PauseRun()))
        for reader in (first, second):
            changed = await until(reader, protocol.RunChanged)
            while isinstance(changed, protocol.RunChanged) and changed.state is not State.PAUSED:
                changed = await until(reader, protocol.RunChanged)


async def test_a_viewer_who_does_not_read_is_told_everything_once_it_does(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PATIENCE", 2_000)
    async with serving() as connect:
        reader, writer = await connect()
        quick, _ = await connect()
        await until(reader, protocol.EngineReady)
        writer.write(frame(protocol.StartRun(replace(config, max_steps=200_000, eval_every=100), "")))
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        seen = 0
        async with asyncio.timeout(60):
            while seen < 3_000:
                seen += len(await read_payload(quick))
                writer.write(frame(protocol.ProbeLayers()) * 50)
        writer.write(frame(protocol.PauseRun()))
        reader._transport.resume_reading()  # type: ignore[attr-defined]
        opened = await until(reader, protocol.RunOpened)
        while isinstance(opened, protocol.RunOpened) and opened.state is not State.PAUSED:
            opened = await until(reader, protocol.RunOpened)
        assert isinstance(opened, protocol.RunOpened)
        assert opened.history.points


def fullest(window: int) -> History:
    points = tuple(LossPoint(step, 2.0 + step / 1e7, 1.0 + step / 1e7, 3.0 + step / 1e7) for step in range(2_000))
    evaluations = tuple(Evaluation(step, Split.TRAIN, 2.0 + step / 1e7) for step in range(1_000))
    return History(window, points, evaluations, tuple(Mark(step, f"lr {step} → {step + 1}") for step in range(1_000)))


async def test_a_viewer_who_reads_slowly_is_introduced_once_to_a_run_with_a_long_history(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PATIENCE", 20_000)
    monkeypatch.setattr(Course, "history", lambda course, partial=None: fullest(1))
    async with serving() as connect:
        quick, steering = await connect()
        await until(quick, protocol.EngineReady)
        steering.write(frame(protocol.StartRun(config, "", steps=1)))
        steering.write(frame(protocol.StartRun(config, "")))  # the first course is its ghost
        opened = await until(quick, protocol.RunOpened)
        while isinstance(opened, protocol.RunOpened) and (opened.run, opened.state) != (2, State.TRAINING):
            opened = await until(quick, protocol.RunOpened)
        slow, _ = await connect()
        slow._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(0.1)
        slow._transport.resume_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(20):
            kinds = [type(decode_event(await read_payload(slow))) for _ in range(10)]
        assert kinds[:3] == [protocol.EngineStarted, protocol.EngineReady, protocol.RunOpened]
        assert protocol.RunOpened not in kinds[3:]


async def test_the_engine_ends_soon_after_its_last_viewer_went(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LINGER", 0.1)
    ensure_runtime_dir()
    running = asyncio.create_task(server._serve())
    await asyncio.sleep(0.05)
    _, writer = await asyncio.open_unix_connection(str(socket_path()))
    writer.close()
    await asyncio.wait_for(running, 20)


def test_a_second_engine_leaves_the_field_to_the_first() -> None:
    ensure_runtime_dir()
    first = server._lock()
    assert first is not None
    listener = server._listener()
    try:
        assert server._lock() is None
    finally:
        listener.close()
        first.close()


def test_nobody_is_told_by_a_server_whose_loop_has_ended() -> None:
    loop = asyncio.new_event_loop()

    async def made() -> Server:
        return Server()

    idle = loop.run_until_complete(made())
    loop.close()
    idle._tell_from_session(protocol.EngineReady("2", "cpu"), None)
