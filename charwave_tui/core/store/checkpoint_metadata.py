"""Checksum and metadata of a safetensors file, read without torch."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from charwave_tui.core.store.run_folder import STANDALONE_WEIGHTS

MAX_HEADER_BYTES = 16 * 2**20  # a run's history takes a few hundred kilobytes
METADATA_ENTRY = "__metadata__"  # the entry of a safetensors header that is no tensor: a map of strings

# Keys of the metadata. The checksum is the SHA-256 of the file with CHECKSUM_PLACEHOLDER in its own place.
RECORD_KEY = "record"
CHECKSUM_KEY = "file_sha256"
CHECKSUM_PLACEHOLDER = "0" * 64


class _TensorEntry(msgspec.Struct):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def add_checksum(content: bytes) -> bytes:
    """Return the content of a safetensors file with its checksum in place of CHECKSUM_PLACEHOLDER."""
    return _replace_checksum(content, CHECKSUM_PLACEHOLDER, hashlib.sha256(content).hexdigest())


def read_verified(path: Path) -> tuple[bytes, dict[str, str]]:
    """Return content and metadata (without the checksum) of a safetensors file.

    Raises OSError, and ValueError for another kind of file or a wrong checksum; only STANDALONE_WEIGHTS may lack one.
    """
    with path.open("rb") as file:
        prefix = file.read(8)
        if len(prefix) < 8:
            raise ValueError("it is cut off")
        (header_length,) = struct.unpack("<Q", prefix)
        if header_length > MAX_HEADER_BYTES:
            raise ValueError("it is no safetensors file")
        header = file.read(header_length)
        metadata, tensor_bytes = _parse_header(header)
        if os.fstat(file.fileno()).st_size != len(prefix) + header_length + tensor_bytes:
            raise ValueError("it is cut off, or goes on behind its end")
        content = prefix + header + file.read()
    checksum = metadata.pop(CHECKSUM_KEY, None)
    if checksum is None and path.name != STANDALONE_WEIGHTS:
        raise ValueError("it is not sealed")
    if checksum is not None:
        without_checksum = _replace_checksum(content, checksum, CHECKSUM_PLACEHOLDER)
        if hashlib.sha256(without_checksum).hexdigest() != checksum:
            raise ValueError("it is not what was written")
    return content, metadata


def first_valid(paths: Iterable[Path]) -> Path | None:
    """Return the first file that `read_verified` accepts, None if there is none."""
    for path in paths:
        with suppress(OSError, ValueError):
            read_verified(path)
            return path
    return None


def _parse_header(header: bytes) -> tuple[dict[str, str], int]:
    """Return the metadata and the number of bytes of tensors after the header."""
    try:
        entries = msgspec.json.decode(header, type=dict[str, msgspec.Raw])
        metadata = msgspec.json.decode(entries.pop(METADATA_ENTRY, msgspec.Raw(b"{}")), type=dict[str, str])
        tensors = [msgspec.json.decode(entry, type=_TensorEntry) for entry in entries.values()]
    except (ValueError, RecursionError) as error:
        raise ValueError(str(error)) from None
    return metadata, max((tensor.data_offsets[1] for tensor in tensors), default=0)


def _replace_checksum(content: bytes, old: str, new: str) -> bytes:
    key = f'"{CHECKSUM_KEY}":"'  # quotes within other strings are escaped, so it cannot occur in one
    return content.replace(f'{key}{old}"'.encode(), f'{key}{new}"'.encode(), 1)
