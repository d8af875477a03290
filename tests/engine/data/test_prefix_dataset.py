"""PrefixDataset and EpochLoader against the spelling of the words."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from charwave_tui.core.corpus.corpus import Corpus
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
    texts = []
    for row, depth in enumerate(prefixes.depth.tolist()):
        letters = ""
        for _ in range(depth):
            letters = SYMBOLS[prefixes.ids[row] - 1] + letters
            row = int(prefixes.ancestor_rows[1][row])
        assert prefixes.depth[row] == 0
        texts.append(letters)
    return texts


@settings(deadline=None, max_examples=50)
@given(words=words_of_any_length, rng=st.randoms(use_true_random=False))
def test_each_distinct_prefix_has_one_row(words: list[str], rng: random.Random) -> None:
    indices = rng.choices(range(len(words)), k=5)
    dataset = PrefixDataset(words, SYMBOLS, {1, 2, 5}, CPU)
    batch = dataset.batch(torch.tensor(indices))
    batch_words = [words[index] for index in indices]
    prefixes = [word[:end] for word in batch_words for end in range(len(word) + 1)]

    rows = row_texts(batch)
    assert sorted(rows) == sorted(set(prefixes))
    assert [rows[row] for row in batch.row_of_position] == prefixes
    assert batch.targets.tolist() == targets(batch_words)
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
    dataset = PrefixDataset(words, SYMBOLS, {1, 2, 5}, CPU)
    shared = dataset.batch(slice(None))
    unshared = replace(shared, keep_mask=torch.rand(len(shared.ids))).one_row_per_position()
    assert unshared.row_of_position.tolist() == list(range(dataset.positions))
    assert row_texts(unshared) == [word[:end] for word in words for end in range(len(word) + 1)]
    assert torch.equal(unshared.targets, shared.targets)


def test_unmerged_rows_drop_a_position_wherever_it_stands() -> None:
    shared = PrefixDataset(["ab", "a", "b"], SYMBOLS, {1}, CPU).batch(slice(None))
    keep_mask = torch.tensor([float(spelled != "a") for spelled in row_texts(shared)])
    unshared = replace(shared, keep_mask=keep_mask).one_row_per_position()
    assert unshared.keep_mask is not None
    assert unshared.keep_mask.tolist() == [1, 0, 1, 1, 0, 1, 1]
    assert shared.one_row_per_position().keep_mask is None


@pytest.mark.parametrize("positions", [1, 10, 64, 10_000])
def test_blocks_cover_all_words_in_order(corpus: Corpus, positions: int) -> None:
    dataset = PrefixDataset(corpus.words, corpus.symbols, {1}, CPU)
    blocks = list(dataset.iter_blocks(positions))
    assert [word for block in blocks for word in words_of(block, corpus.symbols)] == list(corpus.words)
    sizes = [len(block.row_of_position) for block in blocks]
    assert sum(sizes) == dataset.positions
    assert max(sizes) < positions + 8
    assert len(sizes) <= dataset.positions / positions + 1


def test_no_words_give_no_blocks() -> None:
    dataset = PrefixDataset([], SYMBOLS, {1}, CPU)
    assert (len(dataset), dataset.positions, list(dataset.iter_blocks(7))) == (0, 0, [])


def words_of_batches(loader: EpochLoader, sizes: Sequence[int], symbols: str) -> list[str]:
    """The words of batches of `sizes`, one after the other."""
    return [word for size in sizes for word in words_of(loader.next_batch(size), symbols)]


def test_each_word_once_per_epoch_in_new_order(corpus: Corpus) -> None:
    dataset = PrefixDataset(corpus.words, corpus.symbols, {1}, CPU)
    loader = EpochLoader(dataset, seed=3)
    order = words_of_batches(loader, [33] * 7 + [9], corpus.symbols)  # 240 names; batches cross the end of a pass of 80
    first, second, third = order[:80], order[80:160], order[160:]
    assert sorted(first) == sorted(second) == sorted(third) == sorted(corpus.words)
    assert len({tuple(order) for order in (first, second, third, corpus.words)}) == 4
    assert loader.words_taken == 240


def test_word_order_follows_seed_for_any_batch_size(corpus: Corpus) -> None:
    dataset = PrefixDataset(corpus.words, corpus.symbols, {1}, CPU)
    order = words_of_batches(EpochLoader(dataset, seed=3), [200], corpus.symbols)
    assert words_of_batches(EpochLoader(dataset, seed=3), [1, 79, 50, 70], corpus.symbols) == order
    assert words_of_batches(EpochLoader(dataset, seed=4), [200], corpus.symbols) != order


@pytest.mark.parametrize("taken", [0, 30, 80, 130])
def test_epochs_continue_from_words_sampled(corpus: Corpus, taken: int) -> None:
    dataset = PrefixDataset(corpus.words, corpus.symbols, {1}, CPU)
    order = words_of_batches(EpochLoader(dataset, seed=3), [200], corpus.symbols)
    assert (
        words_of_batches(EpochLoader(dataset, seed=3, words_taken=taken), [60], corpus.symbols)
        == order[taken : taken + 60]
    )
    before, after = EpochLoader(dataset, seed=3), EpochLoader(dataset, seed=3)
    words_of_batches(before, [taken] if taken else [], corpus.symbols)
    words_of_batches(after, [70, 70], corpus.symbols)
    after.set_state(before.get_state())
    assert words_of_batches(after, [60], corpus.symbols) == order[taken : taken + 60]


def test_single_word_fills_every_batch() -> None:
    loader = EpochLoader(PrefixDataset(["é"], SYMBOLS, {1}, CPU), seed=1)
    batch = loader.next_batch(3)
    assert words_of(batch, SYMBOLS) == ["é"] * 3
    assert batch.ids.tolist() == [0, 3]
    assert batch.row_of_position.tolist() == [0, 1] * 3


def test_pooled_next_char_probabilities_cover_all_words(corpus: Corpus) -> None:
    dataset = PrefixDataset(corpus.words, corpus.symbols, (1,), CPU)
    batch = dataset.batch(torch.tensor([3, 0, 3]), pooled=True)
    assert batch.target_probs is not None
    rows = {}
    for word, start in ((corpus.words[3], 0), (corpus.words[0], len(corpus.words[3]) + 1)):
        for depth in range(len(word) + 1):
            rows[word[:depth]] = int(batch.row_of_position[start + depth])
    assert len(rows) == len(batch.ids)
    for prefix, row in rows.items():
        next_symbols = [word[len(prefix) :][:1] for word in corpus.words if word.startswith(prefix)]
        expected = [next_symbols.count(symbol) / len(next_symbols) for symbol in ("", *corpus.symbols)]
        assert batch.target_probs[row].tolist() == pytest.approx(expected)
