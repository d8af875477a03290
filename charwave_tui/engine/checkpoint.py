"""Weights on disk as safetensors, written whole or not at all, and known to be what was written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from charwave_tui.core.atomic import write_whole
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.records import RunRecord
from charwave_tui.core.run_folder import RunFolder
from charwave_tui.core.runs import IN_SAVE, read_record
from charwave_tui.engine.course import Standing

DIGEST = "sha256"
"""Under which name a file holds the digest of all else in it."""

STANDING = "standing"
"""Under which name a save holds what of its run is in no tensor and no record."""


class Save(NamedTuple):
    """All that a run needs to go on to the bit: `tensors` are weights, buffers, the optimiser's and the batches' state.

    The record's history holds whole points alone, as they are kept for going on.
    """

    record: RunRecord
    standing: Standing
    tensors: Mapping[str, Tensor]


def save_weights(path: Path, weights: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write `weights` and `metadata` to `path`: after a crash there is the old file or the new one, never a part."""
    facts = {**metadata, DIGEST: _digest(weights, metadata)}
    write_whole(path, safetensors.torch.save(dict(weights), facts))


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The weights, on the CPU, and the metadata in `path`; nothing is unpickled. Raises Mistake naming the path."""
    try:
        with safe_open(path, framework="pt") as file:
            weights = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            metadata = dict(file.metadata() or {})
    except (SafetensorError, OSError, ValueError) as error:
        raise Mistake(f"{path} holds no weights that can be read: {error}", "choose another run with --run") from None
    digest = metadata.pop(DIGEST, None)
    if digest is not None and digest != _digest(weights, metadata):
        raise Mistake(f"{path} is not what was written", "choose another run with --run")
    return weights, metadata


def write_save(folder: RunFolder, save: Save) -> None:
    """Add a save to the run's folder, and let go of those before the last two; raises OSError."""
    facts = {IN_SAVE: _text(save.record), STANDING: _text(save.standing)}
    save_weights(folder.next_save(), save.tensors, facts)
    folder.drop_old_saves()


def newest_save(folder: RunFolder, remark: Callable[[str], None]) -> Save:
    """The newest save in the folder that is what was written, an older one where that is damaged; raises Mistake.

    `remark` is told of the damaged ones.
    """
    try:
        paths = folder.saves()
    except OSError as error:
        raise Mistake(f"{folder.path} cannot be read ({error.strerror})", "allow it with chmod u+rwx") from None
    refused = Mistake(f"run {folder.run} has no weights in {folder.path}", "train it anew, or choose another run")
    for path in paths:
        try:
            save = _read(path, folder)
        except Mistake as mistake:
            refused = mistake
            continue
        if path != paths[0]:
            remark(
                f"{refused.problem}: run {folder.run} is taken from the save before it, of step {save.record.step:,}"
            )
        return save
    raise refused


def _read(path: Path, folder: RunFolder) -> Save:
    tensors, facts = load_weights(path)
    try:
        if IN_SAVE not in facts:  # from before saves held their record
            return Save(read_record(folder.path), Standing(), tensors)
        record = msgspec.json.decode(facts[IN_SAVE], type=RunRecord)
        standing = msgspec.json.decode(facts[STANDING], type=Standing)
    except (KeyError, FileNotFoundError, ValueError) as error:
        raise Mistake(f"{path} holds no run: {error}", "choose another run with --run") from None
    return Save(record, standing, tensors)


def _digest(weights: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for part in _parts(weights, metadata):
        digest.update(part)
    return digest.hexdigest()


def _parts(weights: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Iterator[bytes | memoryview]:
    for key in sorted(metadata):
        yield f"{key}\0{metadata[key]}\0".encode()
    for name in sorted(weights):
        tensor = weights[name]
        yield f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode()
        yield tensor.detach().contiguous().view(-1).view(torch.uint8).numpy().data


def _text(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()
