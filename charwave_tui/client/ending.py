"""How an engine is ended: in order, so that its run is held and saved."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

from charwave_tui.client.transport import EngineUnavailable, connect
from charwave_tui.core.engine_lock import LEAVES_WITHIN, is_held


async def end_engine() -> int | None:
    """End the engine that is there, of whatever version, and wait until it has left; its process, None without one.

    Raises EngineUnavailable where it does not leave.
    """
    ended: int | None = None
    deadline = asyncio.get_running_loop().time() + LEAVES_WITHIN
    while is_held():
        if asyncio.get_running_loop().time() > deadline:
            raise EngineUnavailable("the engine has not left yet, it may be saving its run; try again")
        if ended is None:
            with suppress(OSError):  # one that is just coming has no socket yet, one that is leaving none any more
                line = await connect()
                line.close()
                ended = line.greeting.pid
                os.kill(ended, signal.SIGTERM)
        await asyncio.sleep(0.05)
    return ended
