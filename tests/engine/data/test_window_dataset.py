"""WindowDataset against the lecture's loop over words."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.metrics import Split
from charwave_tui.engine.data.window_dataset import WindowDataset, WindowLoader
from charwave_tui.engine.runtime.random_streams import derived_generator, training_generator

CPU = torch.device("cpu")


def windows_by_hand(words: Sequence[str], corpus: Corpus, context: int) -> tuple[Tensor, Tensor]:
    contexts, targets = [], []
    for word in words:
        context_ids = [0] * context
        for symbol in [*corpus.encode(word), 0]:
            contexts.append(context_ids)
            targets.append(symbol)
            context_ids = [*context_ids[1:], symbol]
    return torch.tensor(contexts), torch.tensor(targets)


@pytest.mark.parametrize("context", [1, 3, 8])
def test_every_example_equals_plain_loop(corpus: Corpus, context: int) -> None:
    words = ["", *corpus.words, "", corpus.words[0]]
    windows = WindowDataset(words, corpus.symbols, context, CPU)
    contexts, targets = windows.batch(torch.arange(len(windows)))
    expected_contexts, expected_targets = windows_by_hand(words, corpus, context)
    assert torch.equal(contexts, expected_contexts)
    assert torch.equal(targets, expected_targets)
    assert contexts.dtype == targets.dtype == torch.int64


def test_blocks_cover_all_examples_in_order(corpus: Corpus) -> None:
    windows = WindowDataset(corpus.words, corpus.symbols, 4, CPU)
    blocks = list(windows.iter_blocks(7))
    contexts, targets = windows_by_hand(corpus.words, corpus, 4)
    assert torch.equal(torch.cat([block[0] for block in blocks]), contexts)
    assert torch.equal(torch.cat([block[1] for block in blocks]), targets)
    assert {len(block[1]) for block in blocks[:-1]} == {7}


def test_no_words_give_no_examples(corpus: Corpus) -> None:
    windows = WindowDataset([], corpus.symbols, 4, CPU)
    assert len(windows) == 0
    assert list(windows.iter_blocks(7)) == []


def test_lengths_equal_corpus_card(corpus: Corpus) -> None:
    lengths = tuple(len(WindowDataset(corpus.split(split), corpus.symbols, 4, CPU)) for split in Split)
    assert lengths == corpus.summary().examples


def test_minibatch_indices_equal_lecture(corpus: Corpus) -> None:
    windows = WindowDataset(corpus.words, corpus.symbols, 4, CPU)
    generator, lecture_generator = training_generator(3), training_generator(3)
    contexts, targets = windows_by_hand(corpus.words, corpus, 4)
    for size in (5, 32, 1):
        indices = torch.randint(0, len(targets), (size,), generator=lecture_generator)
        batch = windows.sample_batch(size, generator)
        assert torch.equal(batch[0], contexts[indices])
        assert torch.equal(batch[1], targets[indices])
    assert torch.equal(generator.get_state(), lecture_generator.get_state())


def test_batches_fetched_in_blocks_equal_single_ones(corpus: Corpus) -> None:
    windows = WindowDataset(corpus.words, corpus.symbols, 4, CPU)
    generator = training_generator(3)
    loader = WindowLoader(windows, training_generator(3))
    for size in (300, 300, 7, 7, 1, 2_000, 300, 300, 300, 300, 300):
        contexts, targets, *dropped = loader.next_batch(size)
        assert dropped == [None, None]
        assert contexts.is_contiguous()
        assert targets.is_contiguous()
        assert all(map(torch.equal, (contexts, targets), windows.sample_batch(size, generator)))
        assert torch.equal(loader.get_state(), generator.get_state())


def test_derived_generators_differ_by_seed_and_purpose() -> None:
    sources = [(1, "probe"), (1, "sampling"), (2, "probe")]
    samples = {torch.rand(1, generator=derived_generator(*source)).item() for source in sources}
    assert len(samples) == 3
    assert torch.rand(1, generator=derived_generator(1, "probe")).item() in samples
