"""How long an engine stays by itself: for as long as a run is in training or somebody looks, and a while after."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from charwave_tui.core.protocol import Event, RunChanged, RunOpened, RunSaved, SaveFailed
from charwave_tui.core.readings import State

FIRST_VIEWER_WITHIN = 5.0
"""Seconds after which an engine that nobody ever came to ends."""

IDLE_FOR = 300.0
"""Seconds that an engine stays with nothing in training and nobody who looks."""


class Lifetime:
    """The clock of the engine's end; it stands still while there is a viewer, a run in training, or one not on disk."""

    def __init__(self, end: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = end
        self._viewers = 0
        self._training = self._unsaved = False
        self._clock: asyncio.TimerHandle | None = self._loop.call_later(FIRST_VIEWER_WITHIN, end)

    def viewers(self, count: int) -> None:
        """Take in how many viewers there are."""
        self._viewers = count
        self._set()

    def heard(self, event: Event) -> None:
        """Take in what the session tells."""
        if isinstance(event, RunOpened | RunChanged):
            self._training = event.state is State.TRAINING
            self._set()
        elif isinstance(event, SaveFailed | RunSaved):
            self._unsaved = isinstance(event, SaveFailed)
            self._set()

    def _set(self) -> None:
        if self._viewers or self._training or self._unsaved:
            if self._clock:
                self._clock.cancel()
            self._clock = None
        elif self._clock is None:
            self._clock = self._loop.call_later(IDLE_FOR, self._end)
