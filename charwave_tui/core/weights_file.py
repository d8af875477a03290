"""What a safetensors file says of itself, read without the library, and how it is known to be what was written.

The format: a length in eight bytes, least significant first, then so many bytes of JSON, then the tensors
(https://github.com/huggingface/safetensors, README, section Format).
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from charwave_tui.core.run_folder import ALONE

LONGEST_HEADER = 16 * 2**20
"""Bytes of JSON that are read at the most; a run's history takes some hundred kilobytes."""

SEAL = "file_sha256"
"""Under which name a file holds its own digest, which is taken with UNSEALED in that place."""

UNSEALED = "0" * 64
"""What stands for the digest as long as it is not known."""


TEXTS = "__metadata__"
"""What the header calls the texts; all else in it is a tensor's."""


class _Tensor(msgspec.Struct):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def sealed(content: bytes) -> bytes:
    """The `content` of a file, in which SEAL is UNSEALED, with its digest there."""
    return _with_seal(content, UNSEALED, hashlib.sha256(content).hexdigest())


def read_whole(path: Path) -> tuple[bytes, dict[str, str]]:
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
    seal = texts.pop(SEAL, None)
    if seal is None and path.name != ALONE:
        raise ValueError("it is not sealed")
    if seal is not None and hashlib.sha256(_with_seal(content, seal, UNSEALED)).hexdigest() != seal:
        raise ValueError("it is not what was written")
    return content, texts


def first_sound(paths: Iterable[Path]) -> Path | None:
    """The first of the files that is what was written."""
    for path in paths:
        with suppress(OSError, ValueError):
            read_whole(path)
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
    name = f'"{SEAL}":"'  # quotes within another text are escaped, so that it is found nowhere else
    return content.replace(f'{name}{old}"'.encode(), f'{name}{new}"'.encode(), 1)
