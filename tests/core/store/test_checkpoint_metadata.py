"""What a safetensors file says of itself, without the library that wrote it."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest

from charwave_tui.core.store.checkpoint_metadata import (
    CHECKSUM_KEY,
    CHECKSUM_PLACEHOLDER,
    add_checksum,
    first_valid,
    read_verified,
)
from charwave_tui.core.store.run_folder import STANDALONE_WEIGHTS

METADATA = {
    "record": json.dumps({"sha256": CHECKSUM_PLACEHOLDER, CHECKSUM_KEY: CHECKSUM_PLACEHOLDER, "name": "é"}),
    "other": "1",
}


def file(texts: dict[str, str], tensors: bytes = bytes(24)) -> bytes:
    """As the library writes it."""
    bytes_ = {"dtype": "U8", "shape": [len(tensors)], "data_offsets": [0, len(tensors)]}
    header = json.dumps({"__metadata__": texts, "bytes": bytes_}, ensure_ascii=False, separators=(",", ":")).encode()
    return struct.pack("<Q", len(header)) + header + tensors


def test_metadata_read_without_digest_and_content_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(
        add_checksum(file({**METADATA, CHECKSUM_KEY: CHECKSUM_PLACEHOLDER}, CHECKSUM_PLACEHOLDER.encode()))
    )
    content, texts = read_verified(path)
    assert texts == METADATA
    assert content == path.read_bytes()
    assert content.count(CHECKSUM_PLACEHOLDER.encode()) == 3  # what only looks like the seal is let be


@pytest.mark.parametrize("first", range(4))
def test_any_changed_byte_breaks_digest(tmp_path: Path, first: int) -> None:
    path = tmp_path / "file"
    good = add_checksum(file({CHECKSUM_KEY: CHECKSUM_PLACEHOLDER, "record": "of a run"}))
    for place in range(first, len(good), 4):
        path.write_bytes(good[:place] + bytes([good[place] ^ 4]) + good[place + 1 :])
        with pytest.raises(ValueError, match=r"."):
            read_verified(path)


@pytest.mark.parametrize("kept", [0, 7, 8, 9, 100, -1])
def test_truncated_file_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(add_checksum(file({**METADATA, CHECKSUM_KEY: CHECKSUM_PLACEHOLDER}))[:kept])
    with pytest.raises(ValueError, match=r"."):
        read_verified(path)


NO_SUCH_FILES = {
    "a database": b"SQLite format 3\0" * 100,
    "a header that is too long": struct.pack("<Q", 2**24 + 1) + b" " * 100,
    "a header that is nested too deep": struct.pack("<Q", 2**17) + b"[" * 2**17,
    "a header of other JSON": struct.pack("<Q", 3) + b"[1]",
    "texts that are none": struct.pack("<Q", 20) + b'{"__metadata__":"x"}',
    "texts that are numbers": struct.pack("<Q", 27) + b'{"__metadata__":{"a":1}}   ',
    "tensors without a place": struct.pack("<Q", 18) + b'{"a":{"shape":[]}}',
}


@pytest.mark.parametrize("kind", NO_SUCH_FILES)
def test_foreign_file_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(NO_SUCH_FILES[kind])
    with pytest.raises(ValueError, match=r"."):
        read_verified(path)


def test_only_standalone_weights_need_no_digest(tmp_path: Path) -> None:
    for name in (STANDALONE_WEIGHTS, "save-000001.safetensors"):
        (tmp_path / name).write_bytes(file(METADATA))
    assert read_verified(tmp_path / STANDALONE_WEIGHTS) == (file(METADATA), METADATA)
    with pytest.raises(ValueError, match="not sealed"):
        read_verified(tmp_path / "save-000001.safetensors")
    (tmp_path / STANDALONE_WEIGHTS).write_bytes(struct.pack("<Q", 2) + b"{}")
    assert read_verified(tmp_path / STANDALONE_WEIGHTS)[1] == {}


@pytest.mark.parametrize("start", [b"\x1aE\xdf\xa3" * 4, file(METADATA)], ids=["film", "weights"])
def test_large_foreign_file_is_barely_read(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "film"
    path.write_bytes(start)
    os.truncate(path, 2**40)  # more than there is memory
    with pytest.raises(ValueError, match=r"no safetensors file|behind its end"):
        read_verified(path)


def test_first_valid_file_is_taken(tmp_path: Path) -> None:
    good, other, bad, gone = (tmp_path / name for name in ("good", "other", "bad", "gone"))
    for path in (good, other):
        path.write_bytes(add_checksum(file({**METADATA, CHECKSUM_KEY: CHECKSUM_PLACEHOLDER})))
    bad.write_bytes(good.read_bytes()[:-1])
    assert first_valid([gone, tmp_path, bad, good, other]) == good
    assert first_valid([bad, gone]) is None
    assert first_valid([]) is None
