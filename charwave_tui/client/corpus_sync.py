"""Commands on their way to another machine, in order; a corpus file that one names goes along first, once."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import msgspec

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus import LARGEST_FILE
from charwave_tui.core.protocol.commands import (
    UPLOAD_CHUNK,
    Command,
    EditRun,
    OfferCorpus,
    PrepareRun,
    StartRun,
    UploadCorpusPart,
)
from charwave_tui.core.protocol.events import (
    AnyEvent,
    CommandRefused,
    CorpusRefused,
    CorpusRequested,
    CorpusStored,
    ResumableRunFound,
    RunEdited,
    RunOpened,
    RunShown,
    RunsListed,
)
from charwave_tui.core.protocol.framing import encode_frame

Configured = TypeVar("Configured", PrepareRun, StartRun, EditRun, RunOpened, RunEdited)
"""Messages that hold a config."""


Answer = CorpusStored | CorpusRequested | CorpusRefused
"""What is told of a corpus that was offered or sent."""


class RemoteCommandQueue:
    """Sends commands by `writer`; `places` says where corpora of this machine lie on the other one."""

    def __init__(self, writer: asyncio.StreamWriter, places: dict[str, str]) -> None:
        self._writer = writer
        self._places = places
        self._commands: asyncio.Queue[Command] = asyncio.Queue()
        self._asked = ""
        self._answer: asyncio.Future[Answer] | None = None
        self._held = ""
        self._working = asyncio.create_task(self._work())

    def send(self, command: Command) -> None:
        """Put a command on its way."""
        self._commands.put_nowait(command)

    def heard(self, event: AnyEvent) -> AnyEvent | None:
        """The event as it is for this machine, whose corpora are named as here; None where it was for the courier."""
        match event:
            case CorpusStored() | CorpusRequested():
                self._answered(event)
                return None
            case CorpusRefused(problem=problem, remedy=remedy):
                self._answered(event)
                return CommandRefused(problem, remedy, "corpus")
            case RunOpened():
                self._held = event.config.corpus
                return _with_corpus(event, self._to_local(event.config).corpus)
            case RunEdited():
                return _with_corpus(event, self._to_local(event.config).corpus)
            case RunsListed(runs=rows):
                here = tuple(msgspec.structs.replace(row, config=self._to_local(row.config)) for row in rows)
                return RunsListed(here)
            case ResumableRunFound(run=row):
                return ResumableRunFound(msgspec.structs.replace(row, config=self._to_local(row.config)))
            case RunShown(record=record):
                return RunShown(msgspec.structs.replace(record, config=self._to_local(record.config)))
        return event

    def close(self) -> None:
        """Send nothing more."""
        self._working.cancel()

    async def _work(self) -> None:
        with suppress(ConnectionError):
            while True:
                if (ready := await self._ready(await self._commands.get())) is not None:
                    self._writer.write(encode_frame(ready))
                    await self._writer.drain()

    async def _ready(self, command: Command) -> Command | None:
        """The command as it is for the other machine; None where that refused its corpus, and told so."""
        match command:
            case PrepareRun() if there := await self._remote_path(command.config.corpus):
                return _with_corpus(command, there)
            case StartRun() if there := await self._remote_path(command.config.corpus):
                return _with_corpus(command, there)
            case PrepareRun() | StartRun():
                return None
            case EditRun():
                return _with_corpus(command, self._to_remote(command.config.corpus))
        return command

    async def _remote_path(self, corpus: str) -> str | None:
        """What the corpus is called on the other machine, once it is there; None where that refused it."""
        path = Path(corpus)
        try:
            if not path.is_absolute() or not path.is_file() or (found := path.stat()).st_size > LARGEST_FILE:
                return corpus
            sha256 = await asyncio.to_thread(_sha256, path, found.st_mtime_ns, found.st_size)
            answer = await self._ask(OfferCorpus(sha256, path.name))
            if isinstance(answer, CorpusRequested):
                answer = await self._sent(sha256, path.name, await asyncio.to_thread(path.read_bytes))
        except ConnectionError:
            raise
        except OSError:
            return corpus  # not a file of this machine: the engine says what there is to say
        if not isinstance(answer, CorpusStored):
            return None
        self._places.pop(answer.path, None)  # the newest place comes last
        self._places[answer.path] = corpus
        return answer.path

    async def _sent(self, sha256: str, name: str, content: bytes) -> Answer:
        last = max(0, len(content) - 1) // UPLOAD_CHUNK * UPLOAD_CHUNK
        for offset in range(0, last, UPLOAD_CHUNK):
            self._writer.write(encode_frame(self._part(sha256, name, content, offset)))
            await self._writer.drain()
        return await self._ask(self._part(sha256, name, content, last))

    @staticmethod
    def _part(sha256: str, name: str, content: bytes, offset: int) -> UploadCorpusPart:
        return UploadCorpusPart(sha256, name, len(content), offset, content[offset : offset + UPLOAD_CHUNK])

    async def _ask(self, command: OfferCorpus | UploadCorpusPart) -> Answer:
        self._asked, self._answer = command.sha256, asyncio.get_running_loop().create_future()
        self._writer.write(encode_frame(command))
        await self._writer.drain()
        return await self._answer

    def _answered(self, event: Answer) -> None:
        if self._answer is not None and not self._answer.done() and event.sha256 == self._asked:
            self._answer.set_result(event)

    def _to_local(self, config: RunConfig) -> RunConfig:
        here = self._places.get(config.corpus)
        return replace(config, corpus=here) if here else config

    def _to_remote(self, corpus: str) -> str:
        """What the corpus of the run in hand is called on the other machine, whatever became of the file here."""
        if self._places.get(self._held) == corpus:
            return self._held
        return next((there for there, here in reversed(self._places.items()) if here == corpus), corpus)


def _with_corpus(message: Configured, corpus: str) -> Configured:
    return msgspec.structs.replace(message, config=replace(message.config, corpus=corpus))


@lru_cache(maxsize=4)
def _sha256(path: Path, mtime: int, size: int) -> str:
    """That of a file, read once for as long as it is not changed."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
