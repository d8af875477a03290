"""Pipes as asyncio's streams."""

from __future__ import annotations

import asyncio
from typing import IO

AHEAD = 64 * 1024
"""Bytes that are read ahead, or up to twice as many: what is not carried on yet waits with who writes, who then skips
what is too much for a slow line."""


async def reading(pipe: IO[bytes]) -> asyncio.StreamReader:
    """What comes out of `pipe`."""
    reader = asyncio.StreamReader(AHEAD)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader


async def writing(pipe: IO[bytes]) -> asyncio.StreamWriter:
    """What goes into `pipe`."""
    loop = asyncio.get_running_loop()
    # a protocol that knows how to wait for a full pipe, which StreamWriter.drain asks of it
    protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader(), loop=loop)
    transport, _ = await loop.connect_write_pipe(lambda: protocol, pipe)
    return asyncio.StreamWriter(transport, protocol, None, loop)
