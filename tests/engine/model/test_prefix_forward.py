"""Forward passes over prefixes against windows over the same words: equal logits and gradients."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from charwave_tui.core.config.layer_shapes import ACTIVATIONS, level_shapes
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.engine.data.prefix_dataset import PrefixDataset
from charwave_tui.engine.data.window_dataset import WindowDataset
from charwave_tui.engine.model.architecture import build_model
from charwave_tui.engine.model.layers import BatchNorm1d, Sequential
from charwave_tui.engine.model.prefix_forward import (
    CachedDecoder,
    FoldedModel,
    IncrementalDecoder,
    WindowDecoder,
    causal_logits,
)
from charwave_tui.engine.runtime.cooperative import run_to_completion
from charwave_tui.engine.runtime.random_streams import derived_generator, training_generator

CPU = torch.device("cpu")


SYMBOLS = "abé🎈"


all_words = st.lists(st.text(SYMBOLS, min_size=1, max_size=9), min_size=1, max_size=12)


@st.composite
def unusual_configs(draw: st.DrawFn) -> RunConfig:
    fuse = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    dilations = tuple(draw(st.lists(st.integers(1, 4), max_size=4)))
    return RunConfig(
        context=1 + sum(dilations) if dilations else math.prod(fuse),
        fuse=fuse,
        dilations=dilations,
        n_embd=draw(st.integers(1, 7)),
        n_hidden=draw(st.integers(1, 9)),
        norm=draw(st.sampled_from(["batch", "none"])),
        activation=draw(st.sampled_from([*ACTIVATIONS])),
        output_scale=1,
        seed=draw(st.integers(0, 99)),
    ).validated()


def trained_model(config: RunConfig) -> Sequential:
    """A model in eval mode and float64 with random running statistics."""
    model = build_model(config, len(SYMBOLS) + 1, training_generator(config.seed)).double().eval()
    generator = derived_generator(config.seed, "statistics")
    for layer in model.layers:
        if isinstance(layer, BatchNorm1d):
            layer.running_mean.normal_(generator=generator)
            layer.running_var.uniform_(0.5, 2, generator=generator)
    return model


def prefix_dataset(config: RunConfig, words: list[str]) -> PrefixDataset:
    return PrefixDataset(
        words, SYMBOLS, {offset for level in level_shapes(config) for offset in level.offsets if offset}, CPU
    )


@settings(deadline=None, max_examples=60)
@given(config=unusual_configs(), words=all_words)
def test_position_has_logits_of_its_window(config: RunConfig, words: list[str]) -> None:
    model = trained_model(config)
    prefixes = prefix_dataset(config, words).batch(slice(None))
    contexts, targets = WindowDataset(words, SYMBOLS, config.context, CPU).batch(slice(None))
    assert torch.equal(prefixes.targets, targets)
    for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-5)):
        expected = model.to(dtype)(contexts)
        assert torch.allclose(
            causal_logits(model, prefixes)[prefixes.row_of_position], expected, rtol=0, atol=tolerance
        )
        assert torch.allclose(causal_logits(model, prefixes.one_row_per_position()), expected, rtol=0, atol=tolerance)


@settings(deadline=None, max_examples=30)
@given(config=unusual_configs(), words=all_words)
def test_dropped_symbol_is_dropped_in_every_window(config: RunConfig, words: list[str]) -> None:
    model = trained_model(config)
    prefixes = PrefixDataset(words, SYMBOLS, range(1, max(config.context, 2)), CPU).batch(slice(None))
    keep_mask = torch.randint(0, 2, prefixes.ids.shape, generator=derived_generator(config.seed, "blots")).double()
    prefixes = replace(prefixes, keep_mask=keep_mask)
    ancestor_masks = [keep_mask[prefixes.ancestor_rows[offset]] for offset in range(config.context - 1, 0, -1)]
    window_masks = torch.stack([*ancestor_masks, keep_mask], dim=1)[
        prefixes.row_of_position
    ]  # [P, context] → [N, context]
    contexts, _ = WindowDataset(words, SYMBOLS, config.context, CPU).batch(slice(None))
    expected = model(contexts, window_masks)
    assert torch.allclose(causal_logits(model, prefixes)[prefixes.row_of_position], expected, rtol=0, atol=1e-10)
    assert torch.allclose(causal_logits(model, prefixes.one_row_per_position()), expected, rtol=0, atol=1e-10)


REPEATED_WORDS = ["ab🎈é", "a", "abba", "é", "ab", "bébé", "a"]


@pytest.mark.parametrize("layers", [{"fuse": (2, 2)}, {"fuse": (4,)}, {"dilations": (1, 2)}])
def test_whole_word_gradients_equal_windows(config: RunConfig, layers: dict[str, tuple[int, ...]]) -> None:
    config = config.with_values({**layers, "activation": "gated", "output_scale": 1}).validated()
    model = trained_model(config)
    shared = prefix_dataset(config, REPEATED_WORDS).batch(slice(None))
    contexts, targets = WindowDataset(REPEATED_WORDS, SYMBOLS, config.context, CPU).batch(slice(None))
    logits_by_path = (
        model(contexts),
        causal_logits(model, shared)[shared.row_of_position],
        causal_logits(model, shared.one_row_per_position()),
    )
    parameters = list(model.parameters())
    expected, *result = (
        torch.autograd.grad(functional.cross_entropy(logits, targets), parameters) for logits in logits_by_path
    )
    for gradients in result:
        assert all(torch.allclose(*pair, rtol=0, atol=1e-10) for pair in zip(gradients, expected, strict=True))


def test_unmerged_positions_each_count_once_in_norm(config: RunConfig) -> None:
    """A single level has one position a window, so that both ways see the same statistics."""
    config = replace(config, fuse=(4,))
    prefix_model, window_model = trained_model(config).train(), trained_model(config).train()
    prefixes = prefix_dataset(config, REPEATED_WORDS).batch(slice(None))
    contexts, _ = WindowDataset(REPEATED_WORDS, SYMBOLS, 4, CPU).batch(slice(None))
    assert torch.allclose(
        causal_logits(prefix_model, prefixes.one_row_per_position()), window_model(contexts), rtol=0, atol=1e-10
    )
    for buffer, window_buffer in zip(prefix_model.buffers(), window_model.buffers(), strict=True):
        assert torch.allclose(buffer, window_buffer, rtol=0, atol=1e-10)


def test_batch_bug_has_no_prefix_forward(config: RunConfig) -> None:
    model = build_model(replace(config, norm="batch-bug"), len(SYMBOLS) + 1, training_generator(1))
    with pytest.raises(AssertionError, match="batch-bug"):
        causal_logits(model, prefix_dataset(config, REPEATED_WORDS).batch(slice(None)))


WORDS = ["abé", "ab", "", "🎈", "abababab", "ab", "bééééé🎈a"]


@st.composite
def configs(draw: st.DrawFn, norms: tuple[str, ...] = ("batch", "none")) -> RunConfig:
    fuse = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    dilations = tuple(draw(st.lists(st.integers(1, 3), max_size=4)))
    return RunConfig(
        context=1 + sum(dilations) if dilations else math.prod(fuse),
        fuse=fuse,
        dilations=dilations,
        n_embd=draw(st.integers(1, 5)),
        n_hidden=draw(st.integers(1, 9)),
        norm=draw(st.sampled_from(norms)),
        activation=draw(st.sampled_from([*ACTIVATIONS])),
        output_scale=1.0,
    )


def randomized_model(config: RunConfig, seed: int) -> Sequential:
    """A model in train mode with random BatchNorm parameters and statistics."""
    generator = derived_generator(seed, "lively")
    model = build_model(config, len(SYMBOLS) + 1, generator)
    for norm in model.modules():
        if isinstance(norm, BatchNorm1d):
            for tensor in (norm.gamma.data, norm.beta.data, norm.running_mean):
                tensor.normal_(generator=generator)
            norm.running_var.uniform_(0.3, 3, generator=generator)
    return model


def window_logits(model: Sequential, contexts: Tensor) -> Tensor:
    return model.eval()(contexts).detach()


def assert_logits_close(result: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=1e-5)


@settings(deadline=None, max_examples=40)
@given(configs(), st.integers(0, 1000), all_words)
def test_prefix_forward_whole_words_equals_windows(config: RunConfig, seed: int, words: list[str]) -> None:
    model = randomized_model(config, seed)
    offsets = {offset for level in level_shapes(config) for offset in level.offsets if offset}
    prefixes = PrefixDataset(words, SYMBOLS, offsets, CPU).batch(slice(0, len(words)))
    result = FoldedModel(model).logits(prefixes)[prefixes.row_of_position]
    assert not result.requires_grad
    assert_logits_close(
        result, window_logits(model, WindowDataset(words, SYMBOLS, config.context, CPU).batch(slice(None))[0])
    )


@settings(deadline=None, max_examples=40)
@given(configs(("batch", "batch-bug", "none")), st.integers(0, 1000), st.data())
def test_prefix_forward_growing_rows_equal_windows(config: RunConfig, seed: int, data: st.DataObject) -> None:
    model, block = randomized_model(config, seed), data.draw(st.integers(1, 6))
    decoders: list[IncrementalDecoder] = [WindowDecoder(model, config.context, block)]
    if config.norm != "batch-bug":
        decoders.append(CachedDecoder(FoldedModel(model), block))
    rows: list[list[int]] = [[]]
    parents, symbols = [0], [0]
    for _ in range(data.draw(st.integers(1, 6))):
        rows = [[*rows[parent], symbol] for parent, symbol in zip(parents, symbols, strict=True)]
        contexts = torch.tensor([([0] * config.context + row)[-config.context :] for row in rows])
        for decoder in decoders:
            assert_logits_close(
                run_to_completion(decoder.extend(torch.tensor(parents), torch.tensor(symbols))),
                window_logits(model, contexts),
            )
        parents = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=9))
        symbols = [data.draw(st.integers(1, len(SYMBOLS))) for _ in parents]


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_prefix_forward_copies_weights_and_leaves_model_unchanged(norm: str) -> None:
    model = randomized_model(RunConfig(context=4, fuse=(2, 2), n_embd=3, n_hidden=5, norm=norm, output_scale=1.0), 1)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    prefixes = PrefixDataset(WORDS, SYMBOLS, (1, 2), CPU).batch(slice(0, len(WORDS)))
    folded = FoldedModel(model)
    result = folded.logits(prefixes)
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    for tensor in model.state_dict().values():
        tensor.add_(1)
    assert torch.equal(folded.logits(prefixes), result)


def test_prefix_forward_rejects_folding_batch_bug() -> None:
    model = randomized_model(RunConfig(context=4, fuse=(2, 2), n_embd=3, n_hidden=5, norm="batch-bug"), 1)
    with pytest.raises(AssertionError, match="batch-bug"):
        FoldedModel(model)
