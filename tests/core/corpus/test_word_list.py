"""Word lists in one text: sequences of their words, short and long ones alike."""

from __future__ import annotations

import random
from array import array
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charwave_tui.core.corpus import word_list
from charwave_tui.core.corpus.bulk import MIN_BULK_BOUND, shuffled_positions
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.corpus.reading import read_corpus
from charwave_tui.core.corpus.word_list import WordList
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import Split

SIZES = [*range(40), 1_000, MIN_BULK_BOUND - 1, MIN_BULK_BOUND, MIN_BULK_BOUND + 1, 32_033, 2**16, 2**16 + 1, 100_000]

WORDS = st.lists(st.text("abcäя名🎈 ", min_size=1, max_size=6), min_size=10, max_size=60)


@pytest.fixture(params=["short", "long"])
def as_long(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is treated as it is, and as one of a million characters, in small blocks."""
    if request.param == "long":
        monkeypatch.setattr(word_list, "BULK_CHARACTERS", 1)
        monkeypatch.setattr(word_list, "CHARACTERS_PER_BLOCK", 7)
        monkeypatch.setattr(word_list, "WORDS_PER_BLOCK", 3)


@pytest.mark.parametrize("seed", [42, 7])
def test_positions_shuffled_as_python_does(seed: int) -> None:
    for count in SIZES:
        expected = list(range(count))
        random.Random(seed).shuffle(expected)
        assert shuffled_positions(count, seed).tolist() == expected


@pytest.mark.usefixtures("as_long")
@settings(deadline=None, max_examples=40)
@given(WORDS)
def test_list_is_a_sequence_of_its_words(words: list[str]) -> None:
    listed = WordList.of(words)
    assert (len(listed), list(listed), listed == words) == (len(words), words, True)
    assert [listed[index] for index in range(-len(words), len(words))] == words + words
    assert listed[2:5] == tuple(words[2:5])
    assert list(listed.lengths) == list(map(len, words))
    assert (listed.longest, listed.positions) == (max(map(len, words)), len("".join(words)) + len(words))
    chosen = listed.take(memoryview(array("i", [3, 0, 3])))
    assert list(chosen) == [words[3], words[0], words[3]]
    assert list(chosen.lengths) == [len(word) for word in chosen]
    assert list(chosen.take(memoryview(array("i", [2, 1])))) == [words[3], words[0]]
    assert list(listed.distinct()) == list(dict.fromkeys(words))


@pytest.mark.usefixtures("as_long")
@settings(deadline=None, max_examples=40)
@given(WORDS)
def test_long_list_has_splits_and_counts_of_a_short_one(words: list[str]) -> None:
    corpus = Corpus("x", WordList.of(words), "".join(sorted(set("".join(words)))), "")
    shuffled = list(words)
    random.Random(42).shuffle(shuffled)
    train_end, val_end = int(0.8 * len(words)), int(0.9 * len(words))
    train, val = shuffled[:train_end], shuffled[train_end:val_end]
    assert (list(corpus.split(Split.TRAIN)), list(corpus.split(Split.VAL))) == (train, val)
    counts = corpus.repeat_counts
    assert (counts.distinct, counts.distinct_train) == (len(set(words)), len(set(train)))
    assert counts.val_in_train == sum(word in train for word in val) / len(val)
    for word in {*words, "a", "zzz", "", *(word + "x" for word in words)}:
        assert (corpus.in_corpus([word]), corpus.in_train([word])) == ([word in words], [word in train])
    try:
        assert list(corpus.without_repeats.words) == list(dict.fromkeys(words))
        assert sorted(sum((corpus.without_repeats.split(split)[:] for split in Split), ())) == sorted(set(words))
    except UserError:
        assert len(set(words)) < 10


def test_long_list_is_read_without_an_object_for_each_word(tmp_path: Path) -> None:
    words = [f"{number:07}" for number in range(300_000)]
    path = tmp_path / "long.txt"
    path.write_text("\n".join(words) + "\n", "utf-8")
    corpus = read_corpus(path, "long")
    assert corpus.words.is_long
    assert np.asarray(corpus.words.starts).dtype == np.int32
    shuffled = list(words)
    random.Random(42).shuffle(shuffled)
    assert list(corpus.split(Split.VAL)) == shuffled[240_000:270_000]
    assert corpus.symbols == "0123456789"
    assert corpus.summary().examples == (240_000 * 8, 30_000 * 8, 30_000 * 8)


@pytest.mark.usefixtures("as_long")
@pytest.mark.parametrize("text", ["", "\n", " \n  \n"])
def test_empty_list_has_no_words(text: str) -> None:
    assert list(WordList.of(text.split())) == []
    assert len(WordList.of(())) == 0
    assert WordList.of(()).longest == 0
