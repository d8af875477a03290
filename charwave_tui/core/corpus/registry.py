"""Registry of corpora: built-in, downloaded and recently used ones, found by name or by path."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from charwave_tui.core.corpus.corpus import Corpus, MissingWords, corpus_error
from charwave_tui.core.corpus.reading import read_corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.escaping import escape_invisible, shell_quote
from charwave_tui.core.paths import APP_NAME, asset_path, corpora_dir, state_dir, write_user_file
from charwave_tui.core.store.run_record import RunRecord

# The lecture's names.txt: the published losses hold for these bytes only.
LECTURE_SHA256 = "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d"
MAX_RECENT = 8


class CorpusKind(StrEnum):
    """Where a corpus comes from."""

    BUILT_IN = "built-in"
    FETCHED = "fetched"
    RECENT = "recent"


@dataclass(frozen=True, slots=True)
class CorpusEntry:
    """A corpus that can be chosen; `find_corpus` takes its `name`, which is the path for a recently used file."""

    name: str
    kind: CorpusKind
    path: Path


@dataclass(frozen=True, slots=True)
class DownloadSource:
    """A corpus that can be downloaded, the name it gets, and the SHA-256 that its file must have."""

    name: str
    url: str
    sha256: str


DOWNLOAD_SOURCES = {
    "makemore": DownloadSource(
        "makemore", "https://raw.githubusercontent.com/karpathy/makemore/master/names.txt", LECTURE_SHA256
    ),
}


def list_corpora() -> tuple[CorpusEntry, ...]:
    """Return built-in and downloaded corpora by name, then recently used files that still exist, newest first."""
    recent = (CorpusEntry(str(path), CorpusKind.RECENT, path) for path in _recent_paths() if path.is_file())
    return (*_named_corpora().values(), *recent)


def find_corpus(name_or_path: str) -> Corpus:
    """Return the corpus of that name, else that of the file (`~` is expanded). Raises UserError (field `corpus`).

    A file is read again only when it has changed, so that a call at each key press is cheap.
    """
    corpus = _find_file(name_or_path)
    if corpus.structure is not None:
        raise corpus_error(*corpus.structure)
    return corpus


def _find_file(name_or_path: str) -> Corpus:
    """Return the corpus of a name or a path, even if its lines are no words: a run may have learned them."""
    entry = _named_corpora().get(name_or_path)
    path = entry.path if entry else _expand_user(name_or_path)
    name = escape_invisible(entry.name if entry else path.stem)
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise _unknown(name_or_path) from None
    except (OSError, ValueError):
        return read_corpus(path, name)
    return _read_cached(path, name, status.st_mtime_ns, status.st_size)


def find_learned_corpus(record: RunRecord, path: str = "") -> Corpus:
    """Return the corpus that a run learned, without words if they are not in its file or have changed.

    Raises UserError (field `corpus`) if `path` is given, and does not have them.
    """
    run, learned = record.run, record.corpus
    if path:
        corpus = _find_file(path)
        if corpus.sha256 != learned.sha256:
            raise UserError(
                f"{path} is not the list that run {run} learned: its SHA-256 begins {corpus.sha256[:12]}, not "
                f"{learned.sha256[:12]}",
                f"{APP_NAME} train --corpus {shell_quote(path)} trains a new run on it",
                "corpus",
            )
        return corpus
    location = record.config.corpus
    relocate = f"{APP_NAME} runs relocate {run} PATH says where they are"
    try:
        corpus = _find_file(location)
    except UserError as error:
        remedy = error.remedy if location in DOWNLOAD_SOURCES else relocate
        return Corpus.without_words(
            MissingWords(learned, f"the words of run {run} are missing: {error.problem}", remedy)
        )
    if corpus.sha256 != learned.sha256:
        problem = f"the corpus {location} has changed since run {run} learned it"
        return Corpus.without_words(MissingWords(learned, problem, f"put it back, or {relocate}"))
    return corpus


def resolve_corpus_name(name_or_path: str) -> str:
    """Return names as they are and paths made absolute, so that a process in another directory finds the corpus."""
    path = _expand_user(name_or_path)
    is_name = name_or_path in _named_corpora() or not (path.exists() or "/" in name_or_path)
    return name_or_path if is_name else str(path.absolute())


def add_recent_corpus(path: Path) -> None:
    """Put a file first in the list of recently used ones. Raises UserError if the list cannot be written."""
    newest = path.expanduser().absolute()
    if newest in [entry.path for entry in _named_corpora().values()]:
        return
    recent = [newest, *(older for older in _recent_paths() if older != newest)][:MAX_RECENT]
    write_user_file(_recent_list(), b"".join(os.fsencode(path) + b"\n" for path in recent))


@lru_cache(maxsize=4)
def _read_cached(path: Path, name: str, mtime: int, size: int) -> Corpus:
    return read_corpus(path, name)


def _named_corpora() -> dict[str, CorpusEntry]:
    downloaded = _entries(corpora_dir(), CorpusKind.FETCHED)
    built_in = {entry.name: entry for entry in _entries(asset_path("corpora"), CorpusKind.BUILT_IN)}
    return built_in | {entry.name: entry for entry in downloaded if entry.name not in built_in}


def _entries(folder: Path, kind: CorpusKind) -> Iterator[CorpusEntry]:
    return (CorpusEntry(path.stem, kind, path) for path in sorted(folder.glob("*.txt")))


def _expand_user(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def _recent_paths() -> list[Path]:
    try:
        lines = _recent_list().read_bytes().split(b"\n")
    except OSError:
        return []
    return [Path(os.fsdecode(line)) for line in lines if line.startswith(b"/") and b"\0" not in line]


def _recent_list() -> Path:
    return state_dir() / "recent-corpora"


def _unknown(name_or_path: str) -> UserError:
    if name_or_path in DOWNLOAD_SOURCES:
        return UserError(
            f"the corpus {name_or_path} is not here yet", f"get it with {APP_NAME} data fetch {name_or_path}", "corpus"
        )
    choices = f"there are {', '.join(_named_corpora())}"
    if "/" in name_or_path or "." in name_or_path:
        return UserError(f"there is no file {_expand_user(name_or_path)}", f"check the path; {choices}", "corpus")
    return UserError(f"there is no corpus {name_or_path}", f"{choices}, or name a text file by its path", "corpus")
