"""A run as files that other programs read."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import TrainingHistory
from charwave_tui.core.store.export import export_run
from charwave_tui.core.store.folder_record import read_record_file
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.run_store import RunStore

MakeRecord = Callable[..., RunRecord]


@pytest.fixture
def weights(store: RunStore, record: MakeRecord, write_save: Callable[[RunRecord], bytes]) -> bytes:
    """What the last save of run 1 holds, which is kept with it."""
    store.write(record(store.create(), name="wide"))
    return write_save(record(1))


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_export_has_record_curve_and_weights_at_full_precision(
    store: RunStore, record: MakeRecord, weights: bytes, tmp_path: Path
) -> None:
    to = tmp_path / "new" / "folder"
    assert export_run(store, 1, to) == tuple(
        to / name for name in ("curve.csv", "evaluations.csv", "record.json", "weights.safetensors")
    )
    assert read_record_file(to) == store.read(1) == record(1, name="wide")
    heading, *curve = rows(to / "curve.csv")
    assert heading == ["step", "mean", "low", "high"]
    assert [tuple(map(float, row)) for row in curve] == [
        (point.step, point.mean, point.low, point.high) for point in record(1).history.points
    ]
    assert rows(to / "evaluations.csv") == [
        ["step", "split", "loss", "unseen"],
        ["150", "val", "2.6", ""],
        ["200", "train", "2.5", ""],
        ["200", "val", "2.55", "2.65"],
    ]
    assert (to / "weights.safetensors").read_bytes() == weights


def test_damaged_weights_are_not_exported(store: RunStore, weights: bytes, tmp_path: Path) -> None:
    store.folder_of(1).next_checkpoint_path().write_bytes(weights[:-1])
    export_run(store, 1, tmp_path / "good")
    assert (tmp_path / "good" / "weights.safetensors").read_bytes() == weights
    for save in store.folder_of(1).checkpoints():
        save.write_bytes(b"")
    assert len(export_run(store, 1, tmp_path / "none")) == 3


def test_run_without_curve_or_weights_exports_headers_only(store: RunStore, record: MakeRecord, tmp_path: Path) -> None:
    store.write(record(store.create(), history=TrainingHistory()))
    assert len(export_run(store, 1, tmp_path / "to")) == 3
    assert rows(tmp_path / "to" / "curve.csv") == [["step", "mean", "low", "high"]]


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_existing_files_not_overwritten(store: RunStore, weights: bytes, tmp_path: Path, kind: str) -> None:
    to = tmp_path / "to"
    to.mkdir() if kind == "folder" else to.touch() if kind == "file" else to.symlink_to(tmp_path / "gone")
    with pytest.raises(UserError, match="to is there already; name another folder with --to"):
        export_run(store, 1, to)
    assert not to.is_dir() or list(to.iterdir()) == []


def test_full_disk_and_blocking_file_are_named(
    store: RunStore, weights: bytes, tmp_path: Path, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    with full_disk(), pytest.raises(UserError, match=r"to cannot be written \(File too large\); name another"):
        export_run(store, 1, tmp_path / "to")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file/to cannot be written \(Not a directory\)"):
        export_run(store, 1, tmp_path / "file" / "to")


def test_unknown_run_named_and_nothing_created(store: RunStore, weights: bytes, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run 2 is unknown; the newest runs are: 1"):
        export_run(store, 2, tmp_path / "to")
    assert not (tmp_path / "to").exists()
