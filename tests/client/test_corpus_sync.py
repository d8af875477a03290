"""RemoteCommandQueue: local names of corpora, uploads before commands, refused uploads."""

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

REMOTE_PATH = "/there/sent/words.txt"


class CorpusSyncHarness:
    """A RemoteCommandQueue whose writer records the commands."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        writer: Any = self
        self.sync = RemoteCommandQueue(writer, {})

    def write(self, frame: bytes) -> None:
        self.sent.put_nowait(decode_command(frame[4:]))

    async def drain(self) -> None:
        await asyncio.sleep(0)

    async def next_command(self) -> Any:
        async with asyncio.timeout(5):
            return await self.sent.get()


@pytest.fixture
async def harness() -> AsyncIterator[CorpusSyncHarness]:
    harness = CorpusSyncHarness()
    yield harness
    harness.sync.close()


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    path = tmp_path / "words.txt"
    path.write_text("anna\nbert\n", "utf-8")
    return RunConfig(corpus=str(path))


async def start_run(harness: CorpusSyncHarness, config: RunConfig, there: str = REMOTE_PATH) -> Any:
    harness.sync.send(StartRun(config, ""))
    offer = await harness.next_command()
    assert isinstance(offer, OfferCorpus)
    assert harness.sync.localize(CorpusStored(offer.sha256, there)) is None
    return await harness.next_command()


async def test_live_edit_reaches_run_after_local_file_changed_or_went(
    harness: CorpusSyncHarness, config: RunConfig
) -> None:
    assert (await start_run(harness, config)).config.corpus == REMOTE_PATH
    path, edited = Path(config.corpus), replace(config, lr=0.05)
    for change in (lambda: path.write_text("cleo\n", "utf-8"), path.unlink):
        change()
        harness.sync.send(EditRun(edited))
        assert await harness.next_command() == EditRun(replace(edited, corpus=REMOTE_PATH))
    assert harness.sync.localize(RunEdited(replace(edited, corpus=REMOTE_PATH))) == RunEdited(edited)


async def test_reply_about_other_corpus_is_ignored(harness: CorpusSyncHarness, config: RunConfig) -> None:
    harness.sync.send(StartRun(config, ""))
    offer = await harness.next_command()
    other = "f" * 64
    assert harness.sync.localize(CorpusStored(other, "/there/sent/other.txt")) is None
    assert harness.sync.localize(CorpusRequested(other)) is None
    harness.sync.localize(CommandRefused("the corpus before has no words", "choose another", "corpus"))
    harness.sync.localize(CorpusStored(offer.sha256, REMOTE_PATH))
    assert (await harness.next_command()).config.corpus == REMOTE_PATH


async def test_refused_corpus_reported_and_later_commands_continue(
    harness: CorpusSyncHarness, config: RunConfig
) -> None:
    harness.sync.send(StartRun(config, ""))
    harness.sync.send(StartRun(RunConfig(), ""))
    offer = await harness.next_command()
    harness.sync.localize(CorpusRequested(offer.sha256))
    part = await harness.next_command()
    assert isinstance(part, UploadCorpusPart)
    assert part.part == Path(config.corpus).read_bytes()
    refused = harness.sync.localize(CorpusRefused(offer.sha256, "the disk is full", "free some space"))
    assert refused == CommandRefused("the disk is full", "free some space", "corpus")
    assert await harness.next_command() == StartRun(RunConfig(), "")


async def test_non_file_corpus_left_to_engine_without_delay(harness: CorpusSyncHarness, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", tmp_path, tmp_path / "nothing", Path("/dev/zero")):
        harness.sync.send(StartRun(RunConfig(corpus=str(place)), ""))
        assert (await harness.next_command()).config.corpus == str(place)


async def test_reattached_run_shows_local_corpus_name(harness: CorpusSyncHarness, config: RunConfig) -> None:
    await start_run(harness, config)
    there = replace(config, corpus=REMOTE_PATH)
    row = RunSummary(1, "", "", "", there, "words", 9, RunState.PAUSED, 3, "", 0.0, None, None, None)
    found = harness.sync.localize(ResumableRunFound(row))
    assert isinstance(found, ResumableRunFound)
    assert found.run.config == config
