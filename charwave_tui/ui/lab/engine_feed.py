"""The lab's connection to the engine."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from textual.message import Message
from textual.screen import Screen

from charwave_tui.client.connection import EngineOutdated, EngineUnavailable
from charwave_tui.core.protocol.events import Event
from charwave_tui.ui.state.engine_controller import EngineClientProtocol
from charwave_tui.ui.state.run_state import EngineDisconnected


@dataclass
class EngineEvent(Message):
    """An event of the engine, or the end of the connection."""

    event: Event | EngineDisconnected


@dataclass
class OutdatedEngineFound(Message):
    """An engine of another version is running; the feed has ended."""

    version: str


class EngineFeed:
    """Posts the engine's events to a screen, and connects again as long as the client says when."""

    def __init__(self, screen: Screen[str], engine: EngineClientProtocol) -> None:
        self._screen = screen
        self._engine = engine

    def start(self, *, restart: bool = False) -> None:
        """Connect, in place of an earlier connection; with `restart` end an engine of another version before."""
        self._screen.run_worker(self._post_events(restart), group="engine", exclusive=True)

    async def _post_events(self, restart: bool) -> None:
        while True:
            reason = ""
            try:
                if restart:
                    restart = False
                    await self._engine.restart()
                async for event in self._engine.events():
                    self._screen.post_message(EngineEvent(event))
            except EngineOutdated as outdated:
                self._screen.post_message(OutdatedEngineFound(outdated.version))
                return
            except EngineUnavailable as error:
                reason = str(error)
            retry_in = self._engine.retry_in
            self._screen.post_message(EngineEvent(EngineDisconnected(reason, retry_in)))
            if retry_in is None:
                return
            await asyncio.sleep(retry_in)
