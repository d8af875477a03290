"""The rows of a step, against the texts that they stand for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from charwave_tui.core.config.layer_shapes import level_shapes
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus import Corpus
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


def model_anatomy(config: RunConfig, corpus: Corpus) -> ModelStructure:
    return ModelStructure.of(build_model(config, corpus.vocab_size, training_generator(1)))


def texts(plan: BatchPlan, vocab_size: int) -> list[list[Text]]:
    """The text that each row of each level joins in the end, read through its taps; what is blotted out is `V`."""
    below: list[Text] = [(symbol,) for symbol in range(vocab_size + 1)]
    found = []
    for rows in plan.levels:
        assert rows.taps is not None
        taps = rows.taps.view(rows.size, -1).tolist()
        below = [tuple(symbol for tap in row for symbol in below[tap]) for row in taps]
        found.append(below)
    return found


def text_counts(plan: BatchPlan, vocab_size: int) -> list[Counter[Text]]:
    """How many positions of each level have each text; no text has two rows."""
    found = []
    for rows, seen in zip(plan.levels, texts(plan, vocab_size), strict=True):
        assert rows.weights is not None
        counts = [(text, int(weight)) for text, weight in zip(seen, rows.weights.tolist(), strict=True) if weight]
        found.append(Counter(dict(counts)))
        assert len(found[-1]) == len(counts)
        assert found[-1].total() == rows.positions
        assert rows.size == padded_size(len(counts))
    return found


def joined_text(symbols: Sequence[int], offsets: Sequence[Sequence[int]]) -> Text:
    """The text that levels of `offsets` join under the last of `symbols`."""
    if not offsets:
        return (symbols[-1],)
    *below, top = offsets
    return tuple(symbol for offset in top for symbol in joined_text(symbols[: len(symbols) - offset], below))


@SHAPES
@pytest.mark.parametrize("blots", ["", "ao"])
def test_every_prefix_of_words_has_one_row(
    config: RunConfig, corpus: Corpus, shape: dict[str, Any], blots: str
) -> None:
    config = replace(config, **shape)
    offsets = [level.offsets for level in level_shapes(config)]
    names = PrefixDataset(
        corpus.words, corpus.symbols, {offset for level in offsets for offset in level if offset}, CPU
    )
    chosen = [3, 1, 4, 1, 5, 9]
    batch = names.batch(torch.tensor(chosen))
    blotted = [corpus.symbols.index(symbol) + 1 for symbol in blots]
    kept = torch.tensor([float(symbol not in blotted) for symbol in batch.ids.tolist()])
    plan = DeduplicatingPlanner(model_anatomy(config, corpus))(replace(batch, keep_mask=kept) if blots else batch)

    wanted: list[Counter[Text]] = [Counter() for _ in offsets]
    for word in (corpus.words[index] for index in chosen):
        ids = [corpus.vocab_size if symbol in blots else corpus.symbols.index(symbol) + 1 for symbol in word]
        for end in range(len(word) + 1):
            symbols = [0] * config.context + ids[:end]
            for number, counter in enumerate(wanted):
                counter[joined_text(symbols, offsets[: number + 1])] += 1
    assert text_counts(plan, corpus.vocab_size) == wanted


def test_every_text_of_overlapping_windows_has_one_row(config: RunConfig, corpus: Corpus) -> None:
    config = replace(config, context=5, dilations=(1, 2, 1))
    batch = WindowBatch(*WindowDataset(corpus.words, corpus.symbols, 5, CPU).batch(slice(40, 60)))
    plan = DeduplicatingPlanner(model_anatomy(config, corpus))(batch)
    offsets = [level.offsets for level in level_shapes(config)]
    wanted = [
        Counter(
            joined_text(window[:end], offsets[: number + 1])
            for window in batch.contexts.tolist()
            for end in range(config.context - level.positions + 1, config.context + 1)
        )
        for number, level in enumerate(level_shapes(config))
    ]
    assert text_counts(plan, corpus.vocab_size) == wanted


@pytest.mark.parametrize("planner", [WindowPlanner, DeduplicatingPlanner])
def test_row_inputs_of_last_level_keep_position(
    config: RunConfig, corpus: Corpus, planner: type[WindowPlanner | DeduplicatingPlanner]
) -> None:
    config = replace(config, context=5, dilations=(1, 2, 1))
    batch = WindowBatch(*WindowDataset(corpus.words, corpus.symbols, 5, CPU).batch(slice(40, 60)))
    plan = planner(model_anatomy(config, corpus))(batch)
    *beneath, top = texts(plan, corpus.vocab_size)
    for number, (under, seen) in enumerate(zip(plan.head_rows, beneath, strict=True)):
        assert [seen[row] for row in under.tolist()] == [text[-(2 ** (number + 1)) :] for text in top]


def test_skipped_rows_told_apart_from_used_ones(config: RunConfig, corpus: Corpus) -> None:
    config = replace(config, context=2, dilations=(1,))
    contexts, targets = torch.tensor([[1, 2]] * 5), torch.tensor([3] * 5)
    scales = torch.tensor([0.0, 2.0, 0.0, 2.0, 2.0]).view(5, 1, 1).expand(5, 2, 1)
    (rows,) = DeduplicatingPlanner(model_anatomy(config, corpus))(
        WindowBatch(contexts, targets, level_scale=scales)
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
