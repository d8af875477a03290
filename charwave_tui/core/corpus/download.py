"""Download of a corpus into the user's data folder, verified by SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from charwave_tui.core.corpus.reading import MAX_FILE_BYTES
from charwave_tui.core.corpus.registry import DownloadSource
from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import corpora_dir, ensure_dir, write_user_file

TIMEOUT = 20.0  # seconds that a server may be silent
_CHUNK_BYTES = 2**14


def download_corpus(source: DownloadSource, on_progress: Callable[[int, int | None], None]) -> Path:
    """Download a corpus unless it is already there with the right SHA-256; return its path.

    Calls `on_progress` with the bytes received and their total (None if the server does not say). Nothing is written
    before the SHA-256 is verified. Raises UserError if server, network, content or disk fail.
    """
    target = ensure_dir(corpora_dir()) / f"{source.name}.txt"
    if target.is_file() and _sha256(target.read_bytes()) == source.sha256:
        return target
    data = _download(source, on_progress)
    if _sha256(data) != source.sha256:
        raise UserError(
            f"{source.url} is not the {source.name} known here: its SHA-256 begins {_sha256(data)[:12]}, "
            f"not {source.sha256[:12]}, and nothing was kept",
            "try another network, or get the file yourself and name its path as --corpus",
        )
    write_user_file(target, data)
    return target


def _download(source: DownloadSource, on_progress: Callable[[int, int | None], None]) -> bytes:
    data = bytearray()
    total: int | None = None
    reason: object = "the line was closed"
    try:
        with urlopen(source.url, timeout=TIMEOUT) as response:
            total = response.length
            while len(data) <= MAX_FILE_BYTES and (chunk := response.read(_CHUNK_BYTES)):
                data += chunk
                on_progress(len(data), total)
    except HTTPError as error:
        raise UserError(
            f"{source.url} answered {error.code} {error.reason}", "try later, or get the file yourself"
        ) from None
    except URLError as error:
        raise UserError(f"{source.url} cannot be reached: {error.reason}", "check the network and try again") from None
    except (OSError, HTTPException) as error:
        reason = error
    else:
        if total is None or len(data) >= total:
            return bytes(data)
    expected = f" of {total:,}" if total else ""
    raise UserError(
        f"the download of {source.name} broke off after {len(data):,}{expected} bytes ({reason})",
        "try again; nothing half written was kept",
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
