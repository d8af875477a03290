"""Corpora that screens elsewhere send along: kept by their content, so that each comes once."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

from charwave_tui.core.corpus import LARGEST_FILE
from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import ensure_dir, uploaded_corpora_dir
from charwave_tui.core.protocol.commands import UPLOAD_CHUNK, Command, OfferCorpus, UploadCorpusPart
from charwave_tui.core.protocol.events import CorpusRefused, CorpusRequested, CorpusStored, Event

LONGEST_NAME = 240
"""Bytes that the name of a file may have: file systems admit 255, and what grows has some more."""


def handle_upload(command: Command, answer: Callable[[Event], None]) -> bool:
    """Obey a command about a corpus that is sent, or answer why not; False where it is no such."""
    if not isinstance(command, OfferCorpus | UploadCorpusPart):
        return False
    try:
        place = _place(command.sha256, command.name)
        there = _write(command, place) if isinstance(command, UploadCorpusPart) else place.is_file()
    except OSError as error:
        problem = f"{command.name} cannot be kept there: {error.strerror}"
        answer(CorpusRefused(command.sha256, problem, "see to its disk and folders"))
    except UserError as mistake:
        answer(CorpusRefused(command.sha256, mistake.problem, mistake.remedy))
    else:
        if there:
            answer(CorpusStored(command.sha256, str(place)))
        elif isinstance(command, OfferCorpus):
            answer(CorpusRequested(command.sha256))
    return True


def _write(command: UploadCorpusPart, place: Path) -> bool:
    """Put the part where it belongs; True once the file is whole and in its place."""
    end = command.offset + len(command.part)
    if not 0 <= command.offset <= end <= command.size <= LARGEST_FILE or len(command.part) > UPLOAD_CHUNK:
        raise UserError(f"{command.name} was sent in parts that do not fit", "try again")
    if place.is_file():  # another screen was quicker
        return end == command.size
    ensure_dir(place.parent)
    growing = place.with_name(f".{place.name}.part")
    with growing.open("r+b" if growing.exists() else "wb") as file:
        file.seek(command.offset)
        file.write(command.part)
        if end < command.size:
            return False
        file.truncate(command.size)
        file.flush()
        os.fsync(file.fileno())
    content = growing.read_bytes()
    if hashlib.sha256(content).hexdigest() != command.sha256:
        growing.unlink()
        raise UserError(f"{command.name} did not arrive as it was sent", "try again")
    growing.replace(place)
    return True


def _place(sha256: str, name: str) -> Path:
    file = Path(name).name
    if not re.fullmatch(r"[0-9a-f]{64}", sha256) or not file or "\0" in file:
        raise UserError("a corpus without a name was sent", "name a text file by its path")
    if file.startswith("."):
        raise UserError(f"the hidden file {file} is not sent along", "copy it to a name without the dot")
    if len(os.fsencode(file)) > LONGEST_NAME:
        raise UserError(f"the name of the corpus {file} is too long to be kept there", "give it a shorter one")
    return uploaded_corpora_dir() / sha256[:16] / file
