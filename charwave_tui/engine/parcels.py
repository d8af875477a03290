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
from charwave_tui.core.sending import PART, CorpusPlaced, CorpusWanted, OfferCorpus, SendCorpus


def receive(command: Command, answer: Callable[[Event], None]) -> bool:
    """Obey a command about a corpus that is sent; False where it is no such. Raises Mistake (field `corpus`)."""
    match command:
        case OfferCorpus(sha256=sha256, name=name):
            place = _place(sha256, name)
            answer(CorpusPlaced(sha256, str(place)) if place.is_file() else CorpusWanted(sha256))
        case SendCorpus(sha256=sha256, name=name):
            place = _place(sha256, name)
            try:
                whole = _write(command, place)
            except OSError as error:
                raise _refusal(f"{name} cannot be kept there: {error.strerror}", "free some space there") from None
            if whole:
                answer(CorpusPlaced(sha256, str(place)))
        case _:
            return False
    return True


def _write(command: SendCorpus, place: Path) -> bool:
    """Put the part where it belongs; True once the file is whole and in its place."""
    end = command.offset + len(command.part)
    if not 0 <= command.offset <= end <= command.size <= LARGEST_FILE or len(command.part) > PART:
        raise _refusal(f"{command.name} was sent in parts that do not fit", "try again")
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
        raise _refusal(f"{command.name} did not arrive as it was sent", "try again")
    growing.replace(place)
    return True


def _place(sha256: str, name: str) -> Path:
    file = Path(name).name
    if not re.fullmatch(r"[0-9a-f]{64}", sha256) or not file or file.startswith(".") or "\0" in name or len(name) > 200:
        raise _refusal("a corpus without a name was sent", "name a text file by its path")
    return sent_dir() / sha256[:16] / file


def _refusal(problem: str, remedy: str) -> Mistake:
    return Mistake(problem, remedy, "corpus")
