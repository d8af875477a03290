"""The engine of this machine on stdin and stdout, for a screen at the other end of an ssh line."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

from charwave_tui import __version__
from charwave_tui.client.pipes import reading, writing
from charwave_tui.client.reaching import LocalWay
from charwave_tui.client.transport import Hello
from charwave_tui.core.framing import frame

CHUNK = 64 * 1024
"""Bytes that are carried at once."""


async def relay(*, starts: bool) -> None:
    """Reach this machine's engine, started if need be where it `starts` one, and carry bytes until either side ends.

    Raises EngineUnavailable where there is none.
    """
    way = LocalWay(starts=starts)
    line = await way.reach(any_version=True)
    reader, writer = await reading(sys.stdin.buffer), await writing(sys.stdout.buffer)
    writer.write(Hello(__version__, way.found, way.warning).line() + frame(line.greeting))
    carrying = [
        asyncio.create_task(_carry(reader, line.writer)),
        asyncio.create_task(_carry(line.reader, writer)),
    ]
    await asyncio.wait(carrying, return_when=asyncio.FIRST_COMPLETED)
    for task in carrying:
        task.cancel()
    line.close()
    with suppress(OSError):
        await writer.drain()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while part := await reader.read(CHUNK):
            writer.write(part)
            await writer.drain()
