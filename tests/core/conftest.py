"""What the tests of the run store share: a store, and records to keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.metrics import (
    CorpusSummary,
    CurveMarker,
    Evaluation,
    LossPoint,
    RunState,
    Split,
    TrainingHistory,
)
from charwave_tui.core.store.checkpoint_metadata import CHECKSUM_KEY, CHECKSUM_PLACEHOLDER, RECORD_KEY, add_checksum
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.run_store import RunStore

HISTORY = TrainingHistory(
    100,
    (LossPoint(100, 2.9, 2.5, 3.3), LossPoint(200, 2.4, 2.25, 2.75)),
    (Evaluation(150, Split.VAL, 2.6), Evaluation(200, Split.TRAIN, 2.5), Evaluation(200, Split.VAL, 2.55, 2.65)),
    (CurveMarker(120, "lr 0.1 → 0.05"), CurveMarker(200, "paused")),
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
            corpus=CorpusSummary("имена", "0" * 64, 100, "абв", (80, 10, 10)),
            parameters=4_321,
            state=RunState.FINISHED,
            step=200,
            created="2026-01-01T00:00:00+00:00",
            seconds=12.5,
            training_seconds=10.0,
            first_loss=3.3,
            train=2.5,
            val=2.55,
            history=HISTORY,
            val_unseen=2.65,
        )
        return msgspec.structs.replace(usual, **others)

    return made


@pytest.fixture
def write_save(store: RunStore) -> Callable[[RunRecord], bytes]:
    """Writes a save of a record, with no tensors in it, and gives what it holds."""

    def keep(record: RunRecord) -> bytes:
        texts = {RECORD_KEY: msgspec.json.encode(record).decode(), CHECKSUM_KEY: CHECKSUM_PLACEHOLDER}
        header = msgspec.json.encode({"__metadata__": texts})
        content = add_checksum(len(header).to_bytes(8, "little") + header)
        store.folder_of(record.run).next_checkpoint_path().write_bytes(content)
        return content

    return keep
