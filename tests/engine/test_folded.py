"""A folded model against the windows of the model itself, over whole words and growing."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from charwave_tui.core.config.layer_shapes import level_shapes
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.engine.data.prefix_dataset import PrefixDataset
from charwave_tui.engine.data.window_dataset import WindowDataset
from charwave_tui.engine.model.architecture import build_model
from charwave_tui.engine.model.layers import BatchNorm1d, Sequential
from charwave_tui.engine.model.prefix_forward import CachedDecoder, FoldedModel, IncrementalDecoder, WindowDecoder
from charwave_tui.engine.runtime.cooperative import run_to_completion
from charwave_tui.engine.runtime.random_streams import derived_generator

CPU = torch.device("cpu")


SYMBOLS = "abé🎈"


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
        activation=draw(st.sampled_from(("tanh", "relu", "gelu", "gated"))),
        output_scale=1.0,
    )


def lively(config: RunConfig, seed: int) -> Sequential:
    """A model in train mode whose norms are not as they begin."""
    stream = derived_generator(seed, "lively")
    model = build_model(config, len(SYMBOLS) + 1, stream)
    for norm in model.modules():
        if isinstance(norm, BatchNorm1d):
            for tensor in (norm.gamma.data, norm.beta.data, norm.running_mean):
                tensor.normal_(generator=stream)
            norm.running_var.uniform_(0.3, 3, generator=stream)
    return model


def of_windows(model: Sequential, contexts: Tensor) -> Tensor:
    return model.eval()(contexts).detach()


def close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


@settings(deadline=None, max_examples=40)
@given(configs(), st.integers(0, 1000), st.lists(st.text(SYMBOLS, max_size=8), min_size=1, max_size=8))
def test_prefix_forward_whole_words_equals_windows(config: RunConfig, seed: int, words: list[str]) -> None:
    model = lively(config, seed)
    offsets = {offset for level in level_shapes(config) for offset in level.offsets if offset}
    prefixes = PrefixDataset(words, SYMBOLS, offsets, CPU).batch(slice(0, len(words)))
    found = FoldedModel(model).logits(prefixes)[prefixes.row_of_position]
    assert not found.requires_grad
    close(found, of_windows(model, WindowDataset(words, SYMBOLS, config.context, CPU).batch(slice(None))[0]))


@settings(deadline=None, max_examples=40)
@given(configs(("batch", "batch-bug", "none")), st.integers(0, 1000), st.data())
def test_prefix_forward_growing_rows_equal_windows(config: RunConfig, seed: int, data: st.DataObject) -> None:
    model, block = lively(config, seed), data.draw(st.integers(1, 6))
    growths: list[IncrementalDecoder] = [WindowDecoder(model, config.context, block)]
    if config.norm != "batch-bug":
        growths.append(CachedDecoder(FoldedModel(model), block))
    rows: list[list[int]] = [[]]
    parents, symbols = [0], [0]
    for _ in range(data.draw(st.integers(1, 6))):
        rows = [[*rows[parent], symbol] for parent, symbol in zip(parents, symbols, strict=True)]
        contexts = torch.tensor([([0] * config.context + row)[-config.context :] for row in rows])
        for growth in growths:
            close(
                run_to_completion(growth.extend(torch.tensor(parents), torch.tensor(symbols))),
                of_windows(model, contexts),
            )
        parents = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=9))
        symbols = [data.draw(st.integers(1, len(SYMBOLS))) for _ in parents]


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_prefix_forward_copies_weights_and_leaves_model_unchanged(norm: str) -> None:
    model = lively(RunConfig(context=4, fuse=(2, 2), n_embd=3, n_hidden=5, norm=norm, output_scale=1.0), 1)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    prefixes = PrefixDataset(WORDS, SYMBOLS, (1, 2), CPU).batch(slice(0, len(WORDS)))
    folded = FoldedModel(model)
    found = folded.logits(prefixes)
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    for tensor in model.state_dict().values():
        tensor.add_(1)
    assert torch.equal(folded.logits(prefixes), found)


def test_prefix_forward_rejects_folding_batch_bug() -> None:
    model = lively(RunConfig(context=4, fuse=(2, 2), n_embd=3, n_hidden=5, norm="batch-bug"), 1)
    with pytest.raises(AssertionError, match="batch-bug"):
        FoldedModel(model)
