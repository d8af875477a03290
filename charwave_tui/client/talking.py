"""A short talk with an engine, for commands that have no screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from charwave_tui.client.engine import Engine, EngineUnavailable
from charwave_tui.client.reaching import Way
from charwave_tui.core.framing import AnyEvent
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.protocol import (
    Command,
    CommandRefused,
    EngineFailed,
    LayersProbed,
    NamesSampled,
    Progress,
    ReportStatus,
    RunOpened,
    SplitEvaluated,
    StatusReported,
)
from charwave_tui.core.readings import History, Split
from charwave_tui.core.speaking import NextPredicted, WordScored

GONE = "the engine went before it answered; charwave-tui status tells whether it runs"
"""What is said where the line ends too soon."""

ASKED_AGAIN = 0.05
"""Seconds until an engine that is still measuring is asked again."""


class Talk:
    """What was heard of an engine so far: its run as it was `opened`, if any, its newest `losses` and its `status`.

    `answered_at` is the step that its last answer about the model is of.
    """

    def __init__(self, engine: Engine, events: AsyncIterator[AnyEvent]) -> None:
        self.opened: RunOpened | None = None
        self.status: StatusReported | None = None
        self.losses: dict[Split, float] = {}
        self.answered_at = 0
        self._engine = engine
        self._events = events

    def send(self, command: Command) -> None:
        """Say something."""
        self._engine.send(command)

    async def hear(self) -> AnyEvent:
        """The next that the engine tells.

        Raises Mistake where it refuses a command, EngineUnavailable where it fails or goes.
        """
        event = await anext(self._events, None)
        match event:
            case None:
                raise EngineUnavailable(GONE)
            case CommandRefused(problem=problem, remedy=remedy, field=field):
                raise Mistake(problem, remedy, field)
            case EngineFailed(problem=problem, log=log):
                raise EngineUnavailable(f"the engine failed: {problem}; its log is {log}")
            case RunOpened(run=run) if run is not None:
                self.opened = event
                self.losses = _newest(event.history)
            case Progress(points=(*_, newest)):
                self.losses[Split.TRAIN] = newest.mean
            case SplitEvaluated(evaluation=item):
                self.losses[item.split] = item.loss
            case StatusReported():
                self.status = event
            case LayersProbed() | NamesSampled() | NextPredicted() | WordScored():
                self.answered_at = event.step
        return event

    async def introduced(self) -> StatusReported:
        """The status, once all that the engine has to say of itself was heard."""
        self.send(ReportStatus())
        while not isinstance(event := await self.hear(), StatusReported):
            pass
        return event

    async def settled(self) -> StatusReported:
        """The status once nothing is being measured any more, and all that was is heard."""
        while (there := await self.introduced()).measuring:
            await asyncio.sleep(ASKED_AGAIN)
        return there


def _newest(history: History) -> dict[Split, float]:
    """The newest loss of each split; of train it may be that of the curve."""
    told = [(item.step, item.split, item.loss) for item in history.evaluations]
    told += [(point.step - 1, Split.TRAIN, point.mean) for point in history.points[-1:]]  # the whole split counts more
    return {split: loss for _, split, loss in sorted(told, key=lambda one: one[0])}


@asynccontextmanager
async def talking(way: Way) -> AsyncIterator[Talk]:
    """A talk with the engine at the end of `way`, introduced; raises EngineUnavailable."""
    engine = Engine(way)
    talk = Talk(engine, engine.events())
    try:
        await talk.introduced()
        yield talk
    finally:
        engine.close()
        await asyncio.sleep(0)
