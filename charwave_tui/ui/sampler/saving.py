"""Names as files: plain text, CSV or JSON, by the ending of the file's name."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path

from charwave_tui.core.atomic import write_whole
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.readings import SampledName

ENDINGS = (".txt", ".csv", ".json")
"""The endings that say how a file is written."""

DEFAULT = "names.txt"
"""What the file is called unless told otherwise."""

_FIELDS = ("name", "nll", "known", "near")


def place_for(text: str) -> Path:
    """The file that a person means, from where the program was started; raises Mistake where none can be there."""
    if not text.strip():
        raise Mistake("a file needs a name", f"type one, such as {DEFAULT}")
    if not text.isprintable():
        raise Mistake("that is no name for a file", f"type letters, such as {DEFAULT}")
    path = Path(text.strip()).expanduser().absolute()
    if path.suffix.lower() not in ENDINGS:
        raise Mistake(f"{path.name} does not end in {', '.join(ENDINGS)}", f"try {path.stem}.txt")
    try:
        if path.is_dir():
            raise Mistake(f"{path} is a folder", f"try {path / DEFAULT}")
        if not path.parent.is_dir():
            raise Mistake(f"there is no folder {path.parent}", "take another one")
        if not os.access(path.parent, os.W_OK):
            raise Mistake(f"{path.parent} cannot be written", "take another folder")
    except OSError as error:
        raise Mistake(f"that is no name for a file ({error.strerror or error})", f"try {DEFAULT}") from None
    return path


def write(path: Path, names: Sequence[SampledName]) -> None:
    """Put the names at `path`, whole or not at all; raises Mistake."""
    try:
        write_whole(path, rendered(names, path.suffix.lower()).encode())
    except OSError as error:
        raise Mistake(f"{path} cannot be written ({error.strerror or error})", "take another place") from None


def rendered(names: Sequence[SampledName], ending: str) -> str:
    """The file's text: names alone, or with nll (empty or null where it is no number) and where they are known from."""
    rows = [(item.name, item.nll if math.isfinite(item.nll) else None, known(item), item.near) for item in names]
    if ending == ".json":
        listed = [dict(zip(_FIELDS, row, strict=True)) for row in rows]
        return json.dumps(listed, ensure_ascii=False, indent=1) + "\n"
    if ending == ".csv":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([_FIELDS, *rows])
        return text.getvalue()
    return "".join(f"{item.name}\n" for item in names)


def known(sampled: SampledName) -> str:
    """Where the name is known from, in a word."""
    return "corpus" if sampled.in_corpus else "near" if sampled.near else "new"
