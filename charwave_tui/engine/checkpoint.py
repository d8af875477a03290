"""Weights on disk as safetensors, written whole or not at all, and known to be what was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from charwave_tui.core.atomic import write_whole
from charwave_tui.core.folder_record import IN_SAVE, read_record
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.records import RunRecord
from charwave_tui.core.run_folder import ALONE, RunFolder
from charwave_tui.core.weights_file import SEAL, UNSEALED, read_whole, sealed
from charwave_tui.engine.course import Standing

STANDING = "standing"
"""Under which name a save holds what of its run is in no tensor and no record."""

FORMAT, PRESENT = "format", "1"
"""Under which name a save says of which format it is, and that of this version: another one is not guessed at."""


class Save(NamedTuple):
    """All that a run needs to go on to the bit: `tensors` are weights, buffers, the optimiser's and the batches' state.

    The record's history holds whole points alone, as they are kept for going on.
    """

    record: RunRecord
    standing: Standing
    tensors: Mapping[str, Tensor]


def save_weights(path: Path, weights: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write `weights` and `metadata` to `path`: after a crash there is the old file or the new one, never a part."""
    write_whole(path, sealed(safetensors.torch.save(dict(weights), {**metadata, SEAL: UNSEALED})))


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The weights, on the CPU, and the metadata in `path`; nothing is unpickled. Raises Mistake naming the path."""
    try:
        content, metadata = read_whole(path)
        return safetensors.torch.load(content), metadata
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise Mistake(f"{path} holds no weights that can be read: {error}", "choose another run with --run") from None


def write_save(folder: RunFolder, save: Save) -> None:
    """Add a save to the run's folder, and let go of those before the last two; raises OSError."""
    facts = {IN_SAVE: _text(save.record), STANDING: _text(save.standing), FORMAT: PRESENT}
    try:
        save_weights(folder.next_save(), save.tensors, facts)
    finally:
        folder.drop_old_saves()


def newest_save(folder: RunFolder, remark: Callable[[str], None], *, clear: bool = False) -> Save:
    """The newest save in the folder that is what was written, an older one where that is damaged; raises Mistake.

    `remark` is told of the damaged ones; with `clear`, for who has the lock, they are put aside, so that they do not
    take the place of good ones.
    """
    paths = folder.saves()
    refused = Mistake(f"run {folder.run} has no weights in {folder.path}", "train it anew, or choose another run")
    for path in paths:
        try:
            save = _read(path, folder)
        except _Foreign:
            raise
        except Mistake as mistake:
            refused = mistake
            continue
        for damaged in paths[: paths.index(path)] if clear else ():
            folder.put_aside(damaged)
        if path != paths[0]:
            remark(
                f"{refused.problem}: run {folder.run} is taken from the save before it, of step {save.record.step:,}"
            )
        return save
    raise refused


class _Foreign(Mistake):
    """The save is sound, and of another version of the program: it is not damage that an older save makes good."""


def _read(path: Path, folder: RunFolder) -> Save:
    tensors, facts = load_weights(path)
    try:
        if path.name == ALONE:  # from before saves held their record
            return Save(read_record(folder.path), Standing(), tensors)
        if facts[FORMAT] != PRESENT:
            raise _Foreign(f"{path} is of format {facts[FORMAT]}, not {PRESENT}", "upgrade the program")
        record = msgspec.json.decode(facts[IN_SAVE], type=RunRecord)
        standing = msgspec.json.decode(facts[STANDING], type=Standing)
    except (KeyError, FileNotFoundError, ValueError, RecursionError) as error:
        raise Mistake(f"{path} holds no run: {error}", "choose another run with --run") from None
    if record.run != folder.run:
        raise Mistake(f"{path} is a save of run {record.run}", "put it back there, or choose another run with --run")
    return Save(record, standing, tensors)


def _text(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()
