"""Commands on their way to another machine, in order; a corpus file that one names goes along first, once."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec

from charwave_tui.core.archive import RunShown, RunsListed
from charwave_tui.core.config import RunConfig
from charwave_tui.core.corpus import LARGEST_FILE
from charwave_tui.core.framing import AnyEvent, frame
from charwave_tui.core.protocol import Command, CommandRefused, EditRun, PrepareRun, RunEdited, RunOpened, StartRun
from charwave_tui.core.sending import PART, CorpusPlaced, CorpusWanted, OfferCorpus, SendCorpus

Configured = TypeVar("Configured", PrepareRun, StartRun, EditRun, RunOpened, RunEdited)
"""Messages that hold a config."""


class Courier:
    """Sends commands by `writer`; `places` says where corpora of this machine lie on the other one."""

    def __init__(self, writer: asyncio.StreamWriter, places: dict[str, str]) -> None:
        self._writer = writer
        self._places = places
        self._commands: asyncio.Queue[Command] = asyncio.Queue()
        self._answer: asyncio.Future[CorpusPlaced | CorpusWanted | None] | None = None
        self._working = asyncio.create_task(self._work())

    def send(self, command: Command) -> None:
        """Put a command on its way."""
        self._commands.put_nowait(command)

    def heard(self, event: AnyEvent) -> AnyEvent | None:
        """The event as it is for this machine, whose corpora are named as here; None where it was for the courier."""
        match event:
            case CorpusPlaced() | CorpusWanted():
                self._answered(event)
                return None
            case CommandRefused(field="corpus"):
                self._answered(None)
            case RunOpened():
                return _with_corpus(event, self._named_here(event.config).corpus)
            case RunEdited():
                return _with_corpus(event, self._named_here(event.config).corpus)
            case RunsListed(runs=rows):
                here = tuple(msgspec.structs.replace(row, config=self._named_here(row.config)) for row in rows)
                return RunsListed(here)
            case RunShown(record=record):
                return RunShown(msgspec.structs.replace(record, config=self._named_here(record.config)))
        return event

    def close(self) -> None:
        """Send nothing more."""
        self._working.cancel()

    async def _work(self) -> None:
        with suppress(ConnectionError):
            while True:
                if (ready := await self._ready(await self._commands.get())) is not None:
                    self._writer.write(frame(ready))
                    await self._writer.drain()

    async def _ready(self, command: Command) -> Command | None:
        """The command as it is for the other machine; None where that refused its corpus, and told so."""
        match command:
            case PrepareRun() if there := await self._placed(command.config.corpus):
                return _with_corpus(command, there)
            case StartRun() if there := await self._placed(command.config.corpus):
                return _with_corpus(command, there)
            case EditRun() if there := await self._placed(command.config.corpus):
                return _with_corpus(command, there)
            case PrepareRun() | StartRun() | EditRun():
                return None
        return command

    async def _placed(self, corpus: str) -> str | None:
        """What the corpus is called on the other machine, once it is there; None where that refused it."""
        path = Path(corpus)
        try:
            if not path.is_absolute() or path.stat().st_size > LARGEST_FILE:
                return corpus
            content = path.read_bytes()
        except OSError:
            return corpus  # not a file of this machine: the engine says what there is to say
        sha256 = hashlib.sha256(content).hexdigest()
        answer = await self._ask(OfferCorpus(sha256, path.name))
        if isinstance(answer, CorpusWanted):
            last = max(0, len(content) - 1) // PART * PART
            for offset in range(0, last, PART):
                self._writer.write(frame(self._part(sha256, path.name, content, offset)))
                await self._writer.drain()
            answer = await self._ask(self._part(sha256, path.name, content, last))
        if not isinstance(answer, CorpusPlaced):
            return None
        self._places[answer.path] = corpus
        return answer.path

    @staticmethod
    def _part(sha256: str, name: str, content: bytes, offset: int) -> SendCorpus:
        return SendCorpus(sha256, name, len(content), offset, content[offset : offset + PART])

    async def _ask(self, command: Command) -> CorpusPlaced | CorpusWanted | None:
        self._answer = asyncio.get_running_loop().create_future()
        self._writer.write(frame(command))
        await self._writer.drain()
        return await self._answer

    def _answered(self, event: CorpusPlaced | CorpusWanted | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(event)

    def _named_here(self, config: RunConfig) -> RunConfig:
        here = self._places.get(config.corpus)
        return replace(config, corpus=here) if here else config


def _with_corpus(message: Configured, corpus: str) -> Configured:
    return msgspec.structs.replace(message, config=replace(message.config, corpus=corpus))
