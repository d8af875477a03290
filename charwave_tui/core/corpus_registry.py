"""The corpora there are: built in, fetched or to be fetched, and recently used; found by name or by path."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from charwave_tui.core.corpus import Corpus, read_corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import APP_NAME, asset_path, corpora_dir, state_dir, write_user_file

LECTURE_SHA256 = "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d"
"""What the lecture's names.txt hashes to; the published figures hold for these bytes alone."""


MOST_RECENT = 8
"""How many recently used paths are remembered."""


class CorpusKind(StrEnum):
    """Where a corpus comes from."""

    BUILT_IN = "built-in"
    FETCHED = "fetched"
    RECENT = "recent"


@dataclass(frozen=True, slots=True)
class CorpusEntry:
    """A corpus on offer; `name` is what `find_corpus` takes: for a recent one its path."""

    name: str
    kind: CorpusKind
    path: Path


@dataclass(frozen=True, slots=True)
class DownloadSource:
    """A corpus that can be fetched: the name it gets, where it is, and the SHA-256 that it must have."""

    name: str
    url: str
    sha256: str


SOURCES = {
    source.name: source
    for source in (
        DownloadSource(
            "makemore", "https://raw.githubusercontent.com/karpathy/makemore/master/names.txt", LECTURE_SHA256
        ),
    )
}
"""Every corpus that can be fetched, by name."""


def list_corpora() -> tuple[CorpusEntry, ...]:
    """Built-in and fetched ones by name, then recently used files that still exist, newest first."""
    recent = (CorpusEntry(str(path), CorpusKind.RECENT, path) for path in _recent() if path.is_file())
    return (*_named().values(), *recent)


def find_corpus(name_or_path: str) -> Corpus:
    """The corpus of that name, else the one in that file (`~` is the home folder); raises Mistake (field `corpus`).

    Reads a file once for as long as it is not changed, so that asking at each key press is cheap.
    """
    entry = _named().get(name_or_path)
    path = entry.path if entry else _path(name_or_path)
    name = entry.name if entry else path.stem
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise _unknown(name_or_path) from None
    except (OSError, ValueError):
        return read_corpus(path, name)
    return _read(path, name, found.st_mtime_ns, found.st_size)


def resolve_corpus_name(name_or_path: str) -> str:
    """The same corpus, spelled so that a process in another folder finds it: names stay, paths become absolute."""
    path = _path(name_or_path)
    named = name_or_path in _named() or not (path.exists() or "/" in name_or_path)
    return name_or_path if named else str(path.absolute())


def add_recent_corpus(path: Path) -> None:
    """Put a file at the head of the recently used ones; raises Mistake where the list cannot be written."""
    newest = path.expanduser().absolute()
    if newest in [entry.path for entry in _named().values()]:
        return
    kept = [newest, *(older for older in _recent() if older != newest)][:MOST_RECENT]
    write_user_file(_recent_list(), b"".join(os.fsencode(path) + b"\n" for path in kept))


@lru_cache(maxsize=4)
def _read(path: Path, name: str, mtime: int, size: int) -> Corpus:
    return read_corpus(path, name)


def _named() -> dict[str, CorpusEntry]:
    fetched = _entries(corpora_dir(), CorpusKind.FETCHED)
    built_in = {entry.name: entry for entry in _entries(asset_path("corpora"), CorpusKind.BUILT_IN)}
    return built_in | {entry.name: entry for entry in fetched if entry.name not in built_in}


def _entries(folder: Path, kind: CorpusKind) -> Iterator[CorpusEntry]:
    return (CorpusEntry(path.stem, kind, path) for path in sorted(folder.glob("*.txt")))


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def _recent() -> list[Path]:
    try:
        lines = _recent_list().read_bytes().split(b"\n")
    except OSError:
        return []
    return [Path(os.fsdecode(line)) for line in lines if line.startswith(b"/") and b"\0" not in line]


def _recent_list() -> Path:
    return state_dir() / "recent-corpora"


def _unknown(name_or_path: str) -> UserError:
    if name_or_path in SOURCES:
        return UserError(
            f"the corpus {name_or_path} is not here yet", f"get it with {APP_NAME} data fetch {name_or_path}", "corpus"
        )
    if "/" in name_or_path or "." in name_or_path:
        return UserError(f"there is no file {_path(name_or_path)}", f"check the path; {_choices()}", "corpus")
    return UserError(f"there is no corpus {name_or_path}", f"{_choices()}, or name a text file by its path", "corpus")


def _choices() -> str:
    return f"there are {', '.join(_named())}"
