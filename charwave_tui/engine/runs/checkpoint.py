"""Checkpoints: safetensors files with a checksum, written atomically."""

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
    CHECKSUM_PLACEHOLDER,
    RECORD_KEY,
    add_checksum,
    read_verified,
)
from charwave_tui.core.store.folder_record import read_record_file, relocated
from charwave_tui.core.store.run_folder import STANDALONE_WEIGHTS, RunFolder
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.engine.runs.run_history import ResumeState

RESUME_STATE_KEY = "standing"  # in the metadata
FORMAT_KEY, FORMAT_VERSION = "format", "1"  # a file of another format is refused


class Checkpoint(NamedTuple):
    """All that a run needs to resume to the bit: `tensors` are weights, buffers, optimizer and data loader state.

    The history of `record` has whole points only; the unfinished ones are in `resume_state`.
    """

    record: RunRecord
    resume_state: ResumeState
    tensors: Mapping[str, Tensor]


def save_weights(path: Path, weights: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write `weights` and `metadata` to `path`: after a crash it is the old file or the new one, never a part."""
    write_atomically(
        path, add_checksum(safetensors.torch.save(dict(weights), {**metadata, CHECKSUM_KEY: CHECKSUM_PLACEHOLDER}))
    )


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors in `path`, on the CPU, and its metadata; raises UserError naming the path."""
    try:
        content, metadata = read_verified(path)
        return safetensors.torch.load(content), metadata
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} holds no weights that can be read: {error}", "choose another run with --run") from None


def write_checkpoint(folder: RunFolder, checkpoint: Checkpoint) -> None:
    """Add a checkpoint to the run's folder, and delete those before the last two; raises OSError."""
    metadata = {
        RECORD_KEY: msgspec.json.encode(checkpoint.record).decode(),
        RESUME_STATE_KEY: msgspec.json.encode(checkpoint.resume_state).decode(),
        FORMAT_KEY: FORMAT_VERSION,
    }
    try:
        save_weights(folder.next_checkpoint_path(), checkpoint.tensors, metadata)
    finally:
        folder.delete_old_checkpoints()


def load_latest_checkpoint(
    folder: RunFolder, on_warning: Callable[[str], None], *, quarantine: bool = False
) -> Checkpoint:
    """Load the newest checkpoint in the folder, or the one before it if that is damaged; raises UserError.

    `on_warning` is told of damaged ones; with `quarantine`, for the owner of the lock, they are renamed, so that they
    do not count as checkpoints.
    """
    paths = folder.checkpoints()
    failure = UserError(f"run {folder.run} has no weights in {folder.path}", "train it anew, or choose another run")
    for index, path in enumerate(paths):
        try:
            checkpoint = _read(path, folder)
        except _IncompatibleVersion:
            raise
        except UserError as error:
            failure = error
            continue
        if quarantine:
            for damaged in paths[:index]:
                folder.quarantine(damaged)
        if index:
            step = checkpoint.record.step
            on_warning(f"{failure.problem}: run {folder.run} is taken from the save before it, of step {step:,}")
        return checkpoint
    raise failure


class _IncompatibleVersion(UserError):
    """An undamaged checkpoint of another version of the program, for which an older one is no substitute."""


def _read(path: Path, folder: RunFolder) -> Checkpoint:
    tensors, metadata = load_weights(path)
    try:
        if path.name == STANDALONE_WEIGHTS:  # from before checkpoints held their record
            return Checkpoint(read_record_file(folder.path), ResumeState(), tensors)
        if metadata[FORMAT_KEY] != FORMAT_VERSION:
            raise _IncompatibleVersion(
                f"{path} is of format {metadata[FORMAT_KEY]}, not {FORMAT_VERSION}", "upgrade the program"
            )
        record = msgspec.json.decode(metadata[RECORD_KEY], type=RunRecord)
        resume_state = msgspec.json.decode(metadata[RESUME_STATE_KEY], type=ResumeState)
    except (KeyError, FileNotFoundError, ValueError, RecursionError) as error:
        raise UserError(f"{path} holds no run: {error}", "choose another run with --run") from None
    if record.run != folder.run:
        raise UserError(f"{path} is a save of run {record.run}", "put it back there, or choose another run with --run")
    return Checkpoint(relocated(record, folder), resume_state, tensors)
