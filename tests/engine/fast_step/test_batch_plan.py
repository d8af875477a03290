"""The rows of a batch plan against the texts that they stand for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from charwave_tui.core.config.layer_shapes import level_shapes
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.engine.data.prefix_dataset import PrefixDataset
from charwave_tui.engine.data.window_dataset import WindowBatch, WindowDataset
from charwave_tui.engine.fast_step.batch_plan import BatchPlan, DeduplicatingPlanner, WindowPlanner, padded_size
from charwave_tui.engine.model.architecture import ModelStructure, build_model
from charwave_tui.engine.runtime.random_streams import training_generator

CPU = torch.device("cpu")


SHAPES = pytest.mark.parametrize(
    "shape",
    [{"fuse": (2, 2)}, {"context": 5, "dilations": (1, 2, 1)}],
    ids=["fuse", "dilations"],
)


Text = tuple[int, ...]


def model_structure(config: RunConfig, corpus: Corpus) -> ModelStructure:
    return ModelStructure.of(build_model(config, corpus.vocab_size, training_generator(1)))


def texts(plan: BatchPlan, vocab_size: int) -> list[list[Text]]:
    """The text of each row of each level, read through its taps; dropped symbols are `V`."""
    previous: list[Text] = [(symbol,) for symbol in range(vocab_size + 1)]
    result = []
    for rows in plan.levels:
        assert rows.taps is not None
        taps = rows.taps.view(rows.size, -1).tolist()
        previous = [tuple(symbol for tap in row for symbol in previous[tap]) for row in taps]
        result.append(previous)
    return result


def text_counts(plan: BatchPlan, vocab_size: int) -> list[Counter[Text]]:
    """How many positions of each level have each text; no text has two rows."""
    result = []
    for rows, row_texts in zip(plan.levels, texts(plan, vocab_size), strict=True):
        assert rows.weights is not None
        counts = [(text, int(weight)) for text, weight in zip(row_texts, rows.weights.tolist(), strict=True) if weight]
        result.append(Counter(dict(counts)))
        assert len(result[-1]) == len(counts)
        assert result[-1].total() == rows.positions
        assert rows.size == padded_size(len(counts))
    return result


def concatenated_text(symbols: Sequence[int], offsets: Sequence[Sequence[int]]) -> Text:
    """The text that levels of `offsets` read at the last of `symbols`."""
    if not offsets:
        return (symbols[-1],)
    *previous, top = offsets
    return tuple(symbol for offset in top for symbol in concatenated_text(symbols[: len(symbols) - offset], previous))


@SHAPES
@pytest.mark.parametrize("dropped", ["", "ao"])
def test_every_prefix_of_words_has_one_row(
    config: RunConfig, corpus: Corpus, shape: dict[str, Any], dropped: str
) -> None:
    config = replace(config, **shape)
    offsets = [level.offsets for level in level_shapes(config)]
    dataset = PrefixDataset(
        corpus.words, corpus.symbols, {offset for level in offsets for offset in level if offset}, CPU
    )
    indices = [3, 1, 4, 1, 5, 9]
    batch = dataset.batch(torch.tensor(indices))
    dropped_ids = [corpus.symbols.index(symbol) + 1 for symbol in dropped]
    keep_mask = torch.tensor([float(symbol not in dropped_ids) for symbol in batch.ids.tolist()])
    plan = DeduplicatingPlanner(model_structure(config, corpus))(
        replace(batch, keep_mask=keep_mask) if dropped else batch
    )

    expected: list[Counter[Text]] = [Counter() for _ in offsets]
    for word in (corpus.words[index] for index in indices):
        ids = [corpus.vocab_size if symbol in dropped else corpus.symbols.index(symbol) + 1 for symbol in word]
        for end in range(len(word) + 1):
            symbols = [0] * config.context + ids[:end]
            for level_index, counter in enumerate(expected):
                counter[concatenated_text(symbols, offsets[: level_index + 1])] += 1
    assert text_counts(plan, corpus.vocab_size) == expected


def test_every_text_of_overlapping_windows_has_one_row(config: RunConfig, corpus: Corpus) -> None:
    config = replace(config, context=5, dilations=(1, 2, 1))
    batch = WindowBatch(*WindowDataset(corpus.words, corpus.symbols, 5, CPU).batch(slice(40, 60)))
    plan = DeduplicatingPlanner(model_structure(config, corpus))(batch)
    offsets = [level.offsets for level in level_shapes(config)]
    expected = [
        Counter(
            concatenated_text(window[:end], offsets[: level_index + 1])
            for window in batch.contexts.tolist()
            for end in range(config.context - level.positions + 1, config.context + 1)
        )
        for level_index, level in enumerate(level_shapes(config))
    ]
    assert text_counts(plan, corpus.vocab_size) == expected


@pytest.mark.parametrize("planner", [WindowPlanner, DeduplicatingPlanner])
def test_row_inputs_of_last_level_keep_position(
    config: RunConfig, corpus: Corpus, planner: type[WindowPlanner | DeduplicatingPlanner]
) -> None:
    config = replace(config, context=5, dilations=(1, 2, 1))
    batch = WindowBatch(*WindowDataset(corpus.words, corpus.symbols, 5, CPU).batch(slice(40, 60)))
    plan = planner(model_structure(config, corpus))(batch)
    *lower_levels, top = texts(plan, corpus.vocab_size)
    for level_index, (head_rows, row_texts) in enumerate(zip(plan.head_rows[:-1], lower_levels, strict=True)):
        assert [row_texts[row] for row in head_rows.tolist()] == [text[-(2 ** (level_index + 1)) :] for text in top]


def test_skipped_rows_told_apart_from_used_ones(config: RunConfig, corpus: Corpus) -> None:
    config = replace(config, context=2, dilations=(1,))
    contexts, targets = torch.tensor([[1, 2]] * 5), torch.tensor([3] * 5)
    level_scale = torch.tensor([0.0, 2.0, 0.0, 2.0, 2.0]).view(5, 1, 1).expand(5, 2, 1)
    (rows,) = DeduplicatingPlanner(model_structure(config, corpus))(
        WindowBatch(contexts, targets, level_scale=level_scale)
    ).levels
    assert rows.weights is not None
    assert rows.level_scale is not None
    assert rows.weights.tolist() == [2, 3, 0, 0, 0, 0, 0, 0]
    assert rows.level_scale.view(-1).tolist()[:2] == [0, 2]


def test_texts_differing_far_back_have_own_rows(config: RunConfig) -> None:
    config = replace(config, context=40, fuse=(40,))
    model = build_model(config, 11, training_generator(1))  # 12 to the power of 32 and more is 0 in 64 bits
    contexts = torch.zeros(2, 40, dtype=torch.int64)
    contexts[1, 0] = 1
    (rows,) = DeduplicatingPlanner(ModelStructure.of(model))(WindowBatch(contexts, torch.tensor([1, 2]))).levels
    assert rows.weights is not None
    assert rows.weights.tolist()[:2] == [1, 1]


def test_unused_rows_and_buffer_sizes_are_few() -> None:
    assert all(rows <= padded_size(rows) < rows + max(8, rows / 16) for rows in range(1, 3_000))
    assert len({padded_size(rows) for rows in range(1_000, 1_200)}) < 9
