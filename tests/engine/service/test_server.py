"""Server: who may connect and how many, slow viewers, shutdown when idle."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.metrics import CurveMarker, Evaluation, LossPoint, RunState, Split, TrainingHistory
from charwave_tui.core.paths import ensure_runtime_dir, runtime_dir, socket_path
from charwave_tui.core.protocol.commands import (
    Command,
    PauseRun,
    PrepareRun,
    ProbeLayers,
    ReportStatus,
    ResumeRun,
    StartRun,
)
from charwave_tui.core.protocol.engine_socket import PeerCredentials, peer_credentials
from charwave_tui.core.protocol.events import (
    CommandRefused,
    EngineFailed,
    EngineReady,
    EngineStarted,
    Event,
    Progress,
    RunChanged,
    RunOpened,
    SplitEvaluated,
    StatusReported,
)
from charwave_tui.core.protocol.framing import MAX_COMMAND_BYTES, decode_event, encode_frame, read_payload
from charwave_tui.engine.runs.run_history import RunHistory
from charwave_tui.engine.service import server
from charwave_tui.engine.service import server as server_module
from charwave_tui.engine.service.server import FIRST_VIEWER_TIMEOUT, IDLE_TIMEOUT, IdleShutdown, Server
from charwave_tui.engine.service.worker import Publish

Viewer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def serve() -> AsyncIterator[Callable[[], Awaitable[Viewer]]]:
    """Run a server in this process; yields a function that connects a viewer."""
    ensure_runtime_dir()
    running = asyncio.create_task(server._serve())
    writers: list[asyncio.StreamWriter] = []

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
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(running, 30)


async def until_paused(reader: asyncio.StreamReader) -> None:
    while getattr(await until(reader, RunChanged), "state", None) is not RunState.PAUSED:
        pass


async def until(reader: asyncio.StreamReader, kind: type[Event]) -> Event:
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


async def test_socket_and_folder_are_owner_only() -> None:
    async with serve() as connect:
        reader, _ = await connect()
        hello = await until(reader, EngineStarted)
        assert isinstance(hello, EngineStarted)
        assert hello.pid == os.getpid()
        assert stat.S_IMODE(socket_path().stat().st_mode) == 0o600
        assert stat.S_IMODE(runtime_dir().stat().st_mode) == 0o700
    assert not socket_path().exists()


async def test_other_user_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "peer_credentials", lambda connection: PeerCredentials(1, os.getuid() + 1))
    async with serve() as connect:
        reader, _ = await connect()
        assert await reader.read() == b""
        monkeypatch.setattr(server, "peer_credentials", peer_credentials)
        reader, _ = await connect()
        await until(reader, EngineStarted)


async def test_socket_peer_user_is_known() -> None:
    async with serve() as connect:
        _, writer = await connect()
        assert peer_credentials(writer.get_extra_info("socket")) in (
            PeerCredentials(os.getpid(), os.getuid()),
            PeerCredentials(),
        )


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff\xff\xff\xff" + b"x" * 100,
        b"\x00\x00\x00\x04abcd",
        b"\x00\x00\x00\x00",
        encode_frame(PauseRun())[:-1] + b"\xc1",
        encode_frame(EngineReady("2", "cpu")),
        encode_frame(PrepareRun(RunConfig(), "x" * MAX_COMMAND_BYTES)),
    ],
    ids=["endless", "noise", "empty", "cut off", "an event", "too long"],
)
async def test_invalid_bytes_disconnect_only_that_viewer(garbage: bytes, config: RunConfig) -> None:
    async with serve() as connect:
        other, steering = await connect()
        await until(other, EngineReady)
        steering.write(encode_frame(StartRun(config, "")))
        await until(other, Progress)
        reader, writer = await connect()
        await until(reader, RunOpened)
        writer.write(garbage)
        async with asyncio.timeout(10):
            while await reader.read(2**16):
                pass
        await until(other, Progress)


async def test_several_viewers_see_and_control_one_run(config: RunConfig) -> None:
    async with serve() as connect:
        first, steering = await connect()
        await until(first, EngineReady)
        steering.write(encode_frame(StartRun(config, "")))
        await until(first, Progress)
        second, also_steering = await connect()
        opened = await until(second, RunOpened)
        assert isinstance(opened, RunOpened)
        assert (opened.run, opened.state) == (1, RunState.TRAINING)
        also_steering.write(encode_frame(PauseRun()))
        for reader in (first, second):
            await until_paused(reader)


async def test_blocked_viewer_receives_everything_later_and_slows_nobody(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "MAX_BACKLOG_BYTES", 2_000)
    fallen = asyncio.Event()
    received = server_module.ViewerConnection.broadcast

    def tell(self: server_module.ViewerConnection, message: bytes) -> bool:
        if behind := received(self, message):
            fallen.set()
        return behind

    monkeypatch.setattr(server_module.ViewerConnection, "broadcast", tell)
    async with serve() as connect:
        reader, writer = await connect()
        quick, steering = await connect()
        for viewer in (reader, quick):
            await until(viewer, EngineReady)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(encode_frame(StartRun(config, "")) + encode_frame(ProbeLayers()) * 5_000)
        async with asyncio.timeout(60):
            while not fallen.is_set():
                await until(quick, Progress)
        before = await until(quick, Progress)
        after = await until(quick, Progress)
        assert isinstance(before, Progress)
        assert isinstance(after, Progress)
        assert after.step > before.step
        steering.write(encode_frame(PauseRun()))
        await until_paused(quick)
        reader._transport.resume_reading()  # type: ignore[attr-defined]
        opened = await until(reader, RunOpened)
        while isinstance(opened, RunOpened) and opened.state is not RunState.PAUSED:
            opened = await until(reader, RunOpened)
        assert isinstance(opened, RunOpened)
        assert opened.history.points


def full_history(window: int) -> TrainingHistory:
    points = tuple(LossPoint(step, 2.0 + step / 1e7, 1.0 + step / 1e7, 3.0 + step / 1e7) for step in range(2_000))
    evaluations = tuple(Evaluation(step, Split.TRAIN, 2.0 + step / 1e7) for step in range(1_000))
    return TrainingHistory(
        window, points, evaluations, tuple(CurveMarker(step, f"lr {step} → {step + 1}") for step in range(1_000))
    )


async def test_slow_viewer_gets_one_snapshot_of_long_history(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "MAX_BACKLOG_BYTES", 20_000)
    monkeypatch.setattr(RunHistory, "snapshot", lambda course, partial=None: full_history(1))
    async with serve() as connect:
        quick, steering = await connect()
        await until(quick, EngineReady)
        steering.write(encode_frame(StartRun(config, "", steps=1)))
        steering.write(encode_frame(StartRun(config, "")))  # the first course is its ghost
        opened = await until(quick, RunOpened)
        while isinstance(opened, RunOpened) and (opened.run, opened.state) != (2, RunState.TRAINING):
            opened = await until(quick, RunOpened)
        slow, _ = await connect()
        slow._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(0.1)
        slow._transport.resume_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(20):
            kinds = [type(decode_event(await read_payload(slow))) for _ in range(10)]
        assert kinds[:3] == [EngineStarted, EngineReady, RunOpened]
        assert RunOpened not in kinds[3:]


async def test_training_continues_without_viewers_and_idle_engine_exits(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "IDLE_TIMEOUT", 0.3)
    async with serve() as connect:
        reader, writer = await connect()
        await until(reader, EngineReady)
        writer.write(encode_frame(StartRun(config, "")))
        reached = await until(reader, Progress)
        assert isinstance(reached, Progress)
        writer.close()
        await asyncio.sleep(0.6)
        reader, writer = await connect()
        opened = await until(reader, RunOpened)
        assert isinstance(opened, RunOpened)
        assert opened.state is RunState.TRAINING
        assert opened.step > reached.step
        writer.write(encode_frame(PauseRun()))
        await until_paused(reader)
        writer.close()
        async with asyncio.timeout(20):
            while socket_path().exists():
                await asyncio.sleep(0.02)


async def test_status_query_answered_when_idle_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "IDLE_TIMEOUT", 0.0)
    async with serve() as connect:
        reader, writer = await connect()
        writer.write(encode_frame(ProbeLayers()))
        await until(reader, CommandRefused)  # there is no model
        querying, query_writer = await connect()
        await until(querying, EngineReady)
        writer.close()
        later, later_writer = await connect()
        await until(later, EngineReady)  # by now the first one has gone
        query_writer.write(encode_frame(ReportStatus()))
        await until(querying, StatusReported)
        query_writer.close()
        later_writer.close()
        async with asyncio.timeout(20):
            while socket_path().exists():
                await asyncio.sleep(0.02)


async def test_viewer_beyond_limit_refused_and_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_VIEWERS", 2)
    async with serve() as connect:
        first, steering = await connect()
        second, leaving = await connect()
        for reader in (first, second):
            await until(reader, EngineReady)
        third, _ = await connect()
        assert isinstance(await until(third, EngineStarted), EngineStarted)
        refused = await until(third, CommandRefused)
        assert refused == CommandRefused("2 screens look at this engine already", "close one of them")
        assert await third.read() == b""
        steering.write(encode_frame(ProbeLayers()))
        await until(first, CommandRefused)  # there is no model
        leaving.close()
        async with asyncio.timeout(10):
            while True:
                fourth, _ = await connect()
                await until(fourth, EngineStarted)
                if not isinstance(decode_event(await read_payload(fourth)), CommandRefused):
                    break


class IdleWorker:
    """An EngineWorker that carries nothing out; `commands` are those submitted, with their viewers."""

    failure = None

    def __init__(self, publish: Publish, store: object, on_done: Callable[[], None]) -> None:
        self.publish = publish
        self.on_done = on_done
        self.commands: list[tuple[Command, int]] = []
        self._closed = threading.Event()
        self.run = self._closed.wait
        self.close = self._closed.set

    def submit_snapshot(self, viewer: int) -> None:
        self.publish(EngineReady("2", "cpu"), viewer)
        self.on_done()

    def submit(self, command: Command, viewer: int) -> None:
        self.commands.append((command, viewer))

    async def has_commands(self, amount: int) -> None:
        """Wait for so many commands; fail if there are more."""
        async with asyncio.timeout(10):
            while len(self.commands) < amount:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert len(self.commands) == amount


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> list[IdleWorker]:
    """The worker of the server that is started next."""
    workers: list[IdleWorker] = []

    def make_worker(*arguments: Any) -> IdleWorker:
        workers.append(IdleWorker(*arguments))
        return workers[-1]

    monkeypatch.setattr(server, "EngineWorker", make_worker)
    return workers


async def test_flooding_viewer_read_in_turn_with_others(idle: list[IdleWorker]) -> None:
    async with serve() as connect:
        _, flooding = await connect()
        flooding.write(encode_frame(PauseRun()) * 10_000)
        (worker,) = idle
        await worker.has_commands(server.MAX_PENDING_COMMANDS)
        _, other = await connect()
        other.write(encode_frame(ResumeRun()) * 100)
        worker.on_done()  # there is room for the one of the flood that was read before the other came
        await asyncio.sleep(0.05)
        for _ in range(8):
            worker.on_done()
        await worker.has_commands(server.MAX_PENDING_COMMANDS + 9)
        assert [viewer for _, viewer in worker.commands[-6:]] in ([1, 2, 1, 2, 1, 2], [2, 1, 2, 1, 2, 1])


async def test_viewer_not_reading_replies_is_not_read(idle: list[IdleWorker]) -> None:
    async with serve() as connect:
        reader, writer = await connect()
        await until(reader, EngineReady)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        (worker,) = idle
        writer.write(encode_frame(PauseRun()))
        await worker.has_commands(1)
        worker.publish(EngineFailed("x" * 1_000_000, ""), 1)
        await asyncio.sleep(0.1)
        writer.write(encode_frame(PauseRun()) * 2)
        await worker.has_commands(2)  # the one that was waited for before the answer came
        reader._transport.resume_reading()  # type: ignore[attr-defined]
        await worker.has_commands(3)


async def test_new_viewer_gets_snapshot_before_other_events(
    idle: list[IdleWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve() as connect:
        early, _ = await connect()
        await until(early, EngineReady)
        (worker,) = idle
        monkeypatch.setattr(worker, "submit_snapshot", lambda viewer: None)
        late, _ = await connect()
        await until(late, EngineStarted)
        worker.publish(RunChanged(RunState.PAUSED, 7), None)
        await until(early, RunChanged)
        worker.publish(EngineReady("2", "cpu"), 2)
        worker.publish(RunChanged(RunState.TRAINING, 7), None)
        received = [decode_event(await read_payload(late)) for _ in range(2)]
        assert received == [EngineReady("2", "cpu"), RunChanged(RunState.TRAINING, 7)]


async def test_reply_reaches_viewer_that_lags_behind(idle: list[IdleWorker]) -> None:
    async with serve() as connect:
        reader, _ = await connect()
        await until(reader, EngineReady)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        (worker,) = idle
        for number in range(30):
            worker.publish(EngineFailed("x" * 100_000, str(number)), None)
        worker.publish(SplitEvaluated(Evaluation(7, Split.VAL, 2.0)), 1)
        reader._transport.resume_reading()  # type: ignore[attr-defined]
        received = []
        async with asyncio.timeout(10):
            while not isinstance(event := decode_event(await read_payload(reader)), EngineReady):
                received.append(type(event))
        assert received[-1] is SplitEvaluated
        assert 1 < len(received) < 20, "it was not behind"


def test_second_engine_yields_to_first() -> None:
    ensure_runtime_dir()
    first = server._acquire_lock()
    assert first is not None
    listener = server._listen()
    try:
        assert server._acquire_lock() is None
    finally:
        listener.close()
        first.close()


def test_stopped_server_sends_nothing() -> None:
    loop = asyncio.new_event_loop()

    async def made() -> Server:
        return Server()

    idle = loop.run_until_complete(made())
    loop.close()
    idle._publish_from_worker(EngineReady("2", "cpu"), None)


class ManualClockLoop(asyncio.SelectorEventLoop):
    """A loop whose time passes when a test says so."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.run_until_complete(asyncio.sleep(0))


@pytest.fixture
def clock() -> Iterator[ManualClockLoop]:
    clock = ManualClockLoop()
    yield clock
    clock.close()


class LifetimeHarness:
    """An IdleShutdown and whether it has fired."""

    def __init__(self, clock: ManualClockLoop) -> None:
        self.has_ended = False

        async def made() -> IdleShutdown:
            return IdleShutdown(self._end)

        self.lifetime = clock.run_until_complete(made())

    def _end(self) -> None:
        self.has_ended = True


@pytest.fixture
def lifetime_harness(clock: ManualClockLoop) -> LifetimeHarness:
    return LifetimeHarness(clock)


def test_engine_without_any_viewer_exits_soon(clock: ManualClockLoop, lifetime_harness: LifetimeHarness) -> None:
    clock.advance(FIRST_VIEWER_TIMEOUT - 1)
    assert not lifetime_harness.has_ended
    clock.advance(1.1)
    assert lifetime_harness.has_ended


def test_engine_stays_while_viewed_and_a_while_after(clock: ManualClockLoop, lifetime_harness: LifetimeHarness) -> None:
    for viewers in (1, 2, 1):
        lifetime_harness.lifetime.count(viewers, viewers)
        clock.advance(10 * IDLE_TIMEOUT)
    lifetime_harness.lifetime.count(0, 0)
    clock.advance(IDLE_TIMEOUT - 1)
    lifetime_harness.lifetime.count(1, 1)
    clock.advance(2)
    lifetime_harness.lifetime.count(0, 0)
    clock.advance(IDLE_TIMEOUT - 1)
    assert not lifetime_harness.has_ended
    clock.advance(1.1)
    assert lifetime_harness.has_ended


def test_status_query_is_not_cut_off_and_prolongs_nothing(
    clock: ManualClockLoop, lifetime_harness: LifetimeHarness
) -> None:
    clock.advance(FIRST_VIEWER_TIMEOUT - 1)
    lifetime_harness.lifetime.count(0, 1)
    clock.advance(0.5)
    lifetime_harness.lifetime.count(0, 0)
    lifetime_harness.lifetime.count(0, 1)
    clock.advance(IDLE_TIMEOUT)
    assert not lifetime_harness.has_ended
    lifetime_harness.lifetime.count(0, 2)
    lifetime_harness.lifetime.count(0, 1)
    assert not lifetime_harness.has_ended
    lifetime_harness.lifetime.count(0, 0)
    assert lifetime_harness.has_ended


@pytest.mark.parametrize("end", [RunState.FINISHED, RunState.PAUSED, RunState.STOPPED, RunState.DIVERGED])
def test_engine_stays_while_training_and_a_while_after(
    clock: ManualClockLoop, lifetime_harness: LifetimeHarness, end: RunState
) -> None:
    lifetime_harness.lifetime.count(1, 1)
    lifetime_harness.lifetime.handle_event(RunChanged(RunState.TRAINING, 0))
    lifetime_harness.lifetime.count(0, 0)
    clock.advance(100 * IDLE_TIMEOUT)
    lifetime_harness.lifetime.handle_event(RunChanged(end, 9))
    clock.advance(IDLE_TIMEOUT - 1)
    lifetime_harness.lifetime.handle_event(Progress(9, 0.0, (), None))
    assert not lifetime_harness.has_ended
    clock.advance(1.1)
    assert lifetime_harness.has_ended


def test_resumed_run_stops_exit_timer(clock: ManualClockLoop, lifetime_harness: LifetimeHarness) -> None:
    lifetime_harness.lifetime.count(1, 1)
    lifetime_harness.lifetime.count(0, 0)
    lifetime_harness.lifetime.handle_event(RunChanged(RunState.TRAINING, 0))
    clock.advance(2 * IDLE_TIMEOUT)
    assert not lifetime_harness.has_ended
