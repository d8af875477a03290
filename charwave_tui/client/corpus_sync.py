"""Commands to an engine on another machine, in order; the corpus file that one names is uploaded before it, once."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import msgspec

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.reading import MAX_FILE_BYTES
from charwave_tui.core.protocol import commands, events
from charwave_tui.core.protocol.commands import UPLOAD_CHUNK_BYTES, Command
from charwave_tui.core.protocol.framing import encode_frame

UploadReply = events.CorpusStored | events.CorpusRequested | events.CorpusRefused


class RemoteCommandQueue:
    """Sends commands by `writer`, with the names of corpora on the engine's machine in place of the local ones.

    `local_paths` maps the path of each uploaded corpus on the engine's machine to the local one, and is added to.
    """

    def __init__(self, writer: asyncio.StreamWriter, local_paths: dict[str, str]) -> None:
        self._writer = writer
        self._local_paths = local_paths
        self._commands: asyncio.Queue[Command] = asyncio.Queue()
        self._upload_sha256 = ""
        self._upload_reply: asyncio.Future[UploadReply] | None = None
        self._run_corpus = ""  # of the active run, on the engine's machine
        self._sender = asyncio.create_task(self._send_all())

    def send(self, command: Command) -> None:
        self._commands.put_nowait(command)

    def localize(self, event: events.Event) -> events.Event | None:
        """Return the event with local names of corpora; None for a reply to an upload, which is handled here."""
        match event:
            case events.CorpusStored() | events.CorpusRequested():
                self._handle_upload_reply(event)
                return None
            case events.CorpusRefused(problem=problem, remedy=remedy):
                self._handle_upload_reply(event)
                return events.CommandRefused(problem, remedy, "corpus")
            case events.RunOpened():
                self._run_corpus = event.config.corpus
                return msgspec.structs.replace(event, config=self._to_local(event.config))
            case events.RunEdited():
                return msgspec.structs.replace(event, config=self._to_local(event.config))
            case events.RunsListed(runs=runs):
                local = (msgspec.structs.replace(run, config=self._to_local(run.config)) for run in runs)
                return events.RunsListed(tuple(local))
            case events.ResumableRunFound(run=run):
                return events.ResumableRunFound(msgspec.structs.replace(run, config=self._to_local(run.config)))
            case events.RunShown(record=record):
                return events.RunShown(msgspec.structs.replace(record, config=self._to_local(record.config)))
        return event

    def close(self) -> None:
        """Send nothing more."""
        self._sender.cancel()

    async def _send_all(self) -> None:
        with suppress(ConnectionError):
            while True:
                if (command := await self._to_remote(await self._commands.get())) is not None:
                    self._writer.write(encode_frame(command))
                    await self._writer.drain()

    async def _to_remote(self, command: Command) -> Command | None:
        """Return the command with the remote name of its corpus; None if the engine refused the corpus."""
        match command:
            case commands.PrepareRun() | commands.StartRun():
                remote_path = await self._upload(command.config.corpus)
                return None if remote_path is None else _with_corpus(command, remote_path)
            case commands.EditRun():
                return _with_corpus(command, self._remote_path(command.config.corpus))
        return command

    async def _upload(self, corpus: str) -> str | None:
        """Return the name of the corpus on the engine's machine, once it is there; None if that refused it."""
        path = Path(corpus)
        try:
            if not path.is_absolute() or not path.is_file() or (stat := path.stat()).st_size > MAX_FILE_BYTES:
                return corpus
            sha256 = await asyncio.to_thread(_sha256, path, stat.st_mtime_ns, stat.st_size)
            reply = await self._request(commands.OfferCorpus(sha256, path.name))
            if isinstance(reply, events.CorpusRequested):
                reply = await self._send_parts(sha256, path.name, await asyncio.to_thread(path.read_bytes))
        except ConnectionError:
            raise
        except OSError:
            return corpus  # no readable local file: the engine says what is wrong
        if not isinstance(reply, events.CorpusStored):
            return None
        self._local_paths.pop(reply.path, None)  # the latest path comes last
        self._local_paths[reply.path] = corpus
        return reply.path

    async def _send_parts(self, sha256: str, name: str, content: bytes) -> UploadReply:
        """Send all parts; return the reply to the last one, the only one that has a reply."""
        last = max(0, len(content) - 1) // UPLOAD_CHUNK_BYTES * UPLOAD_CHUNK_BYTES
        for offset in range(0, last + 1, UPLOAD_CHUNK_BYTES):
            part = commands.UploadCorpusPart(
                sha256, name, len(content), offset, content[offset : offset + UPLOAD_CHUNK_BYTES]
            )
            if offset < last:
                self._writer.write(encode_frame(part))
                await self._writer.drain()
        return await self._request(part)

    async def _request(self, command: commands.OfferCorpus | commands.UploadCorpusPart) -> UploadReply:
        self._upload_sha256, self._upload_reply = command.sha256, asyncio.get_running_loop().create_future()
        self._writer.write(encode_frame(command))
        await self._writer.drain()
        return await self._upload_reply

    def _handle_upload_reply(self, event: UploadReply) -> None:
        reply = self._upload_reply
        if reply is not None and not reply.done() and event.sha256 == self._upload_sha256:
            reply.set_result(event)

    def _to_local(self, config: RunConfig) -> RunConfig:
        local_path = self._local_paths.get(config.corpus)
        return replace(config, corpus=local_path) if local_path else config

    def _remote_path(self, corpus: str) -> str:
        """Return the remote name of the active run's corpus, even if the local file is gone or has changed."""
        if self._local_paths.get(self._run_corpus) == corpus:
            return self._run_corpus
        return next((remote for remote, local in reversed(self._local_paths.items()) if local == corpus), corpus)


def _with_corpus(command: commands.PrepareRun | commands.StartRun | commands.EditRun, corpus: str) -> Command:
    return msgspec.structs.replace(command, config=replace(command.config, corpus=corpus))


@lru_cache(maxsize=4)
def _sha256(path: Path, mtime_ns: int, size: int) -> str:
    """Return the SHA-256 of a file, read once for each modification."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
