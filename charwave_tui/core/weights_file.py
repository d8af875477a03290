"""What a safetensors file says of itself, read without its tensors and without the library.

The format: a length in eight bytes, least significant first, then so many bytes of JSON, then the tensors
(https://github.com/huggingface/safetensors, README, section Format).
"""

from __future__ import annotations

import struct
from pathlib import Path

import msgspec

LONGEST_HEADER = 16 * 2**20
"""Bytes of JSON that are read at the most; a run's history takes some hundred kilobytes."""


class _Header(msgspec.Struct):
    metadata: dict[str, str] = msgspec.field(default_factory=dict, name="__metadata__")


def metadata(path: Path) -> dict[str, str]:
    """The texts that were kept beside the tensors; raises OSError, or ValueError where it is no such file."""
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise ValueError("it is cut off")
        (length,) = struct.unpack("<Q", start)
        if length > LONGEST_HEADER:
            raise ValueError(f"a header of {length:,} bytes")
        header = file.read(length)
    try:
        return msgspec.json.decode(header, type=_Header).metadata
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from None
