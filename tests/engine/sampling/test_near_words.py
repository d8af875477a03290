"""Words one edit away, against Levenshtein distance."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.engine.runtime.cooperative import run_to_completion
from charwave_tui.engine.sampling import near_words
from charwave_tui.engine.sampling.near_words import NearWordIndex, is_one_edit_apart, near_word_index

ALPHABET = "ab🎈"


words = st.text(ALPHABET, min_size=1, max_size=6)


@cache
def distance(one: str, other: str) -> int:
    """Levenshtein's, by its definition."""
    if not one or not other:
        return len(one) + len(other)
    return min(
        distance(one[1:], other) + 1,
        distance(one, other[1:]) + 1,
        distance(one[1:], other[1:]) + (one[0] != other[0]),
    )


def corpus_of(words: list[str]) -> Corpus:
    return Corpus("some", tuple(words), "".join(sorted(ALPHABET)), "0" * 64)


def build_index(corpus: Corpus) -> NearWordIndex:
    made = NearWordIndex(corpus)
    run_to_completion(made.build())
    return made


@given(st.text(ALPHABET, max_size=6), st.text(ALPHABET, max_size=6))
def test_one_edit_equals_distance_one(one: str, other: str) -> None:
    assert is_one_edit_apart(one, other) == (distance(one, other) == 1)


@settings(max_examples=80)
@given(st.lists(words, min_size=1, max_size=12), st.lists(st.text(ALPHABET, max_size=9), max_size=8))
def test_first_word_at_distance_one_is_found(words: list[str], names: list[str]) -> None:
    matches = build_index(corpus_of(words)).find(names)
    assert matches == [next((word for word in words if distance(name, word) == 1), "") for name in names]


def test_lookup_in_many_blocks_equals_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    words = [a + b + c for a in "ab🎈" for b in "ab🎈" for c in ("", "a", "bb")]
    names = ["aaaa", "bbb🎈", "🎈", "", "ab", "ba🎈a"]
    at_once = build_index(corpus_of(words)).find(names)
    monkeypatch.setattr(near_words, "CHARACTERS_PER_CHUNK", 7)
    pieces = sum(1 for _ in NearWordIndex(corpus_of(words)).build())
    assert pieces > 5
    assert build_index(corpus_of(words)).find(names) == at_once


def test_hash_collisions_are_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_words, "_signed", lambda numbers: torch.zeros(len(numbers), dtype=torch.int64))
    assert build_index(corpus_of(["bbbb", "ab", "aab"])).find(["aa", "🎈🎈🎈"]) == ["ab", ""]


def test_index_built_once_per_corpus_and_never_for_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus, other = corpus_of(["ab", "b"]), corpus_of(["ab", "b"])
    first = run_to_completion(near_word_index(corpus))
    assert run_to_completion(near_word_index(corpus)) is first is not run_to_completion(near_word_index(other))
    monkeypatch.setattr(near_words, "MAX_CORPUS_CHARACTERS", 2)
    assert run_to_completion(near_word_index(corpus)) is None
