"""Corpora that go along with commands: called as they are here, whatever becomes of the file, and never mixed up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from charwave_tui.client.corpus_sync import RemoteCommandQueue
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import EditRun, OfferCorpus, StartRun, UploadCorpusPart
from charwave_tui.core.protocol.events import (
    CommandRefused,
    CorpusRefused,
    CorpusRequested,
    CorpusStored,
    ResumableRunFound,
    RunEdited,
)
from charwave_tui.core.protocol.framing import decode_command
from charwave_tui.core.store.run_record import RunSummary

THERE = "/there/sent/words.txt"


class Desk:
    """A courier whose writer keeps what it is given."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        writer: Any = self
        self.courier = RemoteCommandQueue(writer, {})

    def write(self, frame: bytes) -> None:
        self.sent.put_nowait(decode_command(frame[4:]))

    async def drain(self) -> None:
        await asyncio.sleep(0)

    async def next(self) -> Any:
        async with asyncio.timeout(5):
            return await self.sent.get()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    yield desk
    desk.courier.close()


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    path = tmp_path / "words.txt"
    path.write_text("anna\nbert\n", "utf-8")
    return RunConfig(corpus=str(path))


async def started(desk: Desk, config: RunConfig, there: str = THERE) -> Any:
    desk.courier.send(StartRun(config, ""))
    offer = await desk.next()
    assert isinstance(offer, OfferCorpus)
    assert desk.courier.heard(CorpusStored(offer.sha256, there)) is None
    return await desk.next()


async def test_live_edit_reaches_run_after_local_file_changed_or_went(desk: Desk, config: RunConfig) -> None:
    assert (await started(desk, config)).config.corpus == THERE
    path, edited = Path(config.corpus), replace(config, lr=0.05)
    for change in (lambda: path.write_text("cleo\n", "utf-8"), path.unlink):
        change()
        desk.courier.send(EditRun(edited))
        assert await desk.next() == EditRun(replace(edited, corpus=THERE))
    assert desk.courier.heard(RunEdited(replace(edited, corpus=THERE))) == RunEdited(edited)


async def test_reply_about_other_corpus_is_ignored(desk: Desk, config: RunConfig) -> None:
    desk.courier.send(StartRun(config, ""))
    offer = await desk.next()
    other = "f" * 64
    assert desk.courier.heard(CorpusStored(other, "/there/sent/other.txt")) is None
    assert desk.courier.heard(CorpusRequested(other)) is None
    desk.courier.heard(CommandRefused("the corpus before has no words", "choose another", "corpus"))
    desk.courier.heard(CorpusStored(offer.sha256, THERE))
    assert (await desk.next()).config.corpus == THERE


async def test_refused_corpus_reported_and_later_commands_continue(desk: Desk, config: RunConfig) -> None:
    desk.courier.send(StartRun(config, ""))
    desk.courier.send(StartRun(RunConfig(), ""))
    offer = await desk.next()
    desk.courier.heard(CorpusRequested(offer.sha256))
    part = await desk.next()
    assert isinstance(part, UploadCorpusPart)
    assert part.part == Path(config.corpus).read_bytes()
    said = desk.courier.heard(CorpusRefused(offer.sha256, "the disk is full", "free some space"))
    assert said == CommandRefused("the disk is full", "free some space", "corpus")
    assert await desk.next() == StartRun(RunConfig(), "")


async def test_non_file_corpus_left_to_engine_without_delay(desk: Desk, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", tmp_path, tmp_path / "nothing", Path("/dev/zero")):
        desk.courier.send(StartRun(RunConfig(corpus=str(place)), ""))
        assert (await desk.next()).config.corpus == str(place)


async def test_reattached_run_shows_local_corpus_name(desk: Desk, config: RunConfig) -> None:
    await started(desk, config)
    there = replace(config, corpus=THERE)
    row = RunSummary(1, "", "", "", there, "words", 9, RunState.PAUSED, 3, "", 0.0, None, None, None)
    found = desk.courier.heard(ResumableRunFound(row))
    assert isinstance(found, ResumableRunFound)
    assert found.run.config == config
