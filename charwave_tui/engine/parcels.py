"""Corpora that screens elsewhere send along: kept by their content, so that each comes once."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

from charwave_tui.core.corpus import LARGEST_FILE
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.places import ensure_folder, sent_dir
from charwave_tui.core.protocol import Command, Event
from charwave_tui.core.sending import PART, CorpusPlaced, CorpusRefused, CorpusWanted, OfferCorpus, SendCorpus

LONGEST_NAME = 240
"""Bytes that the name of a file may have: file systems admit 255, and what grows has some more."""


def receive(command: Command, answer: Callable[[Event], None]) -> bool:
    """Obey a command about a corpus that is sent, or answer why not; False where it is no such."""
    if not isinstance(command, OfferCorpus | SendCorpus):
        return False
    try:
        place = _place(command.sha256, command.name)
        there = _write(command, place) if isinstance(command, SendCorpus) else place.is_file()
    except OSError as error:
        problem = f"{command.name} cannot be kept there: {error.strerror}"
        answer(CorpusRefused(command.sha256, problem, "see to its disk and folders"))
    except Mistake as mistake:
        answer(CorpusRefused(command.sha256, mistake.problem, mistake.remedy))
    else:
        if there:
            answer(CorpusPlaced(command.sha256, str(place)))
        elif isinstance(command, OfferCorpus):
            answer(CorpusWanted(command.sha256))
    return True


def _write(command: SendCorpus, place: Path) -> bool:
    """Put the part where it belongs; True once the file is whole and in its place."""
    end = command.offset + len(command.part)
    if not 0 <= command.offset <= end <= command.size <= LARGEST_FILE or len(command.part) > PART:
        raise Mistake(f"{command.name} was sent in parts that do not fit", "try again")
    if place.is_file():  # another screen was quicker
        return end == command.size
    ensure_folder(place.parent)
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
        raise Mistake(f"{command.name} did not arrive as it was sent", "try again")
    growing.replace(place)
    return True


def _place(sha256: str, name: str) -> Path:
    file = Path(name).name
    if not re.fullmatch(r"[0-9a-f]{64}", sha256) or not file or "\0" in file:
        raise Mistake("a corpus without a name was sent", "name a text file by its path")
    if file.startswith("."):
        raise Mistake(f"the hidden file {file} is not sent along", "copy it to a name without the dot")
    if len(os.fsencode(file)) > LONGEST_NAME:
        raise Mistake(f"the name of the corpus {file} is too long to be kept there", "give it a shorter one")
    return sent_dir() / sha256[:16] / file
