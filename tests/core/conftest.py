"""What the tests of the run store share: records, a disk that is full, and another process."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from charwave_tui.core.config import RunConfig
from charwave_tui.core.readings import CorpusCard, Evaluation, History, LossPoint, Mark, Split, State
from charwave_tui.core.records import RunRecord
from charwave_tui.core.runs import RunStore

HISTORY = History(
    100,
    (LossPoint(100, 2.9, 2.5, 3.3), LossPoint(200, 2.4, 2.25, 2.75)),
    (Evaluation(150, Split.VAL, 2.6), Evaluation(200, Split.TRAIN, 2.5), Evaluation(200, Split.VAL, 2.55)),
    (Mark(120, "lr 0.1 → 0.05"), Mark(200, "paused")),
)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "data" / "runs", pytest.fail)


@pytest.fixture
def record() -> Callable[..., RunRecord]:
    """Gives the record of a run by its number, with whatever else is named."""

    def made(run: int, **others: Any) -> RunRecord:
        usual = RunRecord(
            run=run,
            preset="playground",
            config=replace(RunConfig(), fuse=(4, 2)),
            corpus=CorpusCard("имена", "0" * 64, 100, "абв", (80, 10, 10)),
            parameters=4_321,
            state=State.FINISHED,
            step=200,
            created="2026-01-01T00:00:00+00:00",
            seconds=12.5,
            training_seconds=10.0,
            first_loss=3.3,
            train=2.5,
            val=2.55,
            history=HISTORY,
        )
        return msgspec.structs.replace(usual, **others)

    return made


@pytest.fixture
def full_disk() -> Callable[[], AbstractContextManager[None]]:
    """Gives a context in which no file of this process can grow."""

    @contextmanager
    def full() -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return full


@pytest.fixture
def elsewhere() -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts another process with some code, which has come so far as to print a line."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        started.append(process)
        assert process.stdout
        assert process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
