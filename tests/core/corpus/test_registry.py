"""Corpora on offer: found by name and by path, remembered, and the built-in ones themselves."""

from __future__ import annotations

import os
import time
import unicodedata
from pathlib import Path

import pytest

from charwave_tui.core.corpus import registry
from charwave_tui.core.corpus.registry import (
    MAX_RECENT,
    CorpusKind,
    add_recent_corpus,
    find_corpus,
    list_corpora,
    resolve_corpus_name,
)
from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import corpora_dir, state_dir

TEN = "anna\nben\ncarl\ndora\nemil\nfay\ngus\nhana\nida\njo"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A corpus of ten names in a file of its own."""
    path = tmp_path / "ten.txt"
    path.write_text(TEN)
    return path


@pytest.fixture
def fetched_corpus() -> Path:
    """A corpus called makemore in the data folder."""
    corpora_dir().mkdir(parents=True)
    path = corpora_dir() / "makemore.txt"
    path.write_text(TEN)
    return path


def test_built_in_names_are_plain_sorted_and_many() -> None:
    words = find_corpus("names").words
    assert len(words) >= 6_000
    assert list(words) == sorted(set(words))
    assert set("".join(words)) == set("abcdefghijklmnopqrstuvwxyz")


def test_built_in_cyrillic_names_are_plain_sorted_and_many() -> None:
    words = find_corpus("imena").words
    assert len(words) >= 600
    assert list(words) == sorted(set(words))
    assert all(unicodedata.name(symbol).startswith("CYRILLIC SMALL LETTER ") for symbol in set("".join(words)))


def test_built_in_names_overlap_enough_with_lecture(lecture_words: Path) -> None:
    shared = find_corpus("names").word_set & set(lecture_words.read_text().split("\n"))
    assert len(shared) >= 2_000


def test_fetched_corpus_found_by_name(fetched_corpus: Path) -> None:
    assert find_corpus("makemore").name == "makemore"
    assert [entry.path for entry in list_corpora() if entry.kind is CorpusKind.FETCHED] == [fetched_corpus]


def test_partly_fetched_file_is_not_listed(fetched_corpus: Path) -> None:
    fetched_corpus.rename(fetched_corpus.with_name(".makemore.txt.12.part"))
    assert {entry.kind for entry in list_corpora()} <= {CorpusKind.BUILT_IN}


def test_fetched_file_cannot_take_built_in_name() -> None:
    corpora_dir().mkdir(parents=True)
    (corpora_dir() / "names.txt").write_text(TEN)
    names = [entry for entry in list_corpora() if entry.name == "names"]
    assert [entry.kind for entry in names] == [CorpusKind.BUILT_IN]
    assert len(find_corpus("names").words) > 10


def test_file_found_by_absolute_relative_and_home_path(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    monkeypatch.setenv("HOME", str(file.parent))
    found = {find_corpus(text) for text in (str(file), "ten.txt", "./ten.txt", "~/ten.txt")}
    assert len(found) == 1
    assert found.pop().name == "ten"


def test_path_made_absolute_for_another_process(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    assert resolve_corpus_name("ten.txt") == str(file)
    assert resolve_corpus_name("names") == "names"
    monkeypatch.setenv("HOME", str(file.parent))
    assert resolve_corpus_name("~/ten.txt") == str(file)


def test_unknown_name_refused_with_known_names(fetched_corpus: Path) -> None:
    with pytest.raises(UserError, match=r"no corpus nmes; there are .*names.*makemore, or name a text file") as caught:
        find_corpus("nmes")
    assert caught.value.field == "corpus"


@pytest.mark.parametrize("text", ["./nmes.txt", "nmes.txt", "/no/such/file", "~no-such-user/file"])
def test_unknown_path_refused_as_path(text: str) -> None:
    with pytest.raises(UserError, match=r"there is no file .*; check the path; there are ") as caught:
        find_corpus(text)
    assert caught.value.field == "corpus"


def test_makemore_before_fetch_says_how_to_fetch() -> None:
    with pytest.raises(UserError, match=r"makemore is not here yet; get it with charwave-tui data fetch makemore"):
        find_corpus("makemore")


@pytest.mark.parametrize("text", ["", "x" * 5_000, "a\0b", ".", "/dev/zero"])
def test_any_text_is_a_corpus_or_a_user_error(text: str) -> None:
    with pytest.raises(UserError):
        find_corpus(text)


def test_invalid_file_refused_on_every_request(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("anna")
    for _ in range(2):
        with pytest.raises(UserError, match="has 1 word;"):
            find_corpus(str(tmp_path / "one.txt"))


def test_unchanged_file_read_once_and_changed_one_again(file: Path) -> None:
    first = find_corpus(str(file))
    assert find_corpus(str(file)) is first
    file.write_text(TEN + "\nkim")
    assert find_corpus(str(file)).words[-1] == "kim"
    file.write_text(TEN + "\nkai")
    os.utime(file, (time.time() + 5,) * 2)
    assert find_corpus(str(file)).words[-1] == "kai"


def test_corpus_card_has_corpus_statistics(file: Path) -> None:
    card = find_corpus(str(file)).summary()
    assert (card.name, card.words, card.symbols) == ("ten", 10, "abcdefghijlmnorsuy")
    assert sum(card.examples) == len(TEN) + 1


def test_recent_files_newest_first_unique_and_bounded(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.txt" for number in range(MAX_RECENT + 3)]
    for path in paths:
        path.write_text(TEN)
        add_recent_corpus(path)
    add_recent_corpus(paths[5])
    recent = [entry for entry in list_corpora() if entry.kind is CorpusKind.RECENT]
    assert [entry.path for entry in recent] == [paths[5], *(path for path in paths[:2:-1] if path != paths[5])]
    assert len(recent) == MAX_RECENT
    assert find_corpus(recent[0].name).name == "5"


def test_missing_recent_file_is_not_listed(file: Path) -> None:
    add_recent_corpus(file)
    file.unlink()
    assert CorpusKind.RECENT not in {entry.kind for entry in list_corpora()}


def test_relative_recent_path_stored_as_absolute(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    add_recent_corpus(Path("ten.txt"))
    assert list_corpora()[-1].path == file


def test_named_corpus_is_not_stored_as_recent(fetched_corpus: Path) -> None:
    add_recent_corpus(fetched_corpus)
    assert CorpusKind.RECENT not in {entry.kind for entry in list_corpora()}


@pytest.mark.parametrize("damage", [b"\xff\xfe\0\0garbage\n\n", b"relative/path\n", b"\0" * 1_000, b"/a\0b\n"])
def test_damaged_recent_files_ignored_and_replaced(file: Path, damage: bytes) -> None:
    state_dir().mkdir(parents=True)
    (state_dir() / "recent-corpora").write_bytes(damage)
    assert CorpusKind.RECENT not in {entry.kind for entry in list_corpora()}
    add_recent_corpus(file)
    assert list_corpora()[-1].path == file


def test_recent_files_path_that_is_a_folder_is_ignored(file: Path) -> None:
    (state_dir() / "recent-corpora").mkdir(parents=True)
    assert CorpusKind.RECENT not in {entry.kind for entry in list_corpora()}
    with pytest.raises(UserError, match="recent-corpora cannot be written"):
        add_recent_corpus(file)


def test_listing_and_lookup_write_nothing(home: Path, file: Path) -> None:
    list_corpora()
    find_corpus(str(file))
    assert not home.exists()


def test_listing_works_without_built_in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "asset_path", lambda *parts: tmp_path.joinpath("none", *parts))
    assert list_corpora() == ()
