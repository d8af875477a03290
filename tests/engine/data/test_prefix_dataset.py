"""Whole words as distinct prefixes, against their spelling."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from charwave_tui.core.corpus import Corpus
from charwave_tui.engine.data.prefix_dataset import EpochLoader, PrefixBatch, PrefixDataset

CPU = torch.device("cpu")


SYMBOLS = "abé🎈"


END = "."


words_of_any_length = st.lists(st.text(SYMBOLS, max_size=9), min_size=1, max_size=12)


def targets(words: Sequence[str]) -> list[int]:
    return [SYMBOLS.find(symbol) + 1 for word in words for symbol in word + END]


def words_of(prefixes: PrefixBatch, symbols: str) -> list[str]:
    """The words whose positions these are."""
    return "".join((END + symbols)[target] for target in prefixes.targets).split(END)[:-1]


def row_texts(prefixes: PrefixBatch) -> list[str]:
    """The prefix of each row, read from its last symbol back to the empty one."""
    found = []
    for row, depth in enumerate(prefixes.depth.tolist()):
        letters = ""
        for _ in range(depth):
            letters = SYMBOLS[prefixes.ids[row] - 1] + letters
            row = int(prefixes.ancestor_rows[1][row])
        assert prefixes.depth[row] == 0
        found.append(letters)
    return found


@settings(deadline=None, max_examples=50)
@given(words=words_of_any_length, chance=st.randoms(use_true_random=False))
def test_each_distinct_prefix_has_one_row(words: list[str], chance: random.Random) -> None:
    chosen = chance.choices(range(len(words)), k=5)
    names = PrefixDataset(words, SYMBOLS, {1, 2, 5}, CPU)
    batch = names.batch(torch.tensor(chosen))
    picked = [words[index] for index in chosen]
    prefixes = [word[:end] for word in picked for end in range(len(word) + 1)]

    rows = row_texts(batch)
    assert sorted(rows) == sorted(set(prefixes))
    assert [rows[row] for row in batch.row_of_position] == prefixes
    assert batch.targets.tolist() == targets(picked)
    assert batch.depth.tolist() == sorted(map(len, rows))
    assert batch.ids[0] == 0
    for offset in (2, 5):
        assert [rows[row] for row in batch.ancestor_rows[offset]] == [row[:-offset] for row in rows]
    assert {
        tensor.dtype for tensor in (batch.ids, batch.row_of_position, batch.targets, *batch.ancestor_rows.values())
    } == {torch.int64}


@settings(deadline=None, max_examples=30)
@given(words=words_of_any_length)
def test_unmerged_rows_have_one_per_position(words: list[str]) -> None:
    names = PrefixDataset(words, SYMBOLS, {1, 2, 5}, CPU)
    shared = names.batch(slice(None))
    apart = replace(shared, keep_mask=torch.rand(len(shared.ids))).one_row_per_position()
    assert apart.row_of_position.tolist() == list(range(names.positions))
    assert row_texts(apart) == [word[:end] for word in words for end in range(len(word) + 1)]
    assert torch.equal(apart.targets, shared.targets)


def test_unmerged_rows_drop_a_position_wherever_it_stands() -> None:
    shared = PrefixDataset(["ab", "a", "b"], SYMBOLS, {1}, CPU).batch(slice(None))
    kept = torch.tensor([float(spelled != "a") for spelled in row_texts(shared)])
    apart = replace(shared, keep_mask=kept).one_row_per_position()
    assert apart.keep_mask is not None
    assert apart.keep_mask.tolist() == [1, 0, 1, 1, 0, 1, 1]
    assert shared.one_row_per_position().keep_mask is None


@pytest.mark.parametrize("positions", [1, 10, 64, 10_000])
def test_blocks_cover_all_words_in_order(corpus: Corpus, positions: int) -> None:
    names = PrefixDataset(corpus.words, corpus.symbols, {1}, CPU)
    blocks = list(names.iter_blocks(positions))
    assert [word for block in blocks for word in words_of(block, corpus.symbols)] == list(corpus.words)
    sizes = [len(block.row_of_position) for block in blocks]
    assert sum(sizes) == names.positions
    assert max(sizes) < positions + 8
    assert len(sizes) <= names.positions / positions + 1


def test_no_words_give_no_blocks() -> None:
    names = PrefixDataset([], SYMBOLS, {1}, CPU)
    assert (len(names), names.positions, list(names.iter_blocks(7))) == (0, 0, [])


def words_of_batches(passes: EpochLoader, sizes: Sequence[int], symbols: str) -> list[str]:
    """The words of batches of `sizes`, one after the other."""
    return [word for size in sizes for word in words_of(passes.next_batch(size), symbols)]


def test_each_word_once_per_epoch_in_new_order(corpus: Corpus) -> None:
    names = PrefixDataset(corpus.words, corpus.symbols, {1}, CPU)
    passes = EpochLoader(names, seed=3)
    row = words_of_batches(passes, [33] * 7 + [9], corpus.symbols)  # 240 names; batches cross the end of a pass of 80
    first, second, third = row[:80], row[80:160], row[160:]
    assert sorted(first) == sorted(second) == sorted(third) == sorted(corpus.words)
    assert len({tuple(order) for order in (first, second, third, corpus.words)}) == 4
    assert passes.words_taken == 240


def test_word_order_follows_seed_for_any_batch_size(corpus: Corpus) -> None:
    names = PrefixDataset(corpus.words, corpus.symbols, {1}, CPU)
    row = words_of_batches(EpochLoader(names, seed=3), [200], corpus.symbols)
    assert words_of_batches(EpochLoader(names, seed=3), [1, 79, 50, 70], corpus.symbols) == row
    assert words_of_batches(EpochLoader(names, seed=4), [200], corpus.symbols) != row


@pytest.mark.parametrize("taken", [0, 30, 80, 130])
def test_epochs_continue_from_words_sampled(corpus: Corpus, taken: int) -> None:
    names = PrefixDataset(corpus.words, corpus.symbols, {1}, CPU)
    row = words_of_batches(EpochLoader(names, seed=3), [200], corpus.symbols)
    assert (
        words_of_batches(EpochLoader(names, seed=3, words_taken=taken), [60], corpus.symbols) == row[taken : taken + 60]
    )
    before, after = EpochLoader(names, seed=3), EpochLoader(names, seed=3)
    words_of_batches(before, [taken] if taken else [], corpus.symbols)
    words_of_batches(after, [70, 70], corpus.symbols)
    after.set_state(before.get_state())
    assert words_of_batches(after, [60], corpus.symbols) == row[taken : taken + 60]


def test_single_word_fills_every_batch() -> None:
    passes = EpochLoader(PrefixDataset(["é"], SYMBOLS, {1}, CPU), seed=1)
    batch = passes.next_batch(3)
    assert words_of(batch, SYMBOLS) == ["é"] * 3
    assert batch.ids.tolist() == [0, 3]
    assert batch.row_of_position.tolist() == [0, 1] * 3


def test_pooled_next_char_probabilities_cover_all_words(corpus: Corpus) -> None:
    names = PrefixDataset(corpus.words, corpus.symbols, (1,), CPU)
    batch = names.batch(torch.tensor([3, 0, 3]), pooled=True)
    assert batch.target_probs is not None
    rows = {}
    for word, start in ((corpus.words[3], 0), (corpus.words[0], len(corpus.words[3]) + 1)):
        for depth in range(len(word) + 1):
            rows[word[:depth]] = int(batch.row_of_position[start + depth])
    assert len(rows) == len(batch.ids)
    for prefix, row in rows.items():
        followers = [word[len(prefix) :][:1] for word in corpus.words if word.startswith(prefix)]
        wanted = [followers.count(symbol) / len(followers) for symbol in ("", *corpus.symbols)]
        assert batch.target_probs[row].tolist() == pytest.approx(wanted)
