"""SshEndpoint: command line, the relay's hello, pipes, failures explained."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from charwave_tui import __version__
from charwave_tui.client import ssh
from charwave_tui.client.connection import (
    RELAY_HELLO_PREFIX,
    EngineConnection,
    EngineUnavailable,
    RelayHello,
    pipe_reader,
    pipe_writer,
)
from charwave_tui.client.engine_client import RECONNECT_DELAYS, EngineClient
from charwave_tui.client.ssh import SshDestination, SshEndpoint
from charwave_tui.core.paths import ensure_runtime_dir, socket_path
from charwave_tui.core.protocol.events import EngineStarted, WarningIssued
from charwave_tui.core.protocol.framing import encode_frame


def test_user_ssh_options_come_first_and_nothing_prompts() -> None:
    words = SshDestination("ada@box", ("BatchMode=no", "Port=2222")).command("engine", "--stdio")
    assert words[:6] == ["ssh", "-T", "-o", "BatchMode=no", "-o", "Port=2222"]
    assert words.index("BatchMode=yes") > words.index("BatchMode=no")
    assert "ClearAllForwardings=yes" in words
    assert words[-3:] == ["--", "ada@box", "charwave-tui engine --stdio"]


def test_relay_output_told_apart_from_login_shell_output() -> None:
    hello = RelayHello("1.2", True, "stay logged in")
    assert RelayHello.parse(hello.line()) == hello
    for line in (b"Last login: yesterday\n", RELAY_HELLO_PREFIX + b"{}\n", RELAY_HELLO_PREFIX + b"[\xff\n", b""):
        assert RelayHello.parse(line) is None


async def test_pipes_carry_more_than_their_buffer() -> None:
    outward, inward = os.pipe()
    reader, writer = await pipe_reader(os.fdopen(outward, "rb", 0)), await pipe_writer(os.fdopen(inward, "wb", 0))
    content = bytes(range(256)) * 4_096

    async def fill() -> None:
        writer.write(content)
        await writer.drain()
        writer.close()

    filling = asyncio.create_task(fill())
    assert await reader.read(-1) == content
    await filling


class UnreachableEndpoint:
    """An endpoint on another machine that cannot connect."""

    found, warning, host = False, "", "box"

    async def connect(self) -> EngineConnection:
        raise EngineUnavailable("box cannot be reached")

    async def restart(self) -> None:
        raise EngineUnavailable("box cannot be reached")

    async def clean_up(self) -> None:
        pass


async def test_failed_first_connection_waits_for_user_dropped_one_backs_off() -> None:
    engine = EngineClient(UnreachableEndpoint())
    with pytest.raises(EngineUnavailable):
        _ = [event async for event in engine.events()]
    assert engine.retry_in is None
    engine._has_connected, engine._failures = True, 0
    pauses = []
    for _ in range(8):
        pauses.append(engine.retry_in)
        with pytest.raises(EngineUnavailable):
            _ = [event async for event in engine.events()]
    assert pauses == [*RECONNECT_DELAYS, RECONNECT_DELAYS[-1], RECONNECT_DELAYS[-1]]


@pytest.fixture
def fake_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], SshEndpoint]:
    """Return an endpoint over an ssh that is a shell script."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(ssh, "SSH_EXIT_TIMEOUT", 0.3)

    def way(script: str) -> SshEndpoint:
        (tmp_path / "ssh").write_text(f"#!/bin/sh\n{script}\n", "utf-8")
        (tmp_path / "ssh").chmod(0o755)
        return SshEndpoint(SshDestination("box"))

    return way


KEEPS_STDERR = "sleep 20 </dev/null >/dev/null &\necho $! > ${0%/*}/kept\n"
"""What ssh does where it shares its connection: a process in the background holds stderr."""


async def test_ssh_leaving_connection_open_does_not_block(
    fake_ssh: Callable[[str], SshEndpoint], tmp_path: Path
) -> None:
    try:
        async with asyncio.timeout(10):
            with pytest.raises(EngineUnavailable, match=r"^there is no charwave-tui on box; install it there"):
                await fake_ssh(KEEPS_STDERR + "echo 'sh: charwave-tui: not found' >&2; exit 127").connect()
    finally:
        os.kill(int((tmp_path / "kept").read_text("utf-8")), signal.SIGKILL)


async def test_endless_shell_output_is_abandoned(fake_ssh: Callable[[str], SshEndpoint]) -> None:
    with pytest.raises(EngineUnavailable, match=r"^box: charwave-tui ended with -9$"):
        await fake_ssh("exec cat /dev/zero").connect()


async def test_no_ssh_process_left_after_disconnect(fake_ssh: Callable[[str], SshEndpoint]) -> None:
    hello = RelayHello(__version__, True, "").line() + encode_frame(EngineStarted(__version__, 7))
    octal = "".join(f"\\{byte:03o}" for byte in hello)
    way = fake_ssh(f"printf '{octal}'; exec sleep 20")
    line = await way.connect()
    process = way._process
    line.close()
    await way.clean_up()
    assert process is not None
    assert process.returncode == -signal.SIGKILL


async def test_relay_reads_engine_no_faster_than_its_reader(home: Path) -> None:
    ensure_runtime_dir()
    taken, stuck = 0, asyncio.Event()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        writer.transport.set_write_buffer_limits(0)
        writer.write(encode_frame(EngineStarted(__version__, 7)))
        part = encode_frame(WarningIssued("x" * 60_000))
        try:
            while taken < 8 * 2**20:
                writer.write(part)
                async with asyncio.timeout(0.5):
                    await writer.drain()
                taken += len(part)
        except TimeoutError:
            pass
        stuck.set()

    server = await asyncio.start_unix_server(flood, str(socket_path()))
    relay = subprocess.Popen(
        [sys.executable, "-m", "charwave_tui", "engine", "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(20):
            await stuck.wait()
    finally:
        relay.kill()
        relay.wait()
        server.close()
    assert 0 < taken < 2**20


async def test_remote_text_cannot_move_local_cursor(fake_ssh: Callable[[str], SshEndpoint]) -> None:
    with pytest.raises(EngineUnavailable) as refused:
        await fake_ssh(r"printf 'no\033[2J\tway' >&2; exit 3").connect()
    assert str(refused.value) == "box: no [2J way"
