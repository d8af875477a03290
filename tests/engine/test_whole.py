"""Whole names against the windows over the same words: the same weights, the same logits."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from charwave_tui.core.config import RunConfig
from charwave_tui.core.shapes import levels
from charwave_tui.engine import whole
from charwave_tui.engine.batches import Windows
from charwave_tui.engine.layers import BatchNorm1d, Sequential
from charwave_tui.engine.model import build_model
from charwave_tui.engine.names import Names
from charwave_tui.engine.randomness import side_stream, training_stream

CPU = torch.device("cpu")
SYMBOLS = "abé🎈"

all_words = st.lists(st.text(SYMBOLS, min_size=1, max_size=9), min_size=1, max_size=12)


@st.composite
def odd_configs(draw: st.DrawFn) -> RunConfig:
    fuse = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    dilations = tuple(draw(st.lists(st.integers(1, 4), max_size=4)))
    return RunConfig(
        context=1 + sum(dilations) if dilations else math.prod(fuse),
        fuse=fuse,
        dilations=dilations,
        n_embd=draw(st.integers(1, 7)),
        n_hidden=draw(st.integers(1, 9)),
        norm=draw(st.sampled_from(["batch", "none"])),
        activation=draw(st.sampled_from(["tanh", "relu", "gelu", "gated"])),
        output_scale=1,
        seed=draw(st.integers(0, 99)),
    ).checked()


def trained(config: RunConfig) -> Sequential:
    """A model in eval mode and float64, whose running statistics are not those of the start."""
    model = build_model(config, len(SYMBOLS) + 1, training_stream(config.seed)).double().eval()
    stream = side_stream(config.seed, "statistics")
    for layer in model.layers:
        if isinstance(layer, BatchNorm1d):
            layer.running_mean.normal_(generator=stream)
            layer.running_var.uniform_(0.5, 2, generator=stream)
    return model


def all_names(config: RunConfig, words: list[str]) -> Names:
    return Names(words, SYMBOLS, {offset for level in levels(config) for offset in level.offsets if offset}, CPU)


@settings(deadline=None, max_examples=60)
@given(config=odd_configs(), words=all_words)
def test_position_has_logits_of_its_window(config: RunConfig, words: list[str]) -> None:
    model = trained(config)
    prefixes = all_names(config, words).batch(slice(None))
    contexts, targets = Windows(words, SYMBOLS, config.context, CPU).batch(slice(None))
    assert torch.equal(prefixes.targets, targets)
    for kind, near in ((torch.float64, 1e-10), (torch.float32, 1e-5)):
        wanted = model.to(kind)(contexts)
        assert torch.allclose(whole.logits(model, prefixes)[prefixes.of], wanted, rtol=0, atol=near)
        assert torch.allclose(whole.logits(model, prefixes.apart()), wanted, rtol=0, atol=near)


@settings(deadline=None, max_examples=30)
@given(config=odd_configs(), words=all_words)
def test_dropped_symbol_is_dropped_in_every_window(config: RunConfig, words: list[str]) -> None:
    model = trained(config)
    prefixes = Names(words, SYMBOLS, range(1, max(config.context, 2)), CPU).batch(slice(None))
    kept = torch.randint(0, 2, prefixes.ids.shape, generator=side_stream(config.seed, "blots")).double()
    prefixes = replace(prefixes, kept=kept)
    places = [kept[prefixes.back[offset]] for offset in range(config.context - 1, 0, -1)]
    in_windows = torch.stack([*places, kept], dim=1)[prefixes.of]  # [P, context] → [N, context]
    contexts, _ = Windows(words, SYMBOLS, config.context, CPU).batch(slice(None))
    wanted = model(contexts, in_windows)
    assert torch.allclose(whole.logits(model, prefixes)[prefixes.of], wanted, rtol=0, atol=1e-10)
    assert torch.allclose(whole.logits(model, prefixes.apart()), wanted, rtol=0, atol=1e-10)


WORDS = ["ab🎈é", "a", "abba", "é", "ab", "bébé", "a"]


@pytest.mark.parametrize("layers", [{"fuse": (2, 2)}, {"fuse": (4,)}, {"dilations": (1, 2)}])
def test_whole_word_gradients_equal_windows(config: RunConfig, layers: dict[str, tuple[int, ...]]) -> None:
    config = config.with_values({**layers, "activation": "gated", "output_scale": 1}).checked()
    model = trained(config)
    shared = all_names(config, WORDS).batch(slice(None))
    contexts, targets = Windows(WORDS, SYMBOLS, config.context, CPU).batch(slice(None))
    ways = (model(contexts), whole.logits(model, shared)[shared.of], whole.logits(model, shared.apart()))
    parameters = list(model.parameters())
    wanted, *found = (torch.autograd.grad(functional.cross_entropy(way, targets), parameters) for way in ways)
    for gradients in found:
        assert all(torch.allclose(*pair, rtol=0, atol=1e-10) for pair in zip(gradients, wanted, strict=True))


def test_unmerged_positions_each_count_once_in_norm(config: RunConfig) -> None:
    """A single level has one position a window, so that both ways see the same statistics."""
    config = replace(config, fuse=(4,))
    ours, theirs = trained(config).train(), trained(config).train()
    prefixes = all_names(config, WORDS).batch(slice(None))
    contexts, _ = Windows(WORDS, SYMBOLS, 4, CPU).batch(slice(None))
    assert torch.allclose(whole.logits(ours, prefixes.apart()), theirs(contexts), rtol=0, atol=1e-10)
    for mine, other in zip(ours.buffers(), theirs.buffers(), strict=True):
        assert torch.allclose(mine, other, rtol=0, atol=1e-10)


def test_batch_bug_has_no_prefix_forward(config: RunConfig) -> None:
    model = build_model(replace(config, norm="batch-bug"), len(SYMBOLS) + 1, training_stream(1))
    with pytest.raises(AssertionError, match="batch-bug"):
        whole.logits(model, all_names(config, WORDS).batch(slice(None)))
