"""An engine killed at any moment: its run resumes from the latest checkpoint and ends as an uninterrupted one."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.metrics import RunState, TrainingHistory
from charwave_tui.core.paths import runs_dir, socket_path
from charwave_tui.core.protocol.commands import Command, OpenRun, StartRun
from charwave_tui.core.protocol.events import CommandRefused, EngineFailed, Event, RunOpened, RunSaved
from charwave_tui.core.protocol.framing import decode_event, encode_frame, read_payload
from charwave_tui.core.store.run_folder import CHECKPOINTS_KEPT
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.api import InProcessTraining, sample
from charwave_tui.engine.runs.checkpoint import load_latest_checkpoint

SameBits = Callable[..., bool]


# saves that come so often that many a kill falls into one
EAGER = "from charwave_tui.engine.runs import autosave as saves; saves.EVERY = 0.02; saves.SHARE = 1.0"


ENGINE = f"import sys; {EAGER}; from charwave_tui.cli.main import main; sys.exit(main(['engine']))"


class EngineProcess:
    """A real engine process and its connection."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", ENGINE], stdin=subprocess.DEVNULL)

    async def connect_and_send(self, command: Command) -> None:
        """Connect as a viewer and send a command."""
        async with asyncio.timeout(60):
            while True:
                try:
                    self.reader, self.writer = await asyncio.open_unix_connection(str(socket_path()), limit=2**23)
                    break
                except OSError:
                    assert self.process.poll() is None, "the engine did not start"
                    await asyncio.sleep(0.02)
        self.writer.write(encode_frame(command))

    async def wait_for_event(self, is_it: Callable[[Event], bool]) -> Event:
        """The first event that `is_it`."""
        async with asyncio.timeout(60):
            while not is_it(event := decode_event(await read_payload(self.reader))):
                assert not isinstance(event, CommandRefused | EngineFailed), event
            return event

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        assert self.process.wait(10) == -signal.SIGKILL
        self.writer.close()

    async def end(self) -> None:
        self.process.terminate()
        assert await asyncio.to_thread(self.process.wait, 30) == 0
        self.writer.close()


def without_quiet_marks(history: TrainingHistory) -> TrainingHistory:
    """The history without the marks that say only who looked when."""
    return msgspec.structs.replace(history, marks=tuple(mark for mark in history.marks if not mark.quiet))


async def run_with_kills(config: RunConfig, kills: int, chance: random.Random) -> RunRecord:
    """Train a run with an engine killed so often, each time at another moment; return its last record."""
    store = RunStore(runs_dir())
    engine = EngineProcess()
    await engine.connect_and_send(StartRun(config, "hunted"))
    opened = await engine.wait_for_event(lambda event: isinstance(event, RunOpened) and event.run is not None)
    assert isinstance(opened, RunOpened)
    assert opened.run is not None
    run, saved = opened.run, 0
    for _ in range(kills):
        await engine.wait_for_event(lambda event: isinstance(event, RunSaved))
        try:
            async with asyncio.timeout(chance.uniform(0.0, 0.15)):
                while True:
                    event = await engine.wait_for_event(lambda event: isinstance(event, RunSaved))
                    assert isinstance(event, RunSaved)
                    saved = event.step
        except TimeoutError:
            pass
        engine.kill()
        checkpoint = load_latest_checkpoint(
            store.folder_of(run), pytest.fail
        )  # the newest save is sound: none is told of as damaged
        assert checkpoint.record.step >= saved
        known = store.read(run)
        assert known.step >= checkpoint.record.step
        assert known.history.points[: len(checkpoint.record.history.points)] == checkpoint.record.history.points
        engine = EngineProcess()
        await engine.connect_and_send(OpenRun(run, train=True))
        await engine.wait_for_event(lambda event: isinstance(event, RunOpened) and event.run == run)
    while store.read(run).val is None or store.read(run).train is None:
        await asyncio.sleep(0.1)
        assert engine.process.poll() is None
    await engine.end()
    return store.read(run)


@pytest.mark.parametrize("kills", [3, pytest.param(30, marks=pytest.mark.soak)])
async def test_killed_engine_run_resumed_ends_bit_identical(
    kills: int, tmp_path: Path, bit_identical: SameBits
) -> None:
    words = tmp_path / "words.txt"
    words.write_text("\n".join(a + b + c for a in "bdklm" for b in "aeiou" for c in "nrst"), "utf-8")
    config = RunConfig(
        corpus=str(words), context=4, fuse=(2, 2), n_embd=4, n_hidden=16, batch_size=8, eval_every=1_000,
        max_steps=1_500 * (kills + 1), lr_drop=0.4, momentum=0.5, drop_context=0.1,
    )  # fmt: skip
    alone = InProcessTraining(StartRun(config, "left alone")).start()
    hunted = await run_with_kills(config, kills, random.Random(kills))
    store = RunStore(runs_dir())
    first, second = (load_latest_checkpoint(store.folder_of(run), pytest.fail) for run in (alone.run, hunted.run))
    assert hunted.state is RunState.FINISHED
    assert bit_identical(first.tensors, second.tensors)
    assert without_quiet_marks(hunted.history) == without_quiet_marks(alone.history)
    assert (hunted.train, hunted.val, hunted.first_loss) == (alone.train, alone.val, alone.first_loss)
    assert first.resume_state == second.resume_state
    assert sample(SamplingConfig(), alone.run) == sample(SamplingConfig(), hunted.run)
    assert len(store.folder_of(hunted.run).checkpoints()) == CHECKPOINTS_KEPT
    assert {path.name for path in store.folder_of(hunted.run).path.iterdir() if path.suffix != ".safetensors"} == {
        "lock"
    }
