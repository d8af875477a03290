"""What ssh is called with, what a relay says first, and pipes that carry it."""

from __future__ import annotations

import asyncio
import os

import pytest

from charwave_tui.client.engine import PAUSES, Engine
from charwave_tui.client.pipes import reading, writing
from charwave_tui.client.ssh import Destination
from charwave_tui.client.transport import HELLO, EngineUnavailable, Hello, Line


def test_a_persons_own_options_come_first_so_that_they_count_and_nothing_asks_on_the_screen() -> None:
    words = Destination("ada@box", ("BatchMode=no", "Port=2222")).command("engine", "--stdio")
    assert words[:6] == ["ssh", "-T", "-o", "BatchMode=no", "-o", "Port=2222"]
    assert words.index("BatchMode=yes") > words.index("BatchMode=no")
    assert "ClearAllForwardings=yes" in words
    assert words[-3:] == ["--", "ada@box", "charwave-tui engine --stdio"]


def test_what_a_relay_says_is_told_from_what_a_login_shell_prints() -> None:
    hello = Hello("1.2", True, "stay logged in")
    assert Hello.read(hello.line()) == hello
    for line in (b"Last login: yesterday\n", HELLO + b"{}\n", HELLO + b"[\xff\n", b""):
        assert Hello.read(line) is None


async def test_pipes_carry_more_than_they_hold() -> None:
    outward, inward = os.pipe()
    reader, writer = await reading(os.fdopen(outward, "rb", 0)), await writing(os.fdopen(inward, "wb", 0))
    content = bytes(range(256)) * 4_096

    async def fill() -> None:
        writer.write(content)
        await writer.drain()
        writer.close()

    filling = asyncio.create_task(fill())
    assert await reader.read(-1) == content
    await filling


class Unreachable:
    """A way to another machine that leads nowhere."""

    found, warning, host = False, "", "box"

    async def reach(self) -> Line:
        raise EngineUnavailable("box cannot be reached")

    async def restart(self) -> None:
        raise EngineUnavailable("box cannot be reached")

    async def left(self) -> None:
        pass


async def test_a_line_that_was_never_there_waits_for_a_person_and_one_that_dropped_waits_longer_each_time() -> None:
    engine = Engine(Unreachable())
    with pytest.raises(EngineUnavailable):
        _ = [event async for event in engine.events()]
    assert engine.retry_in is None
    engine._reached, engine._failures = True, 0
    pauses = []
    for _ in range(8):
        pauses.append(engine.retry_in)
        with pytest.raises(EngineUnavailable):
            _ = [event async for event in engine.events()]
    assert pauses == [*PAUSES, PAUSES[-1], PAUSES[-1]]
