"""EngineSession: single requests to an engine, for scripts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from charwave_tui.client.connection import EngineUnavailable
from charwave_tui.client.endpoints import EngineEndpoint
from charwave_tui.client.engine_client import EngineClient
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import LayerStats, SampledName, Split, TrainingHistory
from charwave_tui.core.protocol import events
from charwave_tui.core.protocol.commands import Command, PredictNext, ProbeLayers, ReportStatus, SampleNames, ScoreWord

ENGINE_GONE = "the engine went before it answered; charwave-tui status tells whether it runs"
STATUS_POLL_SECONDS = 0.05  # between two requests of the status while the engine evaluates

ReplyEvent = TypeVar("ReplyEvent", bound=events.Event)


class EngineSession:
    """A client and what it has received: the run as `opened`, if any, its newest `losses` and the engine's `status`.

    `val_unseen` is the newest loss over the words of val that are not in train; `reply_step` is the step of the last
    reply about the model.
    """

    def __init__(self, client: EngineClient, event_stream: AsyncIterator[events.Event]) -> None:
        self.opened: events.RunOpened | None = None
        self.status: events.StatusReported | None = None
        self.losses: dict[Split, float] = {}
        self.val_unseen: float | None = None
        self.reply_step = 0
        self._client = client
        self._events = event_stream

    def send(self, command: Command) -> None:
        self._client.send(command)

    async def next_event(self) -> events.Event:
        """Return the next event.

        Raises UserError if the engine refuses a command, EngineUnavailable if it fails or exits.
        """
        event = await anext(self._events, None)
        match event:
            case None:
                raise EngineUnavailable(ENGINE_GONE)
            case events.CommandRefused(problem=problem, remedy=remedy, field=field):
                raise UserError(problem, remedy, field)
            case events.EngineFailed(problem=problem, log=log):
                raise EngineUnavailable(f"the engine failed: {problem}; its log is {log}")
            case events.RunOpened(run=run) if run is not None:
                self.opened = event
                self.losses = _newest_losses(event.history)
                val = event.history.latest_evaluation(Split.VAL)
                self.val_unseen = val.unseen if val else None
            case events.Progress(points=(*_, newest)):
                self.losses[Split.TRAIN] = newest.mean
            case events.SplitEvaluated(evaluation=evaluation):
                self.losses[evaluation.split] = evaluation.loss
                if evaluation.split is Split.VAL:
                    self.val_unseen = evaluation.unseen
            case events.StatusReported():
                self.status = event
            case events.LayersProbed() | events.NamesSampled() | events.NextPredicted() | events.WordScored():
                self.reply_step = event.step
        return event

    async def query_status(self) -> events.StatusReported:
        """Return the status, after all events before it have been received."""
        self.send(ReportStatus())
        while not isinstance(event := await self.next_event(), events.StatusReported):
            pass
        return event

    async def wait_until_evaluated(self) -> events.StatusReported:
        """Return the status once no evaluation is pending and all have been received."""
        while (status := await self.query_status()).evaluating:
            await asyncio.sleep(STATUS_POLL_SECONDS)
        return status


def _newest_losses(history: TrainingHistory) -> dict[Split, float]:
    """Return the newest loss of each split; that of train may be a loss point."""
    losses = [(item.step, item.split, item.loss) for item in history.evaluations]
    # a point counts as older than the evaluation of the whole split at its step
    losses += [(point.step - 1, Split.TRAIN, point.mean) for point in history.points[-1:]]
    return {split: loss for _, split, loss in sorted(losses, key=lambda item: item[0])}


@asynccontextmanager
async def engine_session(endpoint: EngineEndpoint) -> AsyncIterator[EngineSession]:
    """Connect to the engine at `endpoint` and receive its snapshot; raises EngineUnavailable."""
    client = EngineClient(endpoint)
    session = EngineSession(client, client.events())
    try:
        await session.query_status()
        yield session
    finally:
        client.close()
        await asyncio.sleep(0)


# The functions below raise UserError and EngineUnavailable.

_REQUEST = 1  # the number of the only request of a session


async def sample_names(session: EngineSession, sampling: SamplingConfig) -> tuple[SampledName, ...]:
    """Return names sampled from the model as it is."""
    session.send(SampleNames(sampling, _REQUEST))
    while not (sampled := await _reply(session, events.NamesSampled)).done:
        pass
    return sampled.names


async def predict_next(session: EngineSession, prefix: str) -> events.NextPredicted:
    """Return the distribution of the character after `prefix`."""
    session.send(PredictNext(prefix, _REQUEST))
    return await _reply(session, events.NextPredicted)


async def score_word(session: EngineSession, word: str) -> events.WordScored:
    """Return the nll of each character of `word`, with its percentile in the corpus if its words are there."""
    session.send(ScoreWord(word, _REQUEST))
    scored = await _reply(session, events.WordScored)  # without the percentile
    return scored if scored.nearest_word is None else await _reply(session, events.WordScored)


async def probe_layers(session: EngineSession) -> tuple[LayerStats, ...]:
    """Return the statistics of every layer."""
    session.send(ProbeLayers())
    return (await _reply(session, events.LayersProbed)).layers


async def _reply(session: EngineSession, event_type: type[ReplyEvent]) -> ReplyEvent:
    """Return the next event of that type; raises UserError if an event says that there will be none."""
    while True:
        run = session.opened.run if session.opened else None
        match await session.next_event():
            case events.NamesRefused() | events.QueryRefused() as refused:
                raise UserError(refused.problem, refused.remedy)
            case events.RunOpened(run=opened_run) if opened_run != run:
                raise UserError(f"run {run} gave way to another before it answered", "ask again")
            case event if isinstance(event, event_type):
                return event
