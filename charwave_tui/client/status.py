"""What the engine is doing, asked without becoming its screen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from charwave_tui.client.transport import ANSWERS_WITHIN, EngineOutdated, EngineUnavailable, connect
from charwave_tui.core.framing import frame
from charwave_tui.core.protocol import EngineFailed, EngineStarted, ReportStatus, StatusReported


@dataclass(frozen=True, slots=True)
class Found:
    """An engine that is there; `status` is what it told, else `problem` says why it told nothing."""

    greeting: EngineStarted
    status: StatusReported | None = None
    problem: str = ""


async def find_engine() -> Found | None:
    """The engine that is there, of whatever version, None where none is; raises EngineUnavailable."""
    try:
        line = await connect()
    except OSError:
        return None
    try:
        line.check()
        line.writer.write(frame(ReportStatus()))
        async with asyncio.timeout(ANSWERS_WITHIN):
            while True:
                match await line.hear():
                    case StatusReported() as status:
                        return Found(line.greeting, status)
                    case EngineFailed(problem=problem):
                        return Found(line.greeting, problem=problem)
    except (EngineOutdated, EngineUnavailable) as error:
        return Found(line.greeting, problem=str(error))
    except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
        return Found(line.greeting, problem="it does not answer")
    finally:
        line.close()
