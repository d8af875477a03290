"""One viewer's connection: what is on its way to it, and what it asks."""

from __future__ import annotations

import asyncio

from charwave_tui.core.framing import MAX_COMMAND, AnyCommand, decode_command, read_payload

PATIENCE = 256 * 1024
"""Bytes that may wait for a viewer beyond what it was last told alone; one with more is behind.

It is told nothing of what all are told until it has read those, and then everything.
"""


class Connection:
    """Both directions of a viewer's socket, of which neither may grow: who floods or does not read holds up itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._limit = PATIENCE
        self._behind = True  # it knows nothing yet

    def answer(self, message: bytes) -> None:
        """Send what this viewer alone is told, however much that is: it was asked for."""
        self._writer.write(message)
        self._limit = self._writer.transport.get_write_buffer_size() + PATIENCE

    def tell(self, message: bytes) -> bool:
        """Send what all are told, unless the viewer is behind; whether it has just fallen behind by this."""
        if self._behind:
            return False
        self._writer.write(message)
        self._behind = self._writer.transport.get_write_buffer_size() > self._limit
        return self._behind

    async def catch_up(self) -> None:
        """Wait until a viewer that is behind has read what it was sent; raises ConnectionError."""
        await self._writer.drain()

    def introduced(self) -> None:
        """Take in that everything is being told to this viewer, which is behind no more."""
        self._behind = False

    async def command(self) -> AnyCommand:
        """The next command, once the viewer has read its answers.

        Raises MalformedFrame, and ConnectionError or asyncio.IncompleteReadError at the end.
        """
        await self._writer.drain()
        return decode_command(await read_payload(self._reader, MAX_COMMAND))

    def close(self) -> None:
        """Hang up; what waits is still sent."""
        self._writer.close()

    async def part(self, within: float) -> None:
        """Hang up and wait until what waits is sent, at most `within` seconds."""
        self.close()
        try:
            async with asyncio.timeout(within):
                await self._writer.wait_closed()
        except TimeoutError:
            self._writer.transport.abort()
        except OSError:
            pass
