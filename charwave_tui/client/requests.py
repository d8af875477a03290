"""One question, one answer, for scripts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from charwave_tui.client.connection import EngineUnavailable
from charwave_tui.client.endpoints import EngineEndpoint
from charwave_tui.client.engine_client import EngineClient
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import LayerStats, SampledName, Split, TrainingHistory
from charwave_tui.core.protocol.commands import Command, PredictNext, ProbeLayers, ReportStatus, SampleNames, ScoreWord
from charwave_tui.core.protocol.events import (
    AnyEvent,
    CommandRefused,
    EngineFailed,
    LayersProbed,
    NamesRefused,
    NamesSampled,
    NextPredicted,
    Progress,
    QueryRefused,
    RunOpened,
    SplitEvaluated,
    StatusReported,
    WordScored,
)

GONE = "the engine went before it answered; charwave-tui status tells whether it runs"
"""What is said where the line ends too soon."""


ASKED_AGAIN = 0.05
"""Seconds until an engine that is still measuring is asked again."""


class EngineSession:
    """What was heard of an engine so far: its run as it was `opened`, if any, its newest `losses` and its `status`.

    `answered_at` is the step that its last answer about the model is of.
    """

    def __init__(self, engine: EngineClient, events: AsyncIterator[AnyEvent]) -> None:
        self.opened: RunOpened | None = None
        self.status: StatusReported | None = None
        self.losses: dict[Split, float] = {}
        self.answered_at = 0
        self._engine = engine
        self._events = events

    def send(self, command: Command) -> None:
        """Say something."""
        self._engine.send(command)

    async def next_event(self) -> AnyEvent:
        """The next that the engine tells.

        Raises Mistake where it refuses a command, EngineUnavailable where it fails or goes.
        """
        event = await anext(self._events, None)
        match event:
            case None:
                raise EngineUnavailable(GONE)
            case CommandRefused(problem=problem, remedy=remedy, field=field):
                raise UserError(problem, remedy, field)
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

    async def query_status(self) -> StatusReported:
        """The status, once all that the engine has to say of itself was heard."""
        self.send(ReportStatus())
        while not isinstance(event := await self.next_event(), StatusReported):
            pass
        return event

    async def wait_until_evaluated(self) -> StatusReported:
        """The status once nothing is being measured any more, and all that was is heard."""
        while (there := await self.query_status()).measuring:
            await asyncio.sleep(ASKED_AGAIN)
        return there


def _newest(history: TrainingHistory) -> dict[Split, float]:
    """The newest loss of each split; of train it may be that of the curve."""
    told = [(item.step, item.split, item.loss) for item in history.evaluations]
    told += [(point.step - 1, Split.TRAIN, point.mean) for point in history.points[-1:]]  # the whole split counts more
    return {split: loss for _, split, loss in sorted(told, key=lambda one: one[0])}


@asynccontextmanager
async def engine_session(way: EngineEndpoint) -> AsyncIterator[EngineSession]:
    """A talk with the engine at the end of `way`, introduced; raises EngineUnavailable."""
    engine = EngineClient(way)
    talk = EngineSession(engine, engine.events())
    try:
        await talk.query_status()
        yield talk
    finally:
        engine.close()
        await asyncio.sleep(0)


_REQUEST = 1
"""The number of the one question of a talk."""


async def sample_names(talk: EngineSession, sampling: SamplingConfig) -> tuple[SampledName, ...]:
    """Names from the model as it is; raises Mistake, EngineUnavailable."""
    talk.send(SampleNames(sampling, _REQUEST))
    while not (isinstance(event := await _answer(talk), NamesSampled) and event.done):
        pass
    return event.names


async def predict_next(talk: EngineSession, prefix: str) -> NextPredicted:
    """What may follow `prefix`; raises Mistake, EngineUnavailable."""
    talk.send(PredictNext(prefix, _REQUEST))
    while not isinstance(event := await _answer(talk), NextPredicted):
        pass
    return event


async def score_word(talk: EngineSession, word: str) -> WordScored:
    """How much `word` surprises the model, with its place in the corpus; raises Mistake, EngineUnavailable."""
    talk.send(ScoreWord(word, _REQUEST))
    scored: list[WordScored] = []
    while len(scored) < 2:  # the surprises at once, and again with the place
        if isinstance(event := await _answer(talk), WordScored):
            scored.append(event)
    return scored[-1]


async def probe_layers(talk: EngineSession) -> tuple[LayerStats, ...]:
    """Statistics of every layer; raises Mistake, EngineUnavailable."""
    talk.send(ProbeLayers())
    while not isinstance(event := await _answer(talk), LayersProbed):
        pass
    return event.layers


async def _answer(talk: EngineSession) -> AnyEvent:
    """The next event; raises Mistake where it says that there will be no answer."""
    run = talk.opened.run if talk.opened else None
    match event := await talk.next_event():
        case NamesRefused(problem=problem, remedy=remedy) | QueryRefused(problem=problem, remedy=remedy):
            raise UserError(problem, remedy)
        case RunOpened(run=other) if other != run:
            raise UserError(f"run {run} gave way to another before it answered", "ask again")
    return event
