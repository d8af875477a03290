"""Checksum and metadata of a safetensors file, read without torch."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from charwave_tui.core.atomic_write import write_atomically
from charwave_tui.core.errors import UserError
from charwave_tui.core.store.run_folder import STANDALONE_WEIGHTS, RunFolder
from charwave_tui.core.store.run_record import RunRecord

LONGEST_HEADER = 16 * 2**20
"""Bytes of JSON that are read at the most; a run's history takes some hundred kilobytes."""


CHECKSUM_KEY = "file_sha256"
"""Under which name a file holds its own digest, which is taken with UNSEALED in that place."""


UNSEALED = "0" * 64
"""What stands for the digest as long as it is not known."""


TEXTS = "__metadata__"
"""What the header calls the texts; all else in it is a tensor's."""


class _Tensor(msgspec.Struct):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def add_checksum(content: bytes) -> bytes:
    """The `content` of a file, in which SEAL is UNSEALED, with its digest there."""
    return _with_seal(content, UNSEALED, hashlib.sha256(content).hexdigest())


def read_verified(path: Path) -> tuple[bytes, dict[str, str]]:
    """A file's content, and the texts kept beside the tensors but for the seal.

    Raises OSError, or ValueError where it is no such file, or not what was sealed; one that stands ALONE need not be.
    """
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise ValueError("it is cut off")
        (length,) = struct.unpack("<Q", start)
        if length > LONGEST_HEADER:
            raise ValueError("it is no safetensors file")
        header = file.read(length)
        texts, size = _said(header)
        if os.fstat(file.fileno()).st_size != len(start) + length + size:
            raise ValueError("it is cut off, or goes on behind its end")
        content = start + header + file.read()
    seal = texts.pop(CHECKSUM_KEY, None)
    if seal is None and path.name != STANDALONE_WEIGHTS:
        raise ValueError("it is not sealed")
    if seal is not None and hashlib.sha256(_with_seal(content, seal, UNSEALED)).hexdigest() != seal:
        raise ValueError("it is not what was written")
    return content, texts


def first_valid(paths: Iterable[Path]) -> Path | None:
    """The first of the files that is what was written."""
    for path in paths:
        with suppress(OSError, ValueError):
            read_verified(path)
            return path
    return None


def _said(header: bytes) -> tuple[dict[str, str], int]:
    """The texts in the header, and how many bytes of tensors come behind it."""
    try:
        entries = msgspec.json.decode(header, type=dict[str, msgspec.Raw])
        texts = msgspec.json.decode(entries.pop(TEXTS, msgspec.Raw(b"{}")), type=dict[str, str])
        tensors = [msgspec.json.decode(entry, type=_Tensor) for entry in entries.values()]
    except (ValueError, RecursionError) as error:
        raise ValueError(str(error)) from None
    return texts, max((tensor.data_offsets[1] for tensor in tensors), default=0)


def _with_seal(content: bytes, old: str, new: str) -> bytes:
    name = f'"{CHECKSUM_KEY}":"'  # quotes within another text are escaped, so that it is found nowhere else
    return content.replace(f'{name}{old}"'.encode(), f'{name}{new}"'.encode(), 1)


RECORD = "record.json"
"""What a run's folder calls a record that stands alone, as in the box and before there was a database."""


IN_SAVE = "record"
"""Under which name a save holds the record of its run."""


OWN = "own.json"
"""What a run's folder calls the file of what a person wrote of it, which the saves do not know."""


class _Own(msgspec.Struct):
    name: str = ""
    note: str = ""


def write_user_notes(folder: RunFolder, name: str, note: str) -> None:
    """Keep what a person calls the run and notes of it, where there is a folder; raises OSError."""
    if folder.path.is_dir():
        write_atomically(folder.path / OWN, msgspec.json.encode(_Own(name, note)))


def read_folder_record(folder: RunFolder) -> RunRecord | None:
    """The record in the newest save that can be read, else the one that stands alone; None where there is neither.

    With what a person wrote of the run, which stands beside it.
    """
    own = _Own()
    with suppress(OSError, ValueError, RecursionError):
        own = msgspec.json.decode((folder.path / OWN).read_bytes(), type=_Own)
    with suppress(UserError):
        for save in folder.checkpoints():
            with suppress(OSError, ValueError, KeyError, RecursionError):
                record = msgspec.json.decode(read_verified(save)[1][IN_SAVE], type=RunRecord)
                if record.run == folder.run:
                    return msgspec.structs.replace(record, name=own.name, note=own.note)
    with suppress(FileNotFoundError, UserError):
        return msgspec.structs.replace(read_record_file(folder.path), run=folder.run, name=own.name, note=own.note)
    return None


def read_record_file(folder: Path) -> RunRecord:
    """The record that stands alone in `folder`; raises FileNotFoundError, Mistake where it cannot be read."""
    path = folder / RECORD
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunRecord)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read ({error})", "choose another run with --run") from None
