"""Uploads of corpora from viewers on other machines, stored by their content, so that each is sent once."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from charwave_tui.core.corpus.reading import MAX_FILE_BYTES
from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import ensure_dir, uploaded_corpora_dir
from charwave_tui.core.protocol.commands import UPLOAD_CHUNK_BYTES, OfferCorpus, UploadCorpusPart
from charwave_tui.core.protocol.events import CorpusRefused, CorpusRequested, CorpusStored
from charwave_tui.engine.runtime.cooperative import Reply

MAX_FILE_NAME_BYTES = 240  # file systems admit 255, and the partial file has a longer name


def handle_upload(command: OfferCorpus | UploadCorpusPart, reply: Reply) -> None:
    """Store a part of a corpus, or say whether the corpus is there; reply if it is stored, requested or refused."""
    try:
        path = _stored_path(command.sha256, command.name)
        is_stored = _write_part(command, path) if isinstance(command, UploadCorpusPart) else path.is_file()
    except OSError as error:
        problem = f"{command.name} cannot be kept there: {error.strerror}"
        reply(CorpusRefused(command.sha256, problem, "see to its disk and folders"))
    except UserError as error:
        reply(CorpusRefused(command.sha256, error.problem, error.remedy))
    else:
        if is_stored:
            reply(CorpusStored(command.sha256, str(path)))
        elif isinstance(command, OfferCorpus):
            reply(CorpusRequested(command.sha256))


def _write_part(command: UploadCorpusPart, path: Path) -> bool:
    """Write the part into the partial file; return True after the last one, once the file is complete at `path`."""
    end = command.offset + len(command.part)
    if not 0 <= command.offset <= end <= command.size <= MAX_FILE_BYTES or len(command.part) > UPLOAD_CHUNK_BYTES:
        raise UserError(f"{command.name} was sent in parts that do not fit", "try again")
    if path.is_file():  # another viewer was faster
        return end == command.size
    ensure_dir(path.parent)
    partial = path.with_name(f".{path.name}.part")
    with partial.open("r+b" if partial.exists() else "wb") as file:
        file.seek(command.offset)
        file.write(command.part)
        if end < command.size:
            return False
        file.truncate(command.size)
        file.flush()
        os.fsync(file.fileno())
    if hashlib.sha256(partial.read_bytes()).hexdigest() != command.sha256:
        partial.unlink()
        raise UserError(f"{command.name} did not arrive as it was sent", "try again")
    partial.replace(path)
    return True


def _stored_path(sha256: str, name: str) -> Path:
    file_name = Path(name).name
    if not re.fullmatch(r"[0-9a-f]{64}", sha256) or not file_name or "\0" in file_name:
        raise UserError("a corpus without a name was sent", "name a text file by its path")
    if file_name.startswith("."):
        raise UserError(f"the hidden file {file_name} is not sent along", "copy it to a name without the dot")
    if len(os.fsencode(file_name)) > MAX_FILE_NAME_BYTES:
        raise UserError(f"the name of the corpus {file_name} is too long to be kept there", "give it a shorter one")
    return uploaded_corpora_dir() / sha256[:16] / file_name
