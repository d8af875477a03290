"""Weights on disk as safetensors, written whole or not at all, and known to be what was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from charwave_tui.core.atomic_write import write_atomically
from charwave_tui.core.errors import UserError
from charwave_tui.core.store.checkpoint_metadata import (
    CHECKSUM_KEY,
    IN_SAVE,
    UNSEALED,
    add_checksum,
    read_record_file,
    read_verified,
)
from charwave_tui.core.store.run_folder import STANDALONE_WEIGHTS, RunFolder
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.engine.runs.run_history import ResumeState

STANDING = "standing"
"""Under which name a save holds what of its run is in no tensor and no record."""


FORMAT, PRESENT = "format", "1"
"""Under which name a save says of which format it is, and that of this version: another one is not guessed at."""


class Checkpoint(NamedTuple):
    """All that a run needs to go on to the bit: `tensors` are weights, buffers, the optimiser's and the batches' state.

    The record's history holds whole points alone, as they are kept for going on.
    """

    record: RunRecord
    standing: ResumeState
    tensors: Mapping[str, Tensor]


def save_weights(path: Path, weights: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write `weights` and `metadata` to `path`: after a crash there is the old file or the new one, never a part."""
    write_atomically(path, add_checksum(safetensors.torch.save(dict(weights), {**metadata, CHECKSUM_KEY: UNSEALED})))


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The weights, on the CPU, and the metadata in `path`; nothing is unpickled. Raises Mistake naming the path."""
    try:
        content, metadata = read_verified(path)
        return safetensors.torch.load(content), metadata
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} holds no weights that can be read: {error}", "choose another run with --run") from None


def write_checkpoint(folder: RunFolder, save: Checkpoint) -> None:
    """Add a save to the run's folder, and let go of those before the last two; raises OSError."""
    facts = {IN_SAVE: _text(save.record), STANDING: _text(save.standing), FORMAT: PRESENT}
    try:
        save_weights(folder.next_save(), save.tensors, facts)
    finally:
        folder.drop_old_saves()


def load_latest_checkpoint(folder: RunFolder, remark: Callable[[str], None], *, clear: bool = False) -> Checkpoint:
    """The newest save in the folder that is what was written, an older one where that is damaged; raises Mistake.

    `remark` is told of the damaged ones; with `clear`, for who has the lock, they are put aside, so that they do not
    take the place of good ones.
    """
    paths = folder.checkpoints()
    refused = UserError(f"run {folder.run} has no weights in {folder.path}", "train it anew, or choose another run")
    for path in paths:
        try:
            save = _read(path, folder)
        except _IncompatibleVersion:
            raise
        except UserError as mistake:
            refused = mistake
            continue
        for damaged in paths[: paths.index(path)] if clear else ():
            folder.quarantine(damaged)
        if path != paths[0]:
            remark(
                f"{refused.problem}: run {folder.run} is taken from the save before it, of step {save.record.step:,}"
            )
        return save
    raise refused


class _IncompatibleVersion(UserError):
    """The save is sound, and of another version of the program: it is not damage that an older save makes good."""


def _read(path: Path, folder: RunFolder) -> Checkpoint:
    tensors, facts = load_weights(path)
    try:
        if path.name == STANDALONE_WEIGHTS:  # from before saves held their record
            return Checkpoint(read_record_file(folder.path), ResumeState(), tensors)
        if facts[FORMAT] != PRESENT:
            raise _IncompatibleVersion(f"{path} is of format {facts[FORMAT]}, not {PRESENT}", "upgrade the program")
        record = msgspec.json.decode(facts[IN_SAVE], type=RunRecord)
        standing = msgspec.json.decode(facts[STANDING], type=ResumeState)
    except (KeyError, FileNotFoundError, ValueError, RecursionError) as error:
        raise UserError(f"{path} holds no run: {error}", "choose another run with --run") from None
    if record.run != folder.run:
        raise UserError(f"{path} is a save of run {record.run}", "put it back there, or choose another run with --run")
    return Checkpoint(record, standing, tensors)


def _text(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()
