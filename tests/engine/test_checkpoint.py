"""Weights on disk: whole or not at all, and nothing but weights."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from charwave_tui.core.mistake import Mistake
from charwave_tui.engine.checkpoint import load_weights, save_weights
from charwave_tui.engine.trainer import Trainer

SameBits = Callable[..., bool]
WEIGHTS = {"matrix": torch.arange(6.0).view(2, 3), "stream": torch.arange(5, dtype=torch.uint8)}


class Trap:
    """What makes a folder once it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.path),)


def test_what_was_saved_is_what_is_loaded(tmp_path: Path, same_bits: SameBits) -> None:
    path = tmp_path / "run é.safetensors"
    save_weights(path, WEIGHTS, {"step": "7", "name": "é"})
    weights, metadata = load_weights(path)
    assert same_bits(weights, WEIGHTS)
    assert metadata == {"step": "7", "name": "é"}
    save_weights(path, {"other": torch.ones(1)}, {})
    assert load_weights(path)[0].keys() == {"other"}
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_a_run_goes_on_from_disk_to_the_bit(trainer: Trainer, tmp_path: Path, same_bits: SameBits) -> None:
    trainer.advance(60, 20)
    save_weights(tmp_path / "run", trainer.weights(), {})
    points, end = trainer.advance(60, 10), trainer.weights()
    trainer.reset()
    trainer.load(load_weights(tmp_path / "run")[0], 20)
    assert trainer.advance(60, 10) == points
    assert same_bits(trainer.weights(), end)


def test_loaded_weights_outlive_their_file(tmp_path: Path, same_bits: SameBits) -> None:
    save_weights(tmp_path / "run", WEIGHTS, {})
    weights, _ = load_weights(tmp_path / "run")
    (tmp_path / "run").write_bytes(b"\xff" * 200)
    assert same_bits(weights, WEIGHTS)


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
def test_a_damaged_file_is_refused_by_its_path(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "run.safetensors"
    save_weights(path, WEIGHTS, {"step": "7"})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(Mistake, match=r"run\.safetensors"):
        load_weights(path)


def test_a_folder_and_a_file_that_is_not_there_are_refused_by_their_path(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(Mistake, match=str(path)):
            load_weights(path)


def test_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    (tmp_path / "plain").write_bytes(pickle.dumps(Trap(sprung)))
    torch.save(Trap(sprung), tmp_path / "torch")
    for name in ("plain", "torch"):
        with pytest.raises(Mistake, match=name):
            load_weights(tmp_path / name)
    assert not sprung.exists()


@pytest.mark.parametrize("culprit", ["os.fsync", "pathlib.Path.replace"])
def test_a_write_that_fails_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same_bits: SameBits, culprit: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "run"
    save_weights(path, WEIGHTS, {})
    monkeypatch.setattr(culprit, fail)
    with pytest.raises(OSError, match="No space"):
        save_weights(path, {"other": torch.ones(1)}, {})
    assert same_bits(load_weights(path)[0], WEIGHTS)
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_and_then_its_folder_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(Path(f"/proc/self/fd/{handle}").resolve()))
    save_weights(tmp_path / "run", WEIGHTS, {})
    assert [path.parent if path.name != tmp_path.name else path for path in synced] == [tmp_path, tmp_path]
    assert len(set(synced)) == 2
