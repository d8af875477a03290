"""Checkpoint files: written atomically, verified, and nothing unpickled."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import safetensors.torch
import torch

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import CorpusSummary, LossPoint, RunState, TrainingHistory
from charwave_tui.core.store.folder_record import RECORD_FILE, read_folder_record
from charwave_tui.core.store.run_folder import CHECKPOINTS_KEPT, STANDALONE_WEIGHTS, RunFolder
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.engine.runs.checkpoint import (
    Checkpoint,
    load_latest_checkpoint,
    load_weights,
    save_weights,
    write_checkpoint,
)
from charwave_tui.engine.runs.run_history import ResumeState
from charwave_tui.engine.training.trainer import Trainer

SameBits = Callable[..., bool]


WEIGHTS = {"matrix": torch.arange(6.0).view(2, 3), "stream": torch.arange(5, dtype=torch.uint8)}


def make_checkpoint(step: int, run: int = 3) -> Checkpoint:
    record = RunRecord(
        run=run, preset="p", config=RunConfig(), corpus=CorpusSummary("c", "0" * 64, 9, "ab", (7, 1, 1)), parameters=5,
        state=RunState.TRAINING, step=step, created="2026-01-01T00:00:00+00:00", seconds=1.0, training_seconds=0.5,
        first_loss=3.0, train=None, val=None, history=TrainingHistory(1, (LossPoint(step, 2.0, 1.0, 3.0),)),
    )  # fmt: skip
    return Checkpoint(record, ResumeState((2.5,), 2, (LossPoint(1, 1.5, 1.0, 2.0),), 40), WEIGHTS)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """The folder of run 3, with checkpoints of its steps 10 and 20."""
    folder = RunFolder(tmp_path / "0003", 3)
    for step in (10, 20):
        write_checkpoint(folder, make_checkpoint(step))
    return folder


class UnpickleDetector:
    """Makes a folder when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.path),)


def test_checkpoint_loads_as_saved(tmp_path: Path, bit_identical: SameBits) -> None:
    path = tmp_path / "run é.safetensors"
    save_weights(path, WEIGHTS, {"step": "7", "name": "é"})
    weights, metadata = load_weights(path)
    assert bit_identical(weights, WEIGHTS)
    assert metadata == {"step": "7", "name": "é"}
    save_weights(path, {"other": torch.ones(1)}, {})
    assert load_weights(path)[0].keys() == {"other"}
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_run_resumed_from_disk_bit_identical(trainer: Trainer, tmp_path: Path, bit_identical: SameBits) -> None:
    trainer.train_for(60, 20)
    save_weights(tmp_path / "run", trainer.state_dict(), {})
    points, end = trainer.train_for(60, 10), trainer.state_dict()
    trainer.load_state(load_weights(tmp_path / "run")[0], 20)
    assert trainer.train_for(60, 10) == points
    assert bit_identical(trainer.state_dict(), end)


def test_loaded_weights_outlive_their_file(tmp_path: Path, bit_identical: SameBits) -> None:
    save_weights(tmp_path / "run", WEIGHTS, {})
    weights, _ = load_weights(tmp_path / "run")
    (tmp_path / "run").write_bytes(b"\xff" * 200)
    assert bit_identical(weights, WEIGHTS)


@pytest.mark.parametrize(
    "damage",
    [
        lambda good: b"",
        lambda good: good[:5],
        lambda good: good[:40],
        lambda good: good[:-1],
        lambda good: good + b"\0",
        lambda good: b"\0" * len(good),
        lambda good: b"\xff" * 8 + good[8:],
        lambda good: good[:8] + b"[" + good[9:],
        lambda good: b"PK\x03\x04" + good,
    ],
)
def test_damaged_file_refused_with_path(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "run.safetensors"
    save_weights(path, WEIGHTS, {"step": "7"})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=r"run\.safetensors"):
        load_weights(path)


def test_folder_or_missing_file_refused_with_path(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(UserError, match=str(path)):
            load_weights(path)


def test_pickle_refused_and_not_executed(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    (tmp_path / "plain").write_bytes(pickle.dumps(UnpickleDetector(sprung)))
    torch.save(UnpickleDetector(sprung), tmp_path / "torch")
    for name in ("plain", "torch"):
        with pytest.raises(UserError, match=name):
            load_weights(tmp_path / name)
    assert not sprung.exists()


@pytest.mark.parametrize("culprit", ["os.fsync", "pathlib.Path.replace"])
def test_failed_write_keeps_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bit_identical: SameBits, culprit: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "run"
    save_weights(path, WEIGHTS, {})
    monkeypatch.setattr(culprit, fail)
    with pytest.raises(OSError, match="No space"):
        save_weights(path, {"other": torch.ones(1)}, {})
    assert bit_identical(load_weights(path)[0], WEIGHTS)
    assert list(tmp_path.iterdir()) == [path]


def test_file_then_folder_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(Path(f"/proc/self/fd/{handle}").resolve()))
    save_weights(tmp_path / "run", WEIGHTS, {})
    assert [path.parent if path.name != tmp_path.name else path for path in synced] == [tmp_path, tmp_path]
    assert len(set(synced)) == 2


def test_saves_load_bit_identical_and_last_two_kept(folder: RunFolder, bit_identical: SameBits) -> None:
    for step in (30, 40):
        write_checkpoint(folder, make_checkpoint(step))
        assert len(folder.checkpoints()) == CHECKPOINTS_KEPT
    found = load_latest_checkpoint(folder, pytest.fail)
    assert found._replace(tensors={}) == make_checkpoint(40)._replace(tensors={})
    assert bit_identical(found.tensors, WEIGHTS)
    assert read_folder_record(folder) == make_checkpoint(40).record
    assert sorted(path.name for path in folder.path.iterdir()) == ["save-000003.safetensors", "save-000004.safetensors"]


def test_damaged_newest_save_falls_back_and_is_reported(folder: RunFolder) -> None:
    newest, before = folder.checkpoints()
    damaged = newest.read_bytes()[:-1] + b"!"
    newest.write_bytes(damaged)
    warnings: list[str] = []
    assert load_latest_checkpoint(folder, warnings.append).record == make_checkpoint(10).record
    (line,) = warnings
    assert line == (
        f"{newest} holds no weights that can be read: it is not what was written: "
        "run 3 is taken from the save before it, of step 10"
    )
    write_checkpoint(folder, make_checkpoint(30))
    assert newest.read_bytes() == damaged  # what is damaged is not written over
    before.unlink(missing_ok=True)
    assert load_latest_checkpoint(folder, pytest.fail).record.step == 30


def test_no_readable_save_names_the_oldest(folder: RunFolder) -> None:
    for path in folder.checkpoints():
        path.write_bytes(b"")
    with pytest.raises(UserError, match=r"save-000001\.safetensors holds no weights .*cut off; choose another run"):
        load_latest_checkpoint(folder, pytest.fail)
    for path in folder.checkpoints():
        path.unlink()
    with pytest.raises(UserError, match=f"run 3 has no weights in {folder.path}; train it anew"):
        load_latest_checkpoint(folder, pytest.fail)


def test_save_of_other_run_rejected(folder: RunFolder, tmp_path: Path) -> None:
    other = RunFolder(tmp_path / "0004", 4)
    write_checkpoint(other, make_checkpoint(99, run=4))
    newest, before = folder.checkpoints()
    other.checkpoints()[0].rename(newest)
    warnings: list[str] = []
    assert load_latest_checkpoint(folder, warnings.append).record.step == 10
    assert "save-000002.safetensors is a save of run 4: run 3 is taken" in warnings[0]
    record = read_folder_record(folder)
    assert record is not None
    assert (record.run, record.step) == (3, 10)
    before.unlink()
    with pytest.raises(UserError, match="is a save of run 4; put it back there"):
        load_latest_checkpoint(folder, pytest.fail)
    assert read_folder_record(folder) is None


@pytest.mark.parametrize(
    "facts",
    [
        {"record": "{}", "standing": "{}"},
        {"standing": "{}"},
        {"record": msgspec.json.encode(make_checkpoint(5).record).decode()},
        {"record": msgspec.json.encode(make_checkpoint(5).record).decode(), "standing": '{"fold": "x"}'},
        {
            "record": msgspec.json.encode(make_checkpoint(5).record).decode().replace("training", "dreaming"),
            "standing": "{}",
        },
    ],
)
def test_weights_without_run_data_are_no_save(folder: RunFolder, facts: dict[str, str]) -> None:
    save_weights(folder.next_checkpoint_path(), WEIGHTS, facts)
    warnings: list[str] = []
    assert load_latest_checkpoint(folder, warnings.append).record.step == 20
    assert "save-000003.safetensors holds no run: " in warnings[0]


def test_save_of_other_version_refused_and_left(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        newer.setattr("charwave_tui.engine.runs.checkpoint.FORMAT_VERSION", "2")
        write_checkpoint(folder, make_checkpoint(30))
    there = folder.checkpoints()
    for clear in (False, True):
        with pytest.raises(UserError, match=r"save-000003\.safetensors is of format 2, not 1; upgrade the program"):
            load_latest_checkpoint(folder, pytest.fail, quarantine=clear)
    assert folder.checkpoints() == there


def test_damaged_saves_moved_aside_only_by_lock_owner(folder: RunFolder) -> None:
    newest, before = folder.checkpoints()
    newest.write_bytes(b"")
    load_latest_checkpoint(folder, lambda text: None)
    assert folder.checkpoints() == [newest, before]
    load_latest_checkpoint(folder, lambda text: None, quarantine=True)
    assert folder.checkpoints() == [before]
    assert [path.read_bytes() for path in folder.path.glob("*.damaged-*")] == [b""]
    before.write_bytes(b"")
    with pytest.raises(UserError, match="cut off"):
        load_latest_checkpoint(folder, pytest.fail, quarantine=True)
    assert folder.checkpoints() == [before]  # where there is no other, it stays where it is looked for


def test_old_weights_take_record_from_file_beside(tmp_path: Path, bit_identical: SameBits) -> None:
    folder = RunFolder(tmp_path / "0003", 3)
    folder.path.mkdir()
    safetensors.torch.save_file(WEIGHTS, folder.path / STANDALONE_WEIGHTS, {"step": "7"})
    with pytest.raises(UserError, match=r"weights\.safetensors holds no run"):
        load_latest_checkpoint(folder, pytest.fail)
    (folder.path / RECORD_FILE).write_bytes(msgspec.json.encode(make_checkpoint(7).record))
    found = load_latest_checkpoint(folder, pytest.fail)
    assert (found.record, found.resume_state) == (make_checkpoint(7).record, ResumeState())
    assert bit_identical(found.tensors, WEIGHTS)
    for step in (8, 9):
        write_checkpoint(folder, make_checkpoint(step))
    assert load_latest_checkpoint(folder, pytest.fail).record.step == 9
    assert not (folder.path / STANDALONE_WEIGHTS).exists()


@pytest.mark.parametrize("culprit", ["os.fsync", "pathlib.Path.replace"])
def test_failed_save_keeps_last_two_without_partial_file(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, culprit: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    there = {path.name: path.read_bytes() for path in folder.path.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(culprit, fail)
        with pytest.raises(OSError, match="No space"):
            write_checkpoint(folder, make_checkpoint(30))
    assert {path.name: path.read_bytes() for path in folder.path.iterdir()} == there
    write_checkpoint(folder, make_checkpoint(30))
    assert load_latest_checkpoint(folder, pytest.fail).record.step == 30


def test_crash_before_rename_keeps_previous_save_and_is_cleaned_up(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", killed)
        patch.setattr("pathlib.Path.unlink", lambda *_, **__: None)  # a killed process tidies nothing up
        with pytest.raises(Killed):
            write_checkpoint(folder, make_checkpoint(30))
    assert len(list(folder.path.glob(".save-*"))) == 1
    assert load_latest_checkpoint(folder, pytest.fail).record.step == 20
    folder.lock().release()
    assert list(folder.path.glob(".save-*")) == []
    assert load_latest_checkpoint(folder, pytest.fail).record.step == 20
